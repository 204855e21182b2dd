import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors/config-error.ts';
import { account } from '../ledger.ts';
import { seededRandom } from './seeded-random.ts';

/** What a virtual clock is made with. */
export interface VirtualClockOptions {
  /** Where its chance begins; 1 unless set. */
  readonly seed?: number;
}

/** A clock whose time passes only when a test says so. */
export interface VirtualClock extends Clock {
  /** Lets `ms` pass: everything that falls due happens in order, each with all that follows from it at once. */
  advance(ms: number): Promise<void>;
  /** Jumps from one thing that is due to the next until nothing is. */
  runAll(): Promise<void>;
  /** Jumps like {@link runAll} until `promise` has settled, and answers it. Rejects when it never would. */
  until<T>(promise: PromiseLike<T>): Promise<T>;
  /** The event loop is blocked: time passes, and nothing happens until it is let go. */
  block(ms: number): void;
  /** How many things are scheduled. */
  readonly pending: number;
}

/** Past so many steps without an end, the test is running in a circle. */
const ENDLESS = 1_000_000;

interface Entry {
  readonly at: number;
  /** What is scheduled for "after everything that is ready" comes last at its moment. */
  readonly last: boolean;
  readonly order: number;
  fire: (() => void) | undefined;
}

/**
 * Makes a virtual clock: tests of hours run in milliseconds, and the same seed gives the same run.
 *
 * Between two things that fall due, all promises settle, as in Node. It needs no fake timers and touches no globals.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 * import { virtualClock } from '@sluice/core/testing';
 *
 * const clock = virtualClock();
 * const runner = createRunner({ clock });
 * const hang = tool('hang', {}, () => new Promise<never>(() => {}));
 * const ended = runner.call(hang, undefined, { deadline: '1h' }).catch((error: Error) => error.message);
 * console.assert((await clock.until(ended)) === 'Tool "hang" exceeded its deadline of 3600000 ms');
 * ```
 */
export function virtualClock({ seed = 1 }: VirtualClockOptions = {}): VirtualClock {
  return new HeapClock(seed);
}

class HeapClock implements VirtualClock {
  readonly random: () => number;
  readonly #heap: Entry[] = [];
  #now = 0;
  #order = 0;
  #pending = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#pending;
  }

  schedule(delayMs: number, fire: () => void): () => void {
    if (Number.isNaN(delayMs)) throw new ConfigError('schedule: expected a delay in milliseconds, got NaN');
    if (delayMs === Number.POSITIVE_INFINITY) return () => {};
    const entry: Entry = { at: this.#now + Math.max(0, delayMs), last: delayMs <= 0, order: this.#order++, fire };
    this.#push(entry);
    this.#pending++;
    if (!entry.last) account.scheduled++;
    return () => {
      if (entry.fire !== undefined) this.#forget(entry);
    };
  }

  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await this.#run((next) => next <= target);
    this.#now = Math.max(this.#now, target);
    await promisesSettle();
  }

  async runAll(): Promise<void> {
    await this.#run(() => true);
  }

  async until<T>(promise: PromiseLike<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.#run(() => !settled);
    if (!settled) throw new Error('Nothing is scheduled any more, and the promise has not settled: it never will');
    return promise;
  }

  block(ms: number): void {
    this.#now += ms;
  }

  async #run(goOn: (next: number) => boolean): Promise<void> {
    await promisesSettle();
    for (let steps = 0; ; steps++) {
      const entry = this.#first();
      if (entry === undefined || !goOn(entry.at)) return;
      if (steps >= ENDLESS) throw new Error(`Something is scheduled again and again: ${ENDLESS} steps without an end`);
      this.#pop();
      this.#now = Math.max(this.#now, entry.at);
      const { fire } = entry;
      this.#forget(entry);
      fire?.();
      await promisesSettle();
    }
  }

  #forget(entry: Entry): void {
    entry.fire = undefined;
    this.#pending--;
    if (!entry.last) account.scheduled--;
  }

  /** The entry that is due first; what was called off is dropped on the way. */
  #first(): Entry | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].fire === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!earlier(entry, heap[above] as Entry)) break;
      heap[index] = heap[above] as Entry;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const entry = heap.pop();
    if (entry === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && earlier(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      if (!earlier(heap[below] as Entry, entry)) break;
      heap[index] = heap[below] as Entry;
      index = below;
    }
    heap[index] = entry;
  }
}

function earlier(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.last === b.last ? a.order < b.order : b.last;
}

/** Resolves when every promise that can settle has done so. */
function promisesSettle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
