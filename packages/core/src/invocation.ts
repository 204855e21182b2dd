import { AsyncResource, executionAsyncId } from 'node:async_hooks';
import type { Bound } from './bound.ts';
import type { PartialResult, Sign } from './bound-options.ts';
import type { Deadline } from './call.ts';
import { CallView, cancelledBy, scopeOf, title } from './call-view.ts';
import { type Caller, runOf } from './caller.ts';
import type { Chain } from './chain.ts';
import { CheckedInput } from './checked-input.ts';
import { Collector } from './collector.ts';
import type { Environment } from './environment.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { DrainingError } from './errors/draining-error.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Execution } from './execution.ts';
import type { Handle, Sink } from './flow.ts';
import { tellEnd, tellSettled } from './hook.ts';
import { makeId } from './ids.ts';
import type { Next } from './interceptor.ts';
import { join } from './join.ts';
import { account } from './ledger.ts';
import { Limit } from './limit.ts';
import type { Part } from './part.ts';
import { RunData } from './run-data.ts';
import type { RunScope } from './run-scope.ts';
import { Scope, sweep } from './scope.ts';
import type { Tie } from './signal-scope.ts';
import { tellSign } from './signs.ts';
import type { Refusal } from './snapshot.ts';
import type { StageCall } from './stage-call.ts';
import type { Outcome, Verdict } from './verdict.ts';
import { verdictOf } from './verdict-of.ts';
import { Vitals } from './vitals.ts';
import { driveWithin } from './within.ts';

/** What a caller may say about one call, beside the policies of plugins. */
export interface InvocationOptions {
  /** Bounds the call as a whole, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly runId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** Who gets the result of a call. */
export interface Receiver {
  /** True when it wants no more. */
  readonly enough: boolean;
  /** Whether the items are to be collected as well, for a result. */
  readonly collects: boolean;
  /** An item of a stream, as it comes; of what is no stream, its value. */
  item(value: unknown): void;
  /** The verdict is given; what is inside may still unwind. */
  decided(call: Invocation): void;
  /** The call is over: its verdict is given, and all has settled or had its time to. */
  done(call: Invocation): void;
}

const NO_OPTIONS: InvocationOptions = {};

/** What is told to it happens in a microtask, without the resource that `queueMicrotask` makes for each. */
const NOW: Promise<void> = Promise.resolve();

/** How many calls may begin one in another before the next one waits for a microtask: the stack is finite. */
const NESTED = 50;

/** No verdict yet. */
const OPEN = 0;
/** The verdict is given; works inside may still unwind. */
const DECIDED = 1;
/** The caller has been answered. */
const RELEASED = 2;
/** Nothing inside goes on any more. */
const SETTLED = 3;

/**
 * One call of a target: it runs the chain, takes the one verdict from the outermost interceptor, waits for what still unwinds for
 * as long as its grace lets it, and answers its caller.
 */
export class Invocation extends Scope implements Sink {
  readonly chain: Chain;
  /** The work, or the run, in which this call is made. */
  readonly caller: Caller | null;
  /** `this` of a wrapped function. */
  readonly receiver: unknown;
  /** What the work is given, once it is checked. */
  input: unknown;
  /** The run that it is a part of, once somebody has asked; null for a call outside of pipelines. */
  knownRun: RunScope | null | undefined = undefined;
  /** How many attempts there have been, or are meant to be. */
  attempts = 1;
  /** How many of them have no outcome yet. */
  openWorks = 0;
  /** How many works were begun. */
  begun = 0;
  /** The verdict, once there is one. */
  verdict: Verdict | undefined = undefined;
  /** None of its deadlines is over. */
  unbroken = true;
  /** What comes with the verdict: the result of an `ok`, else the error. */
  outcome: unknown = undefined;
  /** What the attempt that ended last without success ended with. */
  lastError: unknown = undefined;
  /** What the work that failed last failed with by itself. */
  workFailure: unknown = undefined;
  /** The nearest deadline of those around it, in the calls that it is made in, that wants to hear of signs of life. */
  readonly watchAround: Bound | null;
  private readonly options: InvocationOptions;
  /** The call as a whole. */
  protected readonly view: CallView;
  private phase: typeof OPEN | typeof DECIDED | typeof RELEASED | typeof SETTLED = OPEN;
  private handle: Handle | null = null;
  /** Who gets the items of a stream; without one they are collected. */
  private to: Receiver | null = null;
  private resolve: ((value: unknown) => void) | null = null;
  private reject: ((error: unknown) => void) | null = null;
  private collected: Collector | null = null;
  /** When it began; null when nobody wants to know. */
  private startedAt: number | null = null;
  /** Somebody was told that it began: only then is anybody told of all that follows. */
  private announced = false;
  /** Its parts that are under way, newest first. */
  private parts: Part | null = null;
  /** Its views that hooks were registered with, newest first. */
  private hooked: CallView | null = null;
  /** A deadline is just passing. */
  private deciding = false;
  private context: AsyncResource | null = null;
  private rare: Rare | null = null;

