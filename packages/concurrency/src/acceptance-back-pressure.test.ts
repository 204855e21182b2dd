import { tool } from '@sluice/core';
import { firstValueFrom } from 'rxjs';
import { filter } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, failure, Gauge, nothingIsLeft, times } from './acceptance.test-kit.ts';
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

describe('a full queue', () => {
  it('refuses at once with QUEUE_FULL, how many wait, and what to do', async () => {
    const { plugin, clock, call, of, gauge } = setUp({ limit: 2, queue: { max: 3 } });
    const waiting = times(5, () => call());
    const error = await failure(call());
    expect(clock.now()).toBe(0);
    expect(error).toMatchObject({
      code: 'QUEUE_FULL',
      verdict: 'failed',
      retryable: false,
      scope: 'tool:work',
      call: { target: 'tool', name: 'work' },
      details: { pool: 'all', depth: 3, limit: 2 },
    });
    expect(error.message).toBe('Tool "work" was refused: 3 calls wait for pool "all" already, the most that may');
    expect(error.remediation).toContain('queue.max');
    expect(error.retryAfterMs).toBeUndefined();
    expect(plugin.stats()).toMatchObject({ active: 2, queued: 3, rejected: 1, timedOut: 0 });
    expect(of('queue.full').map(({ pool, depth, at }) => ({ pool, depth, at }))).toEqual([
      { pool: 'all', depth: 3, at: 0 },
    ]);
    await clock.until(Promise.all(waiting));
    expect(gauge.begun).toHaveLength(5);
    expectAtRest(plugin);
  });

  it('says in how long there is room, once it knows how fast turns come', async () => {
    const { clock, call } = setUp({ limit: 1, queue: { max: 30 } });
    const waiting = times(31, () => call());
    await clock.advance(255);
    while (waiting.length < 31 + 25) waiting.push(call());
    const error = await failure(call());
    expect(error).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: expect.closeTo(310, 0) });
    await clock.until(Promise.all(waiting));
  });

  it('of 0 lets nobody wait, of Infinity everybody, and of 10,000 where nothing is said', async () => {
    const none = setUp({ limit: 3, queue: { max: 0 } });
    const ends = await none.clock.until(Promise.all(times(5, () => ending(none.call()))));
    expect(ends).toEqual(['done', 'done', 'done', 'QUEUE_FULL', 'QUEUE_FULL']);
    for (const [max, left] of [
      [undefined, 1],
      [Number.POSITIVE_INFINITY, 0],
    ] as const) {
      const { clock, runner, work, plugin } = setUp({ limit: 1, queue: { max } });
      const stop = new AbortController();
      const all = times(10_002, () => ending(runner.call(work, 10, { signal: stop.signal })));
      await clock.advance(1);
      expect(plugin.stats()).toMatchObject({ queued: 10_001 - left, rejected: left });
      stop.abort(new Error('enough'));
      await clock.until(Promise.all(all));
      await clock.runAll();
      expectAtRest(plugin);
    }
  }, 120_000);
});

