import { type Call, drivenNext, type Handle, InterceptorError, type Next, type Sink } from '@sluice/core';
import type { ConcurrencyPlan } from './concurrency-plan.ts';
import type { Pool } from './pool.ts';
import type { Claim, PoolSettings } from './pool-settings.ts';
import type { Pools } from './pools.ts';

/** Lets a call into the shared pool, and there into its own, if it has one. */
export function enterPools(
  pools: Pools,
  settings: PoolSettings,
  plan: ConcurrencyPlan,
  call: Call,
  next: Next,
  sink: Sink,
): Handle | null {
  let pool: Pool;
  let claim: Claim;
  try {
    pool = pools.shared(plan, call, settings);
    claim = plan.claim(call);
  } catch (cause) {
    return lost(pools, cause, sink);
  }
  return pool.admit(call, claim, plan.own === undefined ? next : ownPool(pools, plan.own, next), sink);
}

/** What is inside of the shared pool, for a target with a limit of its own. */
function ownPool(pools: Pools, own: NonNullable<ConcurrencyPlan['own']>, next: Next): Next {
  return drivenNext(pools.name, (call, sink) => {
    let pool: Pool;
    let claim: Claim;
    try {
      pool = pools.of(own.key(call), call, own.settings);
      claim = own.claim(call);
    } catch (cause) {
      return lost(pools, cause, sink);
    }
    return pool.admit(call, claim, next, sink, true);
  });
}

/** A function of its user threw: nothing has begun. */
function lost({ name }: Pools, cause: unknown, sink: Sink): null {
  sink.error(new InterceptorError(name, 'could not tell where a call belongs', { cause }));
  return null;
}
