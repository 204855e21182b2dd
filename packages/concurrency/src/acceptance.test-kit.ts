import { createRunner, type Runner, type RunnerOptions, type SluiceError, type SluiceEvent } from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect } from 'vitest';
import type { ConcurrencyPlugin } from './index.ts';

// What the acceptance tests of limits and rates have in common.

/** A runner on a virtual clock, all of whose events are kept. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly events: readonly SluiceEvent[];
  /** The events of one type. */
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
}

export function bench(options: RunnerOptions = {}, clock: VirtualClock = virtualClock()): Bench {
  const runner = createRunner({ clock, logger: silent, ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  return {
    clock,
    runner,
    events,
    of: <T extends SluiceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
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

/** What really runs, counted by the work itself. */
export class Gauge {
  running = 0;
  peak = 0;
  /** Who began, and when, in order. */
  readonly begun: { readonly who: unknown; readonly at: number }[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get order(): unknown[] {
    return this.begun.map(({ who }) => who);
  }

  get times(): number[] {
    return this.begun.map(({ at }) => at);
  }

  /** Really runs for `ms`, whatever any signal says. It takes so much of a limit. */
  async busy(ms: number, who?: unknown, weight = 1): Promise<void> {
    this.begun.push({ who, at: this.#clock.now() });
    this.running += weight;
    this.peak = Math.max(this.peak, this.running);
    await sleep(this.#clock, ms);
    this.running -= weight;
  }
}

export const sleep = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.schedule(ms, resolve));

/** What a call or a run fails with. */
export const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );

/** How a call ends, in a word: its value, or the code, or the message, of its error. */
export const ending = (call: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(call).then(
    (value) => String(value),
    ({ code, message }: { readonly code?: string; readonly message: string }) => code ?? message,
  );

/** The numbers from 0 up to, but not including, `length`, each made into something. */
export const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));

/** Nothing goes on, nothing waits, and nothing is held. */
export function expectAtRest(plugin: ConcurrencyPlugin): void {
  const { pools } = plugin.stats();
  for (const pool of Object.values(pools)) expect(pool).toMatchObject({ active: 0, queued: 0, orphans: 0 });
}

/** The most that began in any span of so many milliseconds, its end not included. */
export function mostWithin(ms: number, at: readonly number[]): number {
  let most = 0;
  let from = 0;
  for (let to = 0; to < at.length; to++) {
    while ((at[to] as number) - (at[from] as number) >= ms) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