describe('who waits for too long', () => {
  it('is refused with QUEUE_TIMEOUT just then, and leaves the queue', async () => {
    const { plugin, clock, call, of, gauge } = setUp({ limit: 1, queue: { timeout: 100 } });
    const first = call(150);
    await clock.advance(20);
    const error = await clock.until(failure(call()));
    expect(clock.now()).toBe(120);
    expect(error).toMatchObject({
      code: 'QUEUE_TIMEOUT',
      verdict: 'failed',
      retryable: false,
      details: { pool: 'all', waitedMs: 100, timeoutMs: 100, depth: 1 },
    });
    expect(error.message).toBe('Tool "work" waited 100 ms for its turn in pool "all", its queue timeout');
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 0, rejected: 0, timedOut: 1 });
    expect(of('queue.timeout').map(({ waitedMs, at }) => ({ waitedMs, at }))).toEqual([{ waitedMs: 100, at: 120 }]);
    expect(of('queue.leave').map(({ granted, waitedMs }) => ({ granted, waitedMs }))).toEqual([
      { granted: false, waitedMs: 100 },
    ]);
    await clock.until(first);
    expect(gauge.begun).toHaveLength(1);
  });

  it('has it no longer against it once its turn has come', async () => {
    const { clock, call } = setUp({ limit: 1, queue: { timeout: 100 } });
    const all = [call(99), call(500)];
    expect(await clock.until(Promise.all(all))).toEqual(['done', 'done']);
  });

  it('waits no longer than its deadline, whatever the queue allows', async () => {
    const { plugin, clock, call, runner, work, gauge } = setUp({ limit: 1 });
    const first = call(500);
    const error = await clock.until(failure(runner.call(work, 10, { deadline: 50 })));
    expect(clock.now()).toBe(50);
    expect(error.code).toBe('TIMEOUT');
    expect(plugin.stats()).toMatchObject({ queued: 0, timedOut: 0 });
    await clock.until(first);
    expect(gauge.begun).toHaveLength(1);
  });

  it('is refused at the door if its turn would come after its deadline, once it is known how fast turns come', async () => {
    const { plugin, clock, call, runner, work, of } = setUp({ limit: 1 });
    const waiting = times(60, () => call(100));
    const early = failure(runner.call(work, 10, { deadline: 1_000 }));
    expect(plugin.stats()).toMatchObject({ queued: 60, rejected: 0 });
    await clock.advance(2_950);
    // 30 wait; a turn comes each 100 ms.
    const error = await failure(runner.call(work, 10, { deadline: 1_000 }));
    expect(clock.now()).toBe(2_950);
    expect(error).toMatchObject({
      code: 'QUEUE_TIMEOUT',
      retryAfterMs: expect.closeTo(2_100, 0),
      details: { predictedMs: expect.closeTo(3_100, 0), leftMs: 1_000, depth: 30 },
    });
    expect(error.message).toMatch(/its turn in pool "all" would come in about 3100 ms, and its deadline is in 1000 ms/);
    expect(plugin.stats()).toMatchObject({ rejected: 1, timedOut: 0 });
    expect(of('queue.timeout').filter(({ at }) => at === 2_950)).toHaveLength(1);
    const patient = runner.call(work, 10, { deadline: 4_000 });
    expect((await clock.until(early)).code).toBe('TIMEOUT');
    expect(await clock.until(Promise.all([...waiting, patient]))).toHaveLength(61);
  });
});

