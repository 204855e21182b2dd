import { afterEach, beforeEach, expect } from 'vitest';
import type { BoundOptions } from './bound-options.ts';
import type { Call } from './call.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner, type Runner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { leakLedger } from './testing/leak-ledger.ts';
import { type VirtualClock, virtualClock } from './testing/virtual-clock.ts';
import { type AnyTool, tool } from './tool.ts';
import { within } from './within.ts';

// What the tests of `within` and its options have in common.

/** Checks after each test of the file that nothing is left alive. */
export function nothingIsLeft(): void {
  let ledger = leakLedger();
  beforeEach(() => {
    ledger = leakLedger();
  });
  afterEach(() => ledger.assertEmpty());
}

/** An interceptor that sets one deadline; `name` also says where it stands. */
export const bounded = (
  options: (Partial<BoundOptions> & { readonly name: 'total' | 'attempt' }) | ((call: Call) => BoundOptions),
): Interceptor => {
  const optionsOf = typeof options === 'function' ? options : () => ({ limit: Number.POSITIVE_INFINITY, ...options });
  const outer = typeof options !== 'function' && options.name === 'total';
  return defineInterceptor({
    name: outer ? 'outer' : 'inner',
    priority: outer ? Place.total : Place.attempt,
    intercept: (call, next) => within(call, optionsOf(call), next),
  });
};

/** A runner on a virtual clock with deadlines in its stack, and everything that it tells. */
export interface WithinBench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly events: readonly SluiceEvent[];
  readonly warnings: readonly string[];
  /** The events of one type, each with the time and one of its fields. */
  told(type: string, field?: string): unknown[];
  sleep(ms: number): Promise<void>;
  /** Calls a tool until it has its answer: the value, or the error. */
  call(work: Parameters<typeof tool>[2], name?: string): Promise<unknown>;
  answer(called: AnyTool): Promise<unknown>;
}

export function bench(use: readonly Interceptor[], options: RunnerOptions = {}): WithinBench {
  const clock = virtualClock();
  const warnings: string[] = [];
  const warn = (_: object, message = ''): void => void warnings.push(message);
  const logger = { debug() {}, info() {}, warn, error: warn };
  const runner = createRunner({ clock, logger, use: [...use], ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const answer = (called: AnyTool): Promise<unknown> =>
    clock.until(
      runner.call(called, undefined as never).then(
        (value) => value,
        (error: unknown) => error,
      ),
    );
  return {
    ...{ clock, runner, events, warnings, answer },
    told: (type, field) =>
      events
        .filter((event) => event.type === type)
        .map((event) => (field === undefined ? event.at : [event.at, (event as never)[field]])),
    sleep: (ms) => new Promise((resolve) => clock.schedule(ms, resolve)),
    call: (work, name = 'work') => answer(tool(name, {}, work)),
  };
}

/** What a call fails with. */
export const failureOf = (answer: unknown): SluiceError => {
  expect(answer).toBeInstanceOf(Error);
  return answer as SluiceError;
};
