import { callTool, streamTool } from './call-tool.ts';
import type { CallRest } from './context.ts';
import { Drain, type DrainOptions, type DrainReport } from './drain.ts';
import { type Duration, readDuration } from './duration.ts';
import { Environment } from './environment.ts';
import type { SluiceEvent } from './events.ts';
import type { Explanation } from './explain.ts';
import type { Observable } from './flow.ts';
import type { AnyPipeline } from './pipeline.ts';
import { readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import { beginRun, type RunOf } from './run.ts';
import type { RunRest } from './run-options.ts';
import type { RunRecords } from './run-records.ts';
import { checkRunnerOptions, isStack, type RunnerOptions } from './runner-options.ts';
import { handleSignals } from './signal-handling.ts';
import { Stack } from './stack.ts';
import type { AnyTool, ToolInput, ToolItem, ToolOutput } from './tool.ts';
import { updateStack } from './update.ts';
import { type WrapOptions, type Wrapped, wrapIn } from './wrap.ts';

/** What a runner tells at a glance. */
export interface RunnerStats {
  /** Calls that have no verdict yet. */
  readonly running: number;
  /** Works that are past their grace and have not settled. */
  readonly orphans: number;
  /** Values and errors that came after their verdict, in all. */
  readonly late: number;
  /** What the interceptors tell, by name. */
  readonly interceptors: Readonly<Record<string, unknown>>;
}

/** A stack with a clock, a logger and a stream of events: what calls are made with. */
export interface Runner {
  readonly name: string;
  /** Runs a pipeline. */
  run<P extends AnyPipeline>(pipeline: P, ...rest: RunRest<P>): RunOf<P>;
  /** Calls a tool. Rejects with the work's own error, or with the error of the interceptor that decided. */
  call<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Promise<ToolOutput<T>>;
  /** Calls a tool at each subscription, and emits its items as they come. Unsubscribing cancels the call. */
  stream<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Observable<ToolItem<T>>;
  /** Gives a function back with the stack around it. */
  wrap<T, A extends unknown[], R>(fn: (this: T, ...args: A) => R, options?: WrapOptions): Wrapped<T, A, R>;
  /** The resolved chain, outermost first: for a tool, for one stage of a pipeline or all of them, or for the stack as such. */
  explain(target?: AnyTool | AnyPipeline, stage?: string): Explanation;
  stats(): RunnerStats;
  /** Gives interceptors new options by name, for the calls that come after; they keep their state. A wrong patch is refused whole. */
  update(patch: Readonly<Record<string, unknown>>): void;
  /** What is on record of the runs: of all that go on, and of the last that are over. */
  readonly runs: RunRecords;
  /** Shuts down: takes nothing more in, lets what goes on come to its end, stops what does not within the grace, and reports. */
  drain(options?: DrainOptions): Promise<DrainReport>;
  /** Shuts down, as {@link drain} does. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Everything that happens, while somebody listens. */
  readonly events$: Observable<SluiceEvent>;
}

/**
 * Makes a runner.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 *
 * const runner = createRunner();
 * const count = tool('count', {}, async function* (upTo: number) {
 *   for (let n = 1; n <= upTo; n++) yield n;
 * });
 * console.assert((await runner.call(count, 3)).join() === '1,2,3');
 * console.assert(runner.stats().running === 0);
 * ```
 */
export function createRunner(options: RunnerOptions = {}): Runner {
  const { use, logger, redact, clock, timeouts, maxDepth, graceMs, records, acknowledge, ...more } =
    checkRunnerOptions(options);
  const { name = 'runner', handleSignals: signals = false } = more;
  const shared = isStack(use);
  const stack = shared ? use : new Stack(use, { acknowledge });
  const environment = new Environment(stack, {
    clock,
    logger,
    redact,
    graceMs,
    maxDepth,
    records,
    ...(timeouts && { timeouts: timeouts === 'on' }),
  });
  if (!shared) environment.warn(stack.findings);
  return new StackRunner(name, environment, signals);
}

/** How long what goes on may take to come to its own end when a runner is shut down. */
const DRAIN_GRACE: Duration = '10s';

class StackRunner implements Runner {
  readonly name: string;
  readonly events$: Observable<SluiceEvent>;
  readonly #environment: Environment;
  readonly #ignoreSignals: (() => void) | undefined;
  #drain: Drain | undefined;

  constructor(name: string, environment: Environment, signals: boolean) {
    this.name = name;
    this.#environment = environment;
    this.events$ = environment.events.events$;
    if (signals) this.#ignoreSignals = handleSignals(this);
  }

  run<P extends AnyPipeline>(pipeline: P, ...[input, options]: RunRest<P>): RunOf<P> {
    return beginRun(this.#environment, pipeline, input, options, null);
  }

  call<T extends AnyTool>(tool: T, ...[input, options]: CallRest<ToolInput<T>>): Promise<ToolOutput<T>> {
    return callTool(this.#environment, tool, input, options, null);
  }

  stream<T extends AnyTool>(tool: T, ...[input, options]: CallRest<ToolInput<T>>): Observable<ToolItem<T>> {
    return streamTool(this.#environment, tool, input, options, null);
  }

  wrap<T, A extends unknown[], R>(fn: (this: T, ...args: A) => R, options: WrapOptions = {}): Wrapped<T, A, R> {
    return wrapIn(this.#environment, fn, options);
  }

  explain(target?: AnyTool | AnyPipeline, stage?: string): Explanation {
    return this.#environment.stack.explain(target, stage);
  }

  stats(): RunnerStats {
    const { gauges, stack } = this.#environment;
    return { ...gauges, interceptors: stack.stats() };
  }

  update(patch: Readonly<Record<string, unknown>>): void {
    updateStack(this.#environment, patch);
  }

  get runs(): RunRecords {
    return this.#environment.runs;
  }

  drain(options: DrainOptions = {}): Promise<DrainReport> {
    const problems = new Problems();
    const given = readPlain(options, 'drain: options', problems) ?? {};
    problems.unknownKeys(given, ['grace'], 'drain');
    const graceMs = readDuration(given['grace'] === undefined ? DRAIN_GRACE : given['grace'], 'drain: grace', problems);
    try {
      problems.throwIfAny();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#drain ??= new Drain(this.#environment);
    this.#drain.within(graceMs);
    return this.#drain.report.finally(() => this.#ignoreSignals?.());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }
}
