import { describe } from './describe.ts';
import { nearest } from './nearest.ts';
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
import { Problems } from './problems.ts';
import type { Stage, StageFunction, StageTraits } from './stage.ts';
import { checkStageName } from './stage-check.ts';
import { topological } from './topological.ts';

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
  if (typeof data !== 'object' || data === null) problems.add('pipelineFrom', 'an object { name, stages }', data);
  const table: unknown = typeof works === 'object' && works !== null ? works.stages : undefined;
  if (typeof table !== 'object' || table === null) {
    problems.add('pipelineFrom: stages', 'the works by name: { stages: { … } }', table);
  }
  problems.throwIfAny();
  const { name, stages, ...options } = data;
  const head = readPipelineOptions(name, options, problems);
  const path = `pipeline "${head.name}"`;
  if (!Array.isArray(stages)) problems.add(`${path}: stages`, 'an array of stages', stages);
  const declared = Array.isArray(stages)
    ? stages.map((one, index) =>
        declare(one, `${path}, stages[${index}]`, table as Readonly<Record<string, unknown>>, problems),
      )
    : [];
  const nodes = nodesOf(declared, path, problems);
  const { order, cycles } = topological(
    nodes.map(({ info }) => ({ name: info.name, before: [...info.needs, ...info.optional] })),
  );
  for (const cycle of cycles) problems.say(path, `stages wait for one another in a circle: ${printed(cycle)}`);
  problems.throwIfAny();
  return new GraphPipeline(
    factsOf(
      head,
      order.map((index) => nodes[index] as StageNode),
    ),
  ) as unknown as Pipeline<Input, Known<Out>>;
}

function declare(
  one: unknown,
  path: string,
  table: Readonly<Record<string, unknown>>,
  problems: Problems,
): Declared | undefined {
  if (typeof one !== 'object' || one === null || Array.isArray(one)) {
    problems.add(path, 'a stage { name, use }', one);
    return undefined;
  }
  const { name, use, ...options } = one as Partial<Record<string, unknown>>;
  const at = typeof name === 'string' ? path.replace(/stages\[\d+\]$/, `stage "${name}"`) : path;
  if (typeof use !== 'string') {
    problems.add(`${at}: use`, 'the name of one of the given works', use);
    return { name, options, work: placeholder };
  }
  if (Object.hasOwn(table, use)) return { name, options, work: table[use] };
  const meant = nearest(use, Object.keys(table));
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  problems.say(`${at}: use`, `there is no work ${describe(use)}${hint}`);
  return { name, options, work: placeholder };
}

/** How much of a circle is shown. */
const SHOWN = 20;

function printed(cycle: readonly string[]): string {
  const shown = cycle.slice(0, SHOWN).map((name) => `"${name}"`);
  const rest = cycle.length - shown.length;
  return [...shown, ...(rest > 0 ? [`(${rest} more)`] : []), `"${cycle[0]}"`].join(' → ');
}

/** Stands where there is no work, until that has been said. */
function placeholder(): void {}

function nodesOf(declared: readonly (Declared | undefined)[], path: string, problems: Problems): StageNode[] {
  const names = new Set(declared.flatMap((one) => (typeof one?.name === 'string' ? [one.name] : [])));
  const taken = new Set<string>();
  return declared.flatMap((one, index) => {
    if (one === undefined) return [];
    const at = `${path}, ${typeof one.name === 'string' ? `stage "${one.name}"` : `stages[${index}]`}`;
    checkStageName(one.name, taken, at, problems);
    if (typeof one.name === 'string') taken.add(one.name);
    return [stageNode(one, names, at, problems)];
  });
}
