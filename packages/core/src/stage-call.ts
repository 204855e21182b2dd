import type { Chain } from './chain.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { isSluiceError, type SluiceError } from './errors/sluice-error.ts';
import { StageFailedError } from './errors/stage-failed-error.ts';
import { EventStream, type Listener } from './event-stream.ts';
import type { Observable } from './flow.ts';
import type { StepEnd } from './graph-loop.ts';
import { Invocation, type Receiver } from './invocation.ts';
import { messageOf } from './message-of.ts';
import type { StageNode } from './pipeline.ts';
import type { StageReport } from './report.ts';
import type { Writer } from './run-data.ts';
import type { RunScope } from './run-scope.ts';
import type { Verdict } from './verdict.ts';

/** The run that a stage is called in, as the stage sees it. */
export interface StageOwner {
  readonly scope: RunScope;
  /** What was said with the progress that was reported last. */
  note: string | undefined;
  /** What its work is given. */
  depsOf(call: StageCall): object;
  /** One more stage has its verdict, in whatever way. */
  concluded(): void;
  /** It has its verdict by way of its call; it may still unwind. */
  stageDecided(call: StageCall): void;
  /** Whether the run goes no further when a stage ends like that. */
  isLast(status: Verdict): boolean;
  /** How a stage ended that `asking` waits for. */
  outcomeFor(asking: StageCall, name: string): StageReport;
  /** Whether `first` has always ended before `then` begins. */
  precedes(first: StageCall, then: StageCall): boolean;
}

/** One stage of one run: it asks whether the stage is to run, calls it, follows how it ends, and reports on it. */
export class StageCall implements Receiver, Writer {
  readonly index: number;
  readonly node: StageNode;
  /** The verdict, once there is one. */
  status: Verdict | undefined = undefined;
  /** The output, if it is `ok`. */
  value: unknown = undefined;
  error: SluiceError | undefined = undefined;
  /** Whether those that wait for it are given something although it did not end well. */
  private resolved = false;
  /** The call, once it is made. */
  invocation: Invocation | null = null;
  private readonly owner: StageOwner;
  private readonly chain: Chain;
  private because: string | undefined = undefined;
  private origin: 'fallback' | 'cache' | undefined = undefined;
  private branch = false;
  private startedAt: number | undefined = undefined;
  private durationMs = 0;
  private reported = 0;
  private ownProgress = false;
  private over = false;
  private ended: ((end: StepEnd) => void) | null = null;
  private listeners: Set<Listener<unknown>> | null = null;

  constructor(owner: StageOwner, chain: Chain, node: StageNode, index: number) {
    this.owner = owner;
    this.chain = chain;
    this.node = node;
    this.index = index;
  }

  get name(): string {
    return this.node.info.name;
  }

  // How it begins.

  /** Takes over the output of an earlier run. */
  complete(value: unknown): void {
    this.origin = 'cache';
    this.value = value;
    this.conclude('ok');
  }

  /** Takes over how it ended from a host that remembers it. Does nothing where it has ended here. */
  takeOver({ status, value, error, because }: StepEnd): void {
    if (this.status !== undefined) return;
    this.value = value;
    this.because = because;
    if (error !== undefined) this.error = this.failureOf(error);
    this.conclude(status);
    this.owner.stageDecided(this);
  }

  run(ended: (end: StepEnd) => void): void {
    this.ended = ended;
    if (this.status === undefined) this.begin();
    else this.close();
  }

  private begin(): void {
    const { scope } = this.owner;
    const deps = this.owner.depsOf(this);
    const wanted = scope.aborted || this.isWanted(deps);
    // Its own `when` may have stopped the run.
    if (scope.aborted) {
      this.leave('cancelled');
    } else if (wanted === false) {
      this.leave('skipped', 'when');
    } else if (wanted !== true) {
      this.error = wanted;
      this.leave('failed');
      this.owner.stageDecided(this);
    } else {
      this.startedAt = scope.environment.clock.now();
      this.invocation = new Invocation(this.chain, deps, scope);
      this.invocation.stream(this);
      return;
    }
    this.close();
  }

