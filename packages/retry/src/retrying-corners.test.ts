import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CancelledError,
  type Clock,
  type Context,
  createRunner,
  defineInterceptor,
  Place,
  tool,
  withContext,
} from '@sluice/core';
import { scripted, virtualClock } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { defaultIfEmpty, delayWhen, Observable, race, Subject, switchMap, take, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  type Budget,
  type BudgetAccount,
  decorrelated,
  exponential,
  retry,
  retryBudget,
  retryRecord,
} from './index.ts';
import { type Bench, bench, busy, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

describe('an interceptor inside that begins two works at once', () => {
  /** Fails after so many milliseconds, one after the other; then it succeeds. */
  const work = ({ clock, sleep }: Bench, ends: readonly number[], begun: [at: number, signal: AbortSignal][]) =>
    tool('hedged', {}, async (_: undefined, { signal }: Context) => {
      const mine = ends[begun.length];
      begun.push([clock.now(), signal]);
      await sleep(mine ?? 40);
      if (mine !== undefined) throw busy();
      return 'done';
    });

  it('and lets go of the other when one fails: neither is beside the next attempt', async () => {
    const hedge = defineInterceptor({
      name: 'hedge',
      priority: Place.retry + 5,
      intercept: (call, next) => race(next(call), next(call.again({ error: undefined }))),
    });
    const here = bench({ backoff: 10 }, { beside: [hedge] });
    const begun: [number, AbortSignal][] = [];
    expect(await here.clock.until(here.runner.call(work(here, [5, 25], begun)))).toBe('done');
    expect(begun.map(([at, { aborted }]) => [at, aborted])).toEqual([
      [0, false],
      [0, true],
      [25, false],
      [25, true],
    ]);
  });

  it.each([
    [100, 70, 110],
    [40, 70, 80],
  ])(
    'and leaves both of them unwinding is given the longer of the times that they have for it, until both have (%i, %i)',
    async (cleanupMs, ignoresMs, at) => {
      const hedge = defineInterceptor({
        name: 'hedge',
        priority: Place.retry + 5,
        intercept: (call, next) => race(next(call), next(call.again({ error: undefined }))),
      });
      const beside = [hedge, ...timeout({ total: '1h', grace: 5, cleanup: 200 })];
      const { clock, runner, sleep } = bench({ backoff: 1, attempts: 2 }, { beside });
      const begun: number[] = [];
      const slow = tool('slow', {}, async (_: undefined, { onCleanup }: Context) => {
        begun.push(clock.now());
        if (begun.length > 2) return 'done';
        if (begun.length === 2) return sleep(10 + ignoresMs);
        onCleanup(() => sleep(cleanupMs));
        await sleep(10);
        throw busy();
      });
      expect(await clock.until(runner.call(slow))).toBe('done');
      expect(begun.slice(0, 3)).toEqual([0, 0, at]);
      await clock.runAll();
    },
  );

  it('and forgets the other when one fails: it is stopped all the same', async () => {
    const careless = defineInterceptor({
      name: 'careless',
      priority: Place.retry + 5,
      intercept: (call, next) =>
        new Observable((to) => {
          const first = next(call);
          let open = 2;
          for (const one of call.attempt > 1 ? [first] : [first, next(call.again({ error: undefined }))])
            one.subscribe({ next: (value) => to.next(value), error: (error) => open-- === 2 && to.error(error) });
        }),
    });
    const here = bench({ backoff: 10, attempts: 2 }, { beside: [careless] });
    const begun: [number, AbortSignal][] = [];
    const error = await here.clock.until(failure(here.runner.call(work(here, [5, 25, 5], begun))));
    expect(error.code).toBe('RETRY_EXHAUSTED');
    expect(begun.map(([at, { aborted }]) => [at, aborted])).toEqual([
      [0, false],
      [0, true],
      [25, false],
    ]);
    expect(begun[1]?.[1].reason.message).toBe('The attempt of Tool "hedged" that it was a part of has failed');
  });
});

describe('an interceptor around', () => {
  it('that has enough while an attempt is being started stops it there, and repeats nothing', async () => {
    const one = defineInterceptor({
      name: 'one',
      priority: Place.retry - 1,
      intercept: (call, next) =>
        next(call).pipe(
          take(1),
          delayWhen(() => wait(call.clock, 1_000)),
        ),
    });
    const { clock, runner, plugin } = bench({ restartable: true }, { beside: [one] });
    let stopped: number | undefined;
    const work = tool('endless', {}, () => {
      return new Observable((to) => {
        to.next(1);
        return () => {
          stopped = clock.now();
        };
      });
    });
    expect([await clock.until(runner.call(work)), clock.now(), stopped]).toEqual([[1], 1_000, 0]);
    expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 1, recovered: 0 });
  });

  it('that lets go of it while an attempt is being started stops that attempt there', async () => {
    const stop = new Subject<void>();
    const until = defineInterceptor({
      name: 'until',
      priority: Place.retry - 1,
      intercept: (call, next) =>
        next(call).pipe(
          takeUntil(stop),
          defaultIfEmpty('let go'),
          delayWhen(() => wait(call.clock, 1_000)),
        ),
    });
    const { clock, runner } = bench({ backoff: 10 }, { beside: [until] });
    let stopped: number | undefined;
    const work = tool('endless', {}, (_: undefined, { signal, attempt }: Context) => {
      if (attempt === 1) throw busy();
      stop.next();
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          stopped = clock.now();
          resolve(undefined);
        });
        if (signal.aborted) resolve(undefined);
      });
    });
    expect([await clock.until(runner.call(work)), clock.now(), stopped]).toEqual(['let go', 1_010, 10]);
  });

  it('that lets go of it in the middle of an attempt stops that attempt there', async () => {
    const impatient = defineInterceptor({
      name: 'impatient',
      priority: Place.retry - 1,
      intercept: (call, next) =>
        next(call).pipe(
          takeUntil(wait(call.clock, 50)),
          defaultIfEmpty('let go'),
          delayWhen(() => wait(call.clock, 1_000)),
        ),
    });
    const { clock, runner } = bench({ backoff: 10 }, { beside: [impatient] });
    const stopped: number[] = [];
    const work = tool('endless', {}, async (_: undefined, { signal, attempt }: Context) => {
      if (attempt === 1) throw busy();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      stopped.push(clock.now());
    });
    expect([await clock.until(runner.call(work)), clock.now(), stopped]).toEqual(['let go', 1_050, [50]]);
  });

  it('that begins it anew after its end has all attempts anew', async () => {
    const twice = defineInterceptor({
      name: 'twice',
      priority: Place.retry - 1,
      intercept: (call, next) =>
        new Observable((to) => {
          const flow = next(call);
          to.add(
            flow.subscribe({
              next: (value) => to.next(value),
              complete: () => to.complete(),
              error: () => to.add(flow.subscribe(to)),
            }),
          );
        }),
    });
    const { clock, runner, plugin } = bench({ attempts: 2 }, { beside: [twice] });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const error = await clock.until(failure(runner.call(tool('dead', {}, work))));
    expect([error.code, work.calls, retryRecord(error)?.attempts.length]).toEqual(['RETRY_EXHAUSTED', 4, 2]);
    expect(plugin.stats()).toMatchObject({ calls: 2, attempts: 4, exhausted: 2 });
  });
});

