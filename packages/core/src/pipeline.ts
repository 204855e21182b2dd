import type { Kind } from './call.ts';
import { policiesOf } from './call-options.ts';
import { describe } from './describe.ts';
import { type Duration, readDuration } from './duration.ts';
import { ConfigError } from './errors/config-error.ts';
import { type GraphShape, graphShape } from './graph.ts';
import { nearest } from './nearest.ts';
import type {
  Deps,
  FreshName,
  Hints,
  Items,
  Outputs,
  Skippable,
  StageOptions,
  StageOutput,
  StageWork,
} from './pipeline-types.ts';
import { isList, readPlain } from './plain-object.ts';
import { type Policies, RESERVED, type WrittenPolicies, writtenPolicies } from './policies.ts';
import { Problems } from './problems.ts';
import type { ItemOf } from './result.ts';
import { type StageFunction, type StageTraits, stageFacts, workOf } from './stage.ts';
import { checkStageName, PLACING_OPTIONS, readStageOptions, readWaits, STAGE_OPTIONS } from './stage-check.ts';
import { isTool } from './tool.ts';

/** What may be said about a pipeline, beside the policies of plugins that hold for all its stages. */
export interface PipelineOptions extends Policies {
  /** What becomes of the others when a stage fails or times out: they are stopped (the default), or go on to their end. */
  readonly onFailure?: 'cancel' | 'continue' | undefined;
  /** Bounds each run as a whole; no bound unless set. A run may say otherwise. */
  readonly deadline?: Duration | undefined;
}

/** A stage of a pipeline as plain data. */
export interface StageInfo {
  readonly name: string;
  /** The stages whose outputs it must have. */
  readonly needs: readonly string[];
  /** The stages that it waits for, but can do without. */
  readonly optional: readonly string[];
  readonly kind: Kind | undefined;
  readonly idempotent: boolean;
  readonly collect: 'all' | 'last';
  /** Whether a `when` decides if it runs at all. */
  readonly conditional: boolean;
}

declare const TYPES: unique symbol;

/** An immutable graph of stages. Made by {@link pipeline}, or from data by `pipelineFrom`. */
export interface Pipeline<Input = never, Stages = unknown, Skips extends string = never> {
  readonly name: string;
  readonly onFailure: 'cancel' | 'continue';
  /** The stages as plain data, each after those that it waits for. */
  readonly stages: readonly StageInfo[];
  /** For the type checker only. */
  readonly [TYPES]?: {
    readonly input: (input: Input) => void;
    readonly stages: Stages;
    readonly skips: Skips;
  };
}

/** Any pipeline, whatever it takes and puts out. */
export type AnyPipeline = Pipeline<never, unknown, string>;

/** What a run of a pipeline takes. */
export type PipelineInput<P extends AnyPipeline> = P extends Pipeline<infer Input, unknown, string> ? Input : never;

/** What a run of a pipeline resolves to: the outputs of its stages by name. */
export type PipelineOutput<P extends AnyPipeline> =
  P extends Pipeline<never, infer Stages, infer Skips> ? Outputs<Stages, Skips> : never;

/** What the stages of a pipeline emit, by name. */
export type PipelineItems<P extends AnyPipeline> =
  P extends Pipeline<never, infer Stages, string> ? Items<Stages> : never;

/**
 * A pipeline to which stages can be added. Adding one makes another pipeline; nothing is ever changed.
 *
 * The map of stages is written out where it grows: behind an alias of its own, it would be too deep for the type checker after a
 * hundred stages.
 */
export interface PipelineBuilder<Input, Stages, Skips extends string = never> extends Pipeline<Input, Stages, Skips> {
  /** Adds a stage that waits for no other. */
  stage<const N extends string, R>(
    name: FreshName<N, Stages>,
    work: StageWork<{ readonly input: Input }, R>,
  ): PipelineBuilder<
    Input,
    Stages & { readonly [K in N]: { readonly output: StageOutput<R, 'all', never>; readonly item: ItemOf<R> } },
    Skips
  >;
  /** Adds a stage that waits for others: for those that it names, or as its options say. */
  stage<
    const N extends string,
    R,
    const Needs extends keyof Stages & string = never,
    const Optional extends keyof Stages & string = never,
    const C extends 'all' | 'last' = 'all',
    W extends boolean = never,
    const H = never,
  >(
    name: FreshName<N, Stages>,
    options: readonly Needs[] | (StageOptions<Deps<Input, Stages, Needs, Optional>, Needs, Optional, C, W> & Hints<H>),
    work: StageWork<Deps<Input, Stages, NoInfer<Needs>, NoInfer<Optional>>, R>,
  ): PipelineBuilder<
    Input,
    Stages & { readonly [K in N]: { readonly output: StageOutput<R, C, H>; readonly item: ItemOf<R> } },
    Skippable<Skips, N, Needs, W>
  >;
}

