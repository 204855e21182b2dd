import { type Call, Flow, type Handle, InterceptorError, type Next, reportFault, type Sink } from '@sluice/core';
import type { ConcurrencyPlan } from './concurrency-plan.ts';
import { NestedFlow } from './nested-flow.ts';
import type { Pool } from './pool.ts';
import type { Claim, ClaimOf, PoolSettings } from './pool-settings.ts';
import type { Pools } from './pools.ts';

/** Lets a call into the shared pool, and there into its own, if it has one. */
export class ConcurrencyFlow extends Flow {
  private readonly pools: Pools;
  private readonly settings: PoolSettings;
  private readonly plan: ConcurrencyPlan;
  private readonly name: string;
  private readonly call: Call;
  private readonly next: Next;

  constructor(pools: Pools, settings: PoolSettings, plan: ConcurrencyPlan, name: string, call: Call, next: Next) {
    super();
    this.pools = pools;
    this.settings = settings;
    this.plan = plan;
    this.name = name;
    this.call = call;
    this.next = next;
  }

  drive(sink: Sink): Handle | null {
    const { shared, claim, own } = this.plan;
    const next = this.next;
    if (own === undefined) return this.enter(this.call, shared, this.settings, claim, next, sink);
    const within: Next = (call) =>
      new NestedFlow(this, (to) => this.enter(call, own.key, own.settings, own.claim, next, to, true));
    return this.enter(this.call, shared, this.settings, claim, within, sink);
  }

  private enter(
    call: Call,
    keyOf: (call: Call) => string,
    settings: PoolSettings,
    claimOf: ClaimOf,
    next: Next,
    sink: Sink,
    inner = false,
  ): Handle | null {
    let pool: Pool;
    let claim: Claim;
    try {
      pool = this.pools.of(keyOf(call), call, settings);
      claim = claimOf(call);
    } catch (cause) {
      // A function of its user threw: nothing has begun.
      sink.error(new InterceptorError(this.name, 'could not tell where a call belongs', { cause }));
      return null;
    }
    return pool.admit(call, claim, next, sink, inner);
  }

  teardownThrew(error: unknown): void {
    reportFault(this.call, this.name, 'threw while it was torn down', error);
  }
}
