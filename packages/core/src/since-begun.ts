import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';

/**
 * For how many milliseconds a call has been going on, where somebody has taken the time already: a deadline around it, or whoever hears of
 * events. Undefined where nobody has: then whoever wants to know reads the clock when it begins.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, sinceBegun, wrap } from '@sluice/core';
 *
 * const curious = defineInterceptor({
 *   name: 'curious',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     console.assert(sinceBegun(call) === undefined); // no deadline, no listener
 *     return next(call);
 *   },
 * });
 * await wrap(async () => 42, curious)();
 * ```
 */
export function sinceBegun(call: Call): number | undefined {
  const view = call as CallView;
  if (view.root.timed) return view.root.age;
  let age: number | undefined;
  for (let { bound } = view; bound !== null; bound = bound.outer) age = bound.age() ?? age;
  return age;
}

/**
 * Whether {@link sinceBegun} will know.
 *
 * @example
 * ```ts
 * import { defineInterceptor, isTimed, Place, wrap } from '@sluice/core';
 *
 * const curious = defineInterceptor({
 *   name: 'curious',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     console.assert(!isTimed(call)); // no deadline, no listener
 *     return next(call);
 *   },
 * });
 * await wrap(async () => 42, curious)();
 * ```
 */
export function isTimed(call: Call): boolean {
  return (call as CallView).bounded && (call as CallView).root.environment.timeouts
    ? true
    : (call as CallView).root.timed;
}
