import type { Clock } from '@sluice/core';
import { memoryStore } from './memory-store.ts';
import type { Lease, PermitRequest, Permits, RateSpec, Rates, Store } from './store.ts';

/** How a store that is elsewhere behaves. */
export interface AsyncStoreOptions {
  readonly clock: Clock;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** The longest way there, and the longest way back, in milliseconds; 10 unless set. */
  readonly delayMs?: number;
  /** Whether what one client sends arrives in the order in which it was sent; it does unless set. */
  readonly ordered?: boolean;
  /** After how long a lease that is not renewed runs out. */
  readonly leaseMs?: number;
}

/** What can be asked of it. */
export type Asked = 'acquire' | 'renew' | 'release' | 'take' | 'settle' | 'pause' | 'correct';

interface Taken {
  readonly lease: Lease;
  readonly by: object;
  expiresAt: number;
}

/** A store in another process, as far as anybody here can tell: everything it is asked takes time, and it may fail. */
export class AsyncStore implements Store {
  /** What it fails at: then nothing has been done. */
  fails: (what: Asked) => boolean = () => false;
  /** How many permits were taken at most, by all who share it, and how often somebody was not alone who must be. */
  peak = 0;
  breaches = 0;
  /** How often each thing was asked. */
  readonly asked: Record<string, number> = {};
  readonly #options: AsyncStoreOptions;
  readonly #keys = new Map<string, Set<Taken>>();
  readonly #clients = new Set<{ readonly client: object; readonly key: string; readonly listener: () => void }>();
  readonly #rates = memoryStore();

  constructor(options: AsyncStoreOptions) {
    this.#options = options;
  }

  /** How many permits of all keys are taken. */
  get taken(): number {
    return [...this.#keys.keys()].reduce((sum, key) => sum + this.#count(key), 0);
  }

  permits(key: string): Permits {
    const send = this.#line();
    const client = {};
    return {
      leaseMs: this.#options.leaseMs,
      acquire: (request) => send('acquire', () => this.#acquire(key, request, client)),
      renew: (lease) => send('renew', () => this.#renew(key, lease)),
      release: (lease) => send('release', () => this.#release(key, lease, client)),
      changes: (listener) => {
        const one = { client, key, listener };
        this.#clients.add(one);
        return () => this.#clients.delete(one);
      },
      close() {},
    };
  }

  rates(key: string, spec: RateSpec): Rates {
    const { clock } = this.#options;
    const send = this.#line();
    const rates = this.#rates.rates(key, spec);
    return {
      take: (costs) => send('take', () => rates.take(costs, clock.now())),
      settle: (reserved, actual, _, takenAt) =>
        send('settle', () => rates.settle(reserved, actual, clock.now(), takenAt)),
      pause: (ms) => send('pause', () => rates.pause(ms, clock.now())),
      correct: (limits) => send('correct', () => rates.correct(limits, clock.now())),
      idle: (now) => rates.idle(now),
      stats: (now) => rates.stats(now),
    };
  }

  #way(): number {
    const { random, delayMs = 10 } = this.#options;
    return Math.floor(random() * (delayMs + 1));
  }

  /** A line of one client to it. */
  #line() {
    const { clock, ordered = true } = this.#options;
    let last = 0;
    return <T>(what: Asked, act: () => T): Promise<Awaited<T>> =>
      new Promise((resolve, reject) => {
        this.asked[what] = (this.asked[what] ?? 0) + 1;
        const at = Math.max(clock.now() + this.#way(), ordered ? last : 0);
        last = at;
        clock.schedule(at - clock.now(), () => {
          const failed = this.fails(what);
          const answer = failed ? undefined : act();
          clock.schedule(this.#way(), () => {
            if (failed) reject(new Error(`the store failed at ${what}`));
            else resolve(answer as Awaited<T>);
          });
        });
      });
  }

  #of(key: string): Set<Taken> {
    const known = this.#keys.get(key) ?? new Set();
    this.#keys.set(key, known);
    const now = this.#options.clock.now();
    for (const taken of known) if (taken.expiresAt <= now) known.delete(taken);
    return known;
  }

  #count(key: string): number {
    return [...this.#of(key)].reduce((sum, { lease }) => sum + lease.cost, 0);
  }

  #acquire(key: string, { cost, limit, exclusive, spare }: PermitRequest, by: object): Lease | undefined {
    const all = this.#of(key);
    const others = this.#count(key) - spare;
    if ([...all].some(({ lease }) => lease.exclusive)) return undefined;
    if (exclusive ? others > 0 : others > 0 && others + spare + cost > limit) return undefined;
    const { clock, leaseMs = Number.POSITIVE_INFINITY } = this.#options;
    const lease: Lease = { cost, exclusive };
    all.add({ lease, by, expiresAt: clock.now() + leaseMs });
    if (leaseMs !== Number.POSITIVE_INFINITY) clock.schedule(leaseMs, () => this.#changed(key, undefined));
    this.peak = Math.max(this.peak, this.#count(key));
    if (exclusive && others > 0) this.breaches++;
    return lease;
  }

  #renew(key: string, lease: Lease): boolean {
    const { clock, leaseMs = Number.POSITIVE_INFINITY } = this.#options;
    const taken = [...this.#of(key)].find((one) => one.lease === lease);
    if (taken === undefined) return false;
    taken.expiresAt = clock.now() + leaseMs;
    if (leaseMs !== Number.POSITIVE_INFINITY) clock.schedule(leaseMs, () => this.#changed(key, undefined));
    return true;
  }

  #release(key: string, lease: Lease, by: object): void {
    const all = this.#of(key);
    for (const taken of all) if (taken.lease === lease) all.delete(taken);
    this.#changed(key, by);
  }

  /** Tells all but the one who did it, who knows. */
  #changed(key: string, by: object | undefined): void {
    for (const one of this.#clients) {
      if (one.key !== key || one.client === by) continue;
      this.#options.clock.schedule(this.#way(), () => {
        if (this.#clients.has(one)) one.listener();
      });
    }
  }
}