describe('a work that goes on', () => {
  it.each([
    ['ends just before its grace is over', 29, 2, 39],
    ['ends in the moment in which its grace is over', 30, 2, 40],
    ['ends just after its grace is over', 31, 'TIMEOUT', 40],
  ] as const)('and %s is followed by another attempt only if it was in time', async (_, ms, answer, at) => {
    const { clock, runner, sleep } = bench({ backoff: 0 }, { beside: timeout({ attempt: 10 }), grace: 30 });
    let begun = 0;
    const work = tool('slow', {}, async () => {
      if (++begun === 1) await sleep(10 + ms);
      return begun;
    });
    const ended = runner.call(work).catch((error) => error.code);
    expect([await clock.until(ended), clock.now()]).toEqual([answer, at]);
    await clock.runAll();
  });

  it('until the call gives up on it costs no token', async () => {
    const budget = retryBudget({ refill: 0 });
    const { clock, runner, sleep } = bench({ backoff: 0, budget }, { beside: timeout({ attempt: 10 }), grace: 30 });
    const error = await clock.until(failure(runner.call(tool('stuck', {}, () => sleep(500)))));
    expect([error.code, retryRecord(error)?.because]).toEqual(['TIMEOUT', 'unsettled']);
    expect(budget.stats()['tool:stuck']).toMatchObject({ tokens: 100, granted: 1, refunded: 1 });
    await clock.runAll();
  });
});

