import type { Follower } from './aftercare.ts';
import { Belongings } from './belongings.ts';
import { BLOCKED } from './blocking.ts';
import type { Aftermath, Sign } from './bound-options.ts';
import { type CallView, callInfo, cancelledBy, scopeOf, title } from './call-view.ts';
import { Caller } from './caller.ts';
import type { CleanupHandler, CleanupOwner } from './cleanup.ts';
import { type Context, WorkContext } from './context.ts';
import { describe } from './describe.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { NonErrorThrownError } from './errors/non-error-thrown-error.ts';
import { SkippedError } from './errors/skipped-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { Handle, Sink } from './flow.ts';
import type { FollowedRun } from './followed-run.ts';
import { Grace } from './grace.ts';
import { type Hook, tellEnd, tellSettled, wantsOutcome } from './hook.ts';
import { isRealError } from './is-real-error.ts';
import { account } from './ledger.ts';
import type { Orphan } from './report.ts';
import type { RunScope } from './run-scope.ts';
import { type Checked, checkItem, checkOutput } from './schema-check.ts';
import { Scope, sweep } from './scope.ts';
import { softWarning, tellSign } from './signs.ts';
import { type SourceOwner, sourceOf } from './source.ts';
import type { Outcome, Verdict } from './verdict.ts';
import { verdictOf } from './verdict-of.ts';

/** No outcome yet. */
const OPEN = 0;
/** The outcome is given; the work, its cleanup, or calls made in it may still go on. */
const ENDED = 1;
/** Nobody waits for it any more: all that has ended, or its time is over. What goes on from here is an orphan. */
const RELEASED = 2;
/** All that has really ended. */
const SETTLED = 3;

/**
 * One run of the work itself, at the inner end of the chain: it follows what the work returned, in whatever form that came, gives
 * its outcome once, and then sees to it that the work really ends: cleanup, grace, and what comes late.
 */
export class Execution extends Caller implements Handle, SourceOwner, CleanupOwner {
  /** The call, as of the level of the work. */
  readonly call: CallView;
  declare readonly asRun: RunScope | null;
  private readonly sink: Sink;
  private readonly hold: FollowedRun | null;
  private readonly hooks: Hook | null;
  /** When it began, for whoever wants to know how long it took; null when nobody does. */
  private startedAt: number | null;
  /** Somebody was told that it began. */
  private announced = false;
  private phase: typeof OPEN | typeof ENDED | typeof RELEASED | typeof SETTLED = OPEN;
  /** The work's own promise, iterator or subscription has not ended. */
  private working = true;
  private source: Handle | null = null;
  private belongings: Belongings | null = null;
  private outcome: Outcome | undefined = undefined;
  private grace: Grace | null = null;
  /** How often it was given the chance to hear of the end of something inside. */
  private chances = 0;

  constructor(call: CallView, sink: Sink) {
    super();
    this.call = call;
    this.sink = sink;
    this.hooks = call.takeHooks(Number.POSITIVE_INFINITY);
    this.hold = call.hold;
    const { events, clock } = call.root.environment;
    this.startedAt = events.listening || wantsOutcome(this.hooks) ? clock.now() : null;
  }

  /** Starts the work. Answers a handle, or null when the outcome is there already. */
  begin(): Handle | null {
    const { root } = this.call;
    root.adopt(this);
    root.workStarts();
    this.hold?.enter();
    for (let { bound } = this.call; bound !== null; bound = bound.outer) bound.started();
    account.works++;
    if (root.told) {
      this.announced = true;
      this.call.emit('attempt.start');
    }
    if (this.phase === OPEN) this.startWork();
    else this.stopped();
    return this.phase === OPEN ? this : null;
  }

  private startWork(): void {
    let result: unknown;
    try {
      this.call.root.environment.timers.seal();
      result = this.announced ? this.startNoted() : this.work();
      if (result instanceof Promise) {
        this.await(result);
        return;
      }
    } catch (error) {
      this.failed(error);
      return;
    }
    if ((typeof result === 'object' && result !== null) || typeof result === 'function') this.follow(result);
    else this.succeeded(result);
  }

  /** Starts the work itself. */
  protected work(): unknown {
    return this.call.root.chain.target.start(this);
  }

  /** Starts the work, and notes if it blocks the loop until it first waits: what was armed before it counts from its beginning. */
  private startNoted(): unknown {
    const { blocking, clock, timers } = this.call.root.environment;
    const armed = timers.lastFresh;
    const from = this.startedAt ?? clock.now();
    const result = this.work();
    const to = clock.now();
    if (to - from > BLOCKED) {
      if (armed !== null) timers.placeUpTo(armed, from);
      blocking.note(this.call, from, to);
    }
    return result;
  }

  // How it is stopped.

  /** Stops it: by way of the chain, or as a part of a sweep that has marked it already. */
  cancel(reason?: unknown): void {
    if (this.phase !== OPEN) return;
    // By way of RxJS no reason arrives; a sweep has left it here.
    if (this.aborted) {
      this.stop(this.reason);
      return;
    }
    const why = reason ?? new CancelledError(`${title(this.call)} was abandoned by an interceptor`);
    sweep([this], why, () => this.stop(why));
  }

  /** Reached by a sweep, and by nobody else: what stands between is not informed yet, and is told an end like any other. */
  onAbort(reason: unknown): void {
    if (this.phase === ENDED) this.hurry();
    if (this.phase !== OPEN) return;
    this.stop(reason);
    this.sink.error(verdictOf(reason) === 'timeout' ? reason : cancelledBy(this.call, reason));
  }

  private stop(reason: unknown): void {
    if (this.phase !== OPEN) return;
    this.end(verdictOf(reason) === 'timeout' ? 'timeout' : 'cancelled', reason);
    this.stopWork(reason);
    this.clean();
    this.settleWithin(this.call.root.graceMs);
  }

  // What the work is given.

  /** The context for the work. */
  get context(): Context {
    return new WorkContext(this);
  }

  /** The signal, made when somebody first reads it. */
  get signal(): AbortSignal {
    return this.own.signal(this.reason);
  }

  /** Whether what the work reports still counts. */
  get open(): boolean {
    return this.phase === OPEN;
  }

  get title(): string {
    return title(this.call);
  }

  /** Ends the work by saying that there is nothing for it to do. */
  skip(reason: string | undefined): never {
    const why = reason === undefined ? '' : `: ${reason}`;
    const { call } = this;
    this.own.skipped = new SkippedError(`${title(call)} was skipped${why}`, {
      call: callInfo(call),
      scope: scopeOf(call),
      ...(reason === undefined ? {} : { details: { reason } }),
    });
    throw this.own.skipped;
  }

  /** The signal of soft limits, made when somebody first reads it. */
  get softSignal(): AbortSignal {
    return this.own.softSignal(softWarning(this.call));
  }

  override warn(warning: unknown): void {
    this.belongings?.warn(warning);
  }

  /** A sign of life: kept, and told to all the deadlines around it that want to hear of it. */
  sign(sign: Sign, details?: unknown): void {
    const { root, watch, bounded, clock } = this.call;
    // Without a deadline nobody will ask when it was.
    const at = !bounded && watch === null ? Number.NEGATIVE_INFINITY : clock.now();
    if (sign !== 'item' && sign !== 'call') root.heard(sign, at, details);
    tellSign(watch, root, sign, at, details);
  }

  /** It waits for something else, such as a person: until the answer is called, clocks that may do so stand still. */
  pause(reason: string): () => void {
    return this.open ? this.own.pause(this.call, reason) : () => {};
  }

  addCleanup(handler: CleanupHandler): void {
    this.own.addCleanup(handler, this.outcome);
  }

  addLate(dispose: (value: unknown) => unknown): void {
    this.own.addLate(dispose);
  }

  private get own(): Belongings {
    if (this.belongings === null) {
      this.belongings = new Belongings(this);
      // Its cleanup is told how long it took. What is asked for, is asked for at the beginning.
      this.startedAt ??= this.call.root.environment.clock.now();
    }
    return this.belongings;
  }

  // What the work returned, in all its forms.

  private follow(result: object): void {
    let source: ReturnType<typeof sourceOf>;
    try {
      source = sourceOf(result, this);
    } catch (error) {
      this.failed(error);
      return;
    }
    if (source === null) {
      this.succeeded(result);
    } else if (source instanceof Promise) {
      this.await(source);
    } else {
      this.call.root.streamStarts();
      this.source = source;
      // It may have been stopped while it was putting its stream together.
      if (this.phase === OPEN) source.start();
      else source.cancel();
    }
  }

  private await(promise: Promise<unknown>): void {
    promise.then(
      (value) => this.succeeded(value),
      (error: unknown) => this.failed(error),
    );
  }

  item(value: unknown): void {
    if (this.phase !== OPEN) {
      this.late('value', value);
      return;
    }
    const checked = checkItem(this.call, value);
    if ('error' in checked) {
      this.refuse(checked.error);
      return;
    }
    if (this.call.watch !== null) this.sign('item');
    this.sink.next(checked.value);
    if (this.sink.enough === true) this.cancel();
  }

  done(): void {
    this.working = false;
    if (this.phase !== OPEN) {
      Scope.advance(this);
      return;
    }
    this.end('ok', undefined);
    this.sink.complete();
    this.clean();
    this.settleWithin(this.call.root.cleanupMs);
  }

  succeeded(value: unknown): void {
    if (this.phase !== OPEN) {
      this.working = false;
      this.late('value', value);
      Scope.advance(this);
    } else if (this.call.root.chain.target.outputSchema === undefined) {
      this.deliver(value);
    } else {
      this.check(value);
    }
  }

  failed(thrown: unknown): void {
    this.working = false;
    if (this.phase !== OPEN) {
      if (!this.unwinds(thrown)) this.late('error', thrown);
      Scope.advance(this);
      return;
    }
    const error = this.asError(thrown);
    if (this.belongings?.skipped === error) this.end('skipped', error);
    else this.failWith(error);
    this.clean();
    this.sink.error(error);
    this.settleWithin(this.call.root.cleanupMs);
  }

  stopped(): void {
    this.working = false;
    Scope.advance(this);
  }

  stopThrew(error: unknown): void {
    if (!this.unwinds(error)) this.cleanupThrew(error);
  }

  private check(value: unknown): void {
    const checked = checkOutput(this.call, value);
    if (checked instanceof Promise) checked.then((one) => this.checked(one, value));
    else this.checked(checked, value);
  }

  /** What the output schema says of the value. It may have thought for so long that the call is over. */
  private checked(checked: Checked, value: unknown): void {
    if (this.phase !== OPEN) {
      this.working = false;
      this.late('value', value);
      Scope.advance(this);
    } else if ('error' in checked) {
      this.failed(checked.error);
    } else {
      this.deliver(checked.value);
    }
  }

  private deliver(value: unknown): void {
    this.working = false;
    this.end('ok', undefined);
    this.sink.success(value);
    this.clean();
    if (!this.settleAtOnce()) this.settleWithin(this.call.root.cleanupMs);
  }

  /** Ends a stream that goes on but must not: its item does not fit the schema. */
  private refuse(error: unknown): void {
    this.failWith(error);
    this.stopWork(error);
    this.clean();
    this.sink.error(error);
    this.settleWithin(this.call.root.graceMs);
  }

  private failWith(error: unknown): void {
    this.call.root.workFailure = error;
    this.end('failed', error);
  }

