import { type Call, type Context, createRunner, type Plugin, type Runner, tool } from '@sluice/core';
import { leakLedger, seededRandom, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AsyncStore, type AsyncStoreOptions } from './async-store.test-kit.ts';
import { concurrency, rateLimit } from './index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1);

function bench(seed: number, options: Partial<AsyncStoreOptions> = {}) {
  const clock = virtualClock({ seed });
  const store = new AsyncStore({ clock, random: seededRandom(seed), ...options });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  const runner = (...use: Plugin[]): { readonly call: Runner['call'] } => {
    const made = createRunner({ use, clock });
    return { call: made.call.bind(made) as Runner['call'] };
  };
  const gauge = { running: 0, peak: 0, calls: 0 };
  const work = tool('work', {}, async (ms: number) => {
    gauge.calls++;
    gauge.peak = Math.max(gauge.peak, ++gauge.running);
    await sleep(ms);
    gauge.running--;
    return ms;
  });
  return { clock, store, sleep, runner, gauge, work };
}

describe('with a store that is elsewhere', () => {
  it.each(SEEDS)('a limit holds, and every call has its turn (%i)', async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed);
    const plugin = concurrency({ limit: 3, store });
    const { call } = runner(plugin);
    const ended = await clock.until(Promise.all(Array.from({ length: 30 }, (_, n) => call(work, n))));
    expect(ended).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(gauge.peak).toBeLessThanOrEqual(3);
    await clock.runAll();
    expect(store.taken).toBe(0);
    expect(plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
  });

  it.each(SEEDS)('calls in calls go on with a limit of 1, and never two at once (%i)', async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed);
    const { call } = runner(concurrency({ limit: 1, store }));
    const outer = tool('outer', {}, (_: undefined, ctx: Context) =>
      Promise.all([ctx.call(work, 5), ctx.call(work, 7), ctx.call(work, 3)]),
    );
    const ended = await clock.until(Promise.all([1, 2, 3].map(() => call(outer))));
    expect(ended).toEqual([1, 2, 3].map(() => [5, 7, 3]));
    expect(gauge.peak).toBe(1);
    await clock.runAll();
    expect(store.taken).toBe(0);
  });

  it.each(SEEDS)('what must be alone is alone (%i)', async (seed) => {
    const { clock, store, sleep, runner } = bench(seed);
    const { call } = runner(concurrency({ limit: 4, store, exclusive: ({ name }: Call) => name === 'write' }));
    let value = 0;
    let reading = 0;
    const read = tool('read', {}, async () => {
      reading++;
      await sleep(3);
      reading--;
    });
    const write = tool('write', {}, async () => {
      expect(reading).toBe(0);
      const before = value;
      await sleep(2);
      value = before + 1;
      expect(reading).toBe(0);
    });
    await clock.until(Promise.all(Array.from({ length: 20 }, (_, n) => call(n % 2 === 0 ? write : read))));
    await clock.runAll();
    expect(value).toBe(10);
    expect(store.breaches).toBe(0);
  });

  it.each(SEEDS)('two processes that share it never exceed the limit together, and both get on (%i)', async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed);
    const processes = [1, 2].map(() => runner(concurrency({ limit: 2, store })));
    const calls = processes.flatMap(({ call }) => Array.from({ length: 10 }, (_, n) => call(work, n)));
    await clock.until(Promise.all(calls));
    expect(gauge).toMatchObject({ calls: 20, running: 0 });
    expect(gauge.peak).toBeLessThanOrEqual(2);
    expect(store.peak).toBeLessThanOrEqual(2);
    await clock.runAll();
    expect(store.taken).toBe(0);
  });

  it.each(SEEDS)('who leaves while a lease is on its way loses nothing for the others (%i)', async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed);
    const { call } = runner(concurrency({ limit: 1, store }));
    const random = seededRandom(seed);
    const ends = Array.from({ length: 20 }, () =>
      call(work, 5, { deadline: 1 + Math.floor(random() * 60) }).then(
        () => 'ok',
        () => 'no',
      ),
    );
    const ended = await clock.until(Promise.all(ends));
    expect(ended).toContain('no');
    await clock.runAll();
    expect(store.taken).toBe(0);
    expect(gauge).toMatchObject({ running: 0, peak: gauge.calls === 0 ? 0 : 1 });
    expect(await clock.until(call(work, 1))).toBe(1);
    await clock.runAll();
    expect(store.taken).toBe(0);
  });

  it('a lease that arrives after its waiter has left is given back', async () => {
    const { clock, store, runner, gauge, work } = bench(1, { random: () => 0.99 });
    const { call } = runner(concurrency({ limit: 1, store }));
    const ended = call(work, 5, { deadline: 15 }).catch((error: Error) => error.name);
    await clock.advance(12);
    expect(store.taken).toBe(1);
    expect(await clock.until(ended)).toBe('TimeoutError');
    await clock.runAll();
    expect(store.taken).toBe(0);
    expect(gauge.calls).toBe(0);
    expect(store.asked).toMatchObject({ acquire: 1, release: 1 });
  });

  it('a store that fails fails the call with its error, and costs no permit', async () => {
    const { clock, store, runner, work } = bench(3);
    const plugin = concurrency({ limit: 1, store });
    const { call } = runner(plugin);
    store.fails = (what) => what === 'acquire';
    const failed = [1, 2, 3].map((n) => call(work, n).catch((error: Error) => error.message));
    expect(await clock.until(Promise.all(failed))).toEqual([1, 2, 3].map(() => 'the store failed at acquire'));
    expect(plugin.stats()).toMatchObject({ active: 0, queued: 0 });
    store.fails = () => false;
    expect(await clock.until(Promise.all([1, 2, 3].map((n) => call(work, n))))).toEqual([1, 2, 3]);
    await clock.runAll();
    expect(store.taken).toBe(0);
  });

  it.each(SEEDS)('a store that fails now and then loses no waiter (%i)', async (seed) => {
    const { clock, store, runner, gauge, work } = bench(seed);
    const { call } = runner(concurrency({ limit: 2, store }));
    const random = seededRandom(seed);
    store.fails = (what) => what === 'acquire' && random() < 0.3;
    const ends = Array.from({ length: 30 }, (_, n) =>
      call(work, n).then(
        () => 'ok',
        (error: Error) => error.message,
      ),
    );
    const ended = await clock.until(Promise.all(ends));
    expect(new Set(ended)).toEqual(new Set(['ok', 'the store failed at acquire']));
    expect(gauge.calls).toBe(ended.filter((one) => one === 'ok').length);
    expect(gauge.peak).toBeLessThanOrEqual(2);
    await clock.runAll();
    expect(store.taken).toBe(0);
  });
});

