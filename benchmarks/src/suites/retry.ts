import { setImmediate as turn } from 'node:timers/promises';
import { type Plugin, wrap } from '@sluice/core';
import { type RetryOptions, retry, retryBudget } from '@sluice/retry';
import { timeout } from '@sluice/timeout';
import * as cockatiel from 'cockatiel';
import { Effect, Schedule } from 'effect';
import pRetry from 'p-retry';
import { defer, firstValueFrom, retry as rxRetry } from 'rxjs';
import { passThrough } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { type Cases, calls } from '../measure.ts';
import { median } from '../median.ts';
import type { Effort, Figures, Part, Suite } from '../part.ts';

const LIMIT = 30_000;
const HOUR = 3_600_000;
const ATTEMPTS = 3;
/** How many calls are begun at once where waits are a part of them: then timers, which take a millisecond at least, go on together. */
const AT_ONCE = 1_000;
const ASLEEP = 10_000;
const WOKEN = 100_000;
/** For how long those sleep that are woken, in milliseconds: until all of them do. */
const NAP = 1_000;

const busy = Object.assign(new Error('busy'), { status: 503 });

/** What one call still does: it fails so many times. */
interface Course {
  left: number;
}

/** Fails as often as its call is to, then does not. */
async function flaky(course: Course): Promise<number> {
  if (course.left > 0) {
    course.left--;
    throw busy;
  }
  return 42;
}

/** Ways to do {@link flaky} until it succeeds, or has failed three times. */
type Way = (course: Course) => Promise<unknown>;

/** Retries as people write them. */
async function byHand(work: () => unknown, waitMs: number): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

function policyOf(waitMs: number): cockatiel.RetryPolicy {
  // Its limit is of the attempts beside the first.
  return cockatiel.retry(cockatiel.handleAll, {
    maxAttempts: ATTEMPTS - 1,
    backoff: new cockatiel.ConstantBackoff(waitMs),
  });
}

/** Calls that fail again and again spend a budget of the usual size; this one costs as much, and is never spent. */
const wealth = () => retryBudget({ size: 1e12 });

function ways(waitMs: number): Readonly<Record<string, Way>> {
  const policy = policyOf(waitMs);
  const options = { attempts: ATTEMPTS, backoff: waitMs, budget: 'none' } satisfies RetryOptions;
  const rx = rxRetry<number>({ count: ATTEMPTS - 1, ...(waitMs > 0 ? { delay: waitMs } : {}) });
  const schedule = Schedule.spaced(waitMs);
  const total = () => timeout({ total: 2 * HOUR });
  return {
    'by hand': (course) => byHand(() => flaky(course), waitMs),
    cockatiel: (course) => policy.execute(() => flaky(course)),
    'rxjs retry': (course) => firstValueFrom(defer(() => flaky(course)).pipe(rx)),
    'p-retry': (course) =>
      pRetry(() => flaky(course), { retries: ATTEMPTS - 1, minTimeout: waitMs, maxTimeout: waitMs }),
    effect: (course) =>
      Effect.runPromise(
        Effect.retry(
          Effect.tryPromise(() => flaky(course)),
          { times: ATTEMPTS - 1, schedule },
        ),
      ),
    'sluice, retry': wrap(flaky, retry({ ...options, budget: wealth() })),
    'sluice, no budget': wrap(flaky, retry(options)),
    'sluice, total + retry': wrap(flaky, total(), retry({ ...options, budget: wealth() })),
  };
}

function idle({ work, rx }: KindOfWork): Cases {
  const policy = policyOf(0);
  const observable = defer(rx).pipe(rxRetry(ATTEMPTS - 1));
  const effect = Effect.retry(
    Effect.tryPromise(async () => work()),
    { times: ATTEMPTS - 1 },
  );
  const around = (...plugins: Plugin[]) => wrap(work, ...plugins);
  return {
    bare: work,
    'by hand': () => byHand(work, 0),
    cockatiel: () => policy.execute(work),
    'rxjs retry': () => firstValueFrom(observable),
    'p-retry': () => pRetry(() => work(), { retries: ATTEMPTS - 1 }),
    effect: () => Effect.runPromise(effect),
    'sluice, pass-through': around(passThrough(0)),
    'sluice, retry': around(retry()),
    'sluice, no budget': around(retry({ budget: 'none' })),
    'sluice, total': around(timeout({ total: LIMIT })),
    'sluice, total + retry': around(timeout({ total: LIMIT }), retry()),
  };
}