/** A stage as core knows it. */
export interface StageNode {
  readonly info: StageInfo;
  readonly work: StageFunction;
  readonly when: ((deps: never) => unknown) | undefined;
  /** What was written of it: with the stage itself, if it is reusable, and where it was placed. */
  readonly policies: readonly WrittenPolicies[];
}

/** A pipeline as core knows it. */
export interface PipelineFacts {
  readonly name: string;
  readonly onFailure: 'cancel' | 'continue';
  readonly deadlineMs: number | undefined;
  readonly policies: readonly WrittenPolicies[];
  readonly nodes: readonly StageNode[];
  /** The index of each stage. */
  readonly indexes: ReadonlyMap<string, number>;
  readonly shape: GraphShape;
}

const known = new WeakMap<object, PipelineFacts>();

/**
 * Begins a pipeline: a graph of stages whose types follow the data. Each stage says which earlier ones it needs, gets their outputs,
 * and starts when they are there.
 *
 * @example
 * ```ts
 * import { createRunner, pipeline } from '@sluice/core';
 *
 * const order = pipeline<{ id: string }>('order')
 *   .stage('user', async ({ input }) => ({ name: `user of ${input.id}` }))
 *   .stage('items', async ({ input }) => [`item of ${input.id}`])
 *   .stage('mail', ['user', 'items'], ({ user, items }) => `${user.name}: ${items.length} item`);
 *
 * const { mail } = await createRunner().run(order, { id: '7' });
 * console.assert(mail === 'user of 7: 1 item');
 * ```
 *
 * @see {@link stage} for stages that stand in more than one pipeline
 */
export function pipeline<Input = void>(name: string, options: PipelineOptions = {}): PipelineBuilder<Input, object> {
  const problems = new Problems();
  const read = readPipelineOptions(name, options, problems);
  problems.throwIfAny();
  return new Builder(factsOf(read, [])) as unknown as PipelineBuilder<Input, object>;
}

/** What core knows of a pipeline. Throws a {@link ConfigError} for what is none. */
export function pipelineFacts(value: unknown): PipelineFacts {
  const facts = typeof value === 'object' && value !== null ? known.get(value) : undefined;
  if (facts !== undefined) return facts;
  throw new ConfigError(`expected a pipeline made by pipeline() or pipelineFrom(), got ${describe(value)}`);
}

/** True for what {@link pipeline} or `pipelineFrom` has made. */
export function isPipeline(value: object): value is AnyPipeline {
  return known.has(value);
}

/** The stage of that name. Throws a {@link ConfigError} that names the nearest one. */
export function nodeOf({ name: pipeline, nodes, indexes }: PipelineFacts, name: string): StageNode {
  const node = nodes[indexes.get(name) ?? -1];
  if (node !== undefined) return node;
  const meant = typeof name === 'string' ? nearest(name, indexes.keys()) : undefined;
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw new ConfigError(`Pipeline "${pipeline}" has no stage ${describe(name)}${hint}`);
}

/** What a pipeline is told about itself. */
export type PipelineHead = Pick<PipelineFacts, 'name' | 'onFailure' | 'deadlineMs' | 'policies'>;

/** Reads a pipeline's own options, and notes what is wrong with them. */
export function readPipelineOptions(name: unknown, options: unknown, problems: Problems): PipelineHead {
  if (typeof name !== 'string' || name.trim() === '') problems.add('pipeline.name', 'a name', name);
  const title = typeof name === 'string' ? name : '?';
  const path = `pipeline ${describe(title)}`;
  const given = readPlain(options, `${path}: options`, problems) ?? {};
  const { onFailure = 'cancel', deadline } = given;
  if (onFailure !== 'cancel' && onFailure !== 'continue') {
    problems.add(`${path}: onFailure`, "'cancel' or 'continue'", onFailure);
  }
  problems.misspeltKeys(given, OWN, `${path}: `);
  for (const key of Object.keys(given)) {
    if (RESERVED.has(key) && !OWN.includes(key)) problems.say(`${path}: ${key}`, 'is no option of a pipeline');
  }
  return {
    name: title,
    onFailure: onFailure === 'continue' ? 'continue' : 'cancel',
    deadlineMs: deadline === undefined ? undefined : readDuration(deadline as Duration, `${path}: deadline`, problems),
    policies: writtenPolicies('pipeline', `${path}: `, policiesOf(given, OWN)),
  };
}

