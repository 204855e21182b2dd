import { ByKey, type Clock } from '@sluice/core';
import type { ServiceLimit } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';
import { RatePool, type RatePoolStats } from './rate-pool.ts';
import type { Store } from './store.ts';

/** For how many keys that nobody has come with something may be said. */
const UNTOLD = 1_000;

/** The rates of one plugin, by key: made when first asked for, forgotten when there are too many and nothing is owed in them. */
export class RatePools {
  readonly name: string;
  readonly #store: Store;
  readonly #pools = new ByKey<RatePool>();
  /** Where its calls take their time from. */
  #clock: Clock | undefined;
  /** Answers that named a time to come back, and that somebody has heard. */
  readonly #heard = new WeakSet<object>();
  readonly #untold = new Map<string, ((pool: RatePool) => void)[]>();

  constructor(name: string, store: Store) {
    this.name = name;
    this.#store = store;
  }

  /** The rates of `key`; new ones where others are said by now. */
  of(key: string, clock: Clock, fields: RateFields): RatePool {
    this.#clock = clock;
    const known = this.#pools.get(key);
    if (known?.fields === fields) return known;
    const spec = specOf(fields);
    // Rates that are changed begin anew; where only something else is, they go on as they stand, and so do those that wait.
    if (known !== undefined && specOf(known.fields) === spec) {
      known.configure(fields);
      return known;
    }
    const rates = this.#store.rates(`${this.name}/${key}/${spec}`, fields);
    const pool = new RatePool(key, clock, rates, fields, this.#heard);
    this.#pools.set(key, pool);
    for (const tell of this.#untold.get(key) ?? []) tell(pool);
    this.#untold.delete(key);
    return pool;
  }

  /** Lets nobody of `key` go for so long, from now on; where nobody has come yet, as soon as the first does. */
  pause(key: string, ms: number): void {
    const pool = this.#pools.get(key);
    const clock = this.#clock;
    if (pool !== undefined) pool.pause(ms);
    else if (clock === undefined) this.#later(key, (first) => first.pause(ms));
    else {
      const until = clock.now() + ms;
      this.#later(key, (first) => first.pause(until - clock.now()));
    }
  }

  /** The service of `key` has said what remains; where nobody has come yet, it holds from when the first does. */
  correct(key: string, limits: Readonly<Record<string, ServiceLimit>>): void {
    const pool = this.#pools.get(key);
    if (pool !== undefined) pool.correct(limits);
    else this.#later(key, (first) => first.correct(limits));
  }

  #later(key: string, tell: (pool: RatePool) => void): void {
    const known = this.#untold.get(key) ?? [];
    known.push(tell);
    if (this.#untold.size < UNTOLD) this.#untold.set(key, known);
  }

  stats(): Record<string, RatePoolStats> {
    return Object.fromEntries([...this.#pools.entries()].map(([key, pool]) => [key, pool.stats()]));
  }
}

function specOf({ rates, burst, algorithm }: RateFields): string {
  return JSON.stringify([rates, burst, algorithm]);
}
