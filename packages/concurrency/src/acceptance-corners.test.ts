import { AsyncLocalStorage } from 'node:async_hooks';
import { ConfigError, type Context, pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { admission, type ConcurrencyOptions, concurrency, rateLimit } from './index.ts';

nothingIsLeft();

const exclusive: ConcurrencyOptions['exclusive'] = ({ name }) => name === 'write';

describe.each([1, 2, 5])('with a limit of %i', (limit) => {
  it('an exclusive call in a call is alone, also when another one in it runs', async () => {
    const plugin = concurrency({ limit, exclusive });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const read = tool('read', {}, () => gauge.busy(10, 'read'));
    const write = tool('write', {}, () => gauge.busy(10, 'write'));
    const both = pipeline('p').stage('both', async (_, { call }) => {
      await Promise.all([call(read), call(write), call(read)]);
    });
    await clock.until(runner.run(both));
    expect(gauge.peak).toBeLessThanOrEqual(limit);
    const at = gauge.begun.find(({ who }) => who === 'write')?.at;
    expect(gauge.times.filter((time) => time === at)).toHaveLength(1);
    expectAtRest(plugin);
  });

  it('exclusive calls in calls that fill it do not wait for ever', async () => {
    const plugin = concurrency({ limit, exclusive });
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
    expectAtRest(plugin);
  });
});

describe('a prediction at the door', () => {
  it('is forgotten with the queue: what was slow once does not refuse for ever', async () => {
    const { clock, runner } = bench({ use: [concurrency(1)] });
    const work = tool('work', {}, (ms: number) => sleep(clock, ms).then(() => 'done'));
    await clock.until(Promise.all(times(30, () => runner.call(work, 10_000))));
    const ends: string[] = [];
    for (let n = 0; n < 50; n++) {
      const pair = times(2, () => ending(runner.call(work, 10, { deadline: '5s' })));
      ends.push(...(await clock.until(Promise.all(pair))));
      await clock.advance(1_000);
    }
    expect(ends.filter((end) => end !== 'done').length).toBeLessThan(5);
  });

  it('of a rate counts those that wait before it: what cannot go before its deadline is refused at once', async () => {
    const { clock, runner } = bench({ use: [rateLimit('1/s')] });
    const work = tool('work', {}, () => 'done');
    const ends = times(10, () =>
      ending(runner.call(work, undefined, { deadline: 3_500 })).then((end) => `${end} at ${clock.now()}`),
    );
    expect((await clock.until(Promise.all(ends))).slice(4)).toEqual(times(6, () => 'RATE_LIMITED at 0'));
  });
});

describe('saturated$', () => {
  it.each([
    ['weights', { weight: 3 }, 3],
    ['who is alone', { exclusive: true }, 1],
  ] as const)('knows of %s: one more would have to wait', async (_, options, active) => {
    const plugin = concurrency({ limit: 3, ...options });
    const { clock, runner } = bench({ use: [plugin] });
    const told: boolean[] = [];
    plugin.saturated$.subscribe((is) => told.push(is));
    const call = runner.call(tool('work', {}, () => sleep(clock, 10)));
    await clock.advance(1);
    expect(told).toEqual([false, true]);
    expect(plugin.stats().active).toBe(active);
    await clock.until(call);
    expect(told).toEqual([false, true, false]);
  });
});

describe('a weight by a function', () => {
  it('that is endless does not break the limit for those that come later', async () => {
    const plugin = concurrency({ limit: 2, weight: ({ input }) => input as number });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, (_: number) => gauge.busy(10));
    await clock.until(ending(runner.call(work, Number.POSITIVE_INFINITY)));
    await clock.until(Promise.all(times(10, () => runner.call(work, 1))));
    expect(gauge.peak).toBe(2);
    expectAtRest(plugin);
  });

  it('that is a fraction leaves nothing taken behind', async () => {
    const plugin = concurrency({ limit: 10, weight: ({ input }) => input as number, exclusive });
    const { clock, runner } = bench({ use: [plugin] });
    const [read, write] = ['read', 'write'].map((name) => tool(name, {}, (_: number) => sleep(clock, 10)));
    await clock.until(Promise.all([0.1, 0.2].map((weight) => ending(runner.call(read as never, weight as never)))));
    expect(await clock.until(ending(runner.call(write as never, 1 as never)))).toBe('undefined');
  });
});

it('pause() and correct() before the first call count on the clock of the calls', async () => {
  const plugin = rateLimit({ requests: '10/s', burst: 10, per: ({ input }) => String(input) });
  const { clock, runner } = bench({ use: [plugin] });
  const at: number[] = [];
  const work = tool('work', {}, (_: string) => at.push(clock.now()));
  plugin.pause('a', 3_000);
  plugin.correct('b', { requests: { remaining: 0, resetMs: 1_000 } });
  await clock.until(Promise.all(['a', 'b', 'c'].map((key) => runner.call(work, key))));
  expect(at).toEqual([0, 1_000, 3_000]);
});

it.each([
  { max: 1, priority: 'x' },
  { max: 1, name: 5 },
  { max: 1, applies: 'everything' },
])('admission(%j) is a ConfigError', (options) => {
  expect(() => admission(options as never)).toThrow(ConfigError);
});

it('a call that waited goes on in the AsyncLocalStorage context of who made it', async () => {
  const user = new AsyncLocalStorage<string>();
  const { clock, runner } = bench({ use: [rateLimit('100/s'), concurrency(1)] });
  const work = tool('work', {}, async () => {
    await sleep(clock, 15);
    return user.getStore();
  });
  const all = ['ada', 'bob', 'eve'].map((name) => user.run(name, () => runner.call(work)));
  expect(await clock.until(Promise.all(all))).toEqual(['ada', 'bob', 'eve']);
});
