import { type Context, tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { concurrency, memoryStore, rateLimit } from './index.ts';
import { elsewhere } from './store-elsewhere.test-kit.ts';

nothingIsLeft();

describe('a store in this process', () => {
  it('that two plugins are given is one limit for both', async () => {
    const store = memoryStore();
    const plugins = [concurrency({ limit: 3, store }), concurrency({ limit: 3, store })];
    const { clock, runner } = bench({ use: plugins.slice(0, 1) });
    const other = bench({ use: plugins.slice(1) }, clock);
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    await clock.until(Promise.all(times(20, (n) => (n % 2 === 0 ? runner : other.runner).call(work))));
    expect(gauge.peak).toBe(3);
    expect(gauge.begun).toHaveLength(20);
    for (const plugin of plugins) expectAtRest(plugin);
  });

  it('that two plugins are given is one rate for both', async () => {
    const store = memoryStore();
    const { clock, runner } = bench({ use: [rateLimit({ requests: '10/s', store })] });
    const other = bench({ use: [rateLimit({ requests: '10/s', store })] }, clock);
    const at: number[] = [];
    const work = tool('work', {}, () => at.push(clock.now()));
    for (let n = 0; n < 10; n++) await clock.until((n % 2 === 0 ? runner : other.runner).call(work));
    expect(at).toEqual(times(10, (n) => n * 100));
  });

  it('that they are not given is one for each', async () => {
    const { clock, runner } = bench({ use: [concurrency(1)] });
    const other = bench({ use: [concurrency(1)] }, clock);
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    await clock.until(Promise.all([runner.call(work), other.runner.call(work)]));
    expect(gauge.peak).toBe(2);
  });
});

describe('a store that answers later', () => {
  it.each([1, 3, 10])(
    'holds a limit of %i, with calls that end, fail, time out and are stopped at random',
    async (limit) => {
      await simulate({
        runs: 100,
        async program({ clock, integer, chance }) {
          const plugin = concurrency({ limit, store: elsewhere(() => sleep(clock, 3)) });
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
    120_000,
  );

  it('lets calls in calls go on with the permit around them', async () => {
    const { clock } = bench();
    const plugin = concurrency({ limit: 1, store: elsewhere(() => sleep(clock, 2)) });
    const limited = bench({ use: [plugin] }, clock);
    const gauge = new Gauge(clock);
    const leaf = tool('leaf', {}, () => gauge.busy(10));
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => Promise.all(times(10, () => call(leaf))));
    await clock.until(Promise.all([limited.runner.call(outer, 0), limited.runner.call(outer, 1)]));
    expect(gauge.peak).toBe(1);
    expect(gauge.begun).toHaveLength(20);
    await clock.runAll();
    expectAtRest(plugin);
  });

  it('that fails fails the call that asked, and no other', async () => {
    const { clock } = bench();
    let asked = 0;
    const store = elsewhere(async () => {
      if (++asked === 2) throw new Error('the store is away');
    });
    const plugin = concurrency({ limit: 5, store });
    const { runner } = bench({ use: [plugin] }, clock);
    const work = tool('work', {}, () => 'ok');
    const gate = tool('gate', {}, () => sleep(clock, 10));
    const gated = ending(runner.call(gate));
    await clock.advance(1);
    expect(await clock.until(ending(runner.call(work)))).toBe('the store is away');
    expect(await clock.until(ending(runner.call(work)))).toBe('ok');
    await clock.until(gated);
    expectAtRest(plugin);
  });

  it('holds a rate, in order, and gives back what was taken for who left meanwhile', async () => {
    const { clock } = bench();
    const plugin = rateLimit({ requests: '10/s', store: elsewhere(() => sleep(clock, 3)) });
    const { runner } = bench({ use: [plugin] }, clock);
    const at: number[] = [];
    const order: number[] = [];
    const work = tool('work', {}, (n: number) => {
      at.push(clock.now());
      order.push(n);
    });
    const stop = new AbortController();
    const all = times(6, (n) => ending(runner.call(work, n, n === 0 ? { signal: stop.signal } : {})));
    await clock.advance(1);
    stop.abort();
    expect(await clock.until(Promise.all(all))).toEqual(['CANCELLED', ...times(5, () => 'undefined')]);
    expect(order).toEqual([1, 2, 3, 4, 5]);
    for (const [index, ms] of at.entries())
      if (index > 0) expect(ms - (at[index - 1] as number)).toBeGreaterThanOrEqual(95);
    expect(plugin.stats()['all']).toMatchObject({ queued: 0, rejected: 0 });
  });
});