const OWN: readonly string[] = ['onFailure', 'deadline'];

/** A stage as it is declared: in code, or in data. */
export interface Declared {
  readonly name: unknown;
  /** What it waits for and how it is to be run. */
  readonly options: unknown;
  readonly work: unknown;
}

/** Turns what was declared into a stage, and notes what is wrong with it. `before` are the names that it may wait for. */
export function stageNode(
  { name, options, work }: Declared,
  before: ReadonlySet<string>,
  path: string,
  problems: Problems,
): StageNode {
  const title = typeof name === 'string' ? name : '?';
  const given = readStageOptions(options, path, PLACING_OPTIONS, problems);
  const waits = readWaits(title, given, before, path, problems);
  const reused = stageFacts(work);
  if (typeof work !== 'function' && reused === undefined) {
    if (isTool(work))
      problems.say(`${path}: work`, 'is a tool; write a function that calls it: (deps, ctx) => ctx.call(tool, input)');
    else problems.add(`${path}: work`, 'a function (deps, context) => result, or a stage made by stage()', work);
  }
  const placed = given as StageTraits & { readonly when?: StageNode['when'] };
  const traits = { ...reused?.traits, ...definedOf(placed) };
  const { kind, idempotent = true, collect = 'all' } = traits;
  const info: StageInfo = Object.freeze({
    name: title,
    needs: Object.freeze(waits.needs),
    optional: Object.freeze(waits.optional),
    kind,
    idempotent,
    collect,
    conditional: placed.when !== undefined,
  });
  return {
    info,
    work: typeof work === 'function' || reused !== undefined ? workOf(work) : () => undefined,
    when: placed.when,
    policies: [
      ...writtenPolicies('stage', `stage ${describe(title)}: `, reused?.policies),
      ...writtenPolicies('stage', `${path}: `, policiesOf(given, [...STAGE_OPTIONS, ...PLACING_OPTIONS])),
    ],
  };
}

/** What is said; a field that is undefined says nothing. */
function definedOf(traits: StageTraits): StageTraits {
  return Object.fromEntries(Object.entries(traits).filter(([, value]) => value !== undefined));
}

/** Puts a pipeline's facts together. Each node stands after those that it waits for. */
export function factsOf(head: PipelineHead, nodes: readonly StageNode[]): PipelineFacts {
  const indexes = new Map(nodes.map(({ info }, index) => [info.name, index]));
  const indexesOf = (names: readonly string[]): number[] => names.map((name) => indexes.get(name) as number);
  const shape = graphShape(
    nodes.map(({ info }) => info.name),
    nodes.map(({ info }) => indexesOf(info.needs)),
    nodes.map(({ info }) => indexesOf(info.optional)),
  );
  return { ...head, nodes, indexes, shape };
}

/** A pipeline of known facts, to which nothing can be added. */
export class GraphPipeline implements Pipeline {
  readonly name: string;
  readonly onFailure: 'cancel' | 'continue';
  readonly stages: readonly StageInfo[];

  constructor(facts: PipelineFacts) {
    this.name = facts.name;
    this.onFailure = facts.onFailure;
    this.stages = Object.freeze(facts.nodes.map(({ info }) => info));
    known.set(this, facts);
    Object.freeze(this);
  }
}

class Builder extends GraphPipeline {
  stage(name: unknown, ...rest: readonly [options: unknown, work?: unknown]): Builder {
    const facts = pipelineFacts(this);
    const problems = new Problems();
    const [options, work] = rest.length < 2 ? [{}, rest[0]] : rest;
    const before = new Set(facts.indexes.keys());
    const path = `pipeline ${describe(facts.name)}, stage ${describe(name)}`;
    checkStageName(name, before, path, problems);
    const swapped = typeof options === 'function' || stageFacts(options) !== undefined || isTool(options);
    if (swapped) problems.say(path, 'its work comes last: .stage(name, needs or options, work)');
    const node = stageNode(
      { name, options: isList(options) ? { needs: options } : swapped ? {} : options, work: swapped ? options : work },
      before,
      path,
      problems,
    );
    problems.throwIfAny();
    return new Builder(factsOf(facts, [...facts.nodes, node]));
  }
}