  constructor(
    chain: Chain,
    input: unknown,
    caller: Caller | null = null,
    options: InvocationOptions = NO_OPTIONS,
    receiver: unknown = undefined,
  ) {
    super();
    this.chain = chain;
    this.input = input;
    this.caller = caller;
    this.receiver = receiver;
    this.watchAround = caller === null ? null : (caller.call?.watch ?? null);
    this.options = options;
    this.view = new CallView(this, 1);
  }

  /** What it shares with the other calls of its runner. */
  get environment(): Environment {
    return this.chain.environment;
  }

  // How it begins.

  /** Begins, and answers a promise of the result. */
  run(): Promise<unknown> {
    this.begin();
    if (this.phase >= RELEASED && this.verdict === 'ok') return Promise.resolve(this.outcome);
    const promise = new Promise(takeResolvers);
    this.resolve = resolveLast;
    this.reject = rejectLast;
    if (this.caller !== null) this.rarely.promise = promise;
    // A rejection costs less, and surprises less, once its caller has had the time to attach.
    if (this.phase >= RELEASED) this.answerSoon();
    return promise;
  }

  // What makes a closure stands apart, here and below: a function that may make one makes room for it each time that it is called.

  private answerSoon(): void {
    NOW.then(() => this.answer());
  }

  /** Begins, and hands everything to `receiver`, items as they come. */
  stream(receiver: Receiver): void {
    this.to = receiver;
    this.begin();
  }

  /** Stops it, and everything below it. */
  abort(reason: unknown): void {
    if (this.phase !== OPEN) return;
    sweep([this], reason === undefined ? new CancelledError(`${title(this.view)} was cancelled`) : reason);
  }

  private begin(): void {
    account.calls++;
    const { environment } = this;
    environment.gauges.running++;
    if (this.caller === null) environment.root.open++;
    if (environment.events.noting) this.note();
    this.join();
    const { caller } = this;
    const { root } = environment;
    if (caller === null && root.closing && !this.admitted) {
      this.error(new DrainingError(`${title(this.view)} was refused: the runner is shutting down`));
    } else if (this.aborted) {
      this.onAbort(this.reason);
    } else if (environment.beginning >= NESTED) {
      this.startSoon();
    } else {
      this.start();
    }
    // What has not ended by now can be found from the root, by whoever shuts the runner down.
    if (this.phase < RELEASED && this.owner === null && caller === null) {
      root.adopt(this);
      if (root.stopReason !== undefined && this.phase === OPEN) root.stop(root.stopReason);
    }
  }

  /** Takes its place in the tree of what goes on. */
  protected join(): void {
    const { caller, environment } = this;
    const { signal } = this.options;
    if (caller === null && signal === undefined) return;
    this.keepContext();
    const tie = join(this, caller, signal, environment.root);
    if (tie !== undefined) this.rarely.tie = tie;
  }

  /** Whether it belongs to what was taken in already, whenever it begins. */
  protected get admitted(): boolean {
    return false;
  }

  private startSoon(): void {
    queueMicrotask(() => this.start());
  }

  private start(): void {
    if (this.phase !== OPEN) return;
    const { environment } = this;
    environment.beginning++;
    const handle = this.drive();
    environment.beginning--;
    if (this.phase === OPEN) this.handle = handle;
    // It was stopped while it was being started.
    else handle?.cancel(this.reason);
  }

