import { type Call, callContext, type Handle, type Next, type Sink } from '@sluice/core';
import type { Costs } from './rate-gate.ts';
import type { RatePool } from './rate-pool.ts';
import type { Lane, Level, QueueNode } from './wait-queue.ts';

const WAITS = 0;
const RUNS = 1;
const OVER = 2;

/** A call that waits until its rate lets it go: the queue's node, and the handle by which it is stopped, before and after. */
export class RateWaiter implements QueueNode, Handle {
  readonly priority = 0;
  readonly tenant = undefined;
  readonly cost = 1;
  waitsSince = 0;
  level: Level | null = null;
  before: QueueNode | null = null;
  after: QueueNode | null = null;
  laneBefore: QueueNode | null = null;
  laneAfter: QueueNode | null = null;
  lane: Lane | null = null;
  readonly call: Call;
  readonly costs: Costs;
  /** Calls off what happens when it has waited for too long. */
  cancelTimeout: (() => void) | null = null;
  readonly #pool: RatePool;
  readonly #next: Next;
  readonly #sink: Sink;
  readonly #inContext: (fn: () => void) => void;
  #state: typeof WAITS | typeof RUNS | typeof OVER = WAITS;
  #inner: Handle | null = null;

  constructor(pool: RatePool, call: Call, costs: Costs, next: Next, sink: Sink) {
    this.#pool = pool;
    this.call = call;
    this.costs = costs;
    this.#next = next;
    this.#sink = sink;
    this.#inContext = callContext(call);
  }

  /** It may go. */
  start(takenAt: number): void {
    this.#state = RUNS;
    this.cancelTimeout?.();
    this.#inContext(() => {
      const inner = this.#pool.run(this.call, this.costs, takenAt, this.#next, this.#sink);
      if (this.#state === RUNS) this.#inner = inner;
      // It was stopped while it was being started.
      else inner?.cancel();
    });
  }

  /** It will not go. */
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
