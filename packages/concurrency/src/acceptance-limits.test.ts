import { type Plugin, pipeline, tool } from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from '../../timeout/src/index.ts';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { concurrency } from './index.ts';

nothingIsLeft();

/** Makes calls of a tool that takes as long as its input says, whatever its signal says. */
function calls(...use: Plugin[]) {
  const { clock, runner, of } = bench({ use });
  const gauge = new Gauge(clock);
  const work = tool('work', {}, async (ms: number) => {
    await gauge.busy(ms);
    return 'done';
  });
  return { clock, gauge, of, runner, call: (ms: number) => ending(runner.call(work, ms)) };
}

describe('without the plugin', () => {
  it('concurrency is unlimited: 100 calls run at once', async () => {
    const { clock, gauge, call } = calls();
    const ends = await clock.until(Promise.all(times(100, () => call(10))));
    expect(ends).toEqual(times(100, () => 'done'));
    expect(gauge.peak).toBe(100);
    expect(clock.now()).toBe(10);
  });

  it('100 stages run at once, and 100 functions', async () => {
    const { clock, gauge, runner } = calls();
    const stages = pipeline('p').stage('s', () => gauge.busy(10));
    await clock.until(Promise.all(times(100, () => runner.run(stages))));
    expect(gauge.peak).toBe(100);
    const wrapped = runner.wrap(() => gauge.busy(10), { name: 'f' });
    await clock.until(Promise.all(times(100, () => wrapped())));
    expect(gauge.peak).toBe(100);
  });
});

describe('with a limit, never more than it really run', () => {
  const amounts = [10, 25, 50, 100, 10_000];

  it.each(amounts)(
    'for %i calls that all end',
    async (n) => {
      for (const limit of [1, 3, 10]) {
        const plugin = concurrency(limit);
        const { clock, gauge, call } = calls(plugin);
        const ends = await clock.until(Promise.all(times(n, () => call(20))));
        expect(ends.filter((end) => end === 'done')).toHaveLength(n);
        expect(gauge.peak).toBe(Math.min(limit, n));
        expect(clock.now()).toBe(Math.ceil(n / limit) * 20);
        expectAtRest(plugin);
      }
    },
    120_000,
  );

  it.each(amounts)(
    'for %i calls of which some time out and ignore their signal',
    async (n) => {
      const limit = 5;
      const plugin = concurrency({ limit });
      const { clock, gauge, call } = calls(plugin, ...[timeout({ attempt: 30 })].flat());
      let most = 0;
      const ends = await clock.until(
        Promise.all(
          times(n, (k) =>
            call(k % 3 === 0 ? 100 : 20).finally(() => {
              most = Math.max(most, plugin.stats().orphans);
            }),
          ),
        ),
      );
      expect(ends).toEqual(times(n, (k) => (k % 3 === 0 ? 'TIMEOUT' : 'done')));
      expect(most).toBeGreaterThan(0);
      await clock.runAll();
      expect(gauge.begun).toHaveLength(n);
      expect(gauge.peak).toBe(limit);
      expectAtRest(plugin);
    },
    120_000,
  );

  it.each(amounts)(
    'for %i calls whose deadline ends them while they wait or run, and who ignore it',
    async (n) => {
      const limit = 5;
      const plugin = concurrency({ limit });
      const { clock, gauge, runner } = calls(plugin);
      const work = tool('deaf', {}, () => gauge.busy(100));
      const ends = await clock.until(
        Promise.all(times(n, (k) => ending(runner.call(work, undefined, { deadline: 50 + (k % 7) * 50 })))),
      );
      await clock.runAll();
      expect(gauge.peak).toBe(limit);
      expect(ends).toHaveLength(n);
      // Whoever did not end in time began or did not: none was lost, and none began twice.
      expect(gauge.begun.length).toBeGreaterThanOrEqual(Math.min(n, limit));
      expect(gauge.begun.length).toBeLessThanOrEqual(n);
      expect(new Set(ends)).toEqual(new Set(['TIMEOUT', 'undefined']));
      expectAtRest(plugin);
    },
    120_000,
  );

  it.each(['tool', 'stage', 'function'] as const)('whatever it stands around: a %s', async (target) => {
    const plugin = concurrency(4);
    const { clock, gauge, runner, call } = calls(plugin);
    const stages = pipeline('p').stage('s', () => gauge.busy(10));
    const wrapped = runner.wrap(() => gauge.busy(10), { name: 'f' });
    const make = { tool: () => call(10), stage: () => ending(runner.run(stages)), function: () => ending(wrapped()) }[
      target
    ];
    await clock.until(Promise.all(times(25, make)));
    expect(gauge.peak).toBe(4);
    expect(clock.now()).toBe(70);
    expectAtRest(plugin);
  });

  it('for streams: a permit is held from the first item to the end of the work', async () => {
    const plugin = concurrency(2);
    const { clock, gauge, runner } = calls(plugin);
    const stream = tool('stream', {}, async function* (n: number) {
      const over = gauge.busy(30);
      for (let item = 0; item < n; item++) {
        await sleep(clock, 10);
        yield item;
      }
      await over;
    });
    const all = await clock.until(Promise.all(times(5, () => runner.call(stream, 3))));
    expect(all).toEqual(times(5, () => [0, 1, 2]));
    expect(gauge.peak).toBe(2);
    expectAtRest(plugin);
  });
});