  /** The deadline is around everything, the check of the input included. */
  protected drive(): Handle | null {
    const { deadlineMs } = this.options;
    const { chain, view } = this;
    if (deadlineMs === undefined) {
      return chain.target.inputSchema === undefined
        ? chain.drive(0, view, this)
        : new CheckedInput(chain, view).drive(this);
    }
    return this.driveBefore(deadlineMs);
  }

  private driveBefore(deadlineMs: number): Handle | null {
    const { chain, view } = this;
    const checked: Next = (inside) => new CheckedInput(chain, inside as CallView);
    return driveWithin(view, new Limit({ limit: deadlineMs, name: 'deadline' }), checked, this);
  }

  // What arrives from the outermost interceptor.

  next(value: unknown): void {
    if (this.phase !== OPEN || this.takesInstead(value)) return;
    const collector = this.collector;
    if (this.told) this.announce(this.of('item'), { index: collector.count });
    collector.add(value);
    this.to?.item(value);
  }

  get enough(): boolean {
    return this.phase !== OPEN || this.to?.enough === true;
  }

  success(value: unknown): void {
    if (this.phase !== OPEN || this.refusePromise(value)) return;
    if (this.takesInstead(value)) {
      this.complete();
      return;
    }
    this.record('ok', value);
    this.to?.item(value);
    this.close();
  }

  complete(): void {
    if (this.phase !== OPEN) return;
    if (this.rare?.instead !== undefined) {
      this.record('timeout', this.rare.timedOut);
      this.close();
      return;
    }
    const { result } = this.collector;
    if (this.refusePromise(result)) return;
    this.record('ok', result);
    this.close();
  }

  error(error: unknown): void {
    if (this.phase !== OPEN) return;
    if (this.rare !== null) this.rare.instead = undefined;
    this.record(this.verdictOf(error), error);
    this.close();
  }

  onAbort(reason: unknown): void {
    // A deadline that is just passing was first. If something outside it goes on all the same, it is stopped then.
    if (this.phase !== OPEN || this.deciding) return;
    this.record('cancelled', cancelledBy(this.view, reason));
    this.handle?.cancel(reason);
    this.close();
  }

  /** What ends with `error` has this verdict. What the work itself threw is its failure, be it the timeout of a call that it made. */
  verdictOf(error: unknown): Verdict {
    return error === this.workFailure ? 'failed' : verdictOf(error);
  }

  /** Runs `decide`, in which a deadline stops what is inside it and says so: nothing else decides meanwhile. */
  whileDeciding(decide: () => void): void {
    this.deciding = true;
    this.environment.decisions.during(() => {
      decide();
      this.deciding = false;
      if (this.aborted) this.onAbort(this.reason);
    });
  }

  /** Whether `value` is what the caller gets in place of a timeout, rather than an item or a result. */
  private takesInstead(value: unknown): boolean {
    const { rare } = this;
    if (rare === null || rare.timedOut === undefined) return false;
    if (value instanceof Promise) return false;
    rare.instead = { value };
    return true;
  }

  /** A promise is no result: whoever gets one would wait for it, past verdict and deadline. Answers whether it was one. */
  private refusePromise(value: unknown): boolean {
    if (!(value instanceof Promise)) return false;
    value.catch(() => {});
    this.error(new InterceptorError('(chain)', 'emitted a promise; use mergeMap where map was used'));
    return true;
  }

  private record(verdict: Verdict, outcome: unknown): void {
    this.phase = DECIDED;
    this.verdict = verdict;
    this.outcome = outcome;
    const { environment, watchAround } = this;
    environment.gauges.running--;
    if (watchAround !== null) tellSign(watchAround, this, 'call', environment.clock.now());
    if (this.told || (this.startedAt !== null && (verdict === 'failed' || verdict === 'timeout'))) this.tellVerdict();
    else this.to?.decided(this);
  }

  private tellVerdict(): void {
    const { caller, to, environment } = this;
    const within =
      caller === null ? {} : { within: caller.asRun !== null ? 'run' : scopeOf((caller as Execution).call) };
    environment.decisions.during(() => {
      this.announce('verdict', { ...this.endFacts(), ...within });
      to?.decided(this);
    });
  }

