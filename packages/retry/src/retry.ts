import { driveNext, driven, type Interceptor, Place, PluginPolicy, type PolicyFields } from '@sluice/core';
import type { Budget } from './budget.ts';
import { Budgets } from './budgets.ts';
import { repeatsExhausted, repeatsLocal } from './classify.ts';
import { longestWait } from './longest-wait.ts';
import { retryBudget } from './retry-budget.ts';
import {
  RETRY_ELSEWHERE,
  RETRY_OPTIONS,
  type RetryFields,
  type RetryOptions,
  type RetryPolicy,
  readRetry,
  retryDefaults,
} from './retry-options.ts';
import { RetryPlan } from './retry-plan.ts';
import { RetryCounts, type RetryStats } from './retry-stats.ts';
import { Retrying } from './retrying.ts';

/** What {@link retry} makes. */
export interface RetryPlugin extends Interceptor {
  stats(): RetryStats;
}

/**
 * Tries again what failed, where that may help and does no harm. A number says how many attempts there may be in all; options say the rest.
 *
 * An attempt begins only when the work of the one before has really ended, and only if it fits into the deadline. In an outage a budget that
 * all calls share keeps retries from adding to it. When all attempts have failed, `RETRY_EXHAUSTED` says what each of them failed with;
 * an error that is not to be tried again, or for which no time or budget is left, is passed on as it is, and {@link retryRecord} tells why.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { exponential, retry } from '@sluice/retry';
 *
 * let calls = 0;
 * const flaky = wrap(
 *   async () => {
 *     if (++calls < 3) throw Object.assign(new Error('busy'), { status: 503 });
 *     return 'done';
 *   },
 *   retry({ attempts: 5, backoff: exponential({ base: 1 }) }),
 * );
 * console.assert((await flaky()) === 'done' && calls === 3);
 * ```
 *
 * @see {@link fallback} for what to give in place of a result
 */
export function retry(options?: RetryPolicy | RetryOptions): RetryPlugin {
  const counts = new RetryCounts();
  /** All that are asked by somebody. */
  const budgets = new Set<Budget>();
  const policy: PluginPolicy = new PluginPolicy({
    key: 'retry',
    given: options,
    options: RETRY_OPTIONS,
    elsewhere: RETRY_ELSEWHERE,
    expected: 'a number of attempts, or a plain object of options',
    defaults: retryDefaults(retryBudget()),
    read: readRetry,
    prepare: (fields, _subject, from) => {
      const rules = fields as unknown as RetryFields;
      for (const budget of rules.budget.list) budgets.add(budget);
      const plan: unknown = new RetryPlan(rules, counts, policy.name, !Object.values(from).includes('run'));
      return plan as PolicyFields;
    },
  });
  const { name, applies } = policy;
  return {
    name,
    policy,
    priority: policy.priority ?? Place.retry,
    ...(applies === undefined ? {} : { applies }),
    traits: (fields) => {
      const { attempts, backoff, idempotent, retryOn } = fields as unknown as RetryFields;
      return {
        role: 'retry',
        stateful: true,
        attempts,
        longestWait: longestWait(backoff, attempts),
        repeatsBegun: idempotent === true,
        repeatsLocal: repeatsLocal(retryOn),
        repeatsExhausted: repeatsExhausted(retryOn),
      };
    },
    update: (patch) => policy.update(patch),
    stats: () => counts.stats(new Budgets([...budgets]).stats()),
    intercept: driven(policy, (call, next, sink, options) => {
      const plan = options as unknown as RetryPlan | undefined;
      return plan === undefined ? driveNext(call, next, sink) : new Retrying(plan, call, next, sink).begin();
    }),
  };
}
