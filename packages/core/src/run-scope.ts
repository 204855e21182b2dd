import { AsyncResource } from 'node:async_hooks';
import type { CallView } from './call-view.ts';
import { Caller } from './caller.ts';
import type { Chain } from './chain.ts';
import type { Environment } from './environment.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import type { EventScope } from './event-hub.ts';
import type { Listener } from './event-stream.ts';
import type { SluiceEvent } from './events.ts';
import type { Execution } from './execution.ts';
import { makeId } from './ids.ts';
import { isRealError } from './is-real-error.ts';
import { join } from './join.ts';
import { account } from './ledger.ts';
import { messageOf } from './message-of.ts';
import { RunData } from './run-data.ts';
import type { RunSettings } from './run-options.ts';
import { Scope, sweep } from './scope.ts';
import type { Tie } from './signal-scope.ts';
import type { TimerNode } from './timers.ts';
import type { AnyTool } from './tool.ts';
import type { Verdict } from './verdict.ts';

/** No verdict yet. */
const OPEN = 0;
/** The verdict is given; stages may still unwind. */
const DECIDED = 1;
/** Everybody has been answered. */
const RELEASED = 2;
/** Nothing in it goes on any more. */
const SETTLED = 3;

/** Whose run it is. */
export interface RunOwner {
  /** The stages that are under way, by name, with what they have achieved so far. */
  underWay(): { readonly names: readonly string[]; readonly partial: Readonly<Record<string, unknown>> | undefined };
  /** The run is over: its verdict is given, and all has settled or had its time to. */
  released(): void;
}

/**
 * A run of a pipeline as a part of the tree of everything that goes on: its one verdict, its deadline, and the sweep that stops all
 * that is in it.
 */
export class RunScope extends Caller implements TimerNode, EventScope {
  timerAt = 0;
  timerSlot = -1;
  timerOrder = 0;
  timerBefore: TimerNode | null = null;
  timerAfter: TimerNode | null = null;
  declare readonly patient: true;
  /** The name of the pipeline. */
  readonly name: string;
  readonly environment: Environment;
  readonly settings: RunSettings;
  /** The work that began it; null for a run that stands alone. */
  readonly parent: Execution | null;
  readonly runId: string;
  readonly correlationId: string;
  /** How its calls are to be preferred to others that wait. */
  readonly priority: number;
  /** The run that it is a part of. */
  readonly parentRun: RunScope | null;
  /** How many runs it is nested in. */
  readonly depth: number;
  readonly listeners: Set<Listener<SluiceEvent>> = new Set();
  /** What in it has last said, or shown, what it has achieved. */
  achieving: { readonly partial: unknown } | null = null;
  /** Values and errors that came in it after their verdict. */
  late = 0;
  /** What must not stand in place of an outcome: what cleanup in it threw. */
  readonly suppressed: unknown[] = [];
  /** The chains of the tools of which something is said for this run. */
  readonly toolChains: Map<AnyTool, Chain> = new Map();
  verdict: Verdict | undefined = undefined;
  /** What comes with a verdict that is not `ok`. */
  error: unknown = undefined;
  readonly #owner: RunOwner;
  #phase: typeof OPEN | typeof DECIDED | typeof RELEASED | typeof SETTLED = OPEN;
  #finished = false;
  readonly #startedAt: number;
  #durationMs = 0;
  #passedAt = Number.POSITIVE_INFINITY;
  #tie: Tie | undefined;
  #controller: AbortController | undefined;
  #armed = false;
  #context: AsyncResource | undefined;
  #data: RunData | undefined;

  constructor(
    name: string,
    environment: Environment,
    settings: RunSettings,
    parent: Execution | null,
    owner: RunOwner,
  ) {
    super();
    this.name = name;
    this.environment = environment;
    this.settings = settings;
    this.parent = parent;
    this.runId = settings.runId ?? makeId(environment.clock);
    this.parentRun = parent === null ? null : parent.call.root.runScope;
    this.correlationId = settings.correlationId ?? parent?.call.correlationId ?? this.runId;
    this.priority = settings.priority ?? this.parentRun?.priority ?? 0;
    this.depth = (this.parentRun?.depth ?? -1) + 1;
    this.#owner = owner;
    this.#startedAt = environment.clock.now();
    account.runs++;
    if (parent === null) environment.root.open++;
    this.#tie = join(this, parent, settings.signal, environment.root);
  }

  get call(): CallView | null {
    return this.parent === null ? null : this.parent.call;
  }

  get asRun(): RunScope {
    return this;
  }

  get open(): boolean {
    return this.#phase < RELEASED;
  }

  get title(): string {
    return `Run of "${this.name}"`;
  }

  get data(): RunData {
    this.#data ??= new RunData(this.settings.data);
    return this.#data;
  }

  /** What is said about a tool for this run, the runs around it included, the stronger after the weaker. */
  policiesOfTool(name: string): Readonly<Record<string, unknown>>[] {
    const said: Readonly<Record<string, unknown>>[] = [];
    for (let run: RunScope | null = this; run !== null; run = run.parentRun) {
      const policies = run.settings.tools.get(name);
      if (policies !== undefined) said.unshift(policies);
    }
    return said;
  }

  /** When its deadline is, or was when it passed; `Infinity` when it has none. */
  get deadlineAt(): number {
    return this.#armed ? this.environment.timers.expiry(this) : this.#passedAt;
  }

  /** When it began. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** From its start to its verdict, or until now. */
  get durationMs(): number {
    return this.#phase === OPEN ? this.environment.clock.now() - this.#startedAt : this.#durationMs;
  }

