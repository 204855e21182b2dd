import { callTool, streamTool } from './call-tool.ts';
import type { Clock } from './clock.ts';
import type { CallRest } from './context.ts';
import { type Duration, readDuration } from './duration.ts';
import { Environment } from './environment.ts';
import type { SluiceEvent } from './events.ts';
import type { Explanation } from './explain.ts';
import type { Observable } from './flow.ts';
import { hasMethods } from './has-methods.ts';
import type { Plugin } from './interceptor.ts';
import type { Logger } from './logger.ts';
import type { AnyPipeline } from './pipeline.ts';
import { Problems } from './problems.ts';
import { beginRun, type RunOf } from './run.ts';
import type { RunRest } from './run-options.ts';
import { Stack } from './stack.ts';
import type { AnyTool, ToolInput, ToolItem, ToolOutput } from './tool.ts';
import { type WrapOptions, type Wrapped, wrapIn } from './wrap.ts';

/** What a runner is made with. Every field may be left out. */
export interface RunnerOptions {
  /** The interceptors, in any order, or a stack that is shared with other runners. None unless set. */
  readonly use?: readonly Plugin[] | Stack | undefined;
  /** Where warnings go: a pino logger, or anything with its four methods. Process warnings unless set. */
  readonly logger?: Logger | undefined;
  /** Where time and chance come from; `systemClock` unless set. */
  readonly clock?: Clock | undefined;
  /** `'off'` switches every deadline off, for debugging; so does `SLUICE_TIMEOUTS=off`. `'on'` unless set. */
  readonly timeouts?: 'on' | 'off' | undefined;
  /** How long work may take to unwind once it was stopped; 50 ms unless set. `0` waits for nothing. */
  readonly grace?: Duration | undefined;
  /** How deep runs may be nested in one another, counted from 0; 5 unless set, `Infinity` for any depth. */
  readonly maxDepth?: number | undefined;
  /** What the runner is called; `'runner'` unless set. */
  readonly name?: string | undefined;
  /** Codes of the order check's findings that are as they should be. */
  readonly acknowledge?: readonly string[] | undefined;
}

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
  /** The resolved chain, outermost first: for a tool, or for the stack as such. */
  explain(target?: AnyTool): Explanation;
  stats(): RunnerStats;
  /** Everything that happens, while somebody listens. */
  readonly events$: Observable<SluiceEvent>;
}

const OPTIONS: readonly string[] = ['use', 'logger', 'clock', 'timeouts', 'grace', 'maxDepth', 'name', 'acknowledge'];

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
  const graceMs = checkOptions(options);
  const { use = [], logger, clock, timeouts, maxDepth, name = 'runner', acknowledge } = options;
  const shared = use instanceof Stack;
  const stack = shared ? use : new Stack(use, { acknowledge });
  const environment = new Environment(stack, {
    clock,
    logger,
    graceMs,
    maxDepth,
    ...(timeouts && { timeouts: timeouts === 'on' }),
  });
  if (!shared) environment.warn(stack.findings);
  return new StackRunner(name, environment);
}

class StackRunner implements Runner {
  readonly name: string;
  readonly events$: Observable<SluiceEvent>;
  readonly #environment: Environment;

  constructor(name: string, environment: Environment) {
    this.name = name;
    this.#environment = environment;
    this.events$ = environment.events.events$;
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

  explain(target?: AnyTool): Explanation {
    return this.#environment.stack.explain(target);
  }

  stats(): RunnerStats {
    const { gauges, stack } = this.#environment;
    return { ...gauges, interceptors: stack.stats() };
  }
}

/** Checks what can be wrong with a runner's options; answers the grace in milliseconds. */
function checkOptions(options: RunnerOptions): number | undefined {
  const problems = new Problems();
  if (typeof options !== 'object' || options === null) {
    problems.add('createRunner', 'an object of options', options);
    problems.throwIfAny();
  }
  problems.unknownKeys(options, OPTIONS, '');
  const { grace, timeouts, maxDepth, logger, name, clock, acknowledge } = options;
  const graceMs = grace === undefined ? undefined : readDuration(grace, 'grace', problems);
  if (timeouts !== undefined && timeouts !== 'on' && timeouts !== 'off')
    problems.add('timeouts', "'on' or 'off'", timeouts);
  if (maxDepth !== undefined && maxDepth !== Number.POSITIVE_INFINITY && !(Number.isInteger(maxDepth) && maxDepth >= 0))
    problems.add('maxDepth', 'an integer ≥ 0, or Infinity', maxDepth);
  if (name !== undefined && (typeof name !== 'string' || name === '')) problems.add('name', 'a name', name);
  if (logger !== undefined && !hasMethods(logger, ['debug', 'info', 'warn', 'error'])) {
    problems.add('logger', 'a logger with debug, info, warn and error', logger);
  }
  if (clock !== undefined && !hasMethods(clock, ['now', 'schedule', 'random'])) {
    problems.add('clock', 'a clock with now, schedule and random', clock);
  }
  if (acknowledge !== undefined && !Array.isArray(acknowledge))
    problems.add('acknowledge', 'an array of codes', acknowledge);
  if (acknowledge !== undefined && options.use instanceof Stack) {
    problems.say(
      'acknowledge',
      'the stack is made already; say it where the stack is made: stack(plugins, { acknowledge })',
    );
  }
  problems.throwIfAny();
  return graceMs;
}
