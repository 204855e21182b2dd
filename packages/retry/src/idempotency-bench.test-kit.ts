import { createRunner, type Interceptor, type Runner, type RunnerOptions, type SluiceEvent } from '@sluice/core';
import { recorder, type VirtualClock, virtualClock } from '@sluice/core/testing';
import {
  type IdempotencyOptions,
  type IdempotencyPlugin,
  type IdempotencyRecord,
  type IdempotencyStore,
  idempotency,
  memoryIdempotencyStore,
} from './index.ts';
import { silent } from './retry-bench.test-kit.ts';

// What the tests of idempotency have in common.

/** A runner with an idempotency in it, on a virtual clock, all of whose events are kept. */
export interface IdempotencyBench {
  readonly clock: VirtualClock;
  readonly plugin: IdempotencyPlugin;
  readonly runner: Runner;
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
  sleep(ms: number): Promise<void>;
}

/** What stands beside it, and how the runner is made. */
export interface IdempotencyBenchOptions extends Omit<RunnerOptions, 'use'> {
  readonly beside?: readonly Interceptor[];
}

export function idempotencyBench(
  options: IdempotencyOptions = {},
  { beside = [], ...more }: IdempotencyBenchOptions = {},
  clock: VirtualClock = virtualClock(),
): IdempotencyBench {
  const plugin = idempotency(options);
  const runner = createRunner({ clock, logger: silent, use: [plugin, ...beside], ...more });
  const recorded = recorder(runner);
  return {
    clock,
    plugin,
    runner,
    of: <T extends SluiceEvent['type']>(type: T) =>
      recorded.events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
    sleep: (ms) => new Promise((resolve) => clock.schedule(ms, resolve)),
  };
}

/** A store that is elsewhere: it answers after so many milliseconds, or fails as it is told to. */
export interface RemoteStore extends IdempotencyStore {
  readonly asked: number;
  readonly told: number;
}

export function remoteStore(
  clock: VirtualClock,
  { get = () => 0, set = () => 0 }: { get?: (nth: number) => number; set?: (nth: number) => number } = {},
): RemoteStore {
  const memory = memoryIdempotencyStore();
  const counts = { asked: 0, told: 0 };
  const after = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  return {
    get asked() {
      return counts.asked;
    },
    get told() {
      return counts.told;
    },
    async get(key, now) {
      await after(get(++counts.asked));
      // What is elsewhere answers copies.
      return structuredClone((await memory.get(key, now)) as IdempotencyRecord | undefined);
    },
    async set(key, record, ttlMs, now) {
      await after(set(++counts.told));
      await memory.set(key, structuredClone(record), ttlMs, now);
    },
  };
}

/** How a call ended, in a word: its value, or the code or message of its error. */
export const ending = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    (value) => value,
    (error: { readonly code?: string; readonly message: string }) => error.code ?? error.message,
  );
