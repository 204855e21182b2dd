import { setTimeout as delay } from 'node:timers/promises';
import { createRunner } from '@sluice/core';
import { timeout } from '@sluice/timeout';
import * as cockatiel from 'cockatiel';
import pTimeout from 'p-timeout';
import { endAll, hang } from '../held.ts';
import { bounded } from '../interceptors.ts';
import { median, quantile } from '../median.ts';
import type { Figures, Part, Suite } from '../part.ts';

const LIMIT = 200;
/** How often so many are started that the last time is warm. */
const CALLS = 4_000;

/** Starts something that ends when the limit has passed, and calls `ended` then. */
type Start = (ended: () => void) => void;

/** How it went for so many at once. */
interface Course {
  /** How late each ended, in milliseconds, counted from its own start. */
  readonly late: readonly number[];
  /** How much processor time all of it took, in milliseconds. */
  readonly cpuMs: number;
}

const policy = cockatiel.timeout(LIMIT, cockatiel.TimeoutStrategy.Aggressive);
const within = createRunner({ use: [bounded(LIMIT)], grace: 0 }).wrap(hang);
const abandoned = createRunner({ use: [timeout({ total: LIMIT, grace: 0 })] }).wrap(hang);
const awaited = createRunner({ use: [timeout(LIMIT)] }).wrap(hang);

const starts: Readonly<Record<string, Start>> = {
  setTimeout: (ended) => void setTimeout(ended, LIMIT),
  'setTimeout that rejects': (ended) =>
    void new Promise((_, reject) => setTimeout(() => reject(new Error('timeout')), LIMIT)).catch(ended),
  'p-timeout': (ended) => void pTimeout(hang(), { milliseconds: LIMIT }).catch(ended),
  cockatiel: (ended) => void policy.execute(hang).catch(ended),
  'sluice within, no grace': (ended) => void within().catch(ended),
  'sluice timeout, no grace': (ended) => void abandoned().catch(ended),
  'sluice timeout, grace of 50 ms': (ended) => void awaited().catch(ended),
};

/** Starts so many, and waits until all have ended. */
async function course(count: number, start: Start): Promise<Course> {
  const late: number[] = [];
  const before = process.cpuUsage();
  await new Promise<void>((resolve) => {
    for (let index = 0; index < count; index++) {
      const due = performance.now() + LIMIT;
      start(() => {
        if (late.push(performance.now() - due) === count) resolve();
      });
    }
  });
  const { user, system } = process.cpuUsage(before);
  // What was stopped and goes on is an orphan, and is kept as one: those of the courses before must not weigh on the next.
  endAll();
  return { late, cpuMs: (user + system) / 1_000 };
}

async function measure(count: number): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, start] of Object.entries(starts)) {
    // At first the code is cold.
    for (let started = 0; started < CALLS; started += count) await course(count, start);
    const courses: Course[] = [];
    for (let time = 0; time < 3; time++) {
      await delay(LIMIT);
      courses.push(await course(count, start));
    }
    for (const [what, share] of Object.entries({ p50: 0.5, p99: 0.99, max: 1 })) {
      figures[`${name}: ${what}`] = median(courses.map(({ late }) => quantile(late, share)));
    }
    figures[`${name}: CPU`] = median(courses.map(({ cpuMs }) => cpuMs));
  }
  return figures;
}

function part(count: number): Part {
  return { name: `${count.toLocaleString('en')} at once`, unit: 'ms', measure: () => measure(count) };
}

export const concurrentTimeouts: Suite = {
  name: 'concurrent-timeouts',
  about:
    'Timeouts of 200 ms that all pass, around work that does not heed them: how late the caller is told, and the processor time of all of them. With a grace, work may unwind meanwhile.',
  parts: [part(1_000), part(10_000), part(100_000)],
};
