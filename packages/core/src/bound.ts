import { Aftercare } from './aftercare.ts';
import { boundFacts, softTimeout, timeoutError } from './bound-facts.ts';
import type { BoundOptions, BoundRun, Sign } from './bound-options.ts';
import type { Call } from './call.ts';
import { type CallView, scopeOf } from './call-view.ts';
import { Course } from './course.ts';
import { driveNext } from './drive-next.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Handle, Sink } from './flow.ts';
import type { Next } from './interceptor.ts';
import type { Invocation } from './invocation.ts';
import type { Limit } from './limit.ts';
import type { Part } from './part.ts';
import { sweep } from './scope.ts';
import type { TimerNode } from './timers.ts';
import type { Verdict } from './verdict.ts';
import { verdictOf } from './verdict-of.ts';

/** One run of what is inside a deadline, which is its own timer. */
export class Bound implements Sink, Part, TimerNode, BoundRun {
  partBefore: Part | null = null;
  partAfter: Part | null = null;
  /** What was never armed has no deadline. */
  timerAt: number | undefined = undefined;
  timerSlot = -1;
  timerOrder = 0;
  timerBefore: TimerNode | null = null;
  timerAfter: TimerNode | null = null;
  declare readonly patient: true;
  readonly view: CallView;
  /** The next deadline outwards of the same call. */
  readonly outer: Bound | null;
  /** The level of the interceptor that it belongs to. */
  readonly level: number;
  /** True once it is over: nothing starts in it any more. */
  closed = false;
  /** Why it is over, if because its time was. */
  failure: unknown = undefined;
  /** What those that set it keep for this run of it. */
  state: unknown = undefined;
  private readonly limit: Limit;
  private readonly sink: Sink;
  private inner: Handle | null = null;
  private course: Course | null = null;

  constructor(view: CallView, limit: Limit, sink: Sink) {
    this.view = view;
    this.outer = view.bound;
    this.level = view.reached;
    this.limit = limit;
    this.sink = sink;
    view.bound = this;
  }

  get call(): Call {
    return this.view;
  }

  private get options(): BoundOptions {
    return this.limit.options;
  }

  /** The call that it is a part of. */
  get root(): Invocation {
    return this.view.root;
  }

  /** Whether it wants to hear of signs of life. */
  get listens(): boolean {
    return this.limit.listens;
  }

  /** The next outwards that wants to, be it of a call around this one. */
  get nextListening(): Bound | null {
    for (let { outer } = this as Bound; outer !== null; outer = outer.outer) if (outer.listens) return outer;
    return this.root.watchAround;
  }

  /** Arms the deadline, then starts what is inside: never the other way round. */
  begin(next: Next): Handle | null {
    const { limit, view } = this;
    const { root } = view;
    const { timeouts, timers } = root.environment;
    if (limit.saysHow) this.sayHow(limit.options);
    if (timeouts) {
      if (limit.ms <= 0) return this.overAtOnce();
      root.keepContext();
      timers.arm(this, limit.firstAlarm);
    }
    root.openPart(this);
    const inner = driveNext(view, next, this);
    if (!this.closed) {
      this.inner = inner;
      return this;
    }
    // It was stopped while it was being started.
    inner?.cancel(view.stopReason());
    return null;
  }

  private sayHow({ grace, cleanup, partial }: BoundOptions): void {
    if (grace !== undefined || cleanup !== undefined) this.root.unwindWithin(grace, cleanup);
    if (partial === 'resolve') this.root.insteadOf(undefined);
  }

  /** Nothing of what is inside begins. */
  private overAtOnce(): null {
    this.closed = true;
    this.root.unbroken = false;
    this.root.whileDeciding(() => {
      this.tell(0);
      this.ended('timeout', 0, 0);
      this.sink.error(this.errorOf(this.facts(0)));
    });
    return null;
  }

  // What arrives from inside.

  get enough(): boolean {
    return this.closed || this.sink.enough === true;
  }

  next(value: unknown): void {
    this.sink.next(value);
  }

  success(value: unknown): void {
    if (!this.close('ok')) return;
    this.inner = null;
    this.sink.success(value);
  }

  complete(): void {
    if (!this.close('ok')) return;
    this.inner = null;
    this.sink.complete();
  }

  error(error: unknown): void {
    if (this.closed || !this.close(this.root.verdictOf(error))) return;
    this.inner = null;
    this.fail(error);
  }

