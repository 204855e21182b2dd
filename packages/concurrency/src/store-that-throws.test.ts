import { defineInterceptor, Place, tool } from '@sluice/core';
import { expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { admission, concurrency, memoryStore, type Permits, type Rates, rateLimit, type Store } from './index.ts';

nothingIsLeft();

/** A store in memory of which one method throws, the n-th time that it is asked. */
function storeOf(method: keyof Permits | keyof Rates, nth: number): Store {
  const memory = memoryStore();
  let asked = 0;
  const failing = <T extends object>(made: T): T =>
    new Proxy(made, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const fails = key === method && ++asked === nth;
          // What it throws at it has not done, but for giving back: it throws after that.
          if (fails && method === 'release') value.apply(target, args);
          if (fails) throw new Error(`no ${method}`);
          return value.apply(target, args);
        };
      },
    });
  return { permits: (key) => failing(memory.permits(key)), rates: (key, spec) => failing(memory.rates(key, spec)) };
}

it.each([1, 2, 3])('a store that throws at the %d. acquire fails one call with that, and no other', async (nth) => {
  const { clock, runner } = bench({ use: [concurrency({ limit: 1, store: storeOf('acquire', nth) })], grace: 0 });
  const work = tool('work', {}, () => sleep(clock, 10).then(() => 'ok'));
  const calls = times(4, () => ending(runner.call(work)));
  await clock.advance(1_000);
  const answers = await clock.until(Promise.all(calls));
  expect(answers.sort()).toEqual(['no acquire', 'ok', 'ok', 'ok']);
});

it('a store that throws when a permit is given back holds up nobody', async () => {
  const { clock, runner } = bench({ use: [concurrency({ limit: 1, store: storeOf('release', 1) })], grace: 0 });
  const work = tool('work', {}, () => sleep(clock, 10).then(() => 'ok'));
  const calls = times(3, () => ending(runner.call(work, undefined, { deadline: 1_000 })));
  expect(await clock.until(Promise.all(calls))).toEqual(['ok', 'ok', 'ok']);
  expect(clock.now()).toBe(30);
});

it.each([1, 2, 3])('a store that throws at the %d. take fails one call with that, and no other', async (nth) => {
  const { clock, runner } = bench({ use: [rateLimit({ requests: '10/s', store: storeOf('take', nth) })], grace: 0 });
  const work = tool('work', {}, () => 'ok');
  const calls = times(4, () => ending(runner.call(work, undefined, { deadline: 5_000 })));
  const answers = await clock.until(Promise.all(calls));
  expect(answers.sort()).toEqual(['no take', 'ok', 'ok', 'ok']);
});

it('a store that throws when it is told what a call has cost harms no call', async () => {
  const { clock, runner } = bench({
    use: [rateLimit({ tokens: '10/s', cost: 3, store: storeOf('settle', 1) })],
    grace: 0,
  });
  const work = tool('work', {}, (_: undefined, { settle }) => {
    settle({ tokens: 1 });
    return 'ok';
  });
  expect(await clock.until(Promise.all(times(3, () => ending(runner.call(work)))))).toEqual(['ok', 'ok', 'ok']);
});

it('an interceptor further in that throws leaves no place taken', async () => {
  const limit = concurrency(1);
  const door = admission({ max: 5 });
  let calls = 0;
  const throws = defineInterceptor({
    name: 'throws',
    priority: Place.concurrency + 1,
    intercept(call, next) {
      if (++calls === 2) throw new Error('thrown');
      return next(call);
    },
  });
  const { clock, runner } = bench({ use: [door, limit, rateLimit({ requests: '10/s' }), throws], grace: 0 });
  const work = tool('work', {}, () => sleep(clock, 10).then(() => 'ok'));
  const answers = await clock.until(Promise.all(times(4, () => ending(runner.call(work)))));
  expect(answers.filter((one) => one === 'ok')).toHaveLength(3);
  expect(limit.stats()).toMatchObject({ active: 0, queued: 0 });
  expect(door.stats().inside).toBe(0);
});
