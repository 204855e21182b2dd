import { type Pipeline, type PipelineData, pipelineFrom } from '@sluice/core';

type Work = (deps: unknown) => unknown;

/** A stage as somebody writes it who has no library. */
export interface PlainStage {
  readonly name: string;
  readonly needs: readonly string[];
  readonly work: Work;
}

/** The same graph in all its forms. Each stage does the same work. */
export interface Shape {
  readonly name: string;
  /** How many stages there are, for so many in a row or side by side. */
  stages(count: number): readonly Omit<PlainStage, 'work'>[];
  /** The graph in code made for it. */
  byHand(count: number, work: Work): () => Promise<unknown>;
}

const chain: Shape = {
  name: 'chain',
  stages: (count) => range(count).map((index) => ({ name: `s${index}`, needs: index === 0 ? [] : [`s${index - 1}`] })),
  byHand: (count, work) => async () => {
    let value: unknown;
    for (let index = 0; index < count; index++) value = await work(value);
    return value;
  },
};

const fanOut: Shape = {
  name: 'fan-out',
  stages(count) {
    const side = range(count).map((index) => ({ name: `s${index}`, needs: [] }));
    return [...side, { name: 'in', needs: side.map(({ name }) => name) }];
  },
  byHand: (count, work) => {
    const works = range(count).map(() => work);
    return async () => await work(await Promise.all(works.map((start) => start(undefined))));
  },
};

export const shapes: readonly Shape[] = [chain, fanOut];

/** Runs stages that stand in order: what a careful user writes once there are more than a few. */
export async function runPlain(stages: readonly PlainStage[], input?: unknown): Promise<Record<string, unknown>> {
  const results = new Map<string, Promise<unknown>>();
  const start = async ({ needs, work }: PlainStage): Promise<unknown> => {
    const values = await Promise.all(needs.map((need) => results.get(need)));
    const deps: Record<string, unknown> = { input };
    needs.forEach((need, index) => {
      deps[need] = values[index];
    });
    return await work(deps);
  };
  for (const stage of stages) results.set(stage.name, start(stage));
  const values = await Promise.all(results.values());
  return Object.fromEntries(stages.map(({ name }, index) => [name, values[index]]));
}

export function plain(shape: Shape, count: number, work: Work): readonly PlainStage[] {
  return shape.stages(count).map((stage) => ({ ...stage, work }));
}

/** The graph as data. */
export function graphData(shape: Shape, count: number): PipelineData {
  return { name: `${shape.name} of ${count}`, stages: shape.stages(count).map((one) => ({ ...one, use: 'work' })) };
}

export function graph(shape: Shape, count: number, work: Work): Pipeline<void> {
  return pipelineFrom<void>(graphData(shape, count), { stages: { work } });
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