  cancel(reason?: unknown): void {
    if (this.closed) return;
    const why = reason ?? this.view.stopReason(this);
    // A limit around the call is its cancellation, whatever the reason is called.
    this.close(this.root.verdict !== 'cancelled' && verdictOf(why) === 'timeout' ? 'timeout' : 'cancelled');
    this.inner?.cancel(why);
    this.inner = null;
  }

  /** A timeout may end as what was achieved by then. */
  private fail(error: unknown): void {
    const { root } = this;
    const instead = this.options.partial === 'resolve' ? root.insteadOf(error) : undefined;
    if (instead === undefined) this.sink.error(error);
    else this.sink.success(instead);
  }

  private close(status: Verdict, elapsedMs?: number): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.root.unbroken = false;
    const { limit } = this;
    if (limit.hearsEnd || (limit.hearsOfKept && this.state !== undefined))
      this.ended(status, elapsedMs ?? this.elapsed(), this.course?.pausedMs ?? 0);
    this.root.closePart(this);
    this.root.environment.timers.disarm(this);
    return true;
  }

  // How its time runs.

  /** For how long it has been going on. */
  private elapsed(): number {
    const { timers, clock } = this.root.environment;
    if (this.course !== null) return clock.now() - this.course.began;
    return timers.sinceArmed(this, this.limit.firstAlarm);
  }

  /** From here on its time does not simply run down. */
  private get courseOf(): Course {
    const { timers, clock } = this.root.environment;
    const due = this.timerSlot === IDLE ? (this.timerAt ?? 0) : timers.expiry(this);
    // What was never armed begins to count when somebody asks.
    this.course ??= new Course(due > 0 ? due - this.limit.firstAlarm : clock.now());
    return this.course;
  }

  expire(lagMs: number): void {
    this.root.inContext(() => this.due(lagMs));
  }

  private due(lagMs: number): void {
    if (this.closed) return;
    const { limit, soft } = this.options;
    if (soft === undefined || soft >= limit || this.course?.warning !== undefined) {
      this.ask(lagMs);
      return;
    }
    const { timers } = this.root.environment;
    const left = limit - soft - lagMs;
    // Looked at before the timer is armed anew; armed before anybody is warned, for who pauses then keeps what is left.
    this.courseOf;
    timers.arm(this, Math.max(left, 0));
    this.warn(soft, lagMs);
    if (left > 0 || this.closed || this.course?.paused === true) return;
    timers.disarm(this);
    this.ask(-left);
  }

  /** The time is over, unless it gets more. */
  private ask(lagMs: number): void {
    const { options, root } = this;
    const { timers, clock, timeouts } = root.environment;
    if (options.extend !== undefined) {
      // Looked at before the timer is armed anew.
      this.courseOf;
      // Listeners may hear of it: who pauses then, keeps what is left, which is nothing.
      timers.arm(this, 0);
      const left = this.extended(clock.now());
      if (this.closed || this.course?.paused === true) return;
      if (left > 0) {
        timers.arm(this, left);
        return;
      }
      timers.disarm(this);
    }
    if (timeouts) this.expired(lagMs);
  }

  private warn(softMs: number, lagMs: number): void {
    const { view, root, options, scope } = this;
    const warning = softTimeout(view, scope, softMs, options.limit);
    this.courseOf.warning = warning;
    view.emit('timeout.soft', { scope, limitMs: softMs, hardMs: options.limit, lagMs });
    for (const work of root.worksWithin(this)) {
      work.warn(warning);
      for (const inner of [...work.descendants()]) inner.warn(warning);
    }
  }

  /** What was said when its soft limit has passed; undefined while it has not. */
  get warning(): unknown {
    return this.course?.warning;
  }

  private expired(lagMs: number): void {
    const { root, options } = this;
    const { clock } = root.environment;
    const works = root.worksWithin(this);
    const unsettled = root.unsettledWithin(this);
    const facts = this.facts(lagMs);
    if (!this.close('timeout', facts.elapsedMs)) return;
    const error = this.errorOf(facts);
    this.failure = error;
    // What is set off by this cannot be first any more: the deadline was.
    root.whileDeciding(() => {
      this.tell(lagMs);
      sweep(works, error, () => this.inner?.cancel(error));
      new Aftercare(facts.details, options, clock, clock.now() - lagMs, (thrown) =>
        this.report('threw when it heard what became of its work', thrown),
      ).follow(unsettled, works);
      this.fail(error);
    });
  }

  /** Work in it has started: a limit on waiting has done its duty. */
  started(): void {
    if (this.limit.untilStarted) this.root.environment.timers.disarm(this);
  }

  /** Its clock stands still, if it may. */
  pause(): boolean {
    if (this.closed || this.options.pausable !== true) return false;
    const { timers, clock } = this.root.environment;
    const now = clock.now();
    if (this.courseOf.pause(now, timers.expiry(this) - now)) timers.disarm(this);
    return true;
  }

  resume(): void {
    if (this.closed) return;
    const { timers, clock } = this.root.environment;
    const now = clock.now();
    const left = this.courseOf.resume(now);
    if (left === undefined) return;
    timers.arm(this, Math.max(left, 0));
    // Whoever goes on has been heard from.
    this.hear('resume', now, true, undefined);
  }

  /** A sign of life from inside. */
  hear(sign: Sign, at: number, own: boolean, details: unknown): void {
    if (this.closed) return;
    // What a call in it says of itself shows that it is alive, and no more.
    if (!own || sign === 'item' || sign === 'call') this.root.heard('call', at, undefined);
    const soon = this.signed(sign, at, own, details);
    if (soon === undefined || this.course?.paused === true) return;
    const { timers } = this.root.environment;
    if (timers.expiry(this) <= at + soon) return;
    this.courseOf;
    this.root.keepContext();
    timers.arm(this, soon);
  }

  /** A heartbeat came too late to count. */
  ignore(): void {
    this.options.ignored?.(this);
  }

  /** When it will be over; `Infinity` for one that can be put off. */
  deadline(): number {
    const { limit, soft, extend } = this.options;
    // One that can be put off is a promise to nobody.
    if (extend !== undefined) return Number.POSITIVE_INFINITY;
    const at = this.closed ? this.timerAt : this.root.environment.timers.expiry(this);
    if (at === undefined) return Number.POSITIVE_INFINITY;
    const warned = soft === undefined || soft >= limit || this.course?.warning !== undefined;
    return warned ? at : at - soft + limit;
  }

  /** For how long it has been going on, as far as it knows. */
  age(): number | undefined {
    const age = this.elapsed();
    return Number.isNaN(age) ? undefined : age;
  }

  /** Whose deadline it is. */
  get scope(): string {
    return this.options.scope ?? scopeOf(this.view);
  }

  /** How long what is in it may be silent, as far as it says so; `Infinity` for as long as it likes. */
  get idleLimit(): number {
    const { extend, limit } = this.options;
    return extend === undefined ? Number.POSITIVE_INFINITY : limit;
  }

  // What is said of it.

  private tell(lagMs: number): void {
    const { name, limit } = this.options;
    this.view.emit('timeout', { scope: this.scope, limit: name, limitMs: limit, lagMs });
    if (lagMs > 0) this.root.environment.blocking.tell(this.view, lagMs);
  }

  private facts(lagMs: number): ReturnType<typeof boundFacts> {
    const { course, options } = this;
    const elapsedMs = course === null ? options.limit + lagMs : this.elapsed();
    return boundFacts(this, this.scope, options, { elapsedMs, pausedMs: course?.pausedMs ?? 0, lagMs });
  }

  private errorOf(facts: ReturnType<typeof boundFacts>): SluiceError {
    try {
      return this.options.error?.(facts, this) ?? timeoutError(this.options, facts);
    } catch (thrown) {
      this.report('threw when it put a timeout in words', thrown);
      return timeoutError(this.options, facts);
    }
  }

  private ended(status: Verdict, durationMs: number, pausedMs: number): void {
    try {
      this.options.ended?.(status, durationMs, pausedMs);
      if (this.state !== undefined) this.options.endedWith?.(status, this);
    } catch (thrown) {
      this.report('threw when it heard of an end', thrown);
    }
  }

  private extended(now: number): number {
    try {
      return this.options.extend?.(now, this) ?? 0;
    } catch (thrown) {
      this.report('threw when it was asked for more time', thrown);
      return 0;
    }
  }

  private signed(sign: Sign, at: number, own: boolean, details: unknown): number | undefined {
    try {
      return this.options.sign?.(sign, at, own, details, this);
    } catch (thrown) {
      this.report('threw when it heard of a sign of life', thrown);
      return undefined;
    }
  }

  private report(fault: string, cause: unknown): void {
    this.root.environment.report(new InterceptorError('(within)', fault, { cause }));
  }
}

/** {@link TimerNode.timerSlot} of a node that is not armed. */
const IDLE = -1;

Object.defineProperty(Bound.prototype, 'patient', { value: true });
