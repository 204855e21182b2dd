import { type Context, createRunner, isSluiceError, type Plugin, type Runner, tool } from '@sluice/core';
import { leakLedger, seededRandom, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AsyncStore, type AsyncStoreOptions } from './async-store.test-kit.ts';
import { concurrency, rateLimit } from './index.ts';

let ledger = leakLedger();
const faults: unknown[] = [];
const note = (fault: unknown): void => {
  faults.push(fault);
};
beforeEach(() => {
  ledger = leakLedger();
  faults.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
  ledger.assertEmpty();
  expect(faults).toEqual([]);
});

const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1);

function bench(seed: number, options: Partial<AsyncStoreOptions> = {}) {
  const clock = virtualClock({ seed });
  const store = new AsyncStore({ clock, random: seededRandom(seed), ...options });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  const runner = (...use: Plugin[]): { readonly call: Runner['call'] } => {
    const made = createRunner({ use, clock });
    return { call: made.call.bind(made) as Runner['call'] };
  };
  const gauge = { running: 0, peak: 0 };
  const work = tool('work', {}, async (ms: number) => {
    gauge.peak = Math.max(gauge.peak, ++gauge.running);
    await sleep(ms);
    gauge.running--;
    return ms;
  });
  return { clock, store, sleep, runner, gauge, work };
}

it.each(SEEDS)(
  'no waiter is forgotten when a store hears of a release after it was asked for a lease (%i)',
  async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed, { ordered: false });
    const { call } = runner(concurrency({ limit: 2, store }));
    await clock.until(Promise.all(Array.from({ length: 30 }, (_, n) => call(work, n))));
    expect(gauge.peak).toBeLessThanOrEqual(2);
    await clock.runAll();
    expect(store.taken).toBe(0);
  },
);

it('a release that fails is no unhandled rejection, and who waits gets on when the lease has run out', async () => {
  const { clock, store, runner, work } = bench(2, { leaseMs: 1_000 });
  const { call } = runner(concurrency({ limit: 1, store }));
  let failures = 1;
  store.fails = (what) => what === 'release' && failures-- > 0;
  expect(await clock.until(Promise.all([call(work, 1), call(work, 2)]))).toEqual([1, 2]);
  await clock.runAll();
  expect(store.taken).toBe(0);
});

it.each(SEEDS)('a lease is renewed for as long as the work goes on (%i)', async (seed) => {
  const { clock, store, runner, gauge, work } = bench(seed, { leaseMs: 100 });
  const processes = [1, 2].map(() => runner(concurrency({ limit: 1, store })));
  const calls = processes.flatMap(({ call }) => Array.from({ length: 3 }, () => call(work, 450)));
  await clock.until(Promise.all(calls));
  expect(gauge.peak).toBe(1);
  await clock.runAll();
  expect(store.taken).toBe(0);
  expect(clock.pending).toBe(0);
});

it('a store that throws at once fails the call, and harms nobody else', async () => {
  const { clock, store, runner, work } = bench(1, { random: () => 0.5 });
  const broken = { failing: false };
  const throwing = {
    rates: store.rates.bind(store),
    permits: (key: string) => {
      const permits = store.permits(key);
      return {
        ...permits,
        acquire(request: Parameters<typeof permits.acquire>[0]) {
          if (broken.failing) throw new Error('broken');
          return permits.acquire(request);
        },
      };
    },
  };
  const { call } = runner(concurrency({ limit: 1, store: throwing }));
  const first = call(work, 10);
  const second = call(work, 10).catch((error: Error) => error.message);
  await clock.advance(12);
  broken.failing = true;
  expect(await clock.until(first)).toBe(10);
  expect(await clock.until(second)).toBe('broken');
  broken.failing = false;
  expect(await clock.until(call(work, 3))).toBe(3);
  await clock.runAll();
});

it('a rate that is kept elsewhere refuses in the mode that refuses, and says when it may go', async () => {
  const { clock, store, runner, work } = bench(4);
  const { call } = runner(rateLimit({ requests: '1/m', mode: 'reject', store }));
  const ends = await clock.until(Promise.all([1, 2, 3].map((n) => call(work, n).catch((error: unknown) => error))));
  expect(ends[0]).toBe(1);
  for (const error of ends.slice(1)) {
    expect(isSluiceError(error, 'RATE_LIMITED') && error.retryAfterMs).toBeGreaterThan(59_000);
    expect(isSluiceError(error) && error.message).toContain('1 requests per 60000 ms');
  }
  expect(clock.now()).toBeLessThan(1_000);
});

it('a rate that is kept elsewhere refuses what could not go before its deadline', async () => {
  const { clock, store, runner, work } = bench(4);
  const { call } = runner(rateLimit({ requests: '1/m', store }));
  expect(await clock.until(call(work, 1))).toBe(1);
  const error = await clock.until(call(work, 1, { deadline: 5_000 }).catch((caught: unknown) => caught));
  expect(isSluiceError(error, 'RATE_LIMITED')).toBe(true);
  expect(clock.now()).toBeLessThan(1_000);
});

it.each(SEEDS)(
  'calls in calls, exclusive ones and plain ones, never wait for each other for ever (%i)',
  async (seed) => {
    const { clock, store, runner, work, sleep } = bench(seed, { ordered: false });
    const plugin = concurrency({ limit: 2, store, exclusive: ({ name }) => name === 'alone' });
    const { call } = runner(plugin);
    const alone = tool('alone', {}, () => sleep(4));
    const outer = tool('outer', {}, async (_: undefined, ctx: Context) => {
      await sleep(1);
      await Promise.all([ctx.call(work, 5), ctx.call(alone), ctx.call(work, 3), ctx.call(alone)]);
    });
    await clock.until(Promise.all(Array.from({ length: 4 }, () => call(outer))));
    await clock.runAll();
    expect(store.taken).toBe(0);
    expect(plugin.stats()).toMatchObject({ active: 0, queued: 0 });
  },
);

it('who leaves gives back what was taken for it of a rate', async () => {
  const { clock, store, runner } = bench(1, { random: () => 0.99 });
  const { call } = runner(rateLimit({ requests: '1/1m', store }));
  const note = tool('note', {}, async () => clock.now());
  await clock.until(call(note, undefined, { deadline: 15 }).catch(() => {}));
  await clock.runAll();
  expect(await clock.until(call(note, undefined, { deadline: 1_000 }))).toBeLessThan(100);
});
