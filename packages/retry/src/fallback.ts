import {
  driveNext,
  driven,
  type Interceptor,
  Place,
  PluginPolicy,
  type PolicyFields,
  type ResultOf,
  type Substitutes,
} from '@sluice/core';
import {
  FALLBACK_DEFAULTS,
  FALLBACK_OPTIONS,
  type FallbackFields,
  type FallbackOptions,
  type FallbackWork,
  readFallback,
} from './fallback-options.ts';
import type { FallbackPlan, FallbackStats } from './fallback-plan.ts';
import { FallingBack } from './falling-back.ts';

/** What {@link fallback} makes. */
export interface FallbackPlugin extends Interceptor {
  stats(): FallbackStats;
}

/** What one thing to fall back to amounts to. */
export type FallbackResult<T> = T extends FallbackWork<infer R> ? ResultOf<R> : T;

/**
 * Gives something else when all has failed: a value, or what other work makes, which has the input of the call and, in
 * `context.previous.error`, what went wrong. Of a list with work in it, each is tried when the one before has failed.
 *
 * It is the last resort, and says so: the report of a stage has `origin: 'fallback'` and the error in `insteadOf`. The work runs in a scope of its
 * own, inside the deadline of whoever called. When it fails as well, the call fails with what it failed with first. A cancelled call has no
 * fallback, and neither has a stream that has emitted.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { fallback } from '@sluice/retry';
 *
 * const search = wrap(
 *   async (_: string): Promise<string[]> => { throw new Error('down'); },
 *   fallback([] as string[]),
 * );
 * console.assert((await search('cats')).length === 0);
 * ```
 *
 * @see {@link retry}, which comes first
 */
export function fallback<const T extends readonly [FallbackWork, ...unknown[]]>(
  chain: T,
  options?: FallbackOptions,
): FallbackPlugin & Substitutes<FallbackResult<T[number]>>;
export function fallback<R>(
  work: FallbackWork<R>,
  options?: FallbackOptions,
): FallbackPlugin & Substitutes<ResultOf<R>>;
export function fallback<V>(value: V, options?: FallbackOptions): FallbackPlugin & Substitutes<V>;
export function fallback(to: unknown, options: FallbackOptions = {}): FallbackPlugin & Substitutes<unknown> {
  const counts = { used: 0, failed: 0 };
  const policy: PluginPolicy = new PluginPolicy({
    key: 'fallback',
    given: typeof options === 'object' && options !== null ? { to, ...options } : options,
    options: FALLBACK_OPTIONS,
    defaults: FALLBACK_DEFAULTS,
    read: readFallback,
    prepare: (fields) => {
      const { to: steps, on } = fields as unknown as FallbackFields;
      const plan: unknown = { steps: steps?.list ?? [], on, counts, name: policy.name } satisfies FallbackPlan;
      return plan as PolicyFields;
    },
  });
  const { name, applies } = policy;
  const plugin: FallbackPlugin = {
    name,
    policy,
    priority: policy.priority ?? Place.fallback,
    ...(applies === undefined ? {} : { applies }),
    traits: { role: 'fallback' },
    update: (patch) => policy.update(patch),
    stats: () => ({ ...counts }),
    intercept: driven(policy, (call, next, sink, options) => {
      const plan = options as unknown as FallbackPlan | undefined;
      return plan === undefined ? driveNext(call, next, sink) : new FallingBack(plan, call, sink).begin(next);
    }),
  };
  return plugin as FallbackPlugin & Substitutes<unknown>;
}
