import { type Call, Flow, type Handle, InterceptorError, type Next, reportFault, type Sink } from '@sluice/core';
import { NestedFlow } from './nested-flow.ts';
import type { Costs } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';
import type { RatePlan } from './rate-plan.ts';
import type { RatePool } from './rate-pool.ts';
import type { RatePools } from './rate-pools.ts';

/** Lets a call pass the shared rates, and then its own, if it has any. */
export class RateLimitFlow extends Flow {
  readonly #pools: RatePools;
  readonly #sharedKey: (call: Call) => string;
  readonly #plan: RatePlan;
  readonly #name: string;
  readonly #call: Call;
  readonly #next: Next;

  constructor(
    pools: RatePools,
    sharedKey: (call: Call) => string,
    plan: RatePlan,
    name: string,
    call: Call,
    next: Next,
  ) {
    super();
    this.#pools = pools;
    this.#sharedKey = sharedKey;
    this.#plan = plan;
    this.#name = name;
    this.#call = call;
    this.#next = next;
  }

  drive(sink: Sink): Handle | null {
    const { shared, own } = this.#plan;
    const next = this.#next;
    const inner: Next =
      own === undefined
        ? next
        : (call) => new NestedFlow(this, (to) => this.#enter(call, own.key, own.fields, next, to));
    if (shared !== undefined) return this.#enter(this.#call, this.#sharedKey, shared, inner, sink);
    if (own !== undefined) return this.#enter(this.#call, own.key, own.fields, next, sink);
    return (next(this.#call) as Flow).drive(sink);
  }

  #enter(call: Call, keyOf: (call: Call) => string, fields: RateFields, next: Next, sink: Sink): Handle | null {
    let pool: RatePool;
    let costs: Costs;
    try {
      pool = this.#pools.of(keyOf(call), call.clock, fields);
      costs = this.#plan.costs(call);
    } catch (cause) {
      // A function of its user threw: nothing has begun.
      sink.error(new InterceptorError(this.#name, 'could not tell what a call costs', { cause }));
      return null;
    }
    return pool.admit(call, costs, next, sink);
  }

  teardownThrew(error: unknown): void {
    reportFault(this.#call, this.#name, 'threw while it was torn down', error);
  }
}