describe('rates in a store that is elsewhere', () => {
  it.each(SEEDS)('no second has more than it may, whoever shares them (%i)', async (seed) => {
    const { clock, store, runner, gauge } = bench(seed);
    const begun: number[] = [];
    const note = tool('note', {}, async () => begun.push(clock.now()));
    const processes = [1, 2].map(() =>
      runner(rateLimit({ requests: '10/s', algorithm: 'sliding-window', store, tools: {} })),
    );
    await clock.until(Promise.all(processes.flatMap(({ call }) => Array.from({ length: 15 }, () => call(note)))));
    expect(begun).toHaveLength(30);
    for (const from of begun) {
      // What was let go at one moment arrives up to 10 ms later.
      expect(begun.filter((at) => at >= from && at < from + 990).length).toBeLessThanOrEqual(10);
    }
    expect(gauge.running).toBe(0);
  });

  it('a store that fails fails the call with its error, and the next one goes', async () => {
    const { clock, store, runner } = bench(5);
    const { call } = runner(rateLimit({ requests: '5/s', store }));
    const note = tool('note', {}, async () => 'gone');
    store.fails = (what) => what === 'take';
    expect(await clock.until(call(note).catch((error: Error) => error.message))).toBe('the store failed at take');
    store.fails = (what) => what === 'settle' || what === 'pause' || what === 'correct';
    expect(await clock.until(call(note))).toBe('gone');
  });
});