function alone(figures: Figures): Figures {
  return {
    'of these, the retry': difference(figures, 'sluice, retry', 'sluice, pass-through'),
    'the retry in a total': difference(figures, 'sluice, total + retry', 'sluice, total'),
  };
}

function difference(figures: Figures, row: string, from: string): number {
  return (figures[row] ?? Number.NaN) - (figures[from] ?? Number.NaN);
}

function around(name: string, kind: KindOfWork): Part {
  return calls({
    name: `not firing, ${name}`,
    bare: 'bare',
    baseline: 'by hand',
    cases: () => idle(kind),
    derive: alone,
  });
}

/** How much processor time each of so many calls takes that are begun at once and fail `failures` times, in nanoseconds. */
async function failing(failures: number, waitMs: number, atOnce: number, rounds: number): Promise<Figures> {
  const costs = Object.entries(ways(waitMs)).map(([name, way]) => ({ name, way, found: [] as number[] }));
  const warmUp = Math.ceil(rounds / 3);
  for (let round = -warmUp; round < rounds; round++) {
    for (let index = 0; index < costs.length; index++) {
      const { way, found } = costs[(round + warmUp + index) % costs.length] as (typeof costs)[number];
      await turn();
      // What the one before has left behind is not to be its cost.
      globalThis.gc?.({ type: 'minor' });
      const before = process.cpuUsage();
      await allEnded(way, failures, atOnce);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) found.push(((user + system) * 1_000) / atOnce);
    }
  }
  return Object.fromEntries(costs.map(({ name, found }) => [name, median(found)]));
}

/** Begins so many, and waits until each has ended as it should. */
async function allEnded(way: Way, failures: number, atOnce: number): Promise<void> {
  const pending: Promise<boolean>[] = [];
  for (let index = 0; index < atOnce; index++) pending.push(way({ left: failures }).then(isTrue, isFalse));
  const succeeded = await Promise.all(pending);
  if (succeeded.some((ok) => ok !== failures < ATTEMPTS)) throw new Error('one did not end as it should');
}

const isTrue = () => true;
const isFalse = () => false;

function failed(name: string, failures: number): Part {
  return {
    name,
    unit: 'ns',
    baseline: 'by hand',
    measure: ({ rounds }: Effort) => failing(failures, 0, AT_ONCE, rounds),
  };
}

/** How many bytes each of 10,000 calls holds that has failed once, and sleeps. */
async function asleep(): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, way] of Object.entries(ways(HOUR))) {
    const before = await heapUsed();
    // Their timers hold them until the process ends.
    for (let index = 0; index < ASLEEP; index++) way({ left: ATTEMPTS }).catch(isFalse);
    figures[name] = ((await heapUsed()) - before) / ASLEEP;
  }
  return figures;
}

async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('what is held can only be measured with --expose-gc');
  // The first turn lets them fail, in the next their timers take their places.
  await turn();
  await turn();
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

export const retries: Suite = {
  name: 'retry',
  about:
    'Retries of work that succeeds at once, that fails twice and is tried again without a wait, and that fails in all of three attempts; calls that sleep, and that wake all at once. Where it fails, figures are processor time. "By hand" is a loop with try and catch.',
  parts: [
    around('sync', kindsOfWork.sync),
    around('promise', kindsOfWork.promise),
    around('setImmediate', kindsOfWork.asynchronous),
    failed('failing twice', ATTEMPTS - 1),
    failed('exhausted', ATTEMPTS),
    { name: 'asleep', unit: 'bytes', baseline: 'by hand', measure: asleep },
    {
      name: '100,000 asleep and woken',
      unit: 'ns',
      baseline: 'by hand',
      measure: () => failing(1, NAP, WOKEN, 1),
    },
  ],
};
