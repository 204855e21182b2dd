import { type Call, driveNext, drivenNext, type Handle, InterceptorError, type Next, type Sink } from '@sluice/core';
import type { Costs } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';
import type { RatePlan } from './rate-plan.ts';
import type { RatePool } from './rate-pool.ts';
import type { RatePools } from './rate-pools.ts';

/** Lets a call pass the shared rates, and then its own, if it has any. */
export function enterRates(
  pools: RatePools,
  sharedKey: (call: Call) => string,
  plan: RatePlan,
  call: Call,
  next: Next,
  sink: Sink,
): Handle | null {
  const { shared, own } = plan;
  const enter = (
    view: Call,
    keyOf: (call: Call) => string,
    fields: RateFields,
    inside: Next,
    to: Sink,
  ): Handle | null => {
    let pool: RatePool;
    let costs: Costs;
    try {
      pool = pools.of(keyOf(view), view.clock, fields);
      costs = plan.costs(view);
    } catch (cause) {
      // A function of its user threw: nothing has begun.
      to.error(new InterceptorError(pools.name, 'could not tell what a call costs', { cause }));
      return null;
    }
    return pool.admit(view, costs, inside, to);
  };
  const inner =
    own === undefined ? next : drivenNext(pools.name, (view, to) => enter(view, own.key, own.fields, next, to));
  return shared === undefined ? driveNext(call, inner, sink) : enter(call, sharedKey, shared, inner, sink);
}
