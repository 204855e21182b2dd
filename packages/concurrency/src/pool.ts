import {
  alarm,
  type Call,
  type Clock,
  type Handle,
  type Next,
  reportFault,
  type Sink,
  type Verdict,
} from '@sluice/core';
import type { Inheritance } from './inheritance.ts';
import type { LimitFinder } from './limit-finder.ts';
import type { Claim, PoolSettings } from './pool-settings.ts';
import type { PoolStats } from './pool-stats.ts';
import { queueFull, queueHopeless, queueTimedOut } from './queue-errors.ts';
import { sampledOutcome } from './sampled-outcome.ts';
import { type Answer, isLater, type Lease, type Permits } from './store.ts';
import { lenderIn, Ticket, ticketAround, ticketOn } from './ticket.ts';
import { Turns } from './turns.ts';
import { WaitQueue } from './wait-queue.ts';
import { Waiter } from './waiter.ts';

/** So many are let in at a time before the event loop gets its turn. */
const AT_A_TIME = 256;

/** What the pools of one plugin share. */
export interface PoolOwner {
  readonly inheritance: Inheritance;
  /** What the plugin is called. */
  readonly name: string;
  /** It may have become saturated, or no longer be so. */
  changed(): void;
}

/** One limit, for one key: who goes on, who waits, and whose turn is next. */
export class Pool {
  readonly key: string;
  readonly clock: Clock;
  /** Whether it was forgotten: then there may be another one. */
  closed = false;
  /** How many go on although their call has its verdict. */
  lingering = 0;
  readonly owner: PoolOwner;
  readonly #permits: Permits;
  readonly #queue: WaitQueue<Waiter>;
  readonly #turns = new Turns();
  readonly #stopListening: () => void;
  /** Calls whose lease came back to them, and in which others wait for it. */
  readonly #lenders: Ticket[] = [];
  #settings: PoolSettings;
  #finder: LimitFinder | undefined;
  /** Calls that hold permits of their own, and how many permits that are. */
  #leases = 0;
  #taken = 0;
  /** Calls that are alone. */
  #alone = 0;
  #rejected = 0;
  #timedOut = 0;
  #pumping = false;
  /** A store that is elsewhere has been asked, and has not answered. */
  #asking = false;
  #again = false;

