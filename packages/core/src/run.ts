import type { Environment } from './environment.ts';
import { DrainingError } from './errors/draining-error.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { MaxDepthError } from './errors/max-depth-error.ts';
import { isSluiceError, type SluiceError } from './errors/sluice-error.ts';
import { EventStream } from './event-stream.ts';
import type { SluiceEvent } from './events.ts';
import type { Execution } from './execution.ts';
import type { Observable } from './flow.ts';
import { graphShape } from './graph.ts';
import {
  type AnyPipeline,
  type PipelineFacts,
  type PipelineItems,
  type PipelineOutput,
  pipelineFacts,
} from './pipeline.ts';
import { planOf } from './pipeline-plan.ts';
import { PipelineRun, type RunParts } from './pipeline-run.ts';
import type { Report } from './report.ts';
import { readRunOptions, refusedRequest } from './run-options.ts';

/**
 * One run of a pipeline. It can be awaited: it resolves to the outputs by name, or rejects with the {@link SluiceError} that decided
 * it. It rejects only for who asks: a run that nobody awaits ends no process.
 *
 * It starts in the next microtask, so that whoever subscribes in the same turn misses nothing.
 */
export interface Run<Out = Readonly<Record<string, unknown>>, Items = Readonly<Record<string, unknown>>>
  extends PromiseLike<Out> {
  readonly id: string;
  /** The truth about every stage, when the run is over. Never rejects. */
  readonly report: Promise<Report<Out>>;
  /** What happens in it and in the runs within it, as it happens; it completes when the run is over. */
  readonly events$: Observable<SluiceEvent>;
  /** Aborted when the run is stopped, with the reason. */
  readonly signal: AbortSignal;
  /** The items of a stage as they come, from whenever somebody subscribes; it ends as the stage does. */
  stream<K extends keyof Items & string>(stage: K): Observable<Items[K]>;
  /** Stops it, and everything in it. Changes nothing once it has its verdict. */
  cancel(reason?: unknown): void;
  catch<T = never>(onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null): Promise<Out | T>;
  finally(onFinally?: (() => void) | null): Promise<Out>;
}

/** The run of a pipeline, with the types of its outputs. */
export type RunOf<P extends AnyPipeline> = Run<PipelineOutput<P>, PipelineItems<P>>;

/** Begins a run: alone, or as a part of the work that `parent` is. What is wrong with its options is what it rejects with. */
export function beginRun<P extends AnyPipeline>(
  environment: Environment,
  pipeline: P,
  input: unknown,
  options: unknown,
  parent: Execution | null,
): RunOf<P> {
  const run = new PipelineRun(runParts(environment, pipeline, input, options, parent));
  queueMicrotask(() => void run.go());
  return new RunHandle(run, environment) as unknown as RunOf<P>;
}

function runParts(
  environment: Environment,
  pipeline: unknown,
  input: unknown,
  options: unknown,
  parent: Execution | null,
): RunParts {
  let facts = NO_STAGES;
  try {
    facts = pipelineFacts(pipeline);
    const request = readRunOptions(options, facts);
    const chains = planOf(environment, facts, request);
    const refusal = parent === null ? shutDown(environment, facts) : tooDeep(environment, facts, parent);
    return { environment, facts, request, chains, input, parent, refusal };
  } catch (error) {
    const request = refusedRequest(options);
    return { environment, facts, request, chains: [], input, parent, refusal: asRefusal(error) };
  }
}

/** What stands in place of a pipeline that cannot be run. */
const NO_STAGES: PipelineFacts = {
  name: '(no pipeline)',
  onFailure: 'cancel',
  deadlineMs: undefined,
  policies: [],
  nodes: [],
  indexes: new Map(),
  shape: graphShape([], [], []),
};

/** Why a run does not start: what is wrong with what it was asked with, or with a plugin that looked at it. */
function asRefusal(error: unknown): SluiceError {
  if (isSluiceError(error)) return error;
  return new InterceptorError('(plugin)', 'threw while it read its policies', { cause: error });
}

function shutDown({ root }: Environment, { name }: PipelineFacts): DrainingError | undefined {
  if (!root.closing) return undefined;
  return new DrainingError(`Pipeline "${name}" was refused: the runner is shutting down`);
}

function tooDeep(environment: Environment, { name }: PipelineFacts, parent: Execution): MaxDepthError | undefined {
  const around = parent.call.root.runScope;
  const depth = around ? around.depth + 1 : 0;
  const { maxDepth } = environment;
  if (depth <= maxDepth) return undefined;
  return new MaxDepthError(`Pipeline "${name}" is nested ${depth} deep; the limit is ${maxDepth}`, {
    details: { pipeline: name, depth, maxDepth },
  });
}

class RunHandle implements Run {
  readonly #run: PipelineRun;
  readonly #environment: Environment;
  #result: Promise<Readonly<Record<string, unknown>>> | undefined;
  #report: Promise<Report> | undefined;

  constructor(run: PipelineRun, environment: Environment) {
    this.#run = run;
    this.#environment = environment;
  }

  get id(): string {
    return this.#run.scope.runId;
  }

  get report(): Promise<Report> {
    this.#report ??= new Promise((resolve) => this.#run.whenOver(resolve));
    return this.#report;
  }

  get events$(): Observable<SluiceEvent> {
    const { scope } = this.#run;
    return scope.open ? this.#environment.events.eventsOf(scope) : new EventStream(() => {}, over);
  }

  get signal(): AbortSignal {
    return this.#run.scope.signal;
  }

  stream(stage: string): Observable<unknown> {
    return this.#run.stage(stage).items$;
  }

  cancel(reason?: unknown): void {
    this.#run.scope.cancel(reason);
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited
  then<T = Readonly<Record<string, unknown>>, U = never>(
    onFulfilled?: ((output: Readonly<Record<string, unknown>>) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => U | PromiseLike<U>) | null,
  ): Promise<T | U> {
    return this.#asked.then(onFulfilled, onRejected);
  }

  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<Readonly<Record<string, unknown>> | T> {
    return this.#asked.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<Readonly<Record<string, unknown>>> {
    return this.#asked.finally(onFinally);
  }

  get [Symbol.toStringTag](): string {
    return 'Run';
  }

  /** The result, which rejects only once somebody has asked for it. */
  get #asked(): Promise<Readonly<Record<string, unknown>>> {
    this.#result ??= new Promise((resolve, reject) => {
      this.#run.whenOver(({ status, output, error }) => {
        if (status === 'ok') resolve(output);
        else reject(error);
      });
    });
    return this.#result;
  }
}

function over(listener: { complete(): void }): () => void {
  listener.complete();
  return () => {};
}
