import type { Bound } from './bound.ts';
import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { driveNext } from './drive-next.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import type { Handle, Sink } from './flow.ts';
import { tellEnd, tellSettled } from './hook.ts';
import type { Next } from './interceptor.ts';
import type { Part } from './part.ts';
import type { Verdict } from './verdict.ts';
import { verdictOf } from './verdict-of.ts';

/** It has ended, in whatever way. */
const ENDED = 1;
/** A work in it has begun. */
const BEGUN = 2;
/** A work in it has its outcome, and goes on, or cleans up. */
const LINGERS = 4;
/** Of that it was told. */
const TOLD = 8;
/** All that was started in it has really ended. */
const SETTLED = 16;

/**
 * One run of what is inside an interceptor, followed to its end: what a plugin holds for as long as work goes on, such as a permit, extends
 * it, and so is the run itself. It passes everything on, and hears what an unsubscribe cannot say: when a work in it began, how the run
 * ended, whether its work goes on after that, and when all of it has really ended.
 *
 * @example
 * ```ts
 * import { driven, defineInterceptor, FollowedRun, Place, wrap } from '@sluice/core';
 *
 * let running = 0;
 * class Counted extends FollowedRun {
 *   protected override settled(): void {
 *     running--;
 *   }
 * }
 * const gauge = defineInterceptor({
 *   name: 'gauge',
 *   priority: Place.concurrency,
 *   intercept: driven({ name: 'gauge' }, (call, next, sink) => {
 *     running++;
 *     return new Counted(call, sink).begin(next);
 *   }),
 * });
 * await wrap(async () => console.assert(running === 1), gauge)();
 * console.assert(running === 0);
 * ```
 *
 * @see {@link following} to be told in an object of one's own
 */
export abstract class FollowedRun implements Sink, Handle, Part {
  partBefore: Part | null = null;
  partAfter: Part | null = null;
  /** The call, as the interceptor was given it. */
  readonly call: Call;
  /** The level of the interceptor that it belongs to. */
  readonly level: number;
  /** The next one outwards. */
  readonly outer: FollowedRun | null;
  private readonly sink: Sink;
  /** The innermost deadline around it. */
  private readonly within: Bound | null;
  private inner: Handle | null = null;
  /** How many works, and runs in it that are followed, have not settled. */
  private unsettled = 0;
  private state = 0;

  /** @param sink - where it passes everything on to */
  constructor(call: Call, sink: Sink) {
    const view = call as CallView;
    this.call = call;
    this.level = view.reached;
    this.outer = view.hold;
    this.within = view.bound;
    this.sink = sink;
    view.hold = this;
    if (this.outer !== null) this.outer.unsettled++;
    view.root.openPart(this);
  }

  /** The innermost run that somebody follows around where `call` has come to, of the call itself; null when there is none. */
  static around(call: Call): FollowedRun | null {
    return (call as CallView).hold;
  }

  // What is heard of it. What these throw is reported, and harms nothing.

  /** A work in it has begun: once. */
  protected began(): void {}

  /** It has ended, in whatever way: once, before anybody further out hears of it. */
  protected ended(_status: Verdict, _error: unknown): void {}

  /** It has ended, but its work goes on, or cleans up: once, and only where that is so. */
  protected lingered(): void {}

  /** Its work has really ended, and its cleanup has run: once. */
  protected settled(): void {}

  // How it goes.

  /** Runs what is inside of the interceptor. Answers how to stop it, or null when it has ended already. */
  begin(next: Next): Handle | null {
    return this.driven(driveNext(this.call, next, this));
  }

  /** What it is to drive has been driven. */
  protected driven(inner: Handle | null): Handle | null {
    if ((this.state & ENDED) === 0) {
      this.inner = inner;
      return this;
    }
    // It was stopped while it was being started.
    inner?.cancel(this.view.stopReason(this.within));
    return null;
  }

  private get view(): CallView {
    return this.call as CallView;
  }

  /** For core: a work began in it, and has not settled. */
  enter(): void {
    this.unsettled++;
    for (let run: FollowedRun | null = this; run !== null; run = run.outer) {
      // Those further out have heard of it as well.
      if ((run.state & BEGUN) !== 0) return;
      run.state |= BEGUN;
      try {
        run.began();
      } catch (thrown) {
        run.threw(thrown);
      }
    }
  }

  /** For core: something in it has settled. */
  leave(): void {
    this.unsettled--;
    this.checkSettled();
  }

  /** For core: a work in it has its outcome, and goes on, or cleans up. */
  linger(): void {
    for (let run: FollowedRun | null = this; run !== null; run = run.outer) {
      run.state |= LINGERS;
      if ((run.state & ENDED) !== 0) run.tellLingers();
    }
  }

  /** Whether it has ended. */
  get over(): boolean {
    return (this.state & ENDED) !== 0;
  }

  // What arrives from inside.

  get enough(): boolean {
    return (this.state & ENDED) !== 0 || this.sink.enough === true;
  }

  next(value: unknown): void {
    this.sink.next(value);
  }

  success(value: unknown): void {
    if (!this.end('ok', undefined)) return;
    this.sink.success(value);
    this.after();
  }

  complete(): void {
    if (!this.end('ok', undefined)) return;
    this.sink.complete();
    this.after();
  }

  error(error: unknown): void {
    if (!this.end(this.view.root.verdictOf(error), error)) return;
    this.sink.error(error);
    this.after();
  }

  cancel(reason?: unknown): void {
    if ((this.state & ENDED) !== 0) return;
    // By way of RxJS no reason arrives.
    const why = reason ?? this.view.stopReason(this.within);
    this.end(verdictOf(why) === 'timeout' ? 'timeout' : 'cancelled', why);
    this.inner?.cancel(why);
    this.after();
  }

  private end(status: Verdict, error: unknown): boolean {
    if ((this.state & ENDED) !== 0) return false;
    this.state |= ENDED;
    const { view } = this;
    view.root.closePart(this);
    if (view.hasHooks) this.tellLeftHooks(status, error);
    try {
      this.ended(status, error);
    } catch (thrown) {
      this.threw(thrown);
    }
    return true;
  }

  /** Hooks of an interceptor that never went further in are told as well: they too are told once, whatever happens. */
  private tellLeftHooks(status: Verdict, error: unknown): void {
    const { view } = this;
    const { root } = view;
    const left = view.takeHooks(Number.POSITIVE_INFINITY);
    const durationMs = root.age;
    tellEnd(left, error === undefined ? { status, durationMs } : { status, error, durationMs }, root);
    tellSettled(left, root);
  }

  private tellLingers(): void {
    if (this.unsettled <= 0 || (this.state & (SETTLED | TOLD)) !== 0) return;
    this.state |= TOLD;
    try {
      this.lingered();
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  /** After the end: it has settled with it, or lingers. */
  private after(): void {
    this.checkSettled();
    if ((this.state & LINGERS) !== 0) this.tellLingers();
  }

  private checkSettled(): void {
    if (this.unsettled > 0 || (this.state & (ENDED | SETTLED)) !== ENDED) return;
    this.state |= SETTLED;
    try {
      this.settled();
    } catch (thrown) {
      this.threw(thrown);
    }
    this.outer?.leave();
  }

  private threw(cause: unknown): void {
    const error = new InterceptorError('(following)', 'threw when it was told of a run', { cause });
    this.view.root.environment.report(error);
  }
}