  constructor(key: string, owner: PoolOwner, clock: Clock, permits: Permits, settings: PoolSettings) {
    this.key = key;
    this.clock = clock;
    this.owner = owner;
    this.#permits = permits;
    this.#settings = settings;
    this.#finder = settings.adaptive?.finder();
    this.#queue = new WaitQueue(() => this.#settings);
    this.#stopListening = permits.changes(() => this.pump());
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  /** Goes on with other settings: those that wait stay where they are. */
  configure(settings: PoolSettings): void {
    if (settings === this.#settings) return;
    if (settings.version < this.#settings.version) return;
    if (settings.adaptive !== this.#settings.adaptive) this.#finder = settings.adaptive?.finder();
    this.#queue.reorder(() => {
      this.#settings = settings;
    });
    this.pump();
    this.owner.changed();
  }

  /** Whether it learns its limit. */
  get learns(): boolean {
    return this.#finder !== undefined;
  }

  /** How many may go on at once, as it is now. */
  get limit(): number {
    return this.#finder?.limit ?? this.#settings.limit;
  }

  /** How the one is preferred that is preferred most of those that wait. */
  get best(): number {
    return this.#queue.best;
  }

  /** Whether nothing goes on in it and nothing waits: it may be forgotten. */
  get idle(): boolean {
    return this.#leases === 0 && this.#queue.size === 0 && !this.#pumping;
  }

  /** Whether one more call would have to wait. */
  get saturated(): boolean {
    return this.#queue.size > 0 || this.#alone > 0 || this.#taken >= this.limit;
  }

  stats(): PoolStats {
    const { oldest, size } = this.#queue;
    return {
      limit: this.limit,
      active: this.#taken,
      queued: size,
      oldestWaitMs: oldest === undefined ? 0 : this.clock.now() - oldest,
      rejected: this.#rejected,
      timedOut: this.#timedOut,
      orphans: this.lingering,
    };
  }

  /** It is forgotten. */
  close(): void {
    this.closed = true;
    this.#stopListening();
    this.#permits.close();
  }

  // How a call comes in.

  /**
   * Lets a call go on, or wait.
   *
   * @param inner - whether it holds a ticket of a pool around this one already
   */
  admit(call: Call, claim: Claim, next: Next, sink: Sink, inner = false): Handle | null {
    const around = inner ? ticketOn(this.owner, call) : ticketAround(this.owner, call);
    const lender = around === null ? null : lenderIn(this, around);
    if (lender !== null && this.#mayBorrow(lender, claim)) {
      return new Ticket(this, call, claim.terms, null, lender, around, this.#startedAt(), sink).begin(next);
    }
    // While a store that is elsewhere is asked for one, all that come are let in to ask it.
    if (this.#asking) {
      const asking = new Waiter(this, call, next, sink, claim, lender, around);
      this.#join(asking);
      return asking;
    }
    if (this.#queue.size > 0 || this.#pumping) {
      return this.#wait(new Waiter(this, call, next, sink, claim, lender, around));
    }
    const taken = this.#take(claim, lender);
    if (taken !== undefined && !isLater(taken)) {
      return this.#ticket(call, claim, taken, lender, around, sink).begin(next);
    }
    const waiter = new Waiter(this, call, next, sink, claim, lender, around);
    if (taken === undefined) return this.#wait(waiter);
    this.#join(waiter);
    this.#takenLater(taken, waiter);
    return waiter;
  }

  /** Lets one wait, if there is room and its turn would not come too late. */
  #wait(waiter: Waiter): Waiter | null {
    const { call, lender, claim } = waiter;
    const depth = this.#queue.size;
    const waitMs = this.#predicted(claim.priority);
    // One that waits in a call that goes on is a part of what has been let in already.
    if (depth >= claim.terms.queueMax && lender === null) {
      this.#rejected++;
      call.emit('queue.full', { pool: this.key, depth });
      waiter.refuse(queueFull(call, this.key, depth, this.limit, waitMs));
      return null;
    }
    // One that waits in a call that goes on may have its turn at any time.
    const leftMs = waitMs === undefined || lender !== null ? Number.POSITIVE_INFINITY : call.deadline.remaining();
    if (waitMs !== undefined && waitMs > leftMs) {
      this.#rejected++;
      call.emit('queue.timeout', { pool: this.key, waitedMs: 0, depth });
      waiter.refuse(queueHopeless(call, this.key, waitMs, leftMs, depth));
      return null;
    }
    this.#join(waiter);
    return waiter;
  }

  #join(waiter: Waiter): void {
    const { call, lender, claim } = waiter;
    const { queueTimeout } = claim.terms;
    const { inheritance } = this.owner;
    inheritance.joins(waiter);
    this.#queue.join(waiter, this.clock.now());
    if (lender !== null) {
      lender.waiting ??= new Set();
      lender.waiting.add(waiter);
    }
    if (queueTimeout !== Number.POSITIVE_INFINITY) {
      waiter.cancelTimeout = alarm(this.clock, queueTimeout, () => this.#waitedTooLong(waiter, queueTimeout));
    }
    call.emit('queue.enter', { pool: this.key, depth: this.#queue.size, priority: waiter.priority });
    if (this.#queue.size === 1) this.owner.changed();
    inheritance.blocked(this, waiter);
    // What it is in does not go on while it waits: that may be all that one that must be alone was waiting for.
    if (lender !== null && !this.#asking) this.pump();
  }

  #predicted(priority: number): number | undefined {
    const ahead = this.#queue.ahead(priority);
    return ahead === undefined ? undefined : this.#turns.waitFor(ahead);
  }

  // How one leaves the queue.

  #leave(waiter: Waiter, granted: boolean): void {
    if (granted) this.#queue.serve(waiter);
    else this.#queue.leave(waiter);
    waiter.lender?.waiting?.delete(waiter);
    this.owner.inheritance.leaves(waiter);
    const now = this.clock.now();
    if (granted) this.#turns.came(now);
    if (this.#queue.size === 0) this.#turns.pause();
    waiter.call.emit('queue.leave', { pool: this.key, waitedMs: now - waiter.waitsSince, granted });
    if (this.#queue.size === 0) this.owner.changed();
  }

  /** It was stopped while it waited: who stood behind it may have its turn. */
  abandoned(waiter: Waiter): void {
    if (waiter.level === null) return;
    this.#leave(waiter, false);
    this.pump();
  }

  #waitedTooLong(waiter: Waiter, timeoutMs: number): void {
    if (waiter.level === null) return;
    waiter.cancelTimeout = null;
    const depth = this.#queue.size;
    const waitedMs = this.clock.now() - waiter.waitsSince;
    this.#timedOut++;
    this.#leave(waiter, false);
    waiter.call.emit('queue.timeout', { pool: this.key, waitedMs, depth });
    waiter.refuse(queueTimedOut(waiter.call, this.key, waitedMs, timeoutMs, depth));
    this.pump();
  }

  /** How it is preferred has changed. */
  moved(waiter: Waiter): void {
    this.#queue.move(waiter);
  }

  // How turns are given.

  /** Gives as many their turn as may have it. Never one inside another: what ends meanwhile is looked at afterwards. */
  pump(): void {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    let left = AT_A_TIME;
    while (this.#again) {
      this.#again = false;
      for (;;) {
        const turn = this.#turn();
        if (turn === undefined) break;
        if (turn.ticket === undefined) {
          this.#takenLater(turn.later, turn.waiter);
          return;
        }
        this.#leave(turn.waiter, true);
        turn.waiter.start(turn.ticket);
        if (--left > 0) continue;
        this.#pumping = false;
        this.clock.schedule(0, () => this.pump());
        return;
      }
    }
    this.#pumping = false;
  }

  /** Whose turn it is: first of those that wait inside of what goes on, then of the queue. */
  #turn(): Turn | undefined {
    for (let lender = this.#lenders.pop(); lender !== undefined; lender = this.#lenders.pop()) {
      for (const waiter of lender.waiting ?? []) {
        if (!this.#mayBorrow(lender, waiter.claim)) continue;
        const { call, claim, around, sink } = waiter;
        return { waiter, ticket: new Ticket(this, call, claim.terms, null, lender, around, this.#startedAt(), sink) };
      }
    }
    const waiter = this.#queue.next(this.clock.now());
    if (waiter === undefined) return undefined;
    const taken = this.#take(waiter.claim, waiter.lender);
    if (taken === undefined) return undefined;
    if (isLater(taken)) return { waiter, ticket: undefined, later: taken };
    return { waiter, ticket: this.#ticketFor(waiter, taken) };
  }

  #take({ cost, exclusive }: Claim, lender: Ticket | null): Answer<Lease | undefined> {
    // What a call in it takes of its own, while it waits, is beside what it has.
    const spare = lender === null ? 0 : this.#parked(lender);
    try {
      return this.#permits.acquire({ cost, limit: this.limit, exclusive, spare });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Permits of calls that wait for calls in them, be it by way of others, and in which nothing else goes on. */
  #parked(lender: Ticket): number {
    const parked = new Set<Ticket>();
    this.#park(lender, parked);
    for (const { lender: other } of this.#queue) if (other?.lends === true) this.#park(other, parked);
    let permits = 0;
    for (const { lease } of parked) permits += lease?.cost ?? 0;
    return permits;
  }

  #park(lender: Ticket, parked: Set<Ticket>): void {
    for (let ticket: Ticket | null = lender; ticket !== null; ticket = lenderIn(this, ticket.around)) {
      if (ticket.borrower !== null && !parked.has(ticket.borrower)) return;
      parked.add(ticket);
    }
  }

  /** A store that is elsewhere answers later: nobody else has a turn until it has. */
  #takenLater(answer: PromiseLike<Lease | undefined>, waiter: Waiter): void {
    this.#pumping = true;
    this.#asking = true;
    this.#again = false;
    answer.then(
      (lease) => {
        this.#pumping = false;
        this.#asking = false;
        if (lease === undefined) {
          this.#refuseLast();
          if (this.#again) this.pump();
          return;
        }
        if (waiter.level === null) {
          // It left in the meantime: what was taken for it is not lost.
          this.#count(lease);
          this.release(lease, waiter.call);
          return;
        }
        this.#leave(waiter, true);
        waiter.start(this.#ticketFor(waiter, lease));
        this.pump();
      },
      (error: unknown) => {
        this.#pumping = false;
        this.#asking = false;
        if (waiter.level !== null) {
          this.#leave(waiter, false);
          waiter.refuse(error);
        }
        this.pump();
      },
    );
  }

  /** A store that is elsewhere has no room: of those that were let in to ask it, as many stay as may wait. */
  #refuseLast(): void {
    for (let { last } = this.#queue; last !== undefined; last = this.#queue.last) {
      const { queueMax } = last.claim.terms;
      if (this.#queue.size <= queueMax) return;
      this.#rejected++;
      this.#leave(last, false);
      last.call.emit('queue.full', { pool: this.key, depth: queueMax });
      last.refuse(queueFull(last.call, this.key, queueMax, this.limit, undefined));
    }
  }

  /** Whether a call in `lender` may go on with its lease: nothing else in it does, and the lease is enough. */
  #mayBorrow(lender: Ticket, { exclusive, cost }: Claim): boolean {
    if (!lender.lends) return false;
    const { lease } = lender.root;
    // Within one that is alone all may; elsewhere one that must be alone waits for the others, and a heavier one takes its own.
    if (lease?.exclusive === true) return true;
    return !exclusive && cost <= (lease?.cost ?? 0) && this.#alone === 0;
  }

  #ticketFor({ call, claim, lender, around, sink }: Waiter, lease: Lease): Ticket {
    return this.#ticket(call, claim, lease, lender, around, sink);
  }

  #ticket(
    call: Call,
    { terms }: Claim,
    lease: Lease,
    lender: Ticket | null,
    around: Ticket | null,
    sink: Sink,
  ): Ticket {
    this.#count(lease);
    // Inside of one in which something else goes on already, it goes on beside that.
    const inside = lender?.lends === true ? lender : null;
    const ticket = new Ticket(this, call, terms, lease, inside, around, this.#startedAt(), sink);
    if (lease.exclusive) this.owner.inheritance.holds(this, ticket);
    const { leaseMs } = this.#permits;
    if (leaseMs !== undefined) this.#keep(ticket, leaseMs);
    this.owner.changed();
    return ticket;
  }

  #count({ cost, exclusive }: Lease): void {
    this.#leases++;
    this.#taken += cost;
    if (exclusive) this.#alone++;
  }

  /** A lease that runs out if nobody renews it is renewed for as long as somebody has it. */
  #keep(ticket: Ticket, leaseMs: number): void {
    alarm(this.clock, leaseMs / 2, () => {
      const holder = ticket.holder;
      if (holder?.lease == null) return;
      const failed = (cause?: unknown): void =>
        reportFault(holder.call, this.owner.name, `could not renew its lease in pool "${this.key}"`, cause);
      try {
        Promise.resolve(this.#permits.renew(holder.lease)).then((held) => (held ? undefined : failed()), failed);
      } catch (cause) {
        failed(cause);
      }
      this.#keep(holder, leaseMs);
    });
  }

  #startedAt(): number {
    return this.#finder === undefined ? 0 : this.clock.now();
  }

  // How permits come back.

  /** A lease is given back. */
  release(lease: Lease, call: Call): void {
    this.#leases--;
    this.#taken -= lease.cost;
    if (lease.exclusive) {
      this.#alone--;
      this.owner.inheritance.gone(this);
      // Calls in calls that could not go on beside it may do so now.
      for (const { lender } of this.#queue) if (lender?.lends === true) this.#lenders.push(lender);
    }
    try {
      const later = this.#permits.release(lease);
      if (later !== undefined) this.#releasedLater(later, call);
    } catch (cause) {
      this.#notReleased(call, cause);
    }
    if (this.#queue.size > 0) this.pump();
    this.owner.changed();
  }

  /** A store that is elsewhere has it only when it says so: whoever asked before that was told no. */
  #releasedLater(later: PromiseLike<unknown>, call: Call): void {
    later.then(
      () => this.pump(),
      (cause: unknown) => this.#notReleased(call, cause),
    );
  }

  #notReleased(call: Call, cause: unknown): void {
    reportFault(call, this.owner.name, `could not give a permit back in pool "${this.key}"`, cause);
  }

  /** What a call lent has come back to it: another one in it may have it. */
  lendOn(lender: Ticket): void {
    if (lender.waiting !== null && lender.waiting.size > 0) this.#lenders.push(lender);
    // What must be alone may go on now that one more waits for it.
    else if (this.#queue.best !== Number.NEGATIVE_INFINITY) return;
    this.pump();
  }

  /** Work goes on for so long after its verdict that its permit is given back without it. */
  leaseRanOut(call: Call, leaseMs: number): void {
    call.emit('queue.lease', { pool: this.key, leaseMs });
  }

  /** A call has ended: its limit may learn from that. */
  sample(startedAt: number, status: Verdict, error: unknown): void {
    const finder = this.#finder;
    if (finder === undefined) return;
    const now = this.clock.now();
    const before = finder.limit;
    finder.sample(now - startedAt, this.#leases, sampledOutcome(status, error), now);
    if (finder.limit > before) this.pump();
  }
}

type Turn =
  | { readonly waiter: Waiter; readonly ticket: Ticket }
  | { readonly waiter: Waiter; readonly ticket: undefined; readonly later: PromiseLike<Lease | undefined> };
