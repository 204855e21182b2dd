import { type Call, Flow, type Handle, type Next, reportFault, type Sink } from '@sluice/core';
import type { RetryPlan } from './retry-plan.ts';
import { Retrying } from './retrying.ts';

/** A call with all of its attempts: each run of it is one. */
export class RetryFlow extends Flow {
  private readonly plan: RetryPlan;
  private readonly call: Call;
  private readonly inside: Next;

  constructor(plan: RetryPlan, call: Call, inside: Next) {
    super();
    this.plan = plan;
    this.call = call;
    this.inside = inside;
  }

  drive(sink: Sink): Handle | null {
    return new Retrying(this.plan, this.call, this.inside, sink).begin();
  }

  teardownThrew(error: unknown): void {
    reportFault(this.call, this.plan.name, 'threw while it was torn down', error);
  }
}