  private asError(thrown: unknown): unknown {
    if (isRealError(thrown)) return thrown;
    const message = `${title(this.call)} threw ${describe(thrown)}, which is no Error`;
    return new NonErrorThrownError(message, { call: callInfo(this.call), cause: thrown });
  }

  // How it ends.

  /** Gives the outcome, and tells the hooks. What follows is the caller's: stopping, cleaning up, telling the sink. */
  private end(status: Verdict, error: unknown): void {
    const { root } = this.call;
    const { environment } = root;
    this.phase = ENDED;
    root.openWorks--;
    this.belongings?.resumeAll();
    if (error !== undefined) root.lastError = error;
    if (this.hooks === null && this.belongings === null && !root.told) {
      if (error !== undefined) this.outcome = { status, error, durationMs: 0 };
      else this.outcome = ENDED_OK;
      return;
    }
    const durationMs = this.startedAt === null ? 0 : environment.clock.now() - this.startedAt;
    this.outcome = error === undefined ? { status, durationMs } : { status, error, durationMs };
    if (this.announced) this.call.emit('attempt.end', { ...this.outcome });
    tellEnd(this.hooks, this.outcome, root);
  }

  /** The common case, spared the walk of {@link Scope.advance}: nothing was asked for, and nothing is left. */
  private settleAtOnce(): boolean {
    if (this.firstChild !== null || this.belongings !== null || this.hooks !== null) return false;
    if (this.phase !== ENDED) return false;
    this.phase = SETTLED;
    account.works--;
    this.hold?.leave();
    Scope.leave(this);
    return true;
  }

  /** Starts the cleaning up: after a failure, before anybody hears of it and may begin again. */
  private clean(): void {
    if (this.outcome !== undefined) this.belongings?.clean(this.outcome);
  }

  private stopWork(reason: unknown): void {
    this.belongings?.abort(reason);
    this.source?.cancel(reason);
  }

  /** Lets go at once if all has ended; else calls made in it are stopped, and what remains gets `limitMs`. */
  private settleWithin(limitMs: number): void {
    if (this.firstChild !== null && !this.aborted) {
      const left = [...this.children()].filter((child) => !child.aborted);
      sweep(left, new CancelledError(`${title(this.call)} has ended`));
    }
    Scope.advance(this);
    if (this.phase !== ENDED) return;
    this.hold?.linger();
    const { root } = this.call;
    const limit = root.stopped ? Math.min(limitMs, root.graceMs) : limitMs;
    this.grace = new Grace(() => this.call.root.inContext(() => this.timeIsOver()));
    this.call.root.environment.timers.arm(this.grace, limit);
  }

  /** The call was stopped: what is left here gets no longer than its grace. */
  hurry(): void {
    const { root } = this.call;
    const { timers, clock } = root.environment;
    const { graceMs } = root;
    if (this.phase !== ENDED || this.grace === null || timers.expiry(this.grace) <= clock.now() + graceMs) return;
    timers.arm(this.grace, graceMs);
  }

  /**
   * The time to unwind is over, for all that is in it first: what only waits for something inside is no orphan, and gets the chance to
   * hear of its end.
   */
  private timeIsOver(): void {
    if (this.phase !== ENDED) return;
    if (this.unreleased > 0 && this.chances < CHANCES) {
      this.chances++;
      for (const inner of [...this.descendants()]) {
        if (inner instanceof Execution && inner.phase === ENDED && inner.unreleased === 0) inner.giveUp();
      }
      // What was inside may have been all.
      if (this.phase === ENDED) this.call.root.environment.timers.arm(this.grace as Grace, 0);
      return;
    }
    this.giveUp();
  }

  /** Whether nobody waits for it any more. */
  get released(): boolean {
    return this.phase >= RELEASED;
  }

  /** Lets somebody hear what becomes of it. Answers false when it has ended already. */
  followedBy(follower: Follower): boolean {
    if (this.phase === SETTLED || (this.grace === null && this.phase <= ENDED)) return false;
    // It was let go at once, but a call made in it goes on as an orphan: it has not settled before that has.
    this.grace ??= new Grace(() => {});
    this.grace.followers ??= [];
    this.grace.followers.push(follower);
    return true;
  }

