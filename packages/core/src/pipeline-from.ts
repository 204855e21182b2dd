import { describe } from './describe.ts';
import {
  type Declared,
  factsOf,
  GraphPipeline,
  type Pipeline,
  type PipelineOptions,
  readPipelineOptions,
  type StageNode,
  stageNode,
} from './pipeline.ts';
import { readList, readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import type { Stage, StageFunction, StageTraits } from './stage.ts';
import { checkStageName, listed } from './stage-check.ts';
import { type Circle, topological } from './topological.ts';

/** A stage as data: its name, what it waits for, and which of the given works it does. */
export interface StageData extends StageTraits {
  readonly name: string;
  /** The stages whose outputs it must have. */
  readonly needs?: readonly string[] | undefined;
  /** The stages that it waits for, but can do without. */
  readonly optional?: readonly string[] | undefined;
  /** The name of its work. */
  readonly use: string;
  /** Whether it is to run at all. No part of data from outside; for who puts pipelines together in code. */
  readonly when?: ((deps: never) => boolean) | undefined;
}

/** A pipeline as data. */
export interface PipelineData extends PipelineOptions {
  readonly name: string;
  /** The stages, in any order. */
  readonly stages: readonly StageData[];
}

/** The types of a pipeline made from data, as its user knows them. */
type Known<Out> = { readonly [K in keyof Out]: { readonly output: Out[K]; readonly item: unknown } };

/**
 * Makes a pipeline from data: the graph from a file, a database, an editor; the work from a table of functions and stages. All that
 * is wrong with it is said in one {@link ConfigError}: unknown names with the nearest known one, and the cycles, printed.
 *
 * @example
 * ```ts
 * import { createRunner, pipelineFrom } from '@sluice/core';
 *
 * const graph = JSON.parse(`{
 *   "name": "sum",
 *   "stages": [
 *     { "name": "total", "needs": ["a", "b"], "use": "add" },
 *     { "name": "a", "use": "one" },
 *     { "name": "b", "use": "one" }
 *   ]
 * }`);
 * const sum = pipelineFrom<void, { total: number }>(graph, {
 *   stages: { one: () => 1, add: ({ a, b }: { a: number; b: number }) => a + b },
 * });
 * console.assert((await createRunner().run(sum)).total === 2);
 * ```
 *
 * @see {@link pipeline} for pipelines in code, with types that follow the data
 */
export function pipelineFrom<Input = unknown, Out extends object = Record<string, unknown>>(
  data: PipelineData,
  works: { readonly stages: Readonly<Record<string, StageFunction | Stage>> },
): Pipeline<Input, Known<Out>> {
  const problems = new Problems();
  const read = readPlain(data, 'pipelineFrom', problems, 'a plain object { name, stages }');
  const given = readPlain(works, 'pipelineFrom: works', problems);
  const table = given && readPlain(given['stages'], 'pipelineFrom: works.stages', problems);
  if (read === undefined) problems.throwIfAny();
  const { name, stages, ...options } = read ?? {};
  const head = readPipelineOptions(name, options, problems);
  const path = `pipeline ${describe(head.name)}`;
  const list = readList(stages, `${path}: stages`, problems, 'an array of stages') ?? [];
  const declared = list.map((one, index) => declare(one, path, index, table, problems));
  const nodes = nodesOf(declared, path, problems);
  const { order, cycles, more } = topological(
    nodes.map(({ info }) => ({ name: info.name, before: [...info.needs, ...info.optional] })),
  );
  for (const cycle of cycles) problems.say(path, `stages wait for one another in a circle: ${printed(cycle)}`);
  if (more > 0) problems.say(path, `there ${more === 1 ? 'is 1 more such circle' : `are ${more} more such circles`}`);
  problems.throwIfAny();
  const ordered = order.map((index) => nodes[index] as StageNode);
  return new GraphPipeline(factsOf(head, ordered)) as unknown as Pipeline<Input, Known<Out>>;
}

function declare(
  one: unknown,
  pipeline: string,
  index: number,
  table: Readonly<Record<string, unknown>> | undefined,
  problems: Problems,
): Declared | undefined {
  const read = readPlain(one, `${pipeline}, stages[${index}]`, problems, 'a stage { name, use }');
  if (read === undefined) return undefined;
  const { name, use, ...options } = read;
  const path = placeOf(pipeline, name, index);
  if (typeof use !== 'string') {
    problems.add(`${path}: use`, 'the name of one of the given works', use);
    return { name, options, work: placeholder };
  }
  if (table === undefined) return { name, options, work: placeholder };
  if (Object.hasOwn(table, use)) return { name, options, work: table[use] };
  const known = Object.keys(table);
  problems.say(`${path}: use`, `there is no work ${describe(use)}${problems.hint(use, known) || listed(known)}`);
  return { name, options, work: placeholder };
}

/** Where in the data a stage stands: by its name, if it has one. */
function placeOf(pipeline: string, name: unknown, index: number): string {
  return `${pipeline}, ${typeof name === 'string' ? `stage ${describe(name)}` : `stages[${index}]`}`;
}

function printed({ shown, length }: Circle): string {
  const names = shown.map((name) => describe(name));
  const rest = length - names.length;
  return [...names, ...(rest > 0 ? [`(${rest} more)`] : []), names[0]].join(' → ');
}

/** Stands where there is no work, until that has been said. */
function placeholder(): void {}

function nodesOf(declared: readonly (Declared | undefined)[], path: string, problems: Problems): StageNode[] {
  const names = new Set(declared.flatMap((one) => (typeof one?.name === 'string' ? [one.name] : [])));
  const taken = new Set<string>();
  return declared.flatMap((one, index) => {
    if (one === undefined) return [];
    const at = placeOf(path, one.name, index);
    checkStageName(one.name, taken, at, problems);
    if (typeof one.name === 'string') taken.add(one.name);
    return [stageNode(one, names, at, problems)];
  });
}
