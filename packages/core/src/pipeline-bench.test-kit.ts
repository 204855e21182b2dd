import { expect } from 'vitest';
import type { SluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner, type Runner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { type VirtualClock, virtualClock } from './testing/virtual-clock.ts';
import { within } from './within.ts';

// What the tests of pipelines have in common.

/** A runner on a virtual clock, all of whose events and warnings are kept. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly events: readonly SluiceEvent[];
  readonly warnings: readonly string[];
  /** The events of one type. */
  of(type: string): SluiceEvent[];
  /** How many events of one type there were. */
  count(type: string): number;
  sleep(ms: number): Promise<void>;
}

export function bench(options: RunnerOptions = {}): Bench {
  const clock = virtualClock();
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn(details: object, message = '') {
      // Not the lines about calls that go wrong, which are events as well.
      if ('sluice' in details && Object(details.sluice).type === 'warning') warnings.push(message);
    },
    error() {},
  };
  const runner = createRunner({ clock, logger, ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const of = (type: string): SluiceEvent[] => events.filter((event) => event.type === type);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, runner, events, warnings, of, count: (type) => of(type).length, sleep };
}

/** Limits of stages, by name. */
export const limits = (by: Readonly<Record<string, number>>): Interceptor =>
  defineInterceptor({
    name: 'limits',
    priority: Place.total,
    applies: 'stage',
    intercept: (call, next) => within(call, { limit: by[call.name] ?? Number.POSITIVE_INFINITY, name: 'total' }, next),
  });

/** Never ends by itself, but when it is told to. */
export const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason));
  });

/** What a call or a run fails with. */
export const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );
