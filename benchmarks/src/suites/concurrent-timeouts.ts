import { setTimeout as delay } from 'node:timers/promises';
import { wrap } from '@sluice/core';
import { bounded } from '../interceptors.ts';
import { quantile } from '../median.ts';
import type { Figures, Part, Suite } from '../part.ts';

const LIMIT = 200;

/** Starts something that ends when the limit has passed, and calls `ended` then. */
type Start = (ended: () => void) => void;

const hanging = wrap(() => new Promise<never>(() => {}), bounded(LIMIT));

const starts: Readonly<Record<string, Start>> = {
  setTimeout: (ended) => void setTimeout(ended, LIMIT),
  'sluice, within': (ended) => void hanging().catch(ended),
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
    await lateness(count, start);
    await delay(LIMIT);
    const late = await lateness(count, start);
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
  about: 'Deadlines of 200 ms that all pass: how late they are told of.',
  parts: [part(1_000), part(10_000)],
};
