import type { Call, Next, Sink } from '@sluice/core';
import type { Pool } from './pool.ts';
import type { Claim } from './pool-settings.ts';
import type { Ticket } from './ticket.ts';
import { WaitingCall } from './waiting-call.ts';

/** A call that waits for its turn in a pool. */
export class Waiter extends WaitingCall {
  priority: number;
  /** What it asks for, as it came. */
  readonly claim: Claim;
  /** The nearest call around it that holds a ticket of the same pool. */
  readonly lender: Ticket | null;
  /** The nearest ticket around it, of whatever pool. */
  readonly around: Ticket | null;
  private readonly pool: Pool;

  constructor(
    pool: Pool,
    call: Call,
    next: Next,
    sink: Sink,
    claim: Claim,
    lender: Ticket | null,
    around: Ticket | null,
  ) {
    super(call, next, sink);
    this.pool = pool;
    this.claim = claim;
    this.lender = lender;
    this.around = around;
    this.priority = this.ownPriority;
  }

  get tenant(): string | undefined {
    return this.claim.tenant;
  }

  get cost(): number {
    return this.claim.cost;
  }

  /** How it is preferred by itself. */
  get ownPriority(): number {
    const { claim, lender } = this;
    // What must be alone inside of what goes on is first: those before it might wait for what it is inside of.
    return claim.exclusive && lender !== null ? Number.NEGATIVE_INFINITY : claim.priority;
  }

  /** Its turn has come. */
  start(ticket: Ticket): void {
    ticket.waiter = this;
    this.goOn((next) => ticket.begin(next));
  }

  protected abandoned(): void {
    this.pool.abandoned(this);
  }
}
