import { createRunner, type Plugin } from '@sluice/core';
import { passThrough, several } from '../interceptors.ts';
import type { Figures, Part } from '../part.ts';
import { graph, plain, runPlain, type Shape } from './graph-shapes.ts';

const HELD = 10_000;
/** The heap is told in steps: a few runs at once are weighed better than one. */
const RUNS = 10;

/** Whoever could end what hangs: what nobody can end is garbage, and holds nothing. */
const ends: (() => void)[] = [];
const hang = () => new Promise<void>((resolve) => ends.push(resolve));

/** Bytes that each stage of a run holds while nothing in it ends: side by side all are under way, in a row all but one wait. */
export function held(shape: Shape): Part {
  const size = shape.stages(HELD).length;
  return {
    name: `held by a ${shape.name} of ${HELD.toLocaleString('en')}`,
    unit: 'bytes',
    baseline: 'executor',
    async measure() {
      const stages = plain(shape, HELD, hang);
      const figures: Figures = {};
      const cases = {
        'by hand': shape.byHand(HELD, hang),
        executor: () => runPlain(stages),
        sluice: runs(shape),
        'sluice, 5 pass-throughs': runs(shape, several(5, passThrough)),
      };
      for (const [name, run] of Object.entries(cases)) figures[name] = (await weigh(run)) / size;
      return figures;
    },
  };
}

function runs(shape: Shape, use: readonly Plugin[] = []): () => PromiseLike<unknown> {
  const runner = createRunner({ use });
  const pipeline = graph(shape, HELD, hang);
  return () => runner.run(pipeline);
}

/** How many bytes a run holds that was begun and does not go on. The first compiles, and is not weighed. */
async function weigh(run: () => PromiseLike<unknown>): Promise<number> {
  await ended(run());
  const before = heapUsed();
  const begun = Array.from({ length: RUNS }, run);
  await turn();
  const used = heapUsed() - before;
  for (const one of begun) await ended(one);
  return used / RUNS;
}

/** Lets a run come to its end, stage by stage. */
async function ended(run: PromiseLike<unknown>): Promise<void> {
  let open = true;
  const over = run.then(() => {
    open = false;
  });
  while (open) {
    for (const end of ends.splice(0)) end();
    await turn();
  }
  await over;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('graph needs --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
