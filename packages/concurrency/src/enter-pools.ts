import { type Call, drivenNext, type Handle, InterceptorError, type Next, type Sink } from '@sluice/core';
import type { ConcurrencyPlan } from './concurrency-plan.ts';
import type { Pool } from './pool.ts';
import type { Claim, ClaimOf, PoolSettings } from './pool-settings.ts';
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
  const { shared, claim, own } = plan;
  if (own === undefined) return enter(pools, shared, settings, claim, call, next, sink, false);
  return enter(pools, shared, settings, claim, call, withinShared(pools, own, next), sink, false);
}

/** What is inside of the shared pool, for a target with a limit of its own. */
function withinShared(pools: Pools, own: NonNullable<ConcurrencyPlan['own']>, next: Next): Next {
  const { key, settings, claim } = own;
  return drivenNext(pools.name, (call, sink) => enter(pools, key, settings, claim, call, next, sink, true));
}

function enter(
  pools: Pools,
  keyOf: (call: Call) => string,
  settings: PoolSettings,
  claimOf: ClaimOf,
  call: Call,
  next: Next,
  sink: Sink,
  inner: boolean,
): Handle | null {
  let pool: Pool;
  let claim: Claim;
  try {
    pool = pools.of(keyOf(call), call, settings);
    claim = claimOf(call);
  } catch (cause) {
    // A function of its user threw: nothing has begun.
    sink.error(new InterceptorError(pools.name, 'could not tell where a call belongs', { cause }));
    return null;
  }
  return pool.admit(call, claim, next, sink, inner);
}