describe('a budget', () => {
  it('is told of the calls that succeeded at first when somebody asks it, once, and of no others', async () => {
    const told: number[] = [];
    const { clock, runner } = bench({ attempts: 2, budget: spy({ earn: (_, calls) => told.push(calls ?? 1) }, true) });
    const flaky = tool('flaky', {}, (fails: number, { attempt }: Context) => {
      if (attempt <= fails) throw busy();
      return 'done';
    });
    for (const fails of [0, 0, 0, 1, 1, 0, 2])
      await clock.until(runner.call(flaky, fails as never).then(null, () => {}));
    expect(told).toEqual([3, 1]);
  });

  it('of which each call has an account of its own is told of each success at once', async () => {
    const told: unknown[] = [];
    const { clock, runner } = bench({ budget: spy({ earn: (...args) => told.push(args) }, false) });
    await clock.until(runner.call(tool('fine', {}, async () => 'done')));
    expect(told).toEqual([[0, 1]]);
  });

  it('that stands beside another one is told of its own, and not of what the other one hears of', async () => {
    const told: [string, number][] = [];
    const of = (name: string, oneForTarget: boolean): Budget =>
      spy({ key: name, earn: (_, calls = 1) => told.push([name, calls]) }, oneForTarget);
    const { clock, runner } = bench({ attempts: 2, budget: [of('target', true), of('call', false)] });
    const flaky = tool('flaky', {}, (fails: number, { attempt }: Context) => {
      if (attempt <= fails) throw busy();
      return 'done';
    });
    for (const fails of [0, 0, 1]) await clock.until(runner.call(flaky, fails as never));
    expect(told).toEqual([
      ['call', 1],
      ['call', 1],
      ['target', 2],
    ]);
  });

  const broken = (): never => {
    throw new Error('broken');
  };

  it.each<[string, Partial<BudgetAccount>, boolean]>([
    ['asked', { has: broken }, false],
    ['taken from', { take: broken }, false],
    ['given back to', { refund: broken }, true],
    ['told of a success', { earn: broken }, true],
  ])(
    'that breaks when it is %s is reported, and nothing is repeated that it has not granted',
    async (_, parts, goesOn) => {
      const { clock, runner, of, plugin } = bench({ budget: spy(parts, false) });
      const error = busy();
      const work = scripted(
        [
          { do: 'fail', error },
          { do: 'succeed', value: 'done' },
        ],
        { clock },
      );
      const steady = tool('steady', {}, async () => 'done');
      const ended = runner.call(tool('flaky', {}, work)).catch((thrown: unknown) => thrown);
      expect(await clock.until(ended)).toBe(goesOn ? 'done' : error);
      expect(await clock.until(runner.call(steady))).toBe('done');
      expect(plugin.stats().gaveUp).toEqual(goesOn ? {} : { budget: 1 });
      if (!goesOn) expect(of('retry.giveup')).toMatchObject([{ reason: 'the budget could not be asked', attempts: 1 }]);
      const told = goesOn ? 'could not tell its budget' : 'could not ask its budget';
      expect(of('warning')).toMatchObject([{ message: expect.stringMatching(`"retry" ${told}.*broken`) }]);
    },
  );
});

it('an attempt that says it was cancelled, after one that failed, is no failure: its token comes back, and nothing was given up', async () => {
  const { clock, runner, of, plugin } = bench();
  const cancelled = new CancelledError('not wanted any more');
  const work = scripted(
    [
      { do: 'fail', error: busy() },
      { do: 'fail', error: cancelled },
    ],
    { clock },
  );
  expect(await clock.until(failure(runner.call(tool('left', {}, work))))).toBe(cancelled);
  expect([work.calls, of('retry.giveup')]).toEqual([2, []]);
  expect(retryRecord(cancelled)?.attempts).toMatchObject([{ attempt: 1, delayMs: 100 }]);
  expect(plugin.stats()).toMatchObject({
    attempts: 2,
    gaveUp: {},
    budgets: { 'tool:left': { granted: 1, refunded: 1 } },
  });
});

it('what a retry two calls further in has given up on is not tried again outside', async () => {
  const { clock, runner, of } = bench({ budget: retryBudget({ size: 1, refill: 0 }), attempts: 3 });
  const work = scripted([{ do: 'fail', error: busy() }], { clock });
  const inner = tool('inner', {}, work);
  const middle = tool('middle', { retry: 'none' }, (_: undefined, { call }: Context) => call(inner));
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(middle));
  expect(await clock.until(failure(runner.call(outer)))).toMatchObject({ status: 503 });
  expect(work.calls).toBe(2);
  expect(of('retry.giveup').map(({ name, because }) => [name, because])).toEqual([
    ['inner', 'budget'],
    ['outer', 'nested'],
  ]);
});

