import { ConfigError, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, failure, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

function setUp(options: ConcurrencyOptions) {
  const plugin = concurrency(options);
  const { clock, runner, of } = bench({ use: [plugin] });
  const gauge = new Gauge(clock);
  const work = tool('work', {}, async (ms: number) => {
    await gauge.busy(ms);
    return 'done';
  });
  return { plugin, clock, runner, of, gauge, work, call: (ms = 10) => runner.call(work, ms) };
}

describe('a thousand waiters released at once', () => {
  it('all go in the same moment, not all in one turn of the event loop, and no call stands on the stack of another', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const begun: number[] = [];
    const depths: number[] = [];
    const former = Error.stackTraceLimit;
    const work = tool('work', {}, () => {
      begun.push(clock.now());
      if (begun.length % 50 === 0) depths.push((new Error('where').stack ?? '').split('\n').length);
      return sleep(clock, 10);
    });
    const all = times(1_001, () => runner.call(work));
    Error.stackTraceLimit = Number.POSITIVE_INFINITY;
    plugin.setLimit(2_000);
    const atOnce = begun.length;
    await clock.until(Promise.all(all));
    Error.stackTraceLimit = former;
    expect(atOnce).toBeGreaterThan(100);
    expect(atOnce).toBeLessThan(300);
    expect(begun).toEqual(times(1_001, () => 0));
    expect(Math.max(...depths)).toBeLessThan(100);
    expectAtRest(plugin);
  });

  it('10,000 works that end at once pass a limit of 1 without recursion', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    let done = 0;
    const quick = tool('quick', {}, () => ++done);
    const gate = runner.call(tool('gate', {}, () => sleep(clock, 10)));
    const all = times(10_000, () => runner.call(quick));
    await clock.until(Promise.all([gate, ...all]));
    expect(done).toBe(10_000);
    expectAtRest(plugin);
  }, 120_000);

  it('that are all stopped at once leave at once', async () => {
    const { plugin, clock, runner, work, gauge } = setUp({ limit: 1 });
    const stop = new AbortController();
    const first = runner.call(work, 10);
    const all = times(1_000, () => ending(runner.call(work, 10, { signal: stop.signal })));
    stop.abort(new Error('enough'));
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 0 });
    expect(new Set(await clock.until(Promise.all(all)))).toEqual(new Set(['CANCELLED']));
    await clock.until(first);
    expect(gauge.begun).toHaveLength(1);
    expectAtRest(plugin);
  });
});

describe('a limit that is changed while running', () => {
  it('lets more go at once when it is raised, and none until there are fewer when it is lowered', async () => {
    const { plugin, clock, gauge, call } = setUp({ limit: 4 });
    const all = times(40, () => call(100));
    expect(gauge.running).toBe(4);
    plugin.setLimit(10);
    expect(gauge.running).toBe(10);
    plugin.setLimit(2);
    expect(plugin.stats()).toMatchObject({ limit: 2, active: 10, queued: 30 });
    await clock.advance(150);
    expect(gauge.running).toBe(2);
    plugin.setLimit(Number.POSITIVE_INFINITY);
    expect(gauge.running).toBe(30);
    await clock.until(Promise.all(all));
    expect(gauge.begun).toHaveLength(40);
    expectAtRest(plugin);
  });

  it('by runner.update() is changed likewise, and those that wait keep their places', async () => {
    const { plugin, clock, runner, gauge, call } = setUp({ limit: 1 });
    const all = times(6, () => call(10));
    runner.update({ concurrency: { limit: 3 } });
    expect(plugin.stats()).toMatchObject({ limit: 3, active: 3, queued: 3 });
    runner.update({ concurrency: { queue: { max: 3 } } });
    expect((await failure(call())).code).toBe('QUEUE_FULL');
    await clock.until(Promise.all(all));
    expect(gauge.times).toEqual([0, 0, 0, 10, 10, 10]);
  });

  it.each([0, -1, 1.5, Number.NaN, '5', null])('refuses %s, and stays as it was', async (limit) => {
    const { plugin, clock, runner, call } = setUp({ limit: 2 });
    expect(() => plugin.setLimit(limit as never)).toThrow(ConfigError);
    expect(() => runner.update({ concurrency: { limit } })).toThrow(/limit: expected an integer ≥ 1, Infinity/);
    expect(plugin.stats().active).toBe(0);
    const all = times(4, () => call());
    expect(plugin.stats()).toMatchObject({ limit: 2, active: 2, queued: 2 });
    await clock.until(Promise.all(all));
  });
});
