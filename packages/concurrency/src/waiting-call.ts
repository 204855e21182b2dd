import { type Call, type Handle, inCallContext, keepCallContext, type Next, type Sink } from '@sluice/core';
import { QueueEntry } from './queue-entry.ts';

const WAITS = 0;
const RUNS = 1;
const OVER = 2;

/** A call that waits until it may go on: what stands in a queue, and the handle by which it is stopped, before and after. */
export abstract class WaitingCall extends QueueEntry implements Handle {
  readonly call: Call;
  /** Calls off what happens when it has waited for too long. */
  cancelTimeout: (() => void) | null = null;
  private readonly next: Next;
  readonly sink: Sink;
  private state: typeof WAITS | typeof RUNS | typeof OVER = WAITS;
  private inner: Handle | null = null;

  constructor(call: Call, next: Next, sink: Sink) {
    super();
    this.call = call;
    this.next = next;
    this.sink = sink;
    keepCallContext(call);
  }

  /** It was stopped while it waited. */
  protected abstract abandoned(): void;

  /** It may go on: `run` is what does so. */
  protected goOn(run: (next: Next, sink: Sink) => Handle | null): void {
    this.state = RUNS;
    this.cancelTimeout?.();
    inCallContext(this.call, () => {
      const inner = run(this.next, this.sink);
      if (this.state === RUNS) this.inner = inner;
      // It was stopped while it was being started.
      else inner?.cancel();
    });
  }

  /** What it has gone on with has ended: nothing is left to be stopped. */
  ended(): void {
    this.state = OVER;
    this.inner = null;
  }

  /** It will never go on. */
  refuse(error: unknown): void {
    this.state = OVER;
    this.cancelTimeout?.();
    inCallContext(this.call, () => this.sink.error(error));
  }

  cancel(reason?: unknown): void {
    const state = this.state;
    this.state = OVER;
    if (state === RUNS) this.inner?.cancel(reason);
    if (state !== WAITS) return;
    this.cancelTimeout?.();
    this.abandoned();
  }
}
