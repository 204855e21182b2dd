import { alarm, type Call, FollowedRun, type Sink, type Verdict } from '@sluice/core';
import type { Pool, PoolOwner } from './pool.ts';
import type { Terms } from './pool-settings.ts';
import type { Lease } from './store.ts';
import type { Waiter } from './waiter.ts';

/**
 * The right of one call to go on: a lease of its own, or that of the call around it, which waits meanwhile. It is given back when the work
 * has really ended, and once only.
 */
export class Ticket extends FollowedRun {
  readonly pool: Pool;
  /** What was taken for it; null while it goes on with what a call around it has. */
  lease: Lease | null;
  /** The call around it that waits while it goes on, and with whose lease it does so unless it has its own; null for one on its own. */
  lender: Ticket | null;
  /** The call in it that goes on while it waits. */
  borrower: Ticket | null = null;
  /** The nearest ticket around it, of whatever pool. */
  readonly around: Ticket | null;
  /** Calls in it that wait for the same pool, in order; null while none ever did. */
  waiting: Set<Waiter> | null = null;
  /** Who waited for it; null when nobody had to. */
  waiter: Waiter | null = null;
  private readonly terms: Terms;
  private readonly startedAt: number;
  private returned = false;
  private goesOn = false;
  /** Whether it stands in the count of those that go on, for itself and for those around it and in it. */
  private counted = false;
  private cancelLease: (() => void) | null = null;

  constructor(
    pool: Pool,
    call: Call,
    terms: Terms,
    lease: Lease | null,
    lender: Ticket | null,
    around: Ticket | null,
    startedAt: number,
    sink: Sink,
  ) {
    super(call, sink);
    this.pool = pool;
    this.terms = terms;
    this.lease = lease;
    this.lender = lender;
    this.around = around;
    this.startedAt = startedAt;
    if (lender !== null) lender.borrower = this;
  }

  /** Whether it still has what it was given. */
  get held(): boolean {
    return !this.returned;
  }

  /** Whether its call has its verdict, and its work goes on. */
  get lingering(): boolean {
    return this.goesOn && !this.returned;
  }

  /** The ticket with whose own lease it goes on: itself, or one around it. */
  get root(): Ticket {
    let root: Ticket = this;
    while (root.lease === null && root.lender !== null) root = root.lender;
    return root;
  }

  /** Who has what it was given: itself, or whoever goes on with it since it ended; undefined when that was given back. */
  get holder(): Ticket | undefined {
    let holder: Ticket = this;
    while (holder.returned && holder.borrower !== null) holder = holder.borrower;
    return holder.returned ? undefined : holder;
  }

  /** Whether nothing in it goes on: a call in it may, with its lease. */
  get lends(): boolean {
    return !this.returned && this.borrower === null;
  }

  protected override ended(status: Verdict, error: unknown): void {
    const { pool } = this;
    this.waiter?.ended();
    if (pool.learns) pool.sample(this.startedAt, status, error);
    if (this.terms.release === 'verdict') this.giveBack();
  }

  /** Its call has its verdict; its work goes on, and keeps what it has, though not for ever. */
  protected override lingered(): void {
    if (this.returned) return;
    const { pool } = this;
    const { orphanLease } = this.terms;
    // With what goes on in it, it is one.
    this.goesOn = true;
    this.counted = this.borrower?.lingering !== true && this.lender?.lingering !== true;
    if (this.counted) pool.lingering++;
    if (orphanLease === Number.POSITIVE_INFINITY) return;
    this.cancelLease = alarm(pool.clock, orphanLease, () => {
      this.cancelLease = null;
      pool.leaseRanOut(this.call, orphanLease);
      this.giveBack();
    });
  }

  protected override settled(): void {
    this.giveBack();
  }

  /** Gives back what it has. Once: what is called again does nothing. */
  giveBack(): void {
    if (this.returned) return;
    this.returned = true;
    this.cancelLease?.();
    const { lease, lender, borrower } = this;
    if (this.counted) {
      const heir = borrower?.lingering === true ? borrower : lender?.lingering === true ? lender : null;
      if (heir === null) this.pool.lingering--;
      else heir.counted = true;
    }
    // What waits in it is not to count on what it no longer has.
    this.lease = null;
    if (lender !== null) lender.borrower = borrower;
    if (borrower !== null) borrower.lender = lender;
    // Whoever goes on with it keeps it.
    if (borrower !== null && borrower.lease === null) borrower.lease = lease;
    else if (lease !== null) this.pool.release(lease, this.call);
    if (lender !== null && borrower === null) this.pool.lendOn(lender);
  }
}

/** The nearest ticket that `call` itself holds, of whatever pool of `owner`. */
export function ticketOn(owner: PoolOwner, call: Call): Ticket | null {
  for (let run = FollowedRun.around(call); run !== null; run = run.outer) {
    if (run instanceof Ticket && run.pool.owner === owner) return run;
  }
  return null;
}

/** The nearest ticket that a call around `call` holds. */
export function ticketAround(owner: PoolOwner, call: Call): Ticket | null {
  for (let { parent } = call; parent !== undefined; parent = parent.parent) {
    const ticket = ticketOn(owner, parent);
    if (ticket !== null) return ticket;
  }
  return null;
}

/** The nearest ticket of `pool` that is held, from `ticket` outwards. */
export function lenderIn(pool: Pool, ticket: Ticket | null): Ticket | null {
  for (let around = ticket; around !== null; around = around.around) {
    if (around.pool === pool && around.held) return around;
  }
  return null;
}