  /** After the verdict. Works inside that are still open, because an interceptor did not wait for them, are of no use any more. */
  private close(): void {
    if (this.openWorks > 0) sweep(this.works(), this.reason ?? this.tooLate());
    if (this.parts !== null) this.stopParts(this.reason ?? this.tooLate());
    if (this.hooked !== null) this.tellLeftHooks();
    if (this.stopped) this.hurry();
    // While works have to be waited for, it is they who carry it on.
    if (this.unreleased === 0) Scope.advance(this);
  }

  private tooLate(): CancelledError {
    return new CancelledError(`${title(this.view)} has its verdict`);
  }

  /** Hooks that were registered, and whose interceptor then went no further in, are told of the end of the call. */
  private tellLeftHooks(): void {
    for (let view = this.hooked; view !== null; view = view.nextHooked ?? null) {
      const hooks = view.takeHooks(Number.POSITIVE_INFINITY);
      if (hooks === null) continue;
      tellEnd(hooks, this.endFacts(), this);
      tellSettled(hooks, this);
    }
  }

  /** Once the call is stopped, nobody waits longer than the grace for what earlier attempts still clean up. */
  private hurry(): void {
    for (const work of this.children()) (work as Execution).hurry();
  }

  /** What its caller gets all the same although it timed out; undefined when that is nothing. */
  get instead(): { readonly value: unknown } | undefined {
    return this.rare?.instead;
  }

  /**
   * Part of it ends with `error`; answers what the caller is to get instead, if that is a timeout and something was achieved. Nothing,
   * for `undefined`: it begins anew.
   */
  insteadOf(error: unknown): PartialResult | undefined {
    const rare = this.rarely;
    rare.timedOut = undefined;
    rare.instead = undefined;
    if (error === undefined || this.verdictOf(error) !== 'timeout') return undefined;
    const value = this.partial ?? (error as { readonly partial?: unknown }).partial;
    if (value === undefined) return undefined;
    rare.timedOut = error;
    return { partial: true, value, error: error as SluiceError };
  }

  /** What is stopped in it may take `graceMs` to unwind, and cleanup after what ended by itself `cleanupMs`; undefined changes nothing. */
  unwindWithin(graceMs: number | undefined, cleanupMs: number | undefined): void {
    const rare = this.rarely;
    rare.graceMs = graceMs ?? rare.graceMs;
    rare.cleanupMs = cleanupMs ?? rare.cleanupMs;
  }

  /** What its caller gets is not from its work. */
  substituted(substitute: Substitute): void {
    this.rarely.substitute = substitute;
  }

  get substitute(): Substitute | undefined {
    return this.rare?.substitute;
  }

  /** How long what is stopped in it may take to unwind, in milliseconds. */
  get graceMs(): number {
    return this.rare?.graceMs ?? this.environment.grace;
  }

  /** How long cleanup in it may take after work that ended by itself, in milliseconds. */
  get cleanupMs(): number {
    return this.rare?.cleanupMs ?? this.environment.cleanup;
  }

  /** What bounds it from outside, where those are not the deadlines of its caller; undefined where they are. */
  get boundBy(): Deadline | undefined {
    return undefined;
  }

  /** What it comes to is what `other` comes to: what that achieves is its own. */
  standsFor(other: Invocation | undefined): void {
    this.rarely.nested = other;
  }

  /** `other` has ended, for which it stands; what went on there is told as its own only where it `began` that. */
  tookOver(other: Invocation, began: boolean): void {
    this.workFailure = other.workFailure;
    if (other.substitute !== undefined) this.substituted(other.substitute);
    else if (!began) this.substituted({ origin: 'cache', error: undefined });
    // What it is handed next is what was achieved by then, and no result.
    if (other.instead !== undefined) this.rarely.timedOut = other.outcome;
    if (!began) return;
    this.begun += other.begun;
    for (const error of other.suppressed) this.suppress(error);
  }

  /** The idempotency key that its caller has said; undefined where none was. */
  get statedKey(): string | undefined {
    return this.options.idempotencyKey;
  }

  /** What it was last heard to say of itself; undefined while that is nothing. */
  get vitals(): Vitals | undefined {
    return this.rare?.vitals;
  }

