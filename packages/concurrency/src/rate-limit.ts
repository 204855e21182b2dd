import {
  type Duration,
  driveNext,
  driven,
  type Interceptor,
  keyBy,
  type Per,
  Place,
  PluginPolicy,
  type PolicyFields,
  Problems,
  parseDuration,
  readPlain,
} from '@sluice/core';
import { enterRates } from './enter-rates.ts';
import { memoryStore } from './memory-store.ts';
import type { ServiceLimit } from './rate-gate.ts';
import {
  isRate,
  RATE_DEFAULTS,
  RATE_OPTIONS,
  type RateFields,
  type RateLimitOptions,
  type RatePolicy,
  readRateLimit,
} from './rate-limit-options.ts';
import { type RatePlan, ratePlanOf } from './rate-plan.ts';
import type { RatePoolStats } from './rate-pool.ts';
import { RatePools } from './rate-pools.ts';
import type { Store } from './store.ts';

/** What {@link rateLimit} makes. */
export interface RateLimitPlugin extends Interceptor {
  stats(): Readonly<Record<string, RatePoolStats>>;
  /** Lets nobody of this key go for so long, in milliseconds or as text. */
  pause(key: string, ms: Duration): void;
  /** The service has said what remains, by dimension, and in how many milliseconds that is reset: no more goes than it says. */
  correct(key: string, limits: Readonly<Record<string, ServiceLimit>>): void;
}

/**
 * Lets so many calls begin in a span of time, and the others wait, each exactly as long as it must. Requests, tokens and whatever else is
 * limited are counted together: a call takes of all of them, or of none. What it takes beforehand, `ctx.settle` corrects afterwards.
 *
 * One 429, or one answer that names a time to come back, lets everybody of its key wait for that long. Stands around tools and functions; around
 * a stage only if something is said of that stage, for its tools are counted themselves.
 *
 * @example
 * ```ts
 * import { withContext, wrap } from '@sluice/core';
 * import { rateLimit } from '@sluice/concurrency';
 *
 * const ask = wrap(
 *   withContext(async (ctx, question: string) => {
 *     ctx.settle({ tokens: 12 });
 *     return question.length;
 *   }),
 *   rateLimit({ requests: '100/s', tokens: '90000/m', cost: { tokens: 500 } }),
 * );
 * console.assert((await ask('why?')) === 4);
 * ```
 *
 * @see {@link concurrency} for how many may go on at once
 */
export function rateLimit(rate: RatePolicy | RateLimitOptions): RateLimitPlugin {
  const policy: PluginPolicy = new PluginPolicy({
    key: 'rateLimit',
    given: rate,
    shorthand: isRate,
    options: RATE_OPTIONS,
    wholeOnly: ['per', 'store', 'algorithm', 'coolDown'],
    defaults: RATE_DEFAULTS,
    read: readRateLimit,
    prepare(fields, subject, from) {
      const plan: unknown = ratePlanOf(fields as unknown as RateFields, baseFields(), from, subject);
      return plan as PolicyFields;
    },
  });
  const options = policy.options === undefined || policy.options === 'none' ? {} : policy.options;
  const pools = new RatePools(policy.name, (options['store'] as Store | undefined) ?? memoryStore());
  const shared = keyBy((options['per'] as Per | undefined) ?? 'all');
  let base: { readonly of: unknown; readonly fields: RateFields } = {
    of: undefined,
    fields: RATE_DEFAULTS as unknown as RateFields,
  };
  const baseFields = (): RateFields => {
    const { options: now } = policy;
    if (base.of !== now) {
      base = { of: now, fields: { ...RATE_DEFAULTS, ...(now === 'none' ? {} : now) } as unknown as RateFields };
    }
    return base.fields;
  };
  const { name, applies } = policy;
  return {
    name,
    policy,
    priority: policy.priority ?? Place.rate,
    ...(applies === undefined ? {} : { applies }),
    traits: ({ mode, queueMax, queueTimeout }) => ({
      role: 'rate',
      stateful: true,
      queues: mode === 'wait' && queueMax !== 0,
      queueTimeout: queueTimeout as number,
    }),
    update: (patch) => policy.update(patch),
    pause: (key, ms) => pools.pause(key, parseDuration(ms, 'pause: ms')),
    correct: (key, limits) => pools.correct(key, readServiceLimits(limits)),
    stats: () => pools.stats(),
    intercept: driven(policy, (call, next, sink, options) => {
      const plan = options as unknown as RatePlan | undefined;
      if (plan === undefined || !plan.applies) return driveNext(call, next, sink);
      return enterRates(pools, shared, plan, call, next, sink);
    }),
  };
}

/** What a service says, checked: how much remains of each dimension, and in how many milliseconds it is reset. */
function readServiceLimits(given: unknown): Readonly<Record<string, ServiceLimit>> {
  const problems = new Problems();
  const limits = readPlain(given, 'correct: limits', problems) ?? {};
  for (const [name, each] of Object.entries(limits)) {
    const { remaining, resetMs } = readPlain(each, `correct: ${name}`, problems) ?? {};
    for (const [field, value] of Object.entries({ remaining, resetMs })) {
      if (!(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
        problems.add(`correct: ${name}.${field}`, 'a finite number ≥ 0', value);
      }
    }
  }
  problems.throwIfAny();
  return limits as Readonly<Record<string, ServiceLimit>>;
}
