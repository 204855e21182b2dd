import { driveNext, driven, type Interceptor, type Per, Place, PluginPolicy, type PolicyFields } from '@sluice/core';
import type { Observable } from 'rxjs';
import { isAdaptiveConcurrency } from './adaptive.ts';
import {
  CONCURRENCY_DEFAULTS,
  CONCURRENCY_OPTIONS,
  type ConcurrencyFields,
  type ConcurrencyOptions,
  type ConcurrencyPolicy,
  readConcurrency,
} from './concurrency-options.ts';
import { type ConcurrencyPlan, planOf, settingsOf } from './concurrency-plan.ts';
import { enterPools } from './enter-pools.ts';
import { memoryStore } from './memory-store.ts';
import { isOwn } from './own-key.ts';
import type { PoolStats } from './pool-stats.ts';
import { Pools } from './pools.ts';
import type { Store } from './store.ts';

/** What all pools of a plugin amount to, and each of them by its key. */
export interface ConcurrencyStats extends PoolStats {
  readonly pools: Readonly<Record<string, PoolStats>>;
}

/** What {@link concurrency} makes. */
export interface ConcurrencyPlugin extends Interceptor {
  stats(): ConcurrencyStats;
  /** Sets another limit, at once: more may go on, or none begins until there are fewer. */
  setLimit(limit: number): void;
  /** Whether one more call would have to wait: what it is now, and each change. For a producer to wait on. */
  readonly saturated$: Observable<boolean>;
}

/**
 * Lets so many calls go on at once, and the others wait for their turn.
 *
 * A permit is held until the work has really ended, not until its caller stopped waiting: a tool that ignores its signal and goes on
 * still counts. Who waits can be stopped at any time, and its permit is never lost. A call that waits for a call in it lends it its
 * permit, so that calls in calls neither wait for each other for ever nor exceed the limit.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { concurrency } from '@sluice/concurrency';
 *
 * let running = 0;
 * let peak = 0;
 * const load = wrap(async (id: number) => {
 *   peak = Math.max(peak, ++running);
 *   await new Promise((resolve) => setTimeout(resolve, 5));
 *   running--;
 *   return id;
 * }, concurrency(2));
 * await Promise.all([1, 2, 3, 4, 5].map((id) => load(id)));
 * console.assert(peak === 2);
 * ```
 *
 * @see {@link rateLimit} for how many may begin in a span of time
 */
export function concurrency(limit: ConcurrencyPolicy | ConcurrencyOptions): ConcurrencyPlugin {
  let version = 0;
  const policy: PluginPolicy = new PluginPolicy({
    key: 'concurrency',
    given: limit,
    shorthand: isAdaptiveConcurrency,
    placedBy: 'place',
    options: CONCURRENCY_OPTIONS,
    wholeOnly: ['per', 'store'],
    defaults: CONCURRENCY_DEFAULTS,
    read: readConcurrency,
    prepare(fields, subject, from) {
      const plan = planOf(fields as unknown as ConcurrencyFields, baseFields(), from, per, subject, ++version);
      if (plan.own?.lasting !== undefined) pools.say(plan.own.lasting, plan.own.settings);
      return plan as unknown as PolicyFields;
    },
  });
  const options = policy.options === undefined || policy.options === 'none' ? {} : policy.options;
  const per = (options['per'] as Per | undefined) ?? 'all';
  const pools = new Pools(policy.name, (options['store'] as Store | undefined) ?? memoryStore());
  const baseFields = (): ConcurrencyFields => {
    const { options: now } = policy;
    return { ...CONCURRENCY_DEFAULTS, ...(now === 'none' ? {} : now) } as unknown as ConcurrencyFields;
  };
  let settings = settingsOf(baseFields(), ++version);
  const renew = (): void => {
    const before = settings;
    settings = settingsOf(baseFields(), ++version);
    pools.configure(before, settings);
  };
  const update = (patch: unknown): (() => void) => {
    const undo = policy.update(patch);
    renew();
    return () => {
      undo();
      renew();
    };
  };
  const { name, applies } = policy;
  return {
    name,
    policy,
    priority: policy.priority ?? Place.concurrency,
    ...(applies === undefined ? {} : { applies }),
    traits: ({ queueMax, queueTimeout }) => ({
      role: 'concurrency',
      stateful: true,
      queues: queueMax !== 0,
      queueTimeout: queueTimeout as number,
    }),
    update,
    setLimit: (to) => void update({ limit: to }),
    saturated$: pools.saturation.saturated$,
    stats: () => totalOf(pools.stats(), settings.limit),
    intercept: driven(policy, (call, next, sink, options) => {
      const plan = options as unknown as ConcurrencyPlan | undefined;
      if (plan === undefined) return driveNext(call, next, sink);
      return enterPools(pools, settings, plan, call, next, sink);
    }),
  };
}

/** What is inside of a shared limit is counted there. */
function totalOf(pools: Readonly<Record<string, PoolStats>>, limit: number): ConcurrencyStats {
  const shared = Object.entries(pools).flatMap(([key, stats]) => (isOwn(key) ? [] : [stats]));
  const all = Object.values(pools);
  const sum = (list: readonly PoolStats[], of: (stats: PoolStats) => number): number =>
    list.reduce((total, stats) => total + of(stats), 0);
  return {
    limit: shared.length === 0 ? limit : sum(shared, (stats) => stats.limit),
    active: sum(shared, ({ active }) => active),
    queued: sum(all, ({ queued }) => queued),
    oldestWaitMs: Math.max(0, ...all.map(({ oldestWaitMs }) => oldestWaitMs)),
    rejected: sum(all, ({ rejected }) => rejected),
    timedOut: sum(all, ({ timedOut }) => timedOut),
    orphans: sum(shared, ({ orphans }) => orphans),
    pools,
  };
}
