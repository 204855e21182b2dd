import {
  type Call,
  createRunner,
  defineInterceptor,
  type Interceptor,
  Place,
  type Runner,
  type RunnerOptions,
  type SluiceError,
  type SluiceEvent,
} from '@sluice/core';
import { type VirtualClock, virtualClock } from '@sluice/core/testing';
import { catchError, type Observable, throwError } from 'rxjs';
import { expect } from 'vitest';

// What the tests of limits, heartbeats and scopes have in common.

/** A runner on a virtual clock, all of whose events are kept. */
export interface Workbench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly events: readonly SluiceEvent[];
  /** The events of one type. */
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
  sleep(ms: number): Promise<void>;
}

export function workbench(options: RunnerOptions = {}): Workbench {
  const clock = virtualClock();
  const runner = createRunner({ clock, logger: silent, ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  return {
    clock,
    runner,
    events,
    of: <T extends SluiceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
    sleep: (ms) => new Promise((resolve) => clock.schedule(ms, resolve)),
  };
}

/** A logger that says nothing. */
export const silent = { debug(): void {}, info(): void {}, warn(): void {}, error(): void {} };

/** Repeats what fails, at once, up to so many attempts in all. */
export const again = (attempts: number): Interceptor =>
  defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept(call, next) {
      const attempt = (one: Call, left: number): Observable<unknown> =>
        next(one).pipe(
          catchError((error: unknown) =>
            left === 0 ? throwError(() => error) : attempt(one.again({ error }), left - 1),
          ),
        );
      return attempt(call, attempts - 1);
    },
  });

/** Never ends by itself, but when it is told to. */
export const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** What a call or a run fails with. */
export const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );
