import { ByKey, type Call } from '@sluice/core';
import type { ConcurrencyPlan } from './concurrency-plan.ts';
import { Inheritance } from './inheritance.ts';
import { Pool, type PoolOwner } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { PoolStats } from './pool-stats.ts';
import { Saturation } from './saturation.ts';
import type { Store } from './store.ts';

/** The pools of one plugin, by key: made when first asked for, forgotten when there are too many and nothing goes on in them. */
export class Pools implements PoolOwner {
  readonly inheritance: Inheritance = new Inheritance();
  readonly saturation: Saturation;
  readonly name: string;
  readonly #store: Store;
  readonly #pools = new ByKey<Pool>();
  /** What was said last of the limit of a target's own. */
  readonly #said = new Map<string, PoolSettings>();

  constructor(name: string, store: Store) {
    this.name = name;
    this.#store = store;
    this.saturation = new Saturation(() => this.saturated);
  }

  /** The shared pool of a call, with these settings from now on. */
  shared(plan: ConcurrencyPlan, call: Call, settings: PoolSettings): Pool {
    const { kept } = plan;
    if (kept !== null && kept.settings === settings && !kept.closed) return kept;
    const pool = this.of(plan.shared(call), call, settings);
    if (plan.lasting) plan.kept = pool;
    return pool;
  }

  /** The pool of `key`, with these settings from now on. */
  of(key: string, call: Call, given: PoolSettings): Pool {
    const said = this.#said.size === 0 ? undefined : this.#said.get(key);
    const settings = said !== undefined && said.version > given.version ? said : given;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool(key, this, call.clock, this.#store.permits(`${this.name}/${key}`), settings);
      this.#pools.set(key, pool);
    } else if (pool.settings !== settings) {
      pool.configure(settings);
    }
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
    return Object.fromEntries([...this.#pools.entries()].map(([key, pool]) => [key, pool.stats()]));
  }
}
