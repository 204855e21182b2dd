import { createRunner, type Pipeline, type Plugin, pipelineFrom } from '@sluice/core';
import { passThrough, several } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { type CallsOptions, calls } from '../measure.ts';
import type { Figures, Part, Suite } from '../part.ts';
import { held } from './graph-held.ts';
import { graph, graphData, plain, runPlain, type Shape, shapes } from './graph-shapes.ts';

const SIZES = [1, 10, 100, 1_000];
const LARGE = 10_000;

/** A part whose rows are nanoseconds per stage of a run. */
function stages(options: CallsOptions, sizeOf: (row: string) => number): Part {
  const part = calls(options);
  return {
    ...part,
    async measure(effort) {
      const figures = await part.measure(effort);
      return Object.fromEntries(Object.entries(figures).map(([row, ns]) => [row, ns / sizeOf(row)]));
    },
  };
}

function runs(pipeline: Pipeline<void>, use: readonly Plugin[] = []): () => unknown {
  const runner = createRunner({ use });
  return () => runner.run(pipeline);
}

function listened(pipeline: Pipeline<void>): () => unknown {
  const runner = createRunner();
  return () => {
    const run = runner.run(pipeline);
    run.events$.subscribe(() => {});
    return run;
  };
}

/** The same graph by hand, on twenty lines of one's own, and on Sluice. */
function compared(shape: Shape, count: number, kind: string, { work }: KindOfWork): Part {
  const size = shape.stages(count).length;
  return stages(
    {
      name: `${titled(shape, count)}, ${kind}`,
      bare: 'by hand',
      baseline: 'executor',
      cases: () => {
        const stagesOfIt = plain(shape, count, work);
        return {
          'by hand': shape.byHand(count, work),
          executor: () => runPlain(stagesOfIt),
          sluice: runs(graph(shape, count, work)),
        };
      },
    },
    () => size,
  );
}

/** What interceptors and listeners add. */
function added(shape: Shape, count: number): Part {
  const size = shape.stages(count).length;
  const { work } = kindsOfWork.promise;
  return stages(
    {
      name: `${titled(shape, count)}, promise: what is around it`,
      bare: 'executor',
      baseline: 'sluice',
      cases: () => {
        const pipeline = graph(shape, count, work);
        const stagesOfIt = plain(shape, count, work);
        return {
          executor: () => runPlain(stagesOfIt),
          sluice: runs(pipeline),
          'sluice, 5 pass-throughs': runs(pipeline, several(5, passThrough)),
          'sluice, a listener': listened(pipeline),
        };
      },
    },
    () => size,
  );
}

/** The cost of a stage of a large run beside that of a small one. */
function growth(shape: Shape): Part {
  const { work } = kindsOfWork.promise;
  const counts = [...SIZES, LARGE];
  const row = (who: string, count: number) => `${who}, ${count.toLocaleString('en')}`;
  const sizes = new Map(
    ['sluice', 'executor'].flatMap((who) =>
      counts.map((count) => [row(who, count), shape.stages(count).length] as const),
    ),
  );
  return stages(
    {
      name: `growth of a ${shape.name}, promise`,
      bare: row('sluice', 10),
      baseline: row('executor', 10),
      cases: () =>
        Object.fromEntries([
          ...counts.map((count) => [row('sluice', count), runs(graph(shape, count, work))] as const),
          ...counts.map((count) => {
            const stagesOfIt = plain(shape, count, work);
            return [row('executor', count), () => runPlain(stagesOfIt)] as const;
          }),
        ]),
    },
    (name) => sizes.get(name) ?? Number.NaN,
  );
}

/** What a pipeline costs before it runs for the second time. */
function beginning(shape: Shape, count: number): Part {
  const size = shape.stages(count).length;
  const { work } = kindsOfWork.promise;
  return stages(
    {
      name: `${titled(shape, count)}: first runs`,
      bare: 'run',
      baseline: 'run',
      cases: () => {
        const pipeline = graph(shape, count, work);
        const data = graphData(shape, count);
        const use = several(5, passThrough);
        return {
          run: runs(pipeline),
          'first run': () => createRunner().run(pipeline),
          'first run, 5 pass-throughs': () => createRunner({ use }).run(pipeline),
          pipelineFrom: () => pipelineFrom(data, { stages: { work } }),
        };
      },
      derive: (figures: Figures) => ({
        'of "first run", the compiling': (figures['first run'] ?? Number.NaN) - (figures['run'] ?? Number.NaN),
      }),
    },
    () => size,
  );
}

function titled({ name }: Shape, count: number): string {
  return `${name} of ${count.toLocaleString('en')}`;
}

const { sync, promise, asynchronous } = kindsOfWork;

export const graphs: Suite = {
  name: 'graph',
  about:
    'Runs of pipelines, per stage: stages in a row, and stages side by side with one that needs them all. "By hand" is await and Promise.all, "executor" a general one of twenty lines.',
  parts: [
    ...shapes.flatMap((shape) =>
      SIZES.flatMap((count) =>
        Object.entries({ sync, promise, asynchronous }).map(([kind, work]) => compared(shape, count, kind, work)),
      ),
    ),
    ...shapes.map((shape) => added(shape, 100)),
    ...shapes.map(growth),
    ...shapes.map((shape) => beginning(shape, 100)),
    ...shapes.map(held),
  ],
};