  /** It has said something of itself. */
  heard(sign: Sign, at: number, details: unknown): void {
    const rare = this.rarely;
    rare.vitals ??= new Vitals();
    const { vitals } = rare;
    vitals.at = at;
    if (sign === 'progress') vitals.progress = details as number;
    if (sign !== 'heartbeat') return;
    vitals.beats++;
    if (details !== undefined) vitals.said = vitals.heartbeat = details;
  }

  /** Whether its verdict is that it was stopped. */
  get stopped(): boolean {
    return this.verdict === 'timeout' || this.verdict === 'cancelled';
  }

  /** Part of it is under way. */
  openPart(part: Part): void {
    part.partAfter = this.parts;
    if (this.parts !== null) this.parts.partBefore = part;
    this.parts = part;
  }

  /** Part of it has ended. */
  closePart(part: Part): void {
    const { partBefore, partAfter } = part;
    if (partBefore !== null) partBefore.partAfter = partAfter;
    else if (this.parts === part) this.parts = partAfter;
    if (partAfter !== null) partAfter.partBefore = partBefore;
    part.partBefore = null;
    part.partAfter = null;
  }

  /** Stops the parts that are left, because an interceptor between them did not pass the end on. */
  private stopParts(reason: unknown): void {
    for (let part = this.parts; part !== null; part = this.parts) {
      part.cancel(reason);
      this.closePart(part);
    }
  }

  /** Hooks are registered with `view`, for the first time. */
  keepHooked(view: CallView): void {
    this.startedAt ??= this.environment.clock.now();
    view.nextHooked = this.hooked;
    this.hooked = view;
  }

  // What it is asked while it goes on.

  /** Whether nothing at all stands in the way of what starts in it. */
  get untroubled(): boolean {
    return this.unbroken && this.reason === undefined && this.phase === OPEN;
  }

  /** Why nothing may start in it any more; undefined while it may. */
  refusal(): unknown {
    if (this.reason !== undefined) return cancelledBy(this.view, this.reason);
    return this.phase === OPEN ? undefined : this.tooLate();
  }

  /** The run that it is a part of; null for a call outside of pipelines. */
  get runScope(): RunScope | null {
    if (this.knownRun === undefined) this.knownRun = runOf(this.caller);
    return this.knownRun;
  }

  get runId(): string {
    const rare = this.rarely;
    rare.runId ??= this.givenRunId();
    return rare.runId;
  }

  /** The id of what it was called in, for as far as that was given one; what is outermost makes its own. */
  private givenRunId(): string {
    for (let call: Invocation = this; ; ) {
      const known = call.rare?.runId ?? call.options.runId;
      if (known !== undefined) return known;
      const { caller } = call;
      if (caller === null) return call === this ? makeId(call.environment.clock) : call.runId;
      if (caller.asRun !== null) return caller.asRun.runId;
      call = (caller as Execution).call.root;
    }
  }

  get correlationId(): string {
    for (let call: Invocation = this; ; ) {
      const { caller, options } = call;
      if (options.correlationId !== undefined) return options.correlationId;
      if (caller === null) return call.runId;
      if (caller.asRun !== null) return caller.asRun.correlationId;
      call = (caller as Execution).call.root;
    }
  }

  get idempotencyKey(): string {
    const rare = this.rarely;
    const run = this.caller?.asRun;
    // A stage that is begun again, in another process even, is recognised.
    rare.idempotencyKey ??=
      this.options.idempotencyKey ?? (run ? `${run.runId}:${this.view.name}` : makeId(this.environment.clock));
    return rare.idempotencyKey;
  }

  /** The stage that it is, or is a part of; null outside of pipelines. */
  get stage(): StageCall | null {
    for (let call: Invocation | null = this; call !== null; call = call.caller?.call?.root ?? null) {
      if (call.caller?.asRun) return call.ownStage;
    }
    return null;
  }

  /** The stage that it is, if it is one. */
  protected get ownStage(): StageCall {
    return this.to as StageCall;
  }

  /** The call that it is a part of and that nobody's work has made, within its run. */
  get outermost(): Invocation {
    let call: Invocation = this;
    while (call.caller !== null && call.caller.asRun === null) call = (call.caller as Execution).call.root;
    return call;
  }

  /** What the parts of a call outside of pipelines share. */
  get data(): RunData {
    const rare = this.rarely;
    rare.data ??= new RunData();
    return rare.data;
  }

