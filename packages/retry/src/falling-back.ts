import {
  type Call,
  driveNext,
  giveInstead,
  type Handle,
  isSluiceError,
  type Next,
  reportFault,
  runInstead,
  type Sink,
  substituted,
} from '@sluice/core';
import type { FallbackPlan } from './fallback-plan.ts';

/** One call, and what is given in its place when it has failed. */
export class FallingBack implements Sink, Handle {
  private readonly plan: FallbackPlan;
  private readonly call: Call;
  private readonly sink: Sink;
  private inner: Handle | null = null;
  private over = false;
  private emitted = false;

  constructor(plan: FallbackPlan, call: Call, sink: Sink) {
    this.plan = plan;
    this.call = call;
    this.sink = sink;
  }

  begin(next: Next): Handle | null {
    return this.started(driveNext(this.call, next, this));
  }

  private started(inner: Handle | null): Handle | null {
    if (this.over) {
      // It was stopped while it was being started.
      inner?.cancel();
      return null;
    }
    // What it fell back to meanwhile has a handle of its own.
    this.inner ??= inner;
    return this;
  }

  get enough(): boolean {
    return this.over || this.sink.enough === true;
  }

  next(value: unknown): void {
    this.emitted = true;
    this.sink.next(value);
  }

  success(value: unknown): void {
    if (this.over) return;
    this.over = true;
    this.sink.success(value);
  }

  complete(): void {
    if (this.over) return;
    this.over = true;
    this.sink.complete();
  }

  error(error: unknown): void {
    if (this.over) return;
    this.inner = null;
    if (!this.emitted && this.wanted(error)) this.instead(0, error, error);
    else if (!this.over) this.end(error);
  }

  cancel(reason?: unknown): void {
    if (this.over) return;
    this.over = true;
    this.inner?.cancel(reason);
  }

  private wanted(error: unknown): boolean {
    if (isSluiceError(error, 'CANCELLED') || isSluiceError(error, 'SKIPPED')) return false;
    const { call, plan } = this;
    try {
      return plan.on(error, call) === true;
    } catch (cause) {
      reportFault(call, plan.name, 'threw in "on"', cause);
      return false;
    }
  }

  /** Tries what is listed at `index`. `first` is what the call failed with, `last` what failed last. */
  private instead(index: number, first: unknown, last: unknown): void {
    // Whoever was asked, or told, may have stopped the call.
    if (this.over) return;
    const { call, plan } = this;
    const step = plan.steps[index];
    if (step === undefined) {
      plan.counts.failed++;
      this.end(first);
    } else if ('value' in step) {
      this.given(index, first);
      giveInstead(call, step, 'fallback', this, first);
    } else {
      const inner = runInstead(call, step.work as never, last, new Attempted(this, index, first));
      // Where it has failed at once, there may be the next one already.
      if (inner !== null) this.inner = inner;
    }
  }

  /** What was tried has failed: the next is. */
  failed(index: number, first: unknown, failure: unknown): void {
    if (this.over) return;
    this.inner = null;
    this.call.emit('fallback', { step: index + 1, status: 'failed', error: first, failure });
    this.instead(index + 1, first, failure);
  }

  /** It is given in place of the result. */
  given(index: number, error: unknown): void {
    const { call, plan } = this;
    plan.counts.used++;
    substituted(call, 'fallback', error);
    call.emit('fallback', { step: index + 1, status: 'ok', error });
  }

  private end(error: unknown): void {
    this.over = true;
    this.sink.error(error);
  }
}

/** What is tried in place of the call. */
class Attempted implements Sink {
  private readonly to: FallingBack;
  private readonly index: number;
  private readonly first: unknown;
  private emitted = false;

  constructor(to: FallingBack, index: number, first: unknown) {
    this.to = to;
    this.index = index;
    this.first = first;
  }

  get enough(): boolean {
    return this.to.enough;
  }

  next(value: unknown): void {
    if (!this.emitted) this.to.given(this.index, this.first);
    this.emitted = true;
    this.to.next(value);
  }

  success(value: unknown): void {
    this.to.given(this.index, this.first);
    this.to.success(value);
  }

  complete(): void {
    if (!this.emitted) this.to.given(this.index, this.first);
    this.to.complete();
  }

  error(failure: unknown): void {
    if (this.emitted) this.to.error(failure);
    else this.to.failed(this.index, this.first, failure);
  }
}
