import { tellActualCost } from './actual-cost.ts';
import type { Deadline, Kind } from './call.ts';
import { type CallAllOptions, type CallAllResult, type CallList, callAll } from './call-all.ts';
import { callLog } from './call-log.ts';
import type { CallOptions } from './call-options.ts';
import { callTool, streamTool } from './call-tool.ts';
import type { Previous } from './call-view.ts';
import { cancelledBy, title } from './call-view.ts';
import type { CleanupHandler } from './cleanup.ts';
import { copied } from './copied.ts';
import { describe } from './describe.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { ConfigError } from './errors/config-error.ts';
import type { Execution } from './execution.ts';
import type { Observable } from './flow.ts';
import type { WorkLogger } from './logger.ts';
import type { AnyPipeline } from './pipeline.ts';
import { readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import type { StageReport } from './report.ts';
import { beginRun, type RunOf } from './run.ts';
import type { Data, Writer } from './run-data.ts';
import type { RunRest } from './run-options.ts';
import { ignoreSign } from './signs.ts';
import type { AnyTool, ToolInput, ToolItem, ToolOutput } from './tool.ts';

/**
 * What work gets beside its input. Its methods may be taken off it: `({ q }, { signal, onCleanup }) => …`.
 */
export interface Context {
  /** Aborted when the work must stop, with the reason; made when it is first read. */
  readonly signal: AbortSignal;
  /** The name of the stage, tool or function. */
  readonly name: string;
  /** Its kind, if it has one. */
  readonly kind?: Kind | undefined;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** The run that it belongs to; a call outside a pipeline is a run of its own. */
  readonly runId: string;
  /** What ties together everything that one request set in motion. */
  readonly correlationId: string;
  /** One key for all attempts of the call, to be handed to a service that knows such keys. */
  readonly idempotencyKey: string;
  /** The run around the run that it belongs to; undefined for one that stands alone. */
  readonly parentRunId?: string | undefined;
  /** What the work was called with. */
  readonly input: unknown;
  /** The deadline that bounds it: its own or the nearest around it. */
  readonly deadline: Deadline;
  /** How the attempt before this one failed, and what it had achieved. */
  readonly previous?: Previous | undefined;
  /** The runner's logger, with run, call and attempt in each line, and without secrets. Says nothing where there is none. */
  readonly log: WorkLogger;
  /** What the stages of the run share, by key. */
  readonly data: Data;
  /** Says how far it has come, from 0 to 1; what is outside of that is taken for the nearer end. */
  progress(fraction: number, note?: string): void;
  /** Keeps a copy of what has been achieved, for the case that the work does not end well. */
  partial(value: unknown): void;
  /**
   * Says that it is alive, and how it stands, which the next attempt gets as `previous.heartbeat`. A heartbeat limit around it begins
   * anew; a limit on the time as a whole does not.
   */
  heartbeat(details?: unknown): void;
  /**
   * Says that it waits for something that is not its own to hasten, such as a person's consent. Until the answer is called, the clocks
   * of the attempt and of the heartbeat stand still; those of the call as a whole do not.
   */
  pause(reason: string): () => void;
  /** Says what it has really cost, by dimension, such as `{ tokens: 812 }`: corrects what was taken for it beforehand. */
  settle(actual: Readonly<Record<string, number>>): void;
  /** Aborted when a soft limit has passed, before a hard one does: the time to come to an end. Made when it is first read. */
  readonly softDeadline: AbortSignal;
  /** Runs `handler` when the work is over, in whatever way: last in, first out, each exactly once. */
  onCleanup(handler: CleanupHandler): void;
  /** Releases `resource` when the work is over; answers it. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  /** Gets the value of the work if it comes after the verdict, to dispose of it. */
  onLate(dispose: (value: unknown) => unknown): void;
  /** Calls a tool, as a part of this call: it ends when this one does, at the latest. */
  call<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Promise<ToolOutput<T>>;
  /** Calls a tool that emits, and gets its items as they come. */
  stream<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Observable<ToolItem<T>>;
  /** Calls several tools, so many of them at once as the limit says. */
  callAll<const T extends readonly AnyTool[], const O extends CallAllOptions = CallAllOptions>(
    calls: CallList<T>,
    options?: O,
  ): Promise<CallAllResult<T, O>>;
  /** Runs a pipeline, as a part of this call: it ends when this one does, at the latest. */
  run<P extends AnyPipeline>(pipeline: P, ...rest: RunRest<P>): RunOf<P>;
  /** How a stage ended that this one waits for. */
  outcome(stage: string): StageReport;
  /**
   * Stops the stage that this is a part of, the stage with all that comes after it, or the whole run. Outside of pipelines: the
   * outermost call. Throws, so that nothing after it is done.
   */
  cancel(reason?: unknown, options?: { readonly scope?: 'stage' | 'branch' | 'run' | undefined }): never;
  /** Says that there is nothing to do: the call is `skipped`, and so is what needs it. Write `return ctx.skip('why')`. */
  skip(reason?: string): never;
  /** Puts an event of your own on the record: `emit('saved')` is told as `user.saved`. */
  emit(type: string, data?: unknown): void;
}

/** The arguments after the tool: its input, which may be left out where it is void, and options. */
export type CallRest<I> = undefined extends I
  ? [input?: I, options?: CallOptions]
  : unknown extends I
    ? [input?: I, options?: CallOptions]
    : [input: I, options?: CallOptions];

/** The context of one execution. Each method is bound when it is read, so that it works when it is taken off. */
export class WorkContext implements Context {
  readonly #execution: Execution;

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  get signal(): AbortSignal {
    return this.#execution.signal;
  }

  get name(): string {
    return this.#execution.call.name;
  }

  get kind(): Kind | undefined {
    return this.#execution.call.kind;
  }

  get attempt(): number {
    return this.#execution.call.attempt;
  }

  get runId(): string {
    return this.#execution.call.runId;
  }

  get correlationId(): string {
    return this.#execution.call.correlationId;
  }

  get idempotencyKey(): string {
    return this.#execution.call.root.idempotencyKey;
  }

  get parentRunId(): string | undefined {
    return this.#execution.call.root.runScope?.parentRun?.runId;
  }

  get input(): unknown {
    return this.#execution.call.input;
  }

  get deadline(): Deadline {
    return this.#execution.call.deadlineOfWork;
  }

  get previous(): Previous | undefined {
    return this.#execution.call.previous;
  }

  get log(): WorkLogger {
    const { call } = this.#execution;
    return callLog(call.root.environment.log, call);
  }

  get data(): Data {
    return dataFor(this.#execution);
  }

  get progress(): Context['progress'] {
    const execution = this.#execution;
    return (fraction, note) => reportProgress(execution, fraction, note);
  }

  get partial(): Context['partial'] {
    const execution = this.#execution;
    return (value) => keepPartial(execution, value);
  }

  get heartbeat(): Context['heartbeat'] {
    const execution = this.#execution;
    return (details) => beat(execution, details);
  }

  get pause(): Context['pause'] {
    const execution = this.#execution;
    return (reason) => {
      if (typeof reason !== 'string') throw new ConfigError(`pause: expected a reason, got ${describe(reason)}`);
      return execution.pause(reason);
    };
  }

  get settle(): Context['settle'] {
    const { call } = this.#execution;
    return (actual) => tellActualCost(call, readCosts(actual));
  }

  get softDeadline(): AbortSignal {
    return this.#execution.softSignal;
  }

  get onCleanup(): Context['onCleanup'] {
    const execution = this.#execution;
    return (handler) => {
      if (typeof handler !== 'function') throw new ConfigError('onCleanup: expected a function');
      execution.addCleanup(handler);
    };
  }

  get use(): Context['use'] {
    const execution = this.#execution;
    return (resource) => {
      execution.addCleanup(disposerOf(resource));
      return resource;
    };
  }

  get onLate(): Context['onLate'] {
    const execution = this.#execution;
    return (dispose) => {
      if (typeof dispose !== 'function') throw new ConfigError('onLate: expected a function');
      execution.addLate(dispose);
    };
  }

  get call(): Context['call'] {
    const execution = this.#execution;
    return (tool, ...[input, options]) => callTool(execution.call.root.environment, tool, input, options, execution);
  }

  get stream(): Context['stream'] {
    const execution = this.#execution;
    return (tool, ...[input, options]) => streamTool(execution.call.root.environment, tool, input, options, execution);
  }

  get callAll(): Context['callAll'] {
    const execution = this.#execution;
    const call: unknown = (calls: Parameters<typeof callAll>[1], options?: CallAllOptions) =>
      callAll(execution, calls, options);
    return call as Context['callAll'];
  }

  get run(): Context['run'] {
    const execution = this.#execution;
    return (pipeline, ...[input, options]) =>
      beginRun(execution.call.root.environment, pipeline, input, options, execution);
  }

  get outcome(): Context['outcome'] {
    const execution = this.#execution;
    return (name) => {
      const stage = execution.call.root.stage;
      if (stage === null)
        throw new ConfigError(`outcome: ${title(execution.call)} is not a part of a run of a pipeline`);
      return stage.outcomeOf(name);
    };
  }

  get cancel(): Context['cancel'] {
    const execution = this.#execution;
    return (reason, options) => cancelFrom(execution, reason, options?.scope ?? 'stage');
  }

  get skip(): Context['skip'] {
    const execution = this.#execution;
    return (reason) => execution.skip(reason);
  }

  get emit(): Context['emit'] {
    const { call } = this.#execution;
    return (type, data) => call.emit(`user.${type}`, data === undefined ? {} : { data });
  }
}

function readCosts(actual: unknown): Readonly<Record<string, number>> {
  const problems = new Problems();
  const costs = readPlain(actual, 'settle', problems, 'a plain object of numbers ≥ 0') ?? {};
  for (const [name, cost] of Object.entries(costs)) {
    if (!(typeof cost === 'number' && cost >= 0 && Number.isFinite(cost))) {
      problems.add(`settle.${name}`, 'a finite number ≥ 0', cost);
    }
  }
  problems.throwIfAny();
  return costs as Readonly<Record<string, number>>;
}

function beat(execution: Execution, details: unknown): void {
  const { open, call } = execution;
  if (!open) {
    ignoreSign(call);
    return;
  }
  // As it is now, whatever becomes of the object.
  const kept = copied(details);
  execution.sign('heartbeat', kept);
  // Where nobody counts the beats, each is told as it comes.
  if (call.watch?.root !== call.root) call.emit('heartbeat', kept === undefined ? {} : { details: kept });
}

function reportProgress(execution: Execution, fraction: unknown, note: unknown): void {
  const { open, call } = execution;
  if (!open) return;
  const { reporter } = call.root.environment;
  if (typeof fraction !== 'number' || Number.isNaN(fraction)) {
    reporter.warn(`${title(call)} reported a progress that is no number: ${describe(fraction)}`);
    return;
  }
  const clamped = Math.min(1, Math.max(0, fraction));
  const said = typeof note === 'string' ? { note } : {};
  call.root.keepProgress(clamped, said.note);
  execution.sign('progress', clamped);
  call.emit('progress', { fraction: clamped, ...said });
}

function keepPartial(execution: Execution, value: unknown): void {
  const { open, call } = execution;
  if (!open) return;
  execution.sign('partial');
  const refusal = call.root.keepPartial(value);
  if (refusal === undefined) {
    call.emit('partial');
    return;
  }
  call.root.environment.reporter.warn(`${title(call)} reported a partial result that is not kept: ${refusal}`);
}

function dataFor(execution: Execution): Data {
  const { root } = execution.call;
  const usable = (): boolean => {
    // What an orphan writes comes too late, and is counted with all that does.
    if (!execution.open) execution.late('data');
    return execution.open;
  };
  const { runScope, stage, outermost } = root;
  if (runScope !== null && stage !== null) return runScope.data.for(stage, usable);
  return outermost.data.for(ALONE, usable);
}

/** Outside of pipelines there is only one who writes. */
const ALONE: Writer = { name: '', follows: () => true };

function cancelFrom(execution: Execution, given: unknown, scope: 'stage' | 'branch' | 'run'): never {
  if (scope !== 'stage' && scope !== 'branch' && scope !== 'run') {
    throw new ConfigError(`cancel: expected scope 'stage', 'branch' or 'run', got ${describe(scope)}`);
  }
  const { call } = execution;
  const { stage, runScope, outermost } = call.root;
  const reason = given ?? new CancelledError(`${title(call)} has cancelled ${scope === 'run' ? 'its run' : 'itself'}`);
  if (execution.open) {
    if (stage === null || runScope === null) call.root.environment.decisions.after(() => outermost.abort(reason));
    else if (scope === 'run') runScope.cancel(reason);
    else stage.cancel(reason, scope === 'branch');
  }
  throw cancelledBy(call, reason);
}

/** How to release a resource: asynchronously if it can. */
function disposerOf(resource: Disposable | AsyncDisposable): CleanupHandler {
  if (typeof resource === 'object' || typeof resource === 'function') {
    if (resource !== null && Symbol.asyncDispose in resource) return () => resource[Symbol.asyncDispose]();
    if (resource !== null && Symbol.dispose in resource) return () => resource[Symbol.dispose]();
  }
  throw new ConfigError('use: expected a resource with [Symbol.dispose] or [Symbol.asyncDispose]');
}
