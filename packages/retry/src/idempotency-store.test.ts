import { pipeline, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { ending, idempotencyBench, remoteStore } from './idempotency-bench.test-kit.ts';
import { type IdempotencyStore, memoryIdempotencyStore } from './index.ts';
import { nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const KEY = { idempotencyKey: 'k' };

/** A tool that takes 100 ms and answers how often it was run, with a store that is made for its clock. */
function counter(storeFor: (clock: ReturnType<typeof virtualClock>) => IdempotencyStore) {
  const clock = virtualClock();
  const store = storeFor(clock);
  const faults: unknown[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (...args: unknown[]) => faults.push(args),
    error: (...args: unknown[]) => faults.push(args),
  };
  const stand = idempotencyBench({ store }, { logger: logger as never }, clock);
  const counts = { runs: 0 };
  const charge = tool('charge', {}, async (_: number) => {
    const run = ++counts.runs;
    await stand.sleep(100);
    return run;
  });
  return { ...stand, store, counts, faults, charge, call: (input = 1) => stand.runner.call(charge, input, KEY) };
}

describe('a store that is elsewhere', () => {
  it('is asked once for all that come at once, and before anything is run', async () => {
    const { clock, call, counts, plugin, store } = counter((time) => remoteStore(time, { get: () => 20 }));
    const all = Array.from({ length: 10 }, () => call());
    await clock.advance(19);
    expect(counts.runs).toBe(0);
    expect(await clock.until(Promise.all(all))).toEqual(all.map(() => 1));
    expect([clock.now(), (store as ReturnType<typeof remoteStore>).asked]).toEqual([120, 1]);
    expect(plugin.stats()).toEqual({ run: 1, joined: 9, replayed: 0, mismatched: 0, underWay: 0 });
  });

  it('gives what it keeps to whoever comes later, and it is said of a stage', async () => {
    const { clock, runner, counts, call, of } = counter((time) => remoteStore(time, { get: () => 20, set: () => 5 }));
    await clock.until(call());
    await clock.runAll();
    expect(await clock.until(Promise.all([call(), call()]))).toEqual([1, 1]);
    expect(counts.runs).toBe(1);
    expect(of('idempotency.hit').map(({ how }) => how)).toEqual(['joined', 'replayed']);
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, () => ++counts.runs);
    await clock.until(runner.run(shape));
    await clock.runAll();
    const again = await clock.until(Promise.all([runner.run(shape).report, runner.run(shape).report]));
    for (const { stages } of again) expect(stages.save).toMatchObject({ value: 2, origin: 'cache', attempts: 0 });
  });

  it('keeps streams as streams', async () => {
    const { clock, runner } = counter((time) => remoteStore(time, { get: () => 5 }));
    let runs = 0;
    const letters = tool('letters', {}, async function* () {
      runs++;
      yield 'a';
      yield 'b';
    });
    expect(await clock.until(runner.call(letters, undefined, KEY))).toEqual(['a', 'b']);
    await clock.runAll();
    expect(await clock.until(runner.call(letters, undefined, KEY))).toEqual(['a', 'b']);
    expect(runs).toBe(1);
  });

  it('that is slow to keep a result lets nobody through meanwhile', async () => {
    const { clock, call, counts, plugin } = counter((time) => remoteStore(time, { set: () => 1_000 }));
    await clock.until(call());
    await clock.advance(500);
    expect(await clock.until(call())).toBe(1);
    expect(await clock.until(ending(call(2)))).toBe('IDEMPOTENCY_MISMATCH');
    expect(plugin.stats()).toMatchObject({ run: 1, replayed: 1, underWay: 0 });
    await clock.runAll();
    expect(await clock.until(call())).toBe(1);
    expect(plugin.stats()).toMatchObject({ underWay: 0 });
    expect(counts.runs).toBe(1);
  });

  it('tells other input that it has kept from before', async () => {
    const { clock, call, counts } = counter((time) => remoteStore(time, { get: () => 5 }));
    await clock.until(call(1));
    await clock.runAll();
    expect(await clock.until(ending(call(2)))).toBe('IDEMPOTENCY_MISMATCH');
    expect(counts.runs).toBe(1);
  });

  it('is waited for no longer than the deadline, and then nothing is run', async () => {
    const { clock, runner, charge, counts } = counter((time) => remoteStore(time, { get: () => 1_000 }));
    expect(await clock.until(ending(runner.call(charge, 1, { ...KEY, deadline: 50 })))).toBe('TIMEOUT');
    expect(clock.now()).toBe(50);
    await clock.runAll();
    expect(counts.runs).toBe(0);
  });
});

const memory = () => memoryIdempotencyStore();
const throwing = (): never => {
  throw new Error('store down');
};

describe('a store that cannot say whether it was done before', () => {
  it.each<[string, IdempotencyStore['get']]>([
    ['because it throws', throwing],
    ['because it rejects', () => Promise.reject(new Error('store down'))],
  ])('%s, fails the call: what may have been done must not be done again', async (_, get) => {
    let broken = true;
    const kept = memory();
    const { clock, call, counts } = counter(() => ({
      get: (key, now) => (broken ? get(key, now) : kept.get(key, now)),
      set: (...args) => kept.set(...args),
    }));
    expect(await clock.until(Promise.all([ending(call()), ending(call())]))).toEqual(['store down', 'store down']);
    expect(counts.runs).toBe(0);
    broken = false;
    expect(await clock.until(call())).toBe(1);
  });

  it.each([
    ['at once', (value: unknown) => value],
    ['later', (value: unknown) => Promise.resolve(value)],
  ])('because it answers nonsense %s, fails the call', async (_, how) => {
    for (const nonsense of [7, 'text', {}, { fingerprint: 1 }, { fingerprint: 'x', items: 'none' }, []]) {
      const { clock, call, counts } = counter(() => ({ get: () => how(nonsense) as never, set() {} }));
      expect(await clock.until(ending(call()))).toBe('INTERCEPTOR');
      expect(counts.runs).toBe(0);
    }
  });

  it('a thenable that throws when it is asked fails the call as well', async () => {
    const { clock, call, counts } = counter(() => ({ get: () => ({ then: throwing }) as never, set() {} }));
    expect(await clock.until(ending(call()))).toBe('store down');
    expect(counts.runs).toBe(0);
  });
});

it.each([null, undefined, Promise.resolve(null)])('for a store that answers %o nothing is kept', async (nothing) => {
  const { clock, call } = counter(() => ({ get: () => nothing as never, set() {} }));
  expect(await clock.until(call())).toBe(1);
});

it.each<[string, IdempotencyStore['set']]>([
  ['throws', throwing],
  ['rejects', () => Promise.reject(new Error('store down'))],
])('a store that %s when it is to keep a result is reported, and harms no call', async (_, set) => {
  const kept = memory();
  const { clock, call, faults } = counter(() => ({ get: (key, now) => kept.get(key, now), set }));
  expect(await clock.until(call())).toBe(1);
  await clock.runAll();
  expect(JSON.stringify(faults)).toContain('could not keep a result');
  expect(await clock.until(call())).toBe(2);
});

it('a store that answers something when it has kept a result has done nothing wrong', async () => {
  const kept = memory();
  const { clock, call, faults } = counter(() => ({
    get: (key, now) => kept.get(key, now),
    set(...args) {
      kept.set(...args);
      return 'OK' as never;
    },
  }));
  expect(await clock.until(Promise.all([call(), call()]))).toEqual([1, 1]);
  expect(await clock.until(call())).toBe(1);
  expect(faults).toEqual([]);
});

it('a store is not told what is not to be kept', async () => {
  const told: unknown[] = [];
  const store: IdempotencyStore = { get: () => undefined, set: (key) => void told.push(key) };
  const { clock, runner } = idempotencyBench({ store, ttl: 0 });
  await clock.until(
    runner.call(
      tool('work', {}, async () => 1),
      undefined,
      KEY,
    ),
  );
  expect(told).toEqual([]);
});

describe('the store in memory', () => {
  const record = (value: unknown) => ({ fingerprint: 'f', value });

  it('keeps no more than it may, and lets the oldest go', () => {
    const store = memoryIdempotencyStore({ max: 2 });
    for (const key of ['a', 'b', 'a', 'c']) store.set(key, record(key), 1_000, 0);
    expect(['a', 'b', 'c'].map((key) => store.get(key, 0) !== undefined)).toEqual([true, false, true]);
  });

  it('forgets at the end of the time, and not before', () => {
    const store = memory();
    store.set('a', record(1), 100, 50);
    expect(store.get('a', 149)).toEqual(record(1));
    expect(store.get('a', 150)).toBeUndefined();
    expect(store.get('a', 149)).toBeUndefined();
  });

  it('lets go of what has expired when something new comes', () => {
    const store = memoryIdempotencyStore({ max: 3 });
    store.set('old', record(1), 10, 0);
    store.set('kept', record(2), Number.POSITIVE_INFINITY, 0);
    store.set('new', record(3), 10, 20);
    // Also if somebody asked for the time before: it is not there any more.
    expect(store.get('old', 5)).toBeUndefined();
    store.set('newer', record(4), 10, 20);
    expect(store.get('kept', 1e15)).toEqual(record(2));
    expect(store.get('newer', 20)).toEqual(record(4));
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10', null])('refuses to keep %o at most', (max) => {
    expect(() => memoryIdempotencyStore({ max: max as never })).toThrow(/memoryIdempotencyStore\.max/);
  });

  it('names what it does not know', () => {
    expect(() => memoryIdempotencyStore({ maxx: 5 } as never)).toThrow(/max/);
  });
});