describe('with a limit', () => {
  it('5 calls one after another never wait', async () => {
    const { clock, gauge, call, of } = calls(concurrency(1));
    const all = async (): Promise<void> => {
      for (let n = 0; n < 5; n++) await call(10);
    };
    await clock.until(all());
    expect(gauge.times).toEqual([0, 10, 20, 30, 40]);
    expect(of('queue.enter')).toEqual([]);
  });

  it.each([10, 25])('%i calls in parallel, five at a time, end in as many rounds as it takes', async (n) => {
    const { clock, gauge, call } = calls(concurrency(5));
    await clock.until(Promise.all(times(n, () => call(100))));
    expect(gauge.peak).toBe(5);
    expect(gauge.times).toEqual(times(n, (k) => Math.floor(k / 5) * 100));
  });

  it('of mixed calls of 10 and 200 ms the fast ones pass the slow ones', async () => {
    const plugin = concurrency(4);
    const { clock, gauge, call } = calls(plugin);
    const endedAt: [ms: number, at: number][] = [];
    await clock.until(
      Promise.all(
        times(40, (n) => (n % 10 === 0 ? 200 : 10)).map((ms) => call(ms).then(() => endedAt.push([ms, clock.now()]))),
      ),
    );
    expect(gauge.peak).toBe(4);
    // 4 × 200 + 36 × 10 ms of work through four permits, of which each is always in use until nothing waits.
    expect(clock.now()).toBeLessThanOrEqual((4 * 200 + 36 * 10) / 4 + 200);
    expect(endedAt.findIndex(([ms]) => ms === 200)).toBeGreaterThan(20);
    expectAtRest(plugin);
  });

  it('calls of 10 to 200 ms at random keep every permit in use while anything waits', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const plugin = concurrency(7);
      const { clock, gauge, call } = calls(plugin);
      const spans = times(60, () => 10 + Math.floor(random() * 191));
      const waiting = spans.map((ms) => call(ms));
      while (plugin.stats().queued > 0) {
        expect(gauge.running).toBe(7);
        await clock.advance(1);
      }
      await clock.until(Promise.all(waiting));
      expect(gauge.peak).toBe(7);
      expect(gauge.begun).toHaveLength(60);
      expectAtRest(plugin);
    }
  }, 120_000);

  it('five bursts of ten with gaps of 100 ms are each worked off', async () => {
    const plugin = concurrency(5);
    const { clock, gauge, call } = calls(plugin);
    const bursts: Promise<unknown>[] = [];
    for (let burst = 0; burst < 5; burst++) {
      bursts.push(...times(10, () => call(40)));
      await clock.advance(100);
      expect(plugin.stats()).toMatchObject({ active: 0, queued: 0 });
    }
    await clock.until(Promise.all(bursts));
    expect(gauge.times).toEqual(times(50, (n) => Math.floor(n / 10) * 100 + (Math.floor(n / 5) % 2) * 40));
  });

  it('20 producers that call again and again for 2 s keep it busy all the time, and none is left out', async () => {
    const plugin = concurrency(8);
    const { clock, gauge, call } = calls(plugin);
    const made = times(20, () => 0);
    const produce = async (n: number): Promise<void> => {
      while (clock.now() < 2_000) {
        await call(25);
        made[n] = (made[n] ?? 0) + 1;
      }
    };
    await clock.until(Promise.all(times(20, produce)));
    expect(gauge.peak).toBe(8);
    expect(gauge.begun.length).toBeGreaterThanOrEqual((2_000 / 25) * 8);
    expect(Math.max(...made) - Math.min(...made)).toBeLessThanOrEqual(1);
    expectAtRest(plugin);
  });
});
