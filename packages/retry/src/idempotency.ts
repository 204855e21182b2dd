import { driveNext, driven, type Interceptor, Place, PluginPolicy, type PolicyFields } from '@sluice/core';
import { enterByKey } from './enter-by-key.ts';
import {
  IDEMPOTENCY_DEFAULTS,
  IDEMPOTENCY_OPTIONS,
  type IdempotencyFields,
  type IdempotencyOptions,
  readIdempotency,
} from './idempotency-options.ts';
import type { IdempotencyStore } from './idempotency-store.ts';
import { type IdempotencyStats, IdempotentCalls } from './idempotent-calls.ts';
import { memoryIdempotencyStore } from './memory-idempotency-store.ts';

/** What {@link idempotency} makes. */
export interface IdempotencyPlugin extends Interceptor {
  stats(): IdempotencyStats;
}

/**
 * Runs what is called several times under one key once. Whoever calls while it goes on waits for the same result; whoever calls later, within
 * `ttl`, is given it again. What failed is not kept: the next call tries anew, once that has really ended, so that no two executions of a key overlap.
 *
 * Keys are told apart by target. The same key with other input is an `IDEMPOTENCY_MISMATCH`. Each call that waits keeps its own deadline, and
 * can be stopped without harm to the others; the work itself is stopped with the last of them. Where the store cannot say whether it was done before, the call fails, and nothing is run.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 * import { idempotency } from '@sluice/retry';
 *
 * let charged = 0;
 * const charge = tool('charge', {}, async (_: { order: string }) => ++charged);
 * const runner = createRunner({ use: [idempotency({ key: (call) => (call.input as { order: string }).order })] });
 * await Promise.all([runner.call(charge, { order: '7' }), runner.call(charge, { order: '7' })]);
 * console.assert(charged === 1);
 * ```
 */
export function idempotency(options: IdempotencyOptions = {}): IdempotencyPlugin {
  const policy: PluginPolicy = new PluginPolicy({
    key: 'idempotency',
    given: options,
    options: IDEMPOTENCY_OPTIONS,
    wholeOnly: ['store'],
    defaults: IDEMPOTENCY_DEFAULTS,
    read: readIdempotency,
    prepare: (fields) => fields,
  });
  const { name, applies } = policy;
  const given: PolicyFields = policy.options === 'none' ? {} : (policy.options ?? {});
  const calls = new IdempotentCalls(name, (given['store'] as IdempotencyStore | undefined) ?? memoryIdempotencyStore());
  return {
    name,
    policy,
    priority: policy.priority ?? Place.idempotency,
    ...(applies === undefined ? {} : { applies }),
    traits: { role: 'other', stateful: true },
    update: (patch) => policy.update(patch),
    stats: () => calls.stats(),
    intercept: driven(policy, (call, next, sink, options) => {
      const rules = options as unknown as IdempotencyFields | undefined;
      return rules === undefined ? driveNext(call, next, sink) : enterByKey(calls, rules, call, next, sink);
    }),
  };
}
