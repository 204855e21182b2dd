import { type Context, isSluiceError, pipeline, tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, sleep, times } from './acceptance.test-kit.ts';
import { adaptive, admission, concurrency, memoryStore, rateLimit, type Store } from './index.ts';

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

it('what was slow once does not refuse for ever', async () => {
  const plugin = concurrency(1);
  const { clock, runner } = bench({ use: [plugin] });
  const work = tool('work', {}, (ms: number) => sleep(clock, ms).then(() => 'done'));
  await clock.until(Promise.all(times(30, () => runner.call(work, 10_000))));
  const ends: string[] = [];
  for (let n = 0; n < 50; n++) {
    ends.push(...(await clock.until(Promise.all(times(2, () => ending(runner.call(work, 10, { deadline: '5s' })))))));
    await clock.advance(1_000);
  }
  expect(ends.filter((e) => e !== 'done').length).toBeLessThan(5);
});

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

it('a rate refuses at the door whatever cannot go before its deadline', async () => {
  const { clock, runner } = bench({ use: [rateLimit('1/s')] });
  const work = tool('w', {}, () => clock.now());
  const ends = times(10, () => {
    const call = runner.call(work, undefined, { deadline: 3_500 });
    return call.then(
      (at) => `went at ${at}`,
      (e: { code: string }) => `${e.code} at ${clock.now()}`,
    );
  });
  expect((await clock.until(Promise.all(ends))).slice(4)).toEqual(times(6, () => 'RATE_LIMITED at 0'));
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

it.each([1, 2, 5])('exclusive calls in calls that fill the limit (%i) do not wait for ever', async (limit) => {
  const plugin = concurrency({ limit, exclusive: ({ name }) => name === 'write' });
  const { clock, runner } = bench({ use: [plugin] });
  const gauge = new Gauge(clock);
  const write = tool('write', {}, async () => {
    expect(gauge.running).toBe(0);
    await gauge.busy(10, 'write');
  });
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
    await gauge.busy(5, 'outer');
    await call(write);
    await call(write);
  });
  await clock.until(Promise.all(times(10, () => runner.call(outer, 0))));
  expect(gauge.order.filter((who) => who === 'write')).toHaveLength(20);
});

it('pause() and correct() before the first call count on the clock of the calls', async () => {
  const plugin = rateLimit({ requests: '10/s', burst: 10, per: ({ input }) => String(input) });
  const { clock, runner } = bench({ use: [plugin] });
  const at: number[] = [];
  const work = tool('work', {}, (_: string) => at.push(clock.now()));
  plugin.pause('a', 3_000);
  plugin.correct('b', { requests: { remaining: 0, resetMs: 1_000 } });
  await clock.until(Promise.all(['a', 'b', 'c'].map((key) => runner.call(work, key))));
  expect(at.map((ms) => Math.round(ms / 100) / 10)).toEqual([0, 1, 3]);
});

/** Keeps limits elsewhere: every answer takes so long. */
function elsewhere(later: () => Promise<unknown>, store: Store = memoryStore()): Store {
  return {
    permits(key) {
      const permits = store.permits(key);
      return {
        acquire: (request) => later().then(() => permits.acquire(request)),
        renew: (lease) => later().then(() => permits.renew(lease)),
        release: (lease) => later().then(() => permits.release(lease)),
        changes: (listener) => permits.changes(listener),
        close: () => permits.close(),
      };
    },
    rates(key, spec) {
      const rates = store.rates(key, spec);
      return {
        take: (costs, now) => later().then(() => rates.take(costs, now)),
        settle: (reserved, actual, now, takenAt) => later().then(() => rates.settle(reserved, actual, now, takenAt)),
        pause: (ms, now) => later().then(() => rates.pause(ms, now)),
        correct: (limits, now) => later().then(() => rates.correct(limits, now)),
        idle: (now) => rates.idle(now),
        stats: (now) => rates.stats(now),
      };
    },
  };
}

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
