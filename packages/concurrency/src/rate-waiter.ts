import type { Call, Next, Sink } from '@sluice/core';
import type { Costs } from './rate-gate.ts';
import type { RatePool } from './rate-pool.ts';
import { WaitingCall } from './waiting-call.ts';

/** A call that waits until its rate lets it go. */
export class RateWaiter extends WaitingCall {
  readonly costs: Costs;
  private readonly pool: RatePool;

  constructor(pool: RatePool, call: Call, costs: Costs, next: Next, sink: Sink) {
    super(call, next, sink);
    this.pool = pool;
    this.costs = costs;
  }

  get priority(): number {
    return 0;
  }

  get tenant(): undefined {
    return undefined;
  }

  get cost(): number {
    return 1;
  }

  /** It may go. */
  start(takenAt: number): void {
    this.goOn((next, sink) => this.pool.run(this.call, this.costs, takenAt, next, sink));
  }

  protected abandoned(): void {
    this.pool.abandoned(this);
  }
}
