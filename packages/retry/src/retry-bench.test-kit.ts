import {
  createRunner,
  type Interceptor,
  type Runner,
  type RunnerOptions,
  type SluiceError,
  type SluiceEvent,
} from '@sluice/core';
import { leakLedger, type Recorder, recorder, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect } from 'vitest';
import { type RetryOptions, type RetryPlugin, type RetryPolicy, retry } from './index.ts';

// What the acceptance tests of retries have in common.

/** A runner with a retry in it, on a virtual clock, all of whose events are kept. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly plugin: RetryPlugin;
  readonly runner: Runner;
  readonly recorded: Recorder;
  /** The events of one type. */
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
  sleep(ms: number): Promise<void>;
}

/** What stands beside the retry, and how the runner is made. */
export interface BenchOptions extends Omit<RunnerOptions, 'use'> {
  readonly beside?: readonly Interceptor[];
}

/** Waits 100 ms after each failure, unless told otherwise. */
export function bench(
  options: RetryPolicy | RetryOptions = {},
  { beside = [], ...more }: BenchOptions = {},
  clock: VirtualClock = virtualClock(),
): Bench {
  const plugin = retry(typeof options === 'object' ? { backoff: 100, ...options } : options);
  const runner = createRunner({ clock, logger: silent, use: [plugin, ...beside], ...more });
  const recorded = recorder(runner);
  return {
    clock,
    plugin,
    runner,
    recorded,
    of: <T extends SluiceEvent['type']>(type: T) =>
      recorded.events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
    sleep: (ms) => new Promise((resolve) => clock.schedule(ms, resolve)),
  };
}

/** A logger that says nothing. */
export const silent = { debug(): void {}, info(): void {}, warn(): void {}, error(): void {} };

/** Checks after each test of the file that nothing is left alive. */
export function nothingIsLeft(): void {
  let ledger = leakLedger();
  beforeEach(() => {
    ledger = leakLedger();
  });
  afterEach(() => ledger.assertEmpty());
}

/** An error with whatever a service would say in it. */
export const failed = (marks: object = {}, message = 'failed'): Error => Object.assign(new Error(message), marks);

/** The service is too busy: it passes. */
export const busy = (marks: object = {}): Error => failed({ status: 503, ...marks }, 'busy');

/** What a call or a run fails with. */
export const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );
