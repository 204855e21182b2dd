import {
  driveNext,
  driven,
  type Interceptor,
  type PartialResult,
  Place,
  type PluginOptions,
  PluginPolicy,
  type PolicyFields,
  type PolicyLayer,
  type PolicyLayers,
  type Substitutes,
} from '@sluice/core';
import { isAdaptiveLimit } from './adaptive-limit.ts';
import { ByTarget } from './by-target.ts';
import {
  readTimeout,
  TIMEOUT_OPTIONS,
  type TimeoutFields,
  type TimeoutLimits,
  type TimeoutPolicy,
  timeoutDefaults,
} from './timeout-options.ts';
import { TimeoutPlan } from './timeout-plan.ts';
import { TimeoutRecord, type TimeoutStats } from './timeout-stats.ts';

/** What {@link timeout} takes: limits, where they hold, and where they stand in the chain. */
export interface TimeoutOptions extends TimeoutLimits, PolicyLayers<TimeoutPolicy>, PluginOptions {}

/** What {@link timeout} makes: the limit of the call as a whole, and that of each attempt. */
export type TimeoutPlugin = readonly [total: TotalInterceptor, attempt: Interceptor];

/** The interceptor at `Place.total`, which also tells what all the limits have seen. */
export interface TotalInterceptor extends Interceptor {
  stats(): Readonly<Record<string, TimeoutStats>>;
}

/**
 * Ends work on time, and says truthfully what became of it. A duration limits the call as a whole; an options object says how long it
 * may take in all, per attempt, and until it starts, and what happens to what was achieved by then.
 *
 * The verdict comes at the limit whatever the work does. The work gets its signal and a grace to unwind; what goes on after that is
 * an orphan: counted, reported, and followed to its end. A result that arrives in the same turn of the event loop as the deadline wins.
 *
 * It is two interceptors: `total` at `Place.total`, around waits and retries, and the rest at `Place.attempt`, where a clock starts
 * when the work does.
 *
 * @example
 * ```ts
 * import { isSluiceError, wrap } from '@sluice/core';
 * import { timeout } from '@sluice/timeout';
 *
 * const hang = wrap(() => new Promise<never>(() => {}), timeout('20ms'));
 * await hang().catch((error: unknown) => console.assert(isSluiceError(error, 'TIMEOUT')));
 * ```
 *
 * @see {@link heartbeat} for work that may take long as long as it is alive
 * @see {@link timeoutScope} for code that is no pipeline
 */
export function timeout(
  options: TimeoutOptions & { readonly partial: 'resolve' },
): TimeoutPlugin & Substitutes<PartialResult>;
export function timeout(options?: TimeoutPolicy | TimeoutOptions): TimeoutPlugin;
export function timeout(options?: TimeoutPolicy | TimeoutOptions): TimeoutPlugin {
  const records = new ByTarget((use) => new TimeoutRecord(use));
  const policy = new PluginPolicy({
    key: 'timeout',
    given: options,
    options: TIMEOUT_OPTIONS,
    expected: 'a duration, or a plain object of options',
    read: readTimeout,
    implied: timeoutDefaults,
    prepare: (fields, subject, from) => {
      const plan: unknown = new TimeoutPlan(fields as unknown as TimeoutFields, subject, records.of(subject), from);
      return plan as PolicyFields;
    },
  });
  const { name, applies } = policy;
  const update = (patch: unknown): (() => void) => policy.update(patch);
  const common = { name, policy, update, ...(applies === undefined ? {} : { applies }) };
  const origin = {};
  const traitsOf = (fields: PolicyFields): { origin?: object } =>
    sameOrigin(policy.options, fields) ? { origin } : {};
  return [
    {
      ...common,
      priority: policy.priority ?? Place.total,
      traits: (fields) => ({ role: 'total', limit: fields['total'] as number, stateful: true, ...traitsOf(fields) }),
      intercept: driven(policy, (call, next, sink, options) => {
        const plan = options as unknown as TimeoutPlan | undefined;
        return plan === undefined ? driveNext(call, next, sink) : plan.around(call, next, sink);
      }),
      stats: () => Object.fromEntries([...records.entries()].map(([key, record]) => [key, record.stats()])),
    },
    {
      ...common,
      priority: policy.priority ?? Place.attempt,
      traits: (fields) => ({
        role: 'attempt',
        ...attemptTraits(fields as unknown as TimeoutFields),
        ...traitsOf(fields),
      }),
      intercept: driven(policy, (call, next, sink, options) => {
        const plan = options as unknown as TimeoutPlan | undefined;
        return plan === undefined ? driveNext(call, next, sink) : plan.aroundAttempt(call, next, sink);
      }),
    },
  ];
}

/** Whether both limits are those that the plugin was made with, rather than what was said elsewhere. */
function sameOrigin(options: PolicyLayer, fields: PolicyFields): boolean {
  if (options === undefined || options === 'none') return false;
  return ['total', 'attempt'].every((name) => options[name] !== undefined && options[name] === fields[name]);
}

/** A limit that learns stays below the total by itself. */
function attemptTraits({ total, attempt, soft }: TimeoutFields): { limit: number; soft: number } {
  if (!isAdaptiveLimit(attempt)) return { limit: attempt, soft };
  const { max } = attempt.fields;
  return { limit: max < total ? max : Number.POSITIVE_INFINITY, soft };
}