describe('back-pressure', () => {
  it('a producer ten times faster than its consumer is refused or waits, and no more wait than may', async () => {
    const { plugin, clock, call, gauge } = setUp({ limit: 1, queue: { max: 20 } });
    const ends: Promise<string>[] = [];
    let most = 0;
    for (let n = 0; n < 1_000; n++) {
      ends.push(ending(call(100)));
      most = Math.max(most, plugin.stats().queued);
      await clock.advance(10);
    }
    const all = await clock.until(Promise.all(ends));
    expect(most).toBe(20);
    expect(all.filter((end) => end === 'done')).toHaveLength(100 + 20);
    expect(all.filter((end) => end === 'QUEUE_FULL')).toHaveLength(1_000 - 120);
    expect(gauge.peak).toBe(1);
    expect(plugin.stats().rejected).toBe(880);
    expectAtRest(plugin);
  });

  it('a producer that waits for saturated$ to be false is never refused, and never has more than one waiting', async () => {
    const { plugin, clock, call } = setUp({ limit: 4, queue: { max: 0 } });
    const ends: Promise<string>[] = [];
    const produce = async (): Promise<void> => {
      for (let n = 0; n < 100; n++) {
        await firstValueFrom(plugin.saturated$.pipe(filter((is) => !is)));
        ends.push(ending(call(10)));
      }
    };
    await clock.until(produce());
    expect(await clock.until(Promise.all(ends))).toEqual(times(100, () => 'done'));
    expect(clock.now()).toBe(250);
  });

  it('saturated$ says what it is now, and each change, to each who listens', async () => {
    const { plugin, clock, call } = setUp({ limit: 2 });
    const told: boolean[] = [];
    const late: boolean[] = [];
    plugin.saturated$.subscribe((is) => told.push(is));
    const all = [call(10)];
    expect(told).toEqual([false]);
    all.push(call(20), call(10));
    expect(told).toEqual([false, true]);
    const subscription = plugin.saturated$.subscribe((is) => late.push(is));
    await clock.advance(15);
    expect(told).toEqual([false, true]);
    await clock.until(Promise.all(all));
    expect(told).toEqual([false, true, false]);
    expect(late).toEqual([true, false]);
    subscription.unsubscribe();
    await clock.until(Promise.all([call(1), call(1)]));
    expect(told).toEqual([false, true, false, true, false]);
    expect(late).toEqual([true, false]);
  });

  it('after an overload of ten times what it can do it is healthy again within one window', async () => {
    const timeout = 1_000;
    const { plugin, clock, gauge, call } = setUp({ limit: 10, queue: { max: 200, timeout } });
    const overload: Promise<string>[] = [];
    // 10 at once of 100 ms each are 100 a second; 1,000 a second come.
    for (let n = 0; n < 3_000; n++) {
      overload.push(ending(call(100)));
      await clock.advance(1);
    }
    expect(plugin.stats().queued).toBeGreaterThan(80);
    const stoppedAt = clock.now();
    await clock.advance(timeout + 100);
    expect(plugin.stats()).toMatchObject({ queued: 0 });
    const before = gauge.begun.length;
    const calm: Promise<number>[] = [];
    for (let n = 0; n < 50; n++) {
      const from = clock.now();
      calm.push(call(100).then(() => clock.now() - from));
      await clock.advance(20);
    }
    expect(await clock.until(Promise.all(calm))).toEqual(times(50, () => 100));
    expect(gauge.begun.slice(before).every(({ at }) => at > stoppedAt)).toBe(true);
    expect(new Set(await clock.until(Promise.all(overload)))).toEqual(new Set(['done', 'QUEUE_FULL', 'QUEUE_TIMEOUT']));
    expect(gauge.peak).toBe(10);
    expectAtRest(plugin);
  }, 120_000);

  it('stats() say what is going on', async () => {
    const { plugin, clock, call } = setUp({ limit: 2, per: ({ input }) => ((input as number) > 50 ? 'slow' : 'fast') });
    const all = times(5, () => call(100));
    await clock.advance(30);
    all.push(call(40));
    expect(plugin.stats()).toEqual({
      ...{ limit: 4, active: 3, queued: 3, oldestWaitMs: 30, rejected: 0, timedOut: 0, orphans: 0 },
      pools: {
        slow: { limit: 2, active: 2, queued: 3, oldestWaitMs: 30, rejected: 0, timedOut: 0, orphans: 0 },
        fast: { limit: 2, active: 1, queued: 0, oldestWaitMs: 0, rejected: 0, timedOut: 0, orphans: 0 },
      },
    });
    await clock.until(Promise.all(all));
  });

  it('queue events say who waits where, how deep, how long, and whether it had its turn', async () => {
    const { clock, call, runner, work, of } = setUp({ limit: 1 });
    const stop = new AbortController();
    const all = [call(), call(), failure(runner.call(work, 10, { signal: stop.signal }))];
    await clock.advance(5);
    stop.abort(new Error('enough'));
    await clock.until(Promise.all(all));
    expect(of('queue.enter').map(({ name, pool, depth, at }) => [name, pool, depth, at])).toEqual([
      ['work', 'all', 1, 0],
      ['work', 'all', 2, 0],
    ]);
    expect(of('queue.leave').map(({ name, pool, waitedMs, granted }) => [name, pool, waitedMs, granted])).toEqual([
      ['work', 'all', 5, false],
      ['work', 'all', 10, true],
    ]);
  });
});
