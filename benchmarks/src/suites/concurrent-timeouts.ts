import { setTimeout as delay } from 'node:timers/promises';
import { createRunner } from '@sluice/core';
import { bounded } from '../interceptors.ts';
import { quantile } from '../median.ts';
import type { Figures, Part, Suite } from '../part.ts';

const LIMIT = 200;
/** The first times the code is cold. */
const TIMES = 4;

/** Starts something that ends when the limit has passed, and calls `ended` then. */
type Start = (ended: () => void) => void;

const hang = () => new Promise<never>(() => {});
const use = [bounded(LIMIT)];
const abandoned = createRunner({ use, grace: 0 }).wrap(hang);
const awaited = createRunner({ use }).wrap(hang);

const starts: Readonly<Record<string, Start>> = {
  setTimeout: (ended) => void setTimeout(ended, LIMIT),
  'setTimeout that rejects': (ended) =>
    void new Promise((_, reject) => setTimeout(() => reject(new Error('timeout')), LIMIT)).catch(ended),
  'sluice, no grace': (ended) => void abandoned().catch(ended),
  'sluice, grace of 50 ms': (ended) => void awaited().catch(ended),
};

/** How late each of so many ends, in milliseconds, counted from its own start. */
function lateness(count: number, start: Start): Promise<number[]> {
  const late: number[] = [];
  return new Promise((resolve) => {
    for (let index = 0; index < count; index++) {
      const due = performance.now() + LIMIT;
      start(() => {
        if (late.push(performance.now() - due) === count) resolve(late);
      });
    }
  });
}

async function measure(count: number): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, start] of Object.entries(starts)) {
    let late: number[] = [];
    for (let time = 0; time < TIMES; time++) {
      late = await lateness(count, start);
      await delay(LIMIT);
    }
    figures[`${name}: p50`] = quantile(late, 0.5);
    figures[`${name}: p99`] = quantile(late, 0.99);
    figures[`${name}: max`] = quantile(late, 1);
  }
  return figures;
}

function part(count: number): Part {
  return { name: `${count.toLocaleString('en')} at once`, unit: 'ms', measure: () => measure(count) };
}

export const concurrentTimeouts: Suite = {
  name: 'concurrent-timeouts',
  about:
    'Deadlines of 200 ms that all pass, around work that never ends: how late the caller is told. With a grace, work may unwind meanwhile.',
  parts: [part(1_000), part(10_000)],
};
