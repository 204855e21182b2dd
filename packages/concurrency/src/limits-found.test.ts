import { isSluiceError, pipeline, tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, sleep, times } from './acceptance.test-kit.ts';
import { adaptive, admission, concurrency, memoryStore, rateLimit, type Store } from './index.ts';
import { elsewhere } from './store-elsewhere.test-kit.ts';

it.each([1, 2, 5])(
  'an exclusive call in a call is alone, also when another one in it runs (limit %i)',
  async (limit) => {
    const plugin = concurrency({ limit, exclusive: ({ name }) => name === 'write' });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const read = tool('read', {}, () => gauge.busy(10, 'read'));
    const write = tool('write', {}, () => gauge.busy(10, 'write'));
    const both = pipeline('p').stage('both', async (_, { call }) => {
      await Promise.all([call(read), call(write)]);
    });
    await clock.until(runner.run(both));
    expect(gauge.peak).toBe(1);
  },
);

it('saturated$ counts weights', async () => {
  const plugin = concurrency({ limit: 3, weight: 3 });
  const { clock, runner } = bench({ use: [plugin] });
  const told: boolean[] = [];
  plugin.saturated$.subscribe((is) => told.push(is));
  const p = runner.call(tool('w', {}, () => sleep(clock, 10)));
  await clock.advance(1);
  expect(plugin.stats().active).toBe(3);
  expect(told).toEqual([false, true]);
  await clock.until(p);
});
it('saturated$ knows of who is alone', async () => {
  const plugin = concurrency({ limit: 3, exclusive: true });
  const { clock, runner } = bench({ use: [plugin] });
  const told: boolean[] = [];
  plugin.saturated$.subscribe((is) => told.push(is));
  const p = runner.call(tool('w', {}, () => sleep(clock, 10)));
  await clock.advance(1);
  expect(told).toEqual([false, true]);
  await clock.until(p);
});

it('a weight of Infinity goes alone and does not break the limit', async () => {
  let big = true;
  const plugin = concurrency({ limit: 2, weight: () => (big ? Number.POSITIVE_INFINITY : 1) });
  const { clock, runner } = bench({ use: [plugin] });
  const gauge = new Gauge(clock);
  const work = tool('w', {}, () => gauge.busy(10));
  await clock.until(Promise.all([runner.call(work)]).catch(() => {}));
  big = false;
  await clock.until(Promise.all(times(10, () => runner.call(work))));
  expect(gauge.peak).toBe(2);
});
it('weights that are fractions leave nothing taken', async () => {
  const weights = [0.1, 0.2];
  const plugin = concurrency({
    limit: 10,
    weight: ({ input }) => input as number,
    exclusive: ({ name }) => name === 'x',
  });
  const { clock, runner } = bench({ use: [plugin] });
  const work = tool('w', {}, (_: number) => sleep(clock, 10));
  await clock.until(Promise.all(weights.map((w) => ending(runner.call(work, w)))));
  const x = tool('x', {}, (_: number) => sleep(clock, 10));
  await clock.until(ending(runner.call(x, 1)));
});