  /** Aborted when it is stopped, with the reason; made when it is first read. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#phase !== OPEN && this.aborted) this.#controller.abort(this.reason);
    return this.#controller.signal;
  }

  /** Begins: the deadline is armed before anything starts. */
  begin(): void {
    const { environment, settings } = this;
    const { deadlineMs = Number.POSITIVE_INFINITY } = settings;
    this.emit('run.start');
    if (this.aborted) this.onAbort(this.reason);
    if (this.#phase !== OPEN || deadlineMs === Number.POSITIVE_INFINITY || !environment.timeouts) return;
    if (deadlineMs <= 0) {
      this.#expired(0);
      return;
    }
    this.#armed = true;
    // Its timer fires in the context of whoever has begun it.
    this.#context = new AsyncResource('SluiceRun');
    environment.timers.arm(this, deadlineMs);
  }

  /** The AsyncLocalStorage context that it goes on in. */
  get context(): AsyncResource {
    this.#context ??= new AsyncResource('SluiceRun');
    return this.#context;
  }

  /** Gives the verdict, once, and stops all that is in it. */
  stop(verdict: Verdict, error: unknown, reason: unknown): void {
    if (this.#phase !== OPEN) return;
    this.#decide(verdict, error);
    sweep([this], reason, () => this.#controller?.abort(this.reason));
  }

  /** Stops it on somebody's demand. */
  cancel(reason: unknown): void {
    this.environment.decisions.after(() => {
      const error = this.#cancelled(reason);
      this.stop('cancelled', error, reason === undefined ? error : reason);
    });
  }

  onAbort(reason: unknown): void {
    this.environment.decisions.after(() => {
      if (this.#phase !== OPEN) return;
      this.#decide('cancelled', this.#cancelled(reason));
      this.#controller?.abort(reason);
    });
  }

  expire(lagMs: number): void {
    this.#passedAt = this.timerAt;
    this.context.runInAsyncScope(() => this.environment.decisions.during(() => this.#expired(lagMs)));
  }

  #expired(lagMs: number): void {
    if (this.#phase !== OPEN) return;
    const error = this.#timeout(lagMs);
    this.emit('timeout', {
      scope: 'run',
      limit: 'deadline',
      limitMs: this.settings.deadlineMs ?? 0,
      lagMs,
    });
    this.stop('timeout', error, error);
  }

  /** Gives the verdict that its stages amount to, when all of them have theirs. */
  conclude(verdict: Verdict, error: unknown): void {
    if (this.#phase === OPEN && !this.aborted) this.#decide(verdict, error);
  }

  /** All its stages are over. */
  finish(): void {
    this.#finished = true;
    Scope.advance(this);
  }

  /** Puts an event on the record: about the run as a whole, or about `part` of it. */
  emit(type: string, data?: Readonly<Record<string, unknown>>, part?: object): void {
    const { events } = this.environment;
    if (!events.wants(type)) return;
    const { runId, correlationId, name, parentRun } = this;
    const parent = parentRun === null ? {} : { parentRunId: parentRun.runId };
    events.emit(type, { runId, correlationId, ...(part ?? { name, ...parent }) }, this, data);
  }

  #decide(verdict: Verdict, error: unknown): void {
    this.#phase = DECIDED;
    this.verdict = verdict;
    this.error = error;
    this.#durationMs = this.environment.clock.now() - this.#startedAt;
    if (!this.#armed) return;
    this.#passedAt = Math.min(this.#passedAt, this.environment.timers.expiry(this));
    this.environment.timers.disarm(this);
    this.#armed = false;
  }

  protected tryRelease(): boolean {
    if (this.#phase !== DECIDED || !this.#finished || this.unreleased > 0) return false;
    this.#phase = RELEASED;
    if (this.parent === null) this.environment.root.answered();
    this.#owner.released();
    const { verdict: status, error, durationMs } = this;
    this.emit('run.end', status === 'ok' ? { status, durationMs } : { status, durationMs, error });
    for (const listener of [...this.listeners]) listener.complete();
    return true;
  }

  protected trySettle(): boolean {
    if (this.#phase !== RELEASED || this.hasChildren) return false;
    this.#phase = SETTLED;
    account.runs--;
    this.#tie?.loosen();
    return true;
  }

  #cancelled(reason: unknown): CancelledError {
    if (reason instanceof CancelledError) return reason;
    const why = typeof reason === 'string' ? `: ${reason}` : isRealError(reason) ? `: ${messageOf(reason)}` : '';
    return new CancelledError(`${this.title} was cancelled${why}`, {
      scope: 'run',
      ...(reason === undefined ? {} : { cause: reason }),
    });
  }

  #timeout(lagMs: number): TimeoutError {
    const limitMs = this.settings.deadlineMs ?? 0;
    const { names, partial } = this.#owner.underWay();
    const busy = names.length === 0 ? '' : ` while ${inWords(names)} ${names.length === 1 ? 'was' : 'were'} running`;
    const late = lagMs > 20 ? { lagMs } : {};
    return new TimeoutError(`${this.title} exceeded its deadline of ${limitMs} ms${busy}`, {
      scope: 'run',
      retryable: false,
      ...(partial === undefined ? {} : { partial }),
      remediation: `Raise the deadline of "${this.name}" (${limitMs} ms), or make its slowest branch shorter.`,
      details: {
        timeout_seconds: limitMs / 1000,
        limit: 'deadline',
        limitMs,
        elapsedMs: limitMs + lagMs,
        running: names,
        ...late,
      },
    });
  }
}

Object.defineProperty(RunScope.prototype, 'patient', { value: true });

/** How many names are told before the rest is only counted. */
const TOLD = 3;

function inWords(names: readonly string[]): string {
  const told = names.slice(0, TOLD).map((name) => `"${name}"`);
  const rest = names.length - told.length;
  return rest === 0 ? told.join(', ') : `${told.join(', ')} and ${rest} more`;
}
