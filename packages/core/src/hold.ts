import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { driveNext } from './drive-next.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import type { Handle, Sink } from './flow.ts';
import type { RunFollower } from './following.ts';
import { type Hook, tellEnd, tellSettled, wantsOutcome } from './hook.ts';
import type { Next } from './interceptor.ts';
import type { Part } from './part.ts';
import type { Outcome, Verdict } from './verdict.ts';
import { verdictOf } from './verdict-of.ts';

/**
 * One run of a part of the chain that somebody wants to be told of: it passes everything on, tells its hooks how the run ended, and
 * tells them again when every work that was started in it has really ended.
 */
export class Hold implements Sink, Handle, Part {
  partBefore: Part | null = null;
  partAfter: Part | null = null;
  /** The level that it stands around. */
  readonly level: number;
  /** The next hold outwards. */
  readonly outer: Hold | null;
  private readonly view: CallView;
  private readonly sink: Sink;
  private readonly hooks: Hook | null;
  private readonly startedAt: number | null;
  private inner: Handle | null = null;
  private ended = false;
  private unsettled = 0;
  private begun = false;
  private lingers = false;
  private toldLingers = false;
  private settled = false;
  private readonly follower: RunFollower | null;

  constructor(view: CallView, level: number, hooks: Hook | null, sink: Sink, follower: RunFollower | null = null) {
    this.level = level;
    this.outer = view.hold;
    this.view = view;
    this.sink = sink;
    this.hooks = hooks;
    this.follower = follower;
    this.startedAt = wantsOutcome(hooks) ? view.clock.now() : null;
    view.hold = this;
    this.outer?.nest();
    view.root.openPart(this);
  }

  /** Another hold is in it, that has not settled. */
  private nest(): void {
    this.unsettled++;
  }

  /** A work began in it, and has not settled. */
  enter(): void {
    this.unsettled++;
    for (let hold: Hold | null = this; hold !== null; hold = hold.outer) hold.begin();
  }

  private begin(): void {
    if (this.follower === null || this.begun) return;
    this.begun = true;
    try {
      this.follower.began?.();
    } catch (thrown) {
      this.followerThrew(thrown);
    }
  }

  /** Something in it has settled. */
  leave(): void {
    this.unsettled--;
    this.checkSettled();
  }

  drive(run: (sink: Sink) => Handle | null): Handle | null {
    return this.driven(run(this));
  }

  /** Runs what is inside of an interceptor. */
  driveNext(call: Call, next: Next): Handle | null {
    return this.driven(driveNext(call, next, this));
  }

  private driven(inner: Handle | null): Handle | null {
    this.inner = inner;
    if (!this.ended) return this;
    // It was stopped while it was being started.
    this.inner?.cancel(this.view.stopReason());
    return null;
  }

  get enough(): boolean {
    return this.ended || this.sink.enough === true;
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
    if (this.ended) return;
    // By way of RxJS no reason arrives.
    const why = reason ?? this.view.stopReason();
    this.end(verdictOf(why) === 'timeout' ? 'timeout' : 'cancelled', why);
    this.inner?.cancel(why);
    this.after();
  }

  private end(status: Verdict, error: unknown): boolean {
    if (this.ended) return false;
    this.ended = true;
    const { root } = this.view;
    root.closePart(this);
    // Hooks of an interceptor that never went further in are told as well: they too are told once, whatever happens.
    const left = this.view.takeHooks(Number.POSITIVE_INFINITY);
    if (left !== null) tellEnd(left, outcomeOf(status, error, root.age), root);
    if (this.hooks !== null) {
      const durationMs = this.startedAt === null ? 0 : this.view.clock.now() - this.startedAt;
      tellEnd(this.hooks, outcomeOf(status, error, durationMs), root);
    }
    try {
      this.follower?.ended?.(status, error);
    } catch (thrown) {
      this.followerThrew(thrown);
    }
    tellSettled(left, root);
    return true;
  }

  /** A work in it has its outcome, and goes on, or cleans up. */
  linger(): void {
    for (let hold: Hold | null = this; hold !== null; hold = hold.outer) {
      hold.lingers = true;
      if (hold.ended) hold.tellLingers();
    }
  }

  private tellLingers(): void {
    if (this.follower === null || this.unsettled <= 0 || this.settled || this.toldLingers) return;
    this.toldLingers = true;
    try {
      this.follower.lingers?.();
    } catch (thrown) {
      this.followerThrew(thrown);
    }
  }

  /** After the end: it has settled with it, or lingers. */
  private after(): void {
    this.checkSettled();
    if (this.lingers) this.tellLingers();
  }

  private checkSettled(): void {
    if (!this.ended || this.settled || this.unsettled > 0) return;
    this.settled = true;
    tellSettled(this.hooks, this.view.root);
    try {
      this.follower?.settled?.();
    } catch (thrown) {
      this.followerThrew(thrown);
    }
    this.outer?.leave();
  }

  /** It is reported, and harms nothing. */
  private followerThrew(cause: unknown): void {
    const error = new InterceptorError('(following)', 'threw when it was told of a run', { cause });
    this.view.root.environment.report(error);
  }
}

function outcomeOf(status: Verdict, error: unknown, durationMs: number): Outcome {
  return error === undefined ? { status, durationMs } : { status, error, durationMs };
}
