import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep } from './acceptance.test-kit.ts';
import { concurrency, rateLimit } from './index.ts';

nothingIsLeft();

const MILLION = 1_000_000;

describe('a million keys', () => {
  it('of limits stay in bounded memory: idle ones are forgotten', async () => {
    const plugin = concurrency({ limit: 1, per: ({ input }) => `tenant ${String(input)}` });
    const clock = virtualClock();
    const runner = createRunner({ use: [plugin], clock });
    const work = tool('work', {}, (n: number) => n);
    await runner.call(work, 0);
    const before = heapUsed();
    for (let n = 1; n <= MILLION; n++) await runner.call(work, n);
    expect(Object.keys(plugin.stats().pools).length).toBeLessThanOrEqual(10_001);
    expect(heapUsed() - before).toBeLessThan(30e6);
  }, 120_000);

  it('of rates stay in bounded memory: those that are as good as new are forgotten', async () => {
    const plugin = rateLimit({ requests: '1000/s', per: ({ input }) => `tenant ${String(input)}` });
    const clock = virtualClock();
    const runner = createRunner({ use: [plugin], clock });
    const work = tool('work', {}, (n: number) => n);
    await runner.call(work, 0);
    const before = heapUsed();
    for (let n = 1; n <= MILLION; n++) {
      await runner.call(work, n);
      if (n % 1_000 === 0) clock.block(10);
    }
    expect(Object.keys(plugin.stats()).length).toBeLessThanOrEqual(12_000);
    expect(heapUsed() - before).toBeLessThan(40e6);
  }, 120_000);
});

describe('among very many keys', () => {
  it('a limit that is in use is never forgotten: it holds through 50,000 others', async () => {
    const plugin = concurrency({ limit: 1, per: ({ input }) => String(input) });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const held = tool('held', {}, (_: string) => gauge.busy(1_000));
    const quick = tool('quick', {}, (n: string) => n);
    const all = [
      runner.call(held, 'busy'),
      runner.call(held, 'busy'),
      ending(runner.call(held, 'deaf', { deadline: 5 })),
    ];
    await clock.advance(100);
    for (let n = 0; n < 50_000; n++) await runner.call(quick, `other ${n}`);
    expect(plugin.stats().pools).toMatchObject({ busy: { active: 1, queued: 1 }, deaf: { active: 1, orphans: 1 } });
    all.push(runner.call(held, 'busy'), runner.call(held, 'deaf'));
    await clock.until(Promise.all(all));
    expect(gauge.times).toEqual([0, 0, 1_000, 1_000, 2_000]);
    expectAtRest(plugin);
  }, 120_000);

  it('a rate that is not as good as new, or for which somebody waits, is never forgotten', async () => {
    const plugin = rateLimit({ requests: '1/h', per: ({ input }) => String(input), kinds: {} });
    const { clock, runner } = bench({ use: [plugin] });
    const at: number[] = [];
    const work = tool('work', {}, (_: string) => at.push(clock.now()));
    await runner.call(work, 'used');
    plugin.pause('paused', '2h');
    const waiting = runner.call(work, 'used');
    for (let n = 0; n < 15_000; n++) await runner.call(work, `other ${n}`);
    expect(plugin.stats()['used']).toMatchObject({ queued: 1 });
    const paused = runner.call(work, 'paused');
    expect(plugin.stats()['paused']).toMatchObject({ queued: 1, pausedMs: 7_200_000 });
    await clock.until(waiting);
    expect(at.at(-1)).toBe(3_600_000);
    await clock.until(paused);
    expect(at.at(-1)).toBe(7_200_000);
  }, 120_000);

  it('tenants of a fair share that are gone are forgotten, and shares still hold', async () => {
    const plugin = concurrency({ limit: 1, fair: { by: ({ input }) => String(input) } });
    const { clock, runner } = bench({ use: [plugin] });
    const order: string[] = [];
    const work = tool('work', {}, async (who: string) => {
      order.push(who);
      await sleep(clock, 1);
    });
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < 3_000; n++) all.push(runner.call(work, `tenant ${n}`));
    await clock.until(Promise.all(all));
    const pair = ['a', 'a', 'a', 'b', 'b', 'b'].map((who) => runner.call(work, who));
    await clock.until(Promise.all(pair));
    expect(order.slice(-6)).toEqual(['a', 'a', 'b', 'a', 'b', 'b']);
  });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