  private tellFollowers(what: Aftermath): void {
    for (const follower of this.grace?.followers ?? NOBODY) follower.heard(what);
  }

  /** Nobody waits for it any longer: the rest of the cleanup starts, and what has not ended is an orphan. */
  private giveUp(): void {
    if (this.grace !== null) this.grace.over = true;
    const left = this.belongings?.flush() ?? 0;
    if (left > 0) this.call.emit('cleanup.late', { left });
    if (this.grace !== null && (this.working || left > 0)) {
      const { clock, gauges } = this.call.root.environment;
      this.grace.orphanedAt = clock.now();
      gauges.orphans++;
      this.call.emit('orphan', { what: this.working ? 'work' : 'cleanup' });
      this.tellFollowers('orphan');
    }
    Scope.advance(this);
  }

  protected tryRelease(): boolean {
    if (this.phase !== ENDED) return false;
    if (!(this.unreleased === 0 && this.quiet) && this.grace?.over !== true) return false;
    this.phase = RELEASED;
    if (this.grace !== null) this.call.root.environment.timers.disarm(this.grace);
    return true;
  }

  protected trySettle(): boolean {
    if (this.phase !== RELEASED || !this.quiet) return false;
    // What goes on in it now is something else's.
    if (this.grace !== null) this.endOrphan(this.grace);
    if (this.firstChild !== null) return false;
    this.phase = SETTLED;
    account.works--;
    if (this.hooks !== null) tellSettled(this.hooks, this.call.root);
    for (const follower of this.grace?.followers ?? NOBODY) follower.settled();
    this.hold?.leave();
    return true;
  }

  /** The work and its cleanup have ended. */
  private get quiet(): boolean {
    return !this.working && (this.belongings === null || this.belongings.idle);
  }

  /** What it is to those who ask what is still alive; undefined while it is no orphan. */
  override get orphan(): Orphan | undefined {
    const since = this.grace?.orphanedAt ?? Number.NaN;
    if (Number.isNaN(since)) return undefined;
    const { target, name, attempt, clock } = this.call;
    return { name, kind: this.working ? target : 'cleanup', attempt, ageMs: clock.now() - since };
  }

  private endOrphan(grace: Grace): void {
    const { orphanedAt: since } = grace;
    if (Number.isNaN(since)) return;
    grace.orphanedAt = Number.NaN;
    const { clock, gauges } = this.call.root.environment;
    gauges.orphans--;
    this.call.emit('orphan.end', { ageMs: clock.now() - since });
    this.tellFollowers('orphan.end');
  }

  cleanupThrew(error: unknown): void {
    this.call.root.suppress(this.asError(error));
  }

  cleanupIdle(): void {
    Scope.advance(this);
  }

  // What comes too late.

  /** Whether `error` is only how a stopped work unwinds, as it should. */
  private unwinds(error: unknown): boolean {
    if (!this.aborted) return false;
    return (
      error === this.reason || isSluiceError(error, 'CANCELLED') || (isRealError(error) && error.name === 'AbortError')
    );
  }

  /** Counts what comes too late, and disposes of a value. */
  late(what: 'value' | 'error' | 'data', value?: unknown): void {
    this.call.root.countLate();
    this.call.emit('late', { what });
    if (what !== 'data') this.tellFollowers('late');
    if (what === 'value') this.belongings?.disposeLate(value);
  }
}

const NOBODY: readonly Follower[] = [];

/** How often a work whose time is over is given the chance to hear of the end of something inside: once per level, at least. */
const CHANCES = 20;

// A work is no run.
Object.defineProperty(Execution.prototype, 'asRun', { value: null });

const ENDED_OK: Outcome = Object.freeze({ status: 'ok', durationMs: 0 });