  /** Whether its `when` lets it run, or what is wrong with that. */
  private isWanted(deps: object): boolean | SluiceError {
    const { when } = this.node;
    if (when === undefined) return true;
    let why: string;
    let cause: unknown;
    try {
      const answer = when(deps as never);
      if (!(answer instanceof Promise)) return Boolean(answer);
      answer.catch(() => {});
      why = 'answered a promise; decide that in the stage itself, with ctx.skip()';
    } catch (thrown) {
      why = `threw: ${messageOf(thrown)}`;
      cause = thrown;
    }
    return new StageFailedError(`Stage "${this.name}" failed: its "when" ${why}`, {
      scope: this.scopeName,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** It will not be called. */
  leave(status: Verdict, because?: string): void {
    this.because = because;
    if (status === 'cancelled') this.error = this.notStarted();
    const error = this.error;
    const { name, kind } = this.node.info;
    this.owner.scope.emit(
      'stage.skip',
      { status, ...(because === undefined ? {} : { because }), ...(error === undefined ? {} : { error }) },
      { target: 'stage', name, ...(kind === undefined ? {} : { kind }) },
    );
    this.conclude(status);
  }

  private notStarted(): CancelledError {
    const { reason } = this.owner.scope;
    return new CancelledError(`Stage "${this.name}" was cancelled before it started`, {
      scope: this.scopeName,
      ...(reason === undefined ? {} : { cause: reason }),
    });
  }

  private get scopeName(): string {
    return `stage:${this.name}`;
  }

  // What its call tells.

  get enough(): boolean {
    return false;
  }

  get collects(): boolean {
    return true;
  }

  item(value: unknown): void {
    this.owner.scope.achieving = this.invocation;
    if (this.listeners !== null) for (const listener of [...this.listeners]) listener.next(value);
  }

  decided(call: Invocation): void {
    this.durationMs = call.environment.clock.now() - (this.startedAt ?? 0);
    const status = call.verdict as Verdict;
    if (status === 'ok') {
      this.value = call.outcome;
      this.origin = call.substitute?.origin;
    } else if (call.instead !== undefined) {
      this.resolved = true;
      this.value = call.instead.value;
      this.error = this.failureOf(call.outcome);
    } else if (status === 'skipped') {
      this.because = isSluiceError(call.outcome) ? String(call.outcome.details['reason'] ?? 'skip') : 'skip';
    } else {
      this.error = this.errorOf(call);
    }
    this.conclude(status);
    this.owner.stageDecided(this);
  }

  done(): void {
    this.endItems();
    this.close();
  }

  /** What an interceptor decided stays as it is; what the work itself ended with is the cause of the stage's failure. */
  private errorOf(call: Invocation): SluiceError {
    const error = call.outcome;
    if (error !== call.workFailure) return this.failureOf(error);
    const { partial = isSluiceError(error) ? error.partial : undefined, attempts, runId } = call;
    return new StageFailedError(`Stage "${this.name}" failed: ${messageOf(error)}`, {
      call: { target: 'stage', name: this.name, attempt: attempts, runId },
      scope: this.scopeName,
      cause: error,
      ...(partial === undefined ? {} : { partial }),
      ...(isSluiceError(error) ? { retryAfterMs: error.retryAfterMs, remediation: error.remediation } : {}),
    });
  }

  /** An error of Sluice stays as it is; any other is what the stage failed with. */
  private failureOf(error: unknown): SluiceError {
    if (isSluiceError(error)) return error;
    return new StageFailedError(`Stage "${this.name}" failed: ${messageOf(error)}`, {
      scope: this.scopeName,
      cause: error,
    });
  }

  private conclude(status: Verdict): void {
    this.status = status;
    this.owner.concluded();
    if (this.invocation === null) this.endItems();
  }

  /** Its last item has come. */
  private endItems(): void {
    this.over = true;
    if (this.listeners === null) return;
    for (const listener of [...this.listeners]) tellEnd(listener, this.status as Verdict, this.error);
  }

  /** Tells the graph how it ended. */
  private close(): void {
    this.ended?.(this.end);
    this.ended = null;
  }

  /** How it ended, as far as the graph is concerned. */
  get end(): StepEnd {
    const { value, error, because, branch } = this;
    const status = this.usable ? 'ok' : (this.status as Verdict);
    return { status, value, error, because, branch, last: this.owner.isLast(status) };
  }

  // What it is asked.

  /** Whether it has an output that others can go on with. */
  get usable(): boolean {
    return this.status === 'ok' || this.resolved;
  }

  /** Its items as they come. */
  get items$(): Observable<unknown> {
    const { reporter } = this.owner.scope.environment;
    return new EventStream<unknown>(
      (error) => reporter.warn('A listener to the items of a stage threw', { err: error }),
      (listener) => this.listen(listener),
      // The run tells how its stages ended, to whoever wants to know.
      () => {},
    );
  }

  private listen(listener: Listener<unknown>): () => void {
    if (this.over) {
      tellEnd(listener, this.status as Verdict, this.error);
      return () => {};
    }
    this.listeners ??= new Set();
    this.listeners.add(listener);
    return () => this.listeners?.delete(listener);
  }

  /** Stops it, with all that comes after it or without. */
  cancel(reason: unknown, branch: boolean): void {
    this.owner.scope.environment.decisions.after(() => {
      if (this.status !== undefined) return;
      this.branch = branch;
      this.invocation?.abort(reason);
    });
  }

  /** How a stage ended that this one waits for. */
  outcomeOf(name: string): StageReport {
    return this.owner.outcomeFor(this, name);
  }

  follows(other: Writer): boolean {
    return other instanceof StageCall && other.status !== undefined && this.owner.precedes(other, this);
  }

  /** Notes how far it has come. What a call in it says counts for as long as it says nothing itself. */
  keepProgress(fraction: number, note: string | undefined, itself: boolean): void {
    if (itself) this.ownProgress = true;
    else if (this.ownProgress) return;
    this.reported = fraction;
    this.owner.note = note;
  }

  /** How far it has come, from 0 to 1. */
  get progress(): number {
    // What is skipped because of itself is done; what is skipped because of another will not be.
    const done =
      this.status === 'ok' || (this.status === 'skipped' && (this.invocation !== null || this.because === 'when'));
    return done ? 1 : this.reported;
  }

  /** What it had achieved by now. */
  get partial(): unknown {
    return this.invocation?.partial;
  }

  report(): StageReport {
    const { name, invocation, startedAt, durationMs, origin } = this;
    const status = this.status as Verdict;
    const attempts = invocation?.begun ?? 0;
    const suppressed = [...(invocation?.suppressed ?? NONE)];
    const settled = invocation === null || invocation.settled;
    const heartbeat = invocation?.vitals?.heartbeat;
    // How most end, in one go: the spreads below cost more than all else about a stage.
    if (status === 'ok' && startedAt !== undefined && origin === undefined && heartbeat === undefined) {
      return { name, attempts, startedAt, durationMs, suppressed, settled, status, value: this.value };
    }
    const facts = {
      name,
      attempts,
      ...(startedAt === undefined ? {} : { startedAt }),
      durationMs,
      suppressed,
      settled,
      ...(heartbeat === undefined ? {} : { heartbeat }),
      ...(origin === undefined ? {} : { origin }),
    };
    if (status === 'ok') {
      const error = invocation?.substitute?.error;
      const insteadOf = error === undefined ? {} : { insteadOf: this.failureOf(error) };
      return { ...facts, status, value: this.value, ...insteadOf };
    }
    if (status === 'skipped') return { ...facts, status, because: this.because ?? 'skip' };
    const partial = this.error?.partial ?? this.partial;
    return {
      ...facts,
      status,
      error: this.error as SluiceError,
      ...(partial === undefined ? {} : { partial }),
      ...(this.resolved ? { value: this.value } : {}),
    };
  }
}

const NONE: readonly unknown[] = [];

function tellEnd(listener: Listener<unknown>, status: Verdict, error: SluiceError | undefined): void {
  if (error === undefined || status === 'ok' || status === 'skipped') listener.complete();
  else listener.error(error);
}
