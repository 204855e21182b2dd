import type { Call, Clock } from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import type { Budget } from './budget.ts';
import { earnAll, refundAll, takeAll } from './take-all.ts';

// A simulated service that fails, and clients that call it: discrete events, the same for the same seed.

/** One attempt at the service: `end` hears, some time later, whether it succeeded. */
type Attempt = (end: (ok: boolean) => void) => void;

/** Makes one call, with as many attempts as it sees fit; `end` hears whether it succeeded. */
export type Client = (attempt: Attempt, end: (ok: boolean) => void) => void;

/** A clock that can be run until nothing is due any more: {@link EventLoop}, or a `virtualClock` for clients that use promises. */
export type SimulatedClock = Clock & { runAll(): void | Promise<void> };

/** A service, and who calls it. */
export interface Scene {
  /** For how long calls come, in milliseconds. */
  readonly ms: number;
  /** How many calls come in a second, at random moments; 100 unless set. */
  readonly rate?: number;
  /** How likely an attempt fails at a time, when so many attempts came in the last second. */
  readonly failing: (at: number, load: number) => number;
  /** Who calls, made once. */
  readonly client: (clock: Clock) => Client;
  /** Where chance begins; 1 unless set. */
  readonly seed?: number;
}

/** What became of the calls that came in some span of time. */
interface Tally {
  readonly calls: number;
  readonly attempts: number;
  readonly succeeded: number;
}

/** What a simulation showed. */
export interface Trace extends Tally {
  /** Attempts for each call. */
  readonly amplification: number;
  /** The share of calls that succeeded. */
  readonly success: number;
  /** The same of the calls that came in a span of time, in milliseconds; attempts count in the span in which they were made. */
  between(from: number, until: number): Trace;
}

/** How long an attempt takes, in milliseconds. */
const LATENCY = 20;

/** Runs a scene until its last call has ended. */
export async function simulateService(scene: Scene, clock: SimulatedClock = new EventLoop(scene.seed)): Promise<Trace> {
  const { ms, rate = 100, failing, client, seed = 1 } = scene;
  const [arrivals, chance] = [seededRandom(seed), seededRandom(seed + 1_000_003)];
  const seconds: { calls: number; attempts: number; succeeded: number }[] = [];
  const second = (at: number) => {
    const index = Math.floor(at / 1000);
    while (seconds.length <= index) seconds.push({ calls: 0, attempts: 0, succeeded: 0 });
    return seconds[index] as (typeof seconds)[number];
  };
  const load = new Load();
  const attempt: Attempt = (end) => {
    const at = clock.now();
    second(at).attempts++;
    const fails = chance() < failing(at, load.add(at));
    clock.schedule(LATENCY, () => end(!fails));
  };
  const call = client(clock);
  const arrive = (): void => {
    const tally = second(clock.now());
    tally.calls++;
    call(attempt, (ok) => {
      if (ok) tally.succeeded++;
    });
    next();
  };
  const next = (): void => {
    const after = (-1000 / rate) * Math.log(1 - arrivals());
    if (clock.now() + after < ms) clock.schedule(after, arrive);
  };
  next();
  await clock.runAll();
  return traceOf(seconds);
}

function traceOf(seconds: readonly Tally[]): Trace {
  const sum = (of: keyof Tally): number => seconds.reduce((total, each) => total + each[of], 0);
  const [calls, attempts, succeeded] = [sum('calls'), sum('attempts'), sum('succeeded')];
  return {
    calls,
    attempts,
    succeeded,
    amplification: attempts / calls,
    success: succeeded / calls,
    between: (from, until) => traceOf(seconds.slice(from / 1000, until / 1000)),
  };
}

/** What it stands for everywhere: a call of the one tool of the simulation. */
const CALL = { target: 'tool', name: 'service' } as Call;

/** How {@link attemptLoop} goes about a call. */
export interface LoopOptions {
  /** How many attempts in all. */
  readonly attempts: number;
  /** From what extra attempts take a token each, all or none; none unless set. */
  readonly budgets?: readonly Budget[];
}

/** The simplest client that there is: attempts in a loop, with exponential backoff from 200 ms and full jitter. */
export function attemptLoop({ attempts, budgets = [] }: LoopOptions): (clock: Clock) => Client {
  return (clock) => (attempt, end) => {
    const accounts = budgets.map((budget) => budget.account(CALL));
    let made = 0;
    const make = (): void => {
      made++;
      attempt((ok) => {
        const now = clock.now();
        if (ok) {
          if (made === 1) earnAll(accounts, now);
          else refundAll(accounts, now);
          end(true);
        } else if (made === attempts || takeAll(accounts, now) !== undefined) {
          end(false);
        } else {
          clock.schedule(clock.random() * Math.min(20_000, 200 * 2 ** (made - 1)), make);
        }
      });
    };
    make();
  };
}

/** How many attempts came in the last second. */
class Load {
  readonly #at: number[] = [];
  #first = 0;

  add(now: number): number {
    this.#at.push(now);
    while ((this.#at[this.#first] as number) <= now - 1000) this.#first++;
    return this.#at.length - this.#first;
  }
}

/** Virtual time without promises: a million events in a second or two. */
class EventLoop implements Clock {
  readonly random: () => number;
  readonly #heap: { readonly at: number; readonly order: number; fire: (() => void) | undefined }[] = [];
  #now = 0;
  #order = 0;

  constructor(seed = 1) {
    this.random = seededRandom(seed + 2_000_003);
  }

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, fire: () => void): () => void {
    const heap = this.#heap;
    const event = { at: this.#now + delayMs, order: this.#order++, fire: fire as (() => void) | undefined };
    let at = heap.push(event) - 1;
    for (let above = (at - 1) >> 1; at > 0 && earlier(event, heap[above] as Due); above = (at - 1) >> 1) {
      heap[at] = heap[above] as (typeof heap)[number];
      at = above;
    }
    heap[at] = event;
    return () => {
      event.fire = undefined;
    };
  }

  runAll(): void {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return;
      this.#now = event.at;
      event.fire?.();
    }
  }

  #pop(): { readonly at: number; readonly fire: (() => void) | undefined } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && earlier(heap[below + 1] as Due, heap[below] as Due)) below++;
      if (!earlier(heap[below] as Due, last)) break;
      heap[at] = heap[below] as (typeof heap)[number];
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

interface Due {
  readonly at: number;
  readonly order: number;
}

function earlier(a: Due, b: Due): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