describe('the wait', () => {
  it('of a decorrelated backoff grows from the one before it, by the chance of the clock', async () => {
    const { clock, runner, of } = bench({ attempts: 8, backoff: decorrelated({ base: 10, max: 10_000 }) });
    await clock.until(failure(runner.call(tool('dead', {}, () => Promise.reject(busy())))));
    const waits = of('retry.wait').map(({ delayMs }) => delayMs);
    expect(new Set(waits).size).toBe(7);
    for (const [index, ms] of waits.entries()) {
      expect(ms).toBeGreaterThanOrEqual(10);
      expect(ms).toBeLessThanOrEqual(3 * Math.max(10, waits[index - 1] ?? 10));
    }
    expect(Math.max(...waits)).toBeGreaterThan(30);
  });

  it.each([
    ['from the beginning of the call, which a listener has seen', 'listener', 30],
    ['from the beginning of the call, which a deadline around it has seen', 'deadline', 30],
    ['from its own beginning, where nobody has seen that of the call', 'nobody', 0],
  ])('is kept with the time at which it began: %s', async (_, who, from) => {
    const clock = virtualClock();
    const late = defineInterceptor({
      name: 'late',
      priority: Place.observe,
      intercept: (call, next) => wait(clock, 30).pipe(switchMap(() => next(call))),
    });
    const bound = who === 'deadline' ? timeout('1h') : [];
    const use = [late, ...bound, retry({ attempts: 2, backoff: 10 })];
    const runner = createRunner({ clock, use, acknowledge: ['retry-without-deadline'] });
    if (who === 'listener') runner.events$.subscribe();
    const dead = tool('dead', {}, () => Promise.reject(busy()));
    const limit = who === 'deadline' ? { deadline: '2h' as const } : {};
    const error = await clock.until(failure(runner.call(dead, undefined, limit)));
    expect(retryRecord(error)?.attempts.map(({ atMs }) => atMs)).toEqual([from, from + 10]);
  });

  it('of two callers on one timer: each goes on in its own context', async () => {
    const user = new AsyncLocalStorage<string>();
    const { clock, runner } = bench({ backoff: 10 });
    const whoAmI = runner.wrap(
      withContext(({ attempt }) => {
        if (attempt === 1) throw busy();
        return user.getStore();
      }),
      { name: 'whoAmI' },
    );
    const both = ['ada', 'bob'].map((name) => user.run(name, () => whoAmI()));
    expect(await user.run('nobody', () => clock.until(Promise.all(both)))).toEqual(['ada', 'bob']);
  });

  it.each([Number.POSITIVE_INFINITY, Number.NaN, -1])(
    'of %s, which is none, ends the call with its own error',
    async (ms) => {
      const { clock, runner, of } = bench({ backoff: () => ms });
      const error = await clock.until(failure(runner.call(tool('dead', {}, () => Promise.reject(busy())))));
      expect([error.message, clock.now()]).toEqual(['busy', 0]);
      expect(of('retry.giveup')).toMatchObject([{ because: 'fault', reason: 'the backoff threw', attempts: 1 }]);
      expect(of('warning')).toMatchObject([{ message: expect.stringContaining('the backoff threw') }]);
    },
  );

  it('is told of, and kept, as it is, and in messages without fractions', async () => {
    const { clock, runner } = bench({ attempts: 2, backoff: exponential({ base: 10.4, jitter: 'none' }) });
    const error = await clock.until(failure(runner.call(tool('dead', {}, () => Promise.reject(busy())))));
    expect(error.message).toBe('Tool "dead" failed 2 times in 10 ms, the last time with: busy');
    expect(retryRecord(error)?.attempts[0]?.delayMs).toBe(10.4);
  });
});

const wait = (clock: Clock, ms: number): Observable<void> =>
  new Observable((to) => clock.schedule(ms, () => to.next()));

/** A budget of somebody else's making, which grants everything but for what is given. */
function spy(parts: Partial<BudgetAccount>, oneForTarget: boolean): Budget {
  const account = { key: 'own', has: () => true, take() {}, refund() {}, earn() {}, ...parts };
  return { oneForTarget, account: () => account, describe: () => 'own', stats: () => ({}) };
}
