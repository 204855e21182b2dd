import { defineInterceptor, type Interceptor, Place, within } from '@sluice/core';
import { map } from 'rxjs';

type Make = (priority: number) => Interceptor;

/** So many interceptors, one inside the other. */
export function several(count: number, make: Make): Interceptor[] {
  return Array.from({ length: count }, (_, index) => make(Place.observe + index));
}

/** Adds nothing. */
export const passThrough: Make = (priority) =>
  defineInterceptor({ name: `pass-through ${priority}`, priority, intercept: (call, next) => next(call) });

/** What a stranger may write: an operator on every value. */
export const operator: Make = (priority) =>
  defineInterceptor({
    name: `operator ${priority}`,
    priority,
    intercept: (call, next) => next(call).pipe(map((value) => value)),
  });

/** A deadline around all that is inside it. */
export function bounded(limit: number): Interceptor {
  return defineInterceptor({
    name: 'bounded',
    priority: Place.total,
    intercept: (call, next) => within(call, { limit, name: 'total' }, next),
  });
}
