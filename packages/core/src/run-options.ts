import { types } from 'node:util';
import { policiesOf, readCallOptions } from './call-options.ts';
import type { Context } from './context.ts';
import { describe } from './describe.ts';
import type { Duration } from './duration.ts';
import type { Observable } from './flow.ts';
import type { AnyPipeline, PipelineFacts, PipelineInput, PipelineItems, PipelineOutput } from './pipeline.ts';
import { readPlain } from './plain-object.ts';
import { type Policies, RESERVED } from './policies.ts';
import { Problems } from './problems.ts';
import { type Stage, type StageFunction, stageFacts, workOf } from './stage.ts';
import { listed } from './stage-check.ts';

/** What may be said about one run, beside policies of plugins, which replace those of its stages field by field. */
export interface RunOptions<P extends AnyPipeline = AnyPipeline> extends Policies {
  /** Bounds the run as a whole; the pipeline's own deadline unless set. `0` ends it before it starts. */
  readonly deadline?: Duration | undefined;
  /** Stops the run when it is aborted; its reason arrives everywhere unchanged. */
  readonly signal?: AbortSignal | undefined;
  /** Its id; a new one unless set. */
  readonly runId?: string | undefined;
  /** What ties it to what else belongs to the same request; that of the run around it, or its own id, unless set. */
  readonly correlationId?: string | undefined;
  /** What its data holds at the beginning; nothing unless set. */
  readonly data?: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown> | undefined;
  /** How its calls are to be preferred to others that wait: the smaller the sooner; 0 unless set. */
  readonly priority?: number | undefined;
  /** Policies of single stages, by name. */
  readonly stages?: { readonly [K in keyof PipelineOutput<P>]?: Policies | undefined } | undefined;
  /** Policies of single tools, by name, wherever in the run they are called. */
  readonly tools?: Readonly<Record<string, Policies>> | undefined;
  /** Work to be done in place of that of stages, for tests. All else about them stays as it is. */
  readonly replace?: { readonly [K in keyof PipelineOutput<P>]?: Replacement<P, K> | undefined } | undefined;
  /** Outputs that are there already, such as those of the report of an earlier run: their stages do not run. */
  readonly completed?: Partial<PipelineOutput<P>> | undefined;
}

type Replacement<P extends AnyPipeline, K extends keyof PipelineOutput<P>> =
  | Stage<never, unknown>
  | ((
      deps: { readonly input: PipelineInput<P> } & Partial<PipelineOutput<P>>,
      context: Context,
    ) =>
      | PipelineOutput<P>[K]
      | PromiseLike<PipelineOutput<P>[K]>
      | AsyncIterable<PipelineItems<P>[K & keyof PipelineItems<P>]>
      | Observable<PipelineItems<P>[K & keyof PipelineItems<P>]>);

/** The arguments after the pipeline: its input, which may be left out where it is void, and options. */
export type RunRest<P extends AnyPipeline> =
  undefined extends PipelineInput<P>
    ? [input?: PipelineInput<P>, options?: RunOptions<P>]
    : unknown extends PipelineInput<P>
      ? [input?: PipelineInput<P>, options?: RunOptions<P>]
      : [input: PipelineInput<P>, options?: RunOptions<P>];

type Written = Readonly<Record<string, unknown>>;

/** What holds for a run while it goes on. */
export interface RunSettings {
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly runId: string | undefined;
  readonly correlationId: string | undefined;
  readonly priority: number | undefined;
  readonly data: ReadonlyMap<string, unknown> | undefined;
  readonly tools: ReadonlyMap<string, Written>;
}

/** A run's options, checked and sorted. */
export interface RunRequest {
  readonly settings: RunSettings;
  /** Policies for all stages; undefined when there are none. */
  readonly policies: Written | undefined;
  readonly stages: ReadonlyMap<string, Written>;
  readonly replace: ReadonlyMap<string, StageFunction>;
  readonly completed: ReadonlyMap<string, unknown>;
}

const EMPTY: ReadonlyMap<string, never> = new Map<string, never>();

/** The options of core; the others belong to plugins. */
const OWN: readonly string[] = [
  'deadline',
  'signal',
  'runId',
  'correlationId',
  'data',
  'priority',
  'stages',
  'tools',
  'replace',
  'completed',
];
/** Those that a run shares with a single call. */
const SHARED: readonly string[] = ['deadline', 'signal', 'runId', 'correlationId'];

/** What holds for a run of which nothing is said. */
function plainRequest(deadlineMs: number | undefined): RunRequest {
  return {
    settings: {
      deadlineMs,
      signal: undefined,
      runId: undefined,
      correlationId: undefined,
      priority: undefined,
      data: undefined,
      tools: EMPTY,
    },
    policies: undefined,
    stages: EMPTY,
    replace: EMPTY,
    completed: EMPTY,
  };
}

