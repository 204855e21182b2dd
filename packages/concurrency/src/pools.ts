import { type Call, CallLocal } from '@sluice/core';
import { Inheritance } from './inheritance.ts';
import { Pool, type PoolOwner } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { PoolStats } from './pool-stats.ts';
import { Saturation } from './saturation.ts';
import type { Store } from './store.ts';
import type { Ticket } from './ticket.ts';

/** How many pools are kept, as far as those are idle that are too many. */
const REMEMBERED = 10_000;
/** How many are looked at when there are too many. */
const LOOKED_AT = 4;

/** The pools of one plugin, by key: made when first asked for, forgotten when there are too many and nothing goes on in them. */
export class Pools implements PoolOwner {
  readonly tickets: CallLocal<Ticket> = new CallLocal();
  readonly inheritance: Inheritance = new Inheritance();
  readonly saturation: Saturation;
  readonly name: string;
  readonly #store: Store;
  readonly #pools = new Map<string, Pool>();
  #sweep: IterableIterator<[string, Pool]> | undefined;
  /** What was said last of the limit of a target's own. */
  readonly #said = new Map<string, PoolSettings>();
  #last: Pool | undefined;

  constructor(name: string, store: Store) {
    this.name = name;
    this.#store = store;
    this.saturation = new Saturation(() => this.saturated);
  }

  /** The pool of `key`, with these settings from now on. */
  of(key: string, call: Call, given: PoolSettings): Pool {
    const said = this.#said.get(key);
    const settings = said !== undefined && said.version > given.version ? said : given;
    const last = this.#last;
    let pool = last?.key === key ? last : this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= REMEMBERED) this.#forget();
      pool = new Pool(key, this, call.clock, this.#store.permits(`${this.name}/${key}`), settings);
      this.#pools.set(key, pool);
    } else if (pool.settings !== settings) {
      pool.configure(settings);
    }
    this.#last = pool;
    return pool;
  }

  /** What is said of a key from now on, also for calls that were under way to it before. */
  say(key: string, settings: PoolSettings): void {
    this.#said.set(key, settings);
  }

  /** All pools that have `before` go on with `after`. */
  configure(before: PoolSettings, after: PoolSettings): void {
    for (const pool of this.#pools.values()) if (pool.settings === before) pool.configure(after);
  }

  get saturated(): boolean {
    for (const pool of this.#pools.values()) if (pool.saturated) return true;
    return false;
  }

  changed(): void {
    this.saturation.check();
  }

  stats(): Record<string, PoolStats> {
    return Object.fromEntries([...this.#pools].map(([key, pool]) => [key, pool.stats()]));
  }

  /** What goes on is never forgotten. It looks on from where it stopped the last time: at a few, however many there are. */
  #forget(): void {
    for (let looks = 0; looks < LOOKED_AT; looks++) {
      this.#sweep ??= this.#pools.entries();
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
      } else if (value[1].idle) {
        this.#pools.delete(value[0]);
        value[1].close();
      }
    }
  }
}
