import { type Context, tool } from '@sluice/core';
import { seededRandom, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, expectAtRest, Gauge, nothingIsLeft, sleep } from './acceptance.test-kit.ts';
import { AsyncStore } from './async-store.test-kit.ts';
import { type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

const EARLY = { concurrency: { release: 'verdict' } } as const;

function world(options: ConcurrencyOptions) {
  const plugin = concurrency({ orphanLease: 'none', ...options });
  const { clock, runner } = bench({ use: [plugin], grace: 0 });
  const gauge = new Gauge(clock);
  const leaf = tool('leaf', {}, (who: string) => gauge.busy(10, who));
  const deaf = tool('deaf', {}, (ms: number) => gauge.busy(ms, 'deaf'));
  return { clock, runner, plugin, gauge, leaf, deaf };
}

describe('a call that ends before what goes on in it', () => {
  it('between two others leaves its place to that: the outermost lends nothing until that has ended, and then does', async () => {
    const { clock, runner, plugin, gauge, leaf, deaf } = world({ limit: 1 });
    const middle = tool('middle', EARLY, async (_: undefined, { call }: Context) => {
      call(deaf, 50).catch(() => {});
      await sleep(clock, 5);
    });
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      await call(middle);
      await call(leaf, 'after');
    });
    const ended = runner.call(outer);
    await clock.advance(20);
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 1 });
    await clock.until(ended);
    expect(gauge.order).toEqual(['deaf', 'after']);
    expect(gauge.times).toEqual([0, 50]);
    expect(gauge.peak).toBe(1);
    await clock.runAll();
    expectAtRest(plugin);
  });

  it('gives back what it has where that has permits of its own', async () => {
    const { clock, runner, plugin, gauge } = world({ limit: 3 });
    const heavy = tool('heavy', { concurrency: { weight: 2 } }, () => gauge.busy(50, 'heavy'));
    const outer = tool('outer', EARLY, async (_: undefined, { call }: Context) => {
      call(heavy).catch(() => {});
      await sleep(clock, 5);
    });
    const ended = runner.call(outer);
    await clock.advance(1);
    expect(plugin.stats()).toMatchObject({ active: 3 });
    await clock.until(ended);
    expect(plugin.stats()).toMatchObject({ active: 2, orphans: 1 });
    await clock.runAll();
    expectAtRest(plugin);
  });
});

it('of calls in one another only one holds a permit, however deep they are', async () => {
  const { clock, runner, plugin, leaf } = world({ limit: 1 });
  const deep = (depth: number) =>
    tool(
      `deep${depth}`,
      {},
      (_: undefined, { call }: Context): Promise<unknown> =>
        depth === 0 ? call(leaf, 'innermost') : call(deep(depth - 1)),
    );
  const ended = runner.call(deep(4));
  await clock.advance(5);
  expect(plugin.stats()).toMatchObject({ active: 1, queued: 0 });
  await clock.until(ended);
});

it('a lease that runs out is renewed for as long as anything goes on with it, and no longer', async () => {
  const clock = virtualClock();
  const store = new AsyncStore({ clock, random: seededRandom(1), delayMs: 0, leaseMs: 20 });
  const plugin = concurrency({ limit: 1, store, orphanLease: 'none' });
  const { runner } = bench({ use: [plugin], grace: 0 }, clock);
  const deaf = tool('deaf', {}, () => sleep(clock, 200));
  const outer = tool('outer', EARLY, async (_: undefined, { call }: Context) => {
    call(deaf).catch(() => {});
    await sleep(clock, 5);
  });
  await clock.until(runner.call(outer));
  await clock.advance(185);
  expect(store.taken).toBe(1);
  await clock.advance(20);
  const { renew } = store.asked;
  expect(renew).toBeGreaterThanOrEqual(17);
  await clock.advance(100);
  expect(store.asked).toMatchObject({ renew, release: 1 });
  expect(store.taken).toBe(0);
  await clock.runAll();
});