  /** How it was told to be preferred to others that wait; 0 unless its run says so. */
  get priority(): number {
    return this.runScope?.priority ?? 0;
  }

  /** What the work has achieved so far; undefined when that is nothing. */
  get partial(): unknown {
    const own = this.collected?.partial;
    return own === undefined ? this.rare?.nested?.partial : own;
  }

  /** Keeps a copy of what the work says it has achieved. Answers why, if it does not. */
  keepPartial(value: unknown): Refusal | undefined {
    this.tellAround();
    const run = this.runScope;
    if (run !== null) run.achieving = this;
    return this.collector.report(value);
  }

  /** Keeps how far the work says it has come, for who watches its run. */
  keepProgress(fraction: number, note: string | undefined): void {
    this.stage?.keepProgress(fraction, note, this.caller?.asRun !== null);
  }

  /** What a part of something has achieved is what the whole has achieved, unless it says so itself. */
  private tellAround(): void {
    for (let { caller } = this as Invocation; caller?.call; caller = caller.call.root.caller) {
      caller.call.root.rarely.nested = this;
    }
  }

  /** Whether nothing in it goes on any more. */
  get settled(): boolean {
    return this.phase === SETTLED;
  }

  /** The open works inside `bound`. */
  worksWithin(bound: Bound): Execution[] {
    return this.works().filter((work) => work.call.isWithin(bound));
  }

  /** The works inside `bound` that have not really ended, be their outcome given or not. */
  unsettledWithin(bound: Bound): Execution[] {
    return this.unsettledWorks().filter((work) => work.call.isWithin(bound));
  }

  /** The works that have not really ended, be their outcome given or not. */
  unsettledWorks(): Execution[] {
    return [...this.children()] as Execution[];
  }

  private works(): Execution[] {
    return this.unsettledWorks().filter((work) => work.open);
  }

  /** A work starts: what an earlier one has emitted does not count any more. */
  workStarts(): void {
    // While another attempt is still under way, what it emits goes on to count.
    if (this.openWorks === 0) {
      this.collected?.reset();
      if (this.rare !== null) this.rare.nested = undefined;
      if (this.rare?.vitals !== undefined) this.rare.vitals.begin();
    }
    this.openWorks++;
    this.begun++;
  }

  /** What it has emitted does not count any more. */
  startsOver(): void {
    this.collected?.reset();
  }

  /** Something else is tried in place of its work, which has failed. Answers how to put back what that had achieved, and failed with. */
  setAside(): () => void {
    const { collected, workFailure } = this;
    const nested = this.rare?.nested;
    this.collected = null;
    return () => {
      this.collected = collected;
      this.workFailure = workFailure;
      this.standsFor(nested);
    };
  }

  /** The work that has just started is a stream. */
  streamStarts(): void {
    this.collector.streaming = true;
    if (this.caller !== null) this.tellAround();
  }

  /** Whether the latest work is a stream. */
  get streaming(): boolean {
    return this.collected?.streaming === true;
  }

  /** Remembers the caller's AsyncLocalStorage context, for what will happen by a timer. That of a run is one for all its stages. */
  keepContext(): void {
    // The id is the one that it would find for itself, in longer.
    this.context ??= this.caller?.asRun?.context ?? new AsyncResource('SluiceCall', executionAsyncId());
  }

  /** Runs `fn` in the context of the caller. */
  inContext(fn: () => void): void {
    const { context } = this;
    if (context === null) fn();
    else context.runInAsyncScope(fn);
  }

  /** Whether its start is on the record, and somebody still listens. */
  get told(): boolean {
    return this.announced && this.environment.events.listening;
  }

  /** Keeps what must not stand in place of the outcome, and puts it on the record. */
  suppress(error: unknown): void {
    // What goes wrong in a part of something has gone wrong in it.
    for (let call: Invocation | null = this; call !== null; call = call.caller?.call?.root ?? null) {
      const rare = call.rarely;
      rare.suppressed ??= [];
      rare.suppressed.push(error);
    }
    for (let run = this.runScope; run !== null; run = run.parentRun) run.suppressed.push(error);
    this.view.emit('cleanup.error', { error });
  }

