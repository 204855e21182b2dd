import type { Call, Next, Sink } from '@sluice/core';
import type { Pool } from './pool.ts';
import type { Claim } from './pool-settings.ts';
import type { Ticket } from './ticket.ts';
import { WaitingCall } from './waiting-call.ts';

/** A call that waits for its turn in a pool. */
export class Waiter extends WaitingCall {
  priority: number;
  /** How it is preferred by itself. */
  readonly ownPriority: number;
  readonly tenant: string | undefined;
  readonly cost: number;
  /** What it asks for, as it came. */
  readonly claim: Claim;
  /** The nearest call around it that holds a ticket of the same pool. */
  readonly lender: Ticket | null;
  /** The nearest ticket around it, of whatever pool. */
  readonly around: Ticket | null;
  readonly #pool: Pool;

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
    this.#pool = pool;
    this.claim = claim;
    this.tenant = claim.tenant;
    this.cost = claim.cost;
    // What must be alone inside of what goes on is first: those before it might wait for what it is inside of.
    this.ownPriority = claim.exclusive && lender !== null ? Number.NEGATIVE_INFINITY : claim.priority;
    this.priority = this.ownPriority;
    this.lender = lender;
    this.around = around;
  }

  /** Its turn has come. */
  start(ticket: Ticket): void {
    this.goOn((next, sink) => this.#pool.run(ticket, next, sink));
  }

  protected abandoned(): void {
    this.#pool.abandoned(this);
  }
}
