import { setImmediate as turn } from 'node:timers/promises';
import { median } from './median.ts';
import type { Effort, Figures, Part } from './part.ts';

/** One way to do the work, by name: each call of it is awaited. */
export type Cases = Readonly<Record<string, () => unknown>>;

/** What a part made of calls is. */
export interface CallsOptions {
  readonly name: string;
  readonly bare: string;
  readonly baseline: string;
  /** Made in the process that measures them. */
  cases(): Cases;
  /** Rows that follow from the others. */
  derive?(figures: Figures): Figures;
}

/** A part whose rows are nanoseconds per call. */
export function calls(options: CallsOptions): Part {
  const { name, bare, baseline, derive } = options;
  return {
    name,
    unit: 'ns',
    bare,
    baseline,
    async measure(effort) {
      const figures = await interleave(options.cases(), effort);
      return { ...figures, ...derive?.(figures) };
    },
  };
}

/** Lets the cases take turns, round by round, each round begun by another; answers the median of each in nanoseconds. */
async function interleave(cases: Cases, { rounds, warmUp, roundMs }: Effort): Promise<Figures> {
  const takers = Object.entries(cases).map(([name, run]) => ({ name, run, calls: 1, costs: [] as number[] }));
  for (let round = 0; round < warmUp; round++) {
    for (const taker of takers) taker.calls = await callsIn(roundMs, taker.run);
  }
  for (let round = 0; round < rounds; round++) {
    for (let turnOf = 0; turnOf < takers.length; turnOf++) {
      const taker = takers[(round + turnOf) % takers.length];
      if (taker) taker.costs.push((await time(taker.run, taker.calls)) / taker.calls);
    }
  }
  return Object.fromEntries(takers.map(({ name, costs }) => [name, median(costs) * 1e6]));
}

/** How many calls fill a round. */
async function callsIn(roundMs: number, run: () => unknown): Promise<number> {
  for (let count = 1; ; count *= 2) {
    const ms = await time(run, count);
    if (ms >= roundMs / 2) return Math.ceil((count * roundMs) / ms);
  }
}

/** One in so many calls goes before those that are measured: what the case before has left behind is to be nobody's cost. */
const LEAD = 8;

/** How many milliseconds that many calls take, one after another, begun in a fresh turn of the event loop and with a young heap. */
async function time(run: () => unknown, count: number): Promise<number> {
  await turn();
  globalThis.gc?.({ type: 'minor' });
  for (let done = 0; done < count / LEAD; done++) await run();
  const start = performance.now();
  for (let done = 0; done < count; done++) await run();
  return performance.now() - start;
}