  /** What must not stand in place of the outcome: what cleanup threw. */
  get suppressed(): readonly unknown[] {
    return this.rare?.suppressed ?? [];
  }

  countLate(): void {
    this.environment.gauges.late++;
    for (let run = this.runScope; run !== null; run = run.parentRun) run.late++;
  }

  hookThrew(level: number, error: unknown): void {
    const name = this.chain.links[level]?.interceptor.name ?? '(unknown)';
    this.environment.report(new InterceptorError(name, 'threw in a hook', { cause: error }));
  }

  private get collector(): Collector {
    this.collected ??= new Collector(this.to === null || this.to.collects ? this.chain.target.collect : 'none');
    return this.collected;
  }

  private get rarely(): Rare {
    this.rare ??= new Rare();
    return this.rare;
  }

  // How it ends.

  protected tryRelease(): boolean {
    if (this.phase !== DECIDED || this.unreleased > 0) return false;
    this.phase = RELEASED;
    if (this.caller === null) this.environment.root.answered();
    if (this.told) this.announce(this.of('end'), this.endFacts());
    if (this.to !== null) this.to.done(this);
    else this.answer();
    return true;
  }

  protected trySettle(): boolean {
    if (this.phase !== RELEASED || this.firstChild !== null) return false;
    this.phase = SETTLED;
    account.calls--;
    this.rare?.tie?.loosen();
    // A call that has waited for long is old, and would keep what is young, and over, from being let go.
    this.handle = null;
    this.view.letGo();
    return true;
  }

  private answer(): void {
    if (this.verdict === 'ok') {
      this.resolve?.(this.outcome);
      return;
    }
    const instead = this.rare?.instead;
    if (instead !== undefined) {
      this.resolve?.(instead.value);
      return;
    }
    // A call that its work did not wait for rejects for nobody: that must not end the process.
    if (this.caller !== null && !this.caller.open) this.rarely.promise?.catch(() => {});
    this.reject?.(this.outcome);
  }

  /** Whether it is known for how long it has been going on. */
  get timed(): boolean {
    return this.startedAt !== null;
  }

  /** For how long it has been going on, as far as that is known. */
  get age(): number {
    return this.startedAt === null ? 0 : this.environment.clock.now() - this.startedAt;
  }

  private endFacts(): { [Key in keyof Outcome]: Outcome[Key] } {
    const status = this.verdict as Verdict;
    const durationMs = this.age;
    return status === 'ok' ? { status, durationMs } : { status, durationMs, error: this.outcome };
  }

  /** Takes the time, for who hears of the end, and tells who wants to hear of every call. */
  private note(): void {
    this.startedAt = this.environment.clock.now();
    if (!this.environment.events.listening) return;
    this.announced = true;
    this.announce(this.of('start'));
  }

  private of(what: string): string {
    return `${this.chain.target.target}.${what}`;
  }

  /** Says what becomes of it as a call. */
  protected announce(type: string, data?: Readonly<Record<string, unknown>>): void {
    this.view.emit(type, data);
  }
}

/** What stands in place of the result of the work. */
export interface Substitute {
  readonly origin: 'fallback' | 'cache';
  readonly error: unknown;
}

/** What few calls need. */
class Rare {
  runId: string | undefined = undefined;
  idempotencyKey: string | undefined = undefined;
  tie: Tie | undefined = undefined;
  promise: Promise<unknown> | undefined = undefined;
  suppressed: unknown[] | undefined = undefined;
  data: RunData | undefined = undefined;
  /** The timeout that its caller is not to get, because it gets what was achieved. */
  timedOut: unknown = undefined;
  instead: { readonly value: unknown } | undefined = undefined;
  /** Where what its caller gets is from, if not from its work, and the error in place of which it is. */
  substitute: Substitute | undefined = undefined;
  graceMs: number | undefined = undefined;
  cleanupMs: number | undefined = undefined;
  vitals: Vitals | undefined = undefined;
  /** The call in it that has last achieved something. */
  nested: Invocation | undefined = undefined;
}

// The resolvers of the promise made last: taken from here at once, which spares a closure to take them in.
let resolveLast: (value: unknown) => void = () => {};
let rejectLast: (error: unknown) => void = () => {};

function takeResolvers(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  resolveLast = resolve;
  rejectLast = reject;
}
