import { setImmediate as turn } from 'node:timers/promises';
import { type ConcurrencyOptions, concurrency, rateLimit } from '@sluice/concurrency';
import { wrap } from '@sluice/core';
import Bottleneck from 'bottleneck';
import * as cockatiel from 'cockatiel';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { lastValueFrom, mergeMap, range } from 'rxjs';
import { passThrough } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { calls } from '../measure.ts';
import { median } from '../median.ts';
import type { Effort, Figures, Part, Suite } from '../part.ts';

const LIMIT = 100;
const TASKS = 100_000;
/** Bottleneck starts each task by a timer of its own, and so one a millisecond at best. */
const TASKS_BY_TIMER = 500;
/** How many classes of priority there are, where there are any. */
const CLASSES = 5;

/** Does the work in its turn. Which one it is decides its priority, where there are priorities. */
type Limited = (index: number) => Promise<unknown>;

const ROOM = { limit: LIMIT, queue: { max: Number.POSITIVE_INFINITY } } satisfies ConcurrencyOptions;
const byIndex: ConcurrencyOptions['priority'] = ({ input }) => (input as [number])[0] % CLASSES;

/** Ways to let no more than 100 go on at once: each answers work that waits for its turn. */
const limiters: Readonly<Record<string, (work: () => unknown) => Limited>> = {
  'p-limit': (work) => {
    const limit = pLimit(LIMIT);
    return () => limit(work);
  },
  'p-queue': (work) => {
    const queue = new PQueue({ concurrency: LIMIT });
    return () => queue.add(async () => work());
  },
  'p-queue, priorities': (work) => {
    const queue = new PQueue({ concurrency: LIMIT });
    return (index) => queue.add(async () => work(), { priority: index % CLASSES });
  },
  bottleneck: (work) => {
    const limiter = new Bottleneck({ maxConcurrent: LIMIT });
    return () => limiter.schedule(async () => work());
  },
  'bottleneck, priorities': (work) => {
    const limiter = new Bottleneck({ maxConcurrent: LIMIT });
    return (index) => limiter.schedule({ priority: index % CLASSES }, async () => work());
  },
  'cockatiel bulkhead': (work) => {
    const policy = cockatiel.bulkhead(LIMIT, Number.POSITIVE_INFINITY);
    return () => policy.execute(work);
  },
  'sluice concurrency': (work) => wrap((_: number) => work(), concurrency(ROOM)),
  'sluice concurrency, priorities': (work) => wrap((_: number) => work(), concurrency({ ...ROOM, priority: byIndex })),
};

const BY_TIMER: ReadonlySet<string> = new Set(['bottleneck', 'bottleneck, priorities']);

/** Starts so many tasks at once, and waits until all are done. */
async function atOnce(limited: Limited, tasks: number): Promise<void> {
  const pending: Promise<unknown>[] = [];
  for (let index = 0; index < tasks; index++) pending.push(limited(index));
  await Promise.all(pending);
}

/** What each of 100,000 tasks costs that are there at once, in nanoseconds. */
async function through({ work }: KindOfWork, { rounds }: Effort): Promise<Figures> {
  const passing = wrap((_: number) => work(), passThrough(0));
  const ways: [name: string, tasks: number, run: () => Promise<unknown>][] = [
    ['no limit', TASKS, () => atOnce(async () => work(), TASKS)],
    ['sluice, no limit', TASKS, () => atOnce(passing, TASKS)],
    ['rxjs mergeMap', TASKS, () => lastValueFrom(range(0, TASKS).pipe(mergeMap(async () => work(), LIMIT)))],
  ];
  for (const [name, limiter] of Object.entries(limiters)) {
    const limited = limiter(work);
    const tasks = BY_TIMER.has(name) ? TASKS_BY_TIMER : TASKS;
    ways.push([name, tasks, () => atOnce(limited, tasks)]);
  }
  const costs = ways.map(([name, tasks, run]) => ({ name, tasks, run, found: [] as number[] }));
  // The first round is a warm-up.
  for (let round = 0; round <= Math.ceil(rounds / 5); round++) {
    for (const { run, tasks, found } of costs) {
      globalThis.gc?.();
      await turn();
      const start = performance.now();
      await run();
      if (round > 0) found.push((performance.now() - start) / tasks);
    }
  }
  return Object.fromEntries(costs.map(({ name, found }) => [name, median(found) * 1e6]));
}

/** How many bytes each holds that waits behind 100 that go on. */
async function heldByWaiters(count: number, names: readonly string[]): Promise<Figures> {
  const figures: Figures = {};
  for (const name of names) {
    const ends: (() => void)[] = [];
    const limited = limiters[name]?.(() => new Promise<void>((resolve) => ends.push(resolve)));
    if (limited === undefined) throw new Error(`There is no "${name}"`);
    for (let index = 0; index < LIMIT; index++) limited(index);
    while (ends.length < LIMIT) await turn();
    const before = await heapUsed();
    for (let index = 0; index < count; index++) limited(index);
    figures[name] = ((await heapUsed()) - before) / count;
    // Whoever could end them has to be there until then.
    if (ends.length !== LIMIT) throw new Error(`"${name}" let ${ends.length} go on at once`);
  }
  return figures;
}

async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('what is held can only be measured with --expose-gc');
  await turn();
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** With so many in its queue, Bottleneck and p-queue with priorities take minutes to let more join. */
const MOST_WAITERS: Readonly<Record<string, number>> = {
  bottleneck: 10_000,
  'bottleneck, priorities': 10_000,
  'p-queue, priorities': 100_000,
};

function waiters(count: number): Part {
  const names = Object.keys(limiters).filter((name) => count <= (MOST_WAITERS[name] ?? Number.POSITIVE_INFINITY));
  return {
    name: `${count.toLocaleString('en')} waiters`,
    unit: 'bytes',
    baseline: 'p-limit',
    measure: () => heldByWaiters(count, names),
  };
}

function allAtOnce(name: string, kind: KindOfWork): Part {
  return {
    name: `100,000 through 100, ${name}`,
    unit: 'ns',
    bare: 'no limit',
    baseline: 'p-limit',
    measure: (effort) => through(kind, effort),
  };
}

const { work } = kindsOfWork.promise;

export const concurrencies: Suite = {
  name: 'concurrency',
  about:
    'Limits that let 100 go on at once: what a task costs when 100,000 come at once (500 for Bottleneck, which takes a millisecond for each), what a call costs that need not wait, and how many bytes each holds that waits.',
  parts: [
    allAtOnce('promise', kindsOfWork.promise),
    allAtOnce('setImmediate', kindsOfWork.asynchronous),
    calls({
      name: 'no waiting, promise',
      bare: 'bare',
      baseline: 'p-limit',
      cases: () => ({
        bare: work,
        ...Object.fromEntries(
          Object.entries(limiters).map(([name, limiter]) => {
            const limited = limiter(work);
            return [name, () => limited(0)];
          }),
        ),
        'sluice, pass-through': wrap(work, passThrough(0)),
        'sluice rateLimit': wrap(work, rateLimit({ requests: '1000000000/s', burst: 1_000_000_000 })),
      }),
      derive: (figures) => ({
        'of these, concurrency': difference(figures, 'sluice concurrency'),
        'of these, rateLimit': difference(figures, 'sluice rateLimit'),
      }),
    }),
    waiters(10_000),
    waiters(100_000),
    waiters(1_000_000),
  ],
};

function difference(figures: Figures, row: string): number {
  return (figures[row] ?? Number.NaN) - (figures['sluice, pass-through'] ?? Number.NaN);
}