/** What holds for a run that does not start because something is wrong with what it was asked with: its id, if that can be read. */
export function refusedRequest(options: unknown): RunRequest {
  const request = plainRequest(undefined);
  const { runId, correlationId } = readPlain(options ?? {}, '', new Problems()) ?? {};
  const id = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  return { ...request, settings: { ...request.settings, runId: id(runId), correlationId: id(correlationId) } };
}

/** Checks and sorts the options of one run. Throws a {@link ConfigError} that lists all that is wrong with them. */
export function readRunOptions(options: unknown, facts: PipelineFacts): RunRequest {
  if (options === undefined) return plainRequest(facts.deadlineMs);
  const problems = new Problems();
  const given = readPlain(options, '', problems, 'a plain object of options') ?? {};
  const shared = problems.attempt(() => readCallOptions(pick(given, SHARED)));
  problems.misspeltKeys(given, OWN, '');
  for (const key of Object.keys(given)) {
    if (RESERVED.has(key) && !OWN.includes(key)) problems.say(key, 'is no option of a run');
  }
  const { priority } = given;
  if (priority !== undefined && (typeof priority !== 'number' || !Number.isFinite(priority))) {
    problems.add('priority', 'a finite number', priority);
  }
  const read = <T>(key: string, value: (value: unknown, path: string) => T): ReadonlyMap<string, T> =>
    readByStage(given[key], key, facts, problems, value);
  const request: RunRequest = {
    settings: {
      deadlineMs: shared?.own.deadlineMs ?? facts.deadlineMs,
      signal: shared?.own.signal,
      runId: shared?.own.runId,
      correlationId: shared?.own.correlationId,
      priority: priority as number | undefined,
      data: readData(given['data'], problems),
      tools: readMap(given['tools'], 'tools', problems, (value, path) => readPolicies(value, path, problems)),
    },
    policies: policiesOf(given, OWN),
    stages: read('stages', (value, path) => readPolicies(value, path, problems)),
    replace: read('replace', (value, path) => readWork(value, path, problems)),
    completed: read('completed', (value, path) => readOutput(value, path, problems)),
  };
  problems.throwIfAny();
  return request;
}

function pick(from: Written, keys: readonly string[]): Written {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
}

function readMap<T>(
  given: unknown,
  path: string,
  problems: Problems,
  read: (value: unknown, path: string) => T,
): ReadonlyMap<string, T> {
  if (given === undefined) return EMPTY;
  const fields = readPlain(given, path, problems) ?? {};
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined || path === 'completed');
  return new Map(entries.map(([name, value]) => [name, read(value, `${path}.${short(name)}`)]));
}

/** A name as a part of a path: short enough to be read, and on one line. */
function short(name: string): string {
  return describe(name).slice(1, -1);
}

function readByStage<T>(
  given: unknown,
  path: string,
  { name: pipeline, indexes }: PipelineFacts,
  problems: Problems,
  read: (value: unknown, path: string) => T,
): ReadonlyMap<string, T> {
  const map = readMap(given, path, problems, read);
  for (const name of map.keys()) {
    if (indexes.has(name)) continue;
    const hint = problems.hint(name, indexes.keys()) || listed(indexes.keys());
    problems.say(`${path}.${short(name)}`, `pipeline ${describe(pipeline)} has no stage ${describe(name)}${hint}`);
  }
  return map;
}

function readPolicies(value: unknown, path: string, problems: Problems): Written {
  const fields = readPlain(value, path, problems, 'a plain object of policies') ?? {};
  for (const key of Object.keys(fields)) {
    if (RESERVED.has(key))
      problems.say(`${path}.${key}`, 'is no policy; only policies of plugins can be set for a run');
  }
  return policiesOf(fields, []) ?? {};
}

function readWork(value: unknown, path: string, problems: Problems): StageFunction {
  if (typeof value === 'function' || stageFacts(value) !== undefined) return workOf(value);
  problems.add(path, 'a function (deps, context) => result, or a stage', value);
  return () => undefined;
}

function readOutput(value: unknown, path: string, problems: Problems): unknown {
  if (types.isPromise(value)) {
    value.catch(() => {});
    problems.add(path, 'the output itself; await it first', value);
  }
  return value;
}

function readData(given: unknown, problems: Problems): ReadonlyMap<string, unknown> | undefined {
  if (given === undefined) return undefined;
  if (types.isMap(given)) {
    for (const key of given.keys()) if (typeof key !== 'string') problems.add('data', 'keys that are texts', key);
    return new Map(given as ReadonlyMap<string, unknown>);
  }
  const fields = readPlain(given, 'data', problems, 'a plain object, or a Map');
  return fields && new Map(Object.entries(fields));
}
