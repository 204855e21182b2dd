import { type Call, callContext, type Handle, type Next, type Sink } from '@sluice/core';
import type { Pool } from './pool.ts';
import type { Claim } from './pool-settings.ts';
import type { Ticket } from './ticket.ts';
import type { Lane, Level, QueueNode } from './wait-queue.ts';

const WAITS = 0;
const RUNS = 1;
const OVER = 2;

/** A call that waits for its turn: the queue's node, and the handle by which it is stopped, before and after. */
export class Waiter implements QueueNode, Handle {
  priority: number;
  /** How it is preferred by itself. */
  readonly ownPriority: number;
  waitsSince = 0;
  level: Level | null = null;
  before: QueueNode | null = null;
  after: QueueNode | null = null;
  laneBefore: QueueNode | null = null;
  laneAfter: QueueNode | null = null;
  lane: Lane | null = null;
  /** What it asks for, as it came. */
  readonly claim: Claim;
  readonly call: Call;
  /** The nearest call around it that holds a ticket of the same pool. */
  readonly lender: Ticket | null;
  /** The nearest ticket around it, of whatever pool. */
  readonly around: Ticket | null;
  /** Calls off what happens when it has waited for too long. */
  cancelTimeout: (() => void) | null = null;
  readonly #pool: Pool;
  readonly #next: Next;
  readonly #sink: Sink;
  readonly #inContext: (fn: () => void) => void;
  #state: typeof WAITS | typeof RUNS | typeof OVER = WAITS;
  #inner: Handle | null = null;

  constructor(
    pool: Pool,
    call: Call,
    next: Next,
    sink: Sink,
    claim: Claim,
    lender: Ticket | null,
    around: Ticket | null,
  ) {
    this.#pool = pool;
    this.call = call;
    this.#next = next;
    this.#sink = sink;
    this.#inContext = callContext(call);
    this.claim = claim;
    // What must be alone inside of what goes on is first: those before it might wait for what it is inside of.
    this.ownPriority = claim.exclusive && lender !== null ? Number.NEGATIVE_INFINITY : claim.priority;
    this.priority = this.ownPriority;
    this.lender = lender;
    this.around = around;
  }

  get tenant(): string | undefined {
    return this.claim.tenant;
  }

  get cost(): number {
    return this.claim.cost;
  }

  /** Its turn has come. */
  start(ticket: Ticket): void {
    this.#state = RUNS;
    this.cancelTimeout?.();
    this.#inContext(() => {
      const inner = this.#pool.run(ticket, this.#next, this.#sink);
      if (this.#state === RUNS) this.#inner = inner;
      // It was stopped while it was being started.
      else inner?.cancel();
    });
  }

  /** It will never have its turn. */
  refuse(error: unknown): void {
    this.#state = OVER;
    this.cancelTimeout?.();
    this.#inContext(() => this.#sink.error(error));
  }

  cancel(reason?: unknown): void {
    const state = this.#state;
    this.#state = OVER;
    if (state === RUNS) this.#inner?.cancel(reason);
    if (state !== WAITS) return;
    this.cancelTimeout?.();
    this.#pool.abandoned(this);
  }
}
