import {
  type Call,
  Flow,
  type Handle,
  type Interceptor,
  type Next,
  Place,
  PluginPolicy,
  type PolicyFields,
  type ResultOf,
  reportFault,
  type Sink,
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
    intercept(call, next) {
      const plan = call.policy('fallback') as unknown as FallbackPlan | undefined;
      return plan === undefined ? next(call) : new FallbackFlow(plan, call, next);
    },
  };
  return plugin as FallbackPlugin & Substitutes<unknown>;
}

class FallbackFlow extends Flow {
  private readonly plan: FallbackPlan;
  private readonly call: Call;
  private readonly inside: Next;

  constructor(plan: FallbackPlan, call: Call, inside: Next) {
    super();
    this.plan = plan;
    this.call = call;
    this.inside = inside;
  }

  drive(sink: Sink): Handle | null {
    return new FallingBack(this.plan, this.call, sink).begin(this.inside);
  }

  teardownThrew(error: unknown): void {
    reportFault(this.call, this.plan.name, 'threw while it was torn down', error);
  }
}