const later = (store: Store): Store => ({
  permits: (key) => {
    const permits = store.permits(key);
    return {
      acquire: async (request) => permits.acquire(request),
      renew: async (lease) => permits.renew(lease),
      release: async (lease) => permits.release(lease),
      changes: (listener) => permits.changes(listener),
      close: () => permits.close(),
    };
  },
  rates: (key, spec) => {
    const rates = store.rates(key, spec);
    return {
      take: async (costs, now) => rates.take(costs, now),
      settle: async (a, b, c, d) => rates.settle(a, b, c, d),
      pause: async (a, b) => rates.pause(a, b),
      correct: async (a, b) => rates.correct(a, b),
      idle: (now) => rates.idle(now),
      stats: (now) => rates.stats(now),
    };
  },
});
it('reject mode with a store that answers later lets go what may', async () => {
  const { clock, runner } = bench({
    use: [rateLimit({ requests: '10/s', burst: 2, mode: 'reject', store: later(memoryStore()) })],
  });
  const work = tool('w', {}, () => 'done');
  const ends = await clock.until(Promise.all(times(3, () => ending(runner.call(work)))));
  expect(ends).toEqual(['done', 'done', 'RATE_LIMITED']);
  expect(clock.now()).toBe(0);
});
it('async release that fails is no unhandled rejection', async () => {
  const base = later(memoryStore());
  const store: Store = {
    ...base,
    permits: (key) => ({
      ...base.permits(key),
      release: async () => {
        throw new Error('store is down');
      },
    }),
  };
  const seen: unknown[] = [];
  const note = (e: unknown): void => void seen.push(e);
  process.on('unhandledRejection', note);
  const { clock, runner } = bench({ use: [concurrency({ limit: 2, store })] });
  await clock.until(runner.call(tool('w', {}, () => 'done')));
  await new Promise((r) => setImmediate(() => setImmediate(r)));
  process.off('unhandledRejection', note);
  expect(seen).toEqual([]);
});
it('queue.max holds with an async store', async () => {
  const { clock, runner } = bench({ use: [concurrency({ limit: 1, queue: { max: 0 }, store: later(memoryStore()) })] });
  const work = tool('w', {}, () => sleep(clock, 10).then(() => 'done'));
  const first = ending(runner.call(work));
  await clock.advance(1);
  const ends = await clock.until(Promise.all([first, ending(runner.call(work))]));
  expect(ends).toEqual(['done', 'QUEUE_FULL']);
});
it('a call that comes while the store answers is not refused though there is room', async () => {
  const { clock, runner } = bench({ use: [concurrency({ limit: 5, queue: { max: 0 }, store: later(memoryStore()) })] });
  const work = tool('w', {}, () => sleep(clock, 10).then(() => 'done'));
  const ends = await clock.until(Promise.all(times(2, () => ending(runner.call(work)))));
  expect(ends).toEqual(['done', 'done']);
});

it.each([
  { max: 1, priority: 'x' },
  { max: 1, name: 5 },
  { max: 1, applies: 'everything' },
  { max: 0 },
  null,
  5,
  { max: 1, shd: 'x' },
])('admission %j is refused', (o) => {
  let e: unknown;
  try {
    admission(o as never);
  } catch (error) {
    e = error;
  }
  expect(isSluiceError(e, 'CONFIG')).toBe(true);
});

it.each([1, 3, 10])(
  'holds a limit of %i, with calls that end, fail, time out and are stopped at random',
  async (limit) => {
    await simulate({
      runs: 100,
      async program({ clock, integer, chance }) {
        const plugin = concurrency({ limit, store: elsewhere(() => sleep(clock, integer(0, 5))) });
        const { runner } = bench({ use: [plugin] }, clock);
        const gauge = new Gauge(clock);
        const work = tool('work', {}, async (fails: boolean) => {
          await gauge.busy(integer(1, 20));
          if (fails) throw new Error('fails');
          return 'ok';
        });
        const ends = times(30, async () => {
          await sleep(clock, integer(0, 30));
          const stop = new AbortController();
          const cancel = chance(0.3) ? clock.schedule(integer(0, 40), () => stop.abort()) : () => {};
          const deadline = chance(0.3) ? integer(1, 40) : ('none' as const);
          return ending(runner.call(work, chance(0.2), { signal: stop.signal, deadline })).finally(cancel);
        });
        expect(await Promise.all(ends)).toHaveLength(30);
        return () => {
          expect(gauge.peak).toBeLessThanOrEqual(limit);
          expectAtRest(plugin);
        };
      },
    });
  },
);

it('concurrency(adaptive()) is a limit', () => {
  expect(() => concurrency(adaptive())).not.toThrow();
});
it('a tool may say concurrency: adaptive()', async () => {
  const { clock, runner } = bench({ use: [concurrency(5)] });
  expect(await clock.until(runner.call(tool('t', { concurrency: adaptive() }, () => 'ok')))).toBe('ok');
});

it('rateLimit({ limit, per }) is a rate', () => {
  expect(() => rateLimit({ limit: 10, per: '1s' })).not.toThrow();
});
it('a tool may say rateLimit: { limit, per }', async () => {
  const { clock, runner } = bench({ use: [rateLimit('5/s')] });
  expect(await clock.until(runner.call(tool('t', { rateLimit: { limit: 10, per: '1s' } }, () => 'ok')))).toBe('ok');
});
it('tools: { t: { limit, per } } is a rate', () => {
  expect(() => rateLimit({ requests: '5/s', tools: { t: { limit: 10, per: '1s' } } })).not.toThrow();
});
