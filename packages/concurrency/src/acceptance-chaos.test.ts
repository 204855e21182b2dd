import { tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from '../../timeout/src/index.ts';
import { bench, ending, expectAtRest, failure, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { concurrency, rateLimit } from './index.ts';

nothingIsLeft();

type Fate = 'ok' | 'fails' | 'hangs' | '429' | 'stopped';

describe.each([20, 50])('%i calls at random', (n) => {
  it.each([0.2, 0.25, 0.3])(
    'of which a share of %f fails, times out or is told to come back later: each ends as it must, and all permits are back',
    async (share) => {
      const seen = new Map<string, number>();
      await simulate({
        runs: 100,
        async program({ clock, random, integer, pick }) {
          const limit = integer(1, 8);
          const plugin = concurrency({ limit, release: 'settled' });
          const rates = rateLimit({ requests: '1000/s', burst: 1_000, coolDown: '50ms' });
          const { runner } = bench({ use: [rates, plugin, timeout({ total: 'none', attempt: 100 })] }, clock);
          const gauge = new Gauge(clock);
          const fates = times(
            n,
            (): Fate => (random() < share ? pick<Fate>(['fails', 'hangs', '429', 'stopped']) : 'ok'),
          );
          const work = tool('work', {}, async (index: number) => {
            const fate = fates[index] as Fate;
            await gauge.busy(fate === 'hangs' ? integer(101, 400) : integer(1, 99), index);
            if (fate === 'fails') throw new Error('fails');
            if (fate === '429') throw Object.assign(new Error('429'), { status: 429, retryAfterMs: integer(1, 200) });
            return 'ok';
          });
          const ends = fates.map((fate, index) => {
            const stop = new AbortController();
            const cancel =
              fate === 'stopped' ? clock.schedule(integer(0, 300), () => stop.abort(new Error('stopped'))) : undefined;
            return ending(runner.call(work, index, { signal: stop.signal })).finally(() => cancel?.());
          });
          const all = await Promise.all(ends);
          return () => {
            const expected = { ok: 'ok', fails: 'fails', hangs: 'TIMEOUT', '429': '429' };
            for (const [index, fate] of fates.entries()) {
              // Who is stopped may have come to its end before.
              if (fate === 'stopped') expect(['CANCELLED', 'ok']).toContain(all[index]);
              else expect(all[index]).toBe(expected[fate]);
            }
            for (const end of all) seen.set(end, (seen.get(end) ?? 0) + 1);
            // Whoever was not stopped began, and once; who was stopped once at most.
            const begun = gauge.order as number[];
            expect(new Set(begun).size).toBe(begun.length);
            for (const [index, fate] of fates.entries()) if (fate !== 'stopped') expect(begun).toContain(index);
            expect(gauge.peak).toBeLessThanOrEqual(limit);
            expect(gauge.running).toBe(0);
            expectAtRest(plugin);
            expect(rates.stats()['all']).toMatchObject({ queued: 0, rejected: 0 });
            expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
          };
        },
      });
      expect([...seen.keys()].sort()).toEqual(['429', 'CANCELLED', 'TIMEOUT', 'fails', 'ok']);
    },
    120_000,
  );
});

describe('a hand-over in the tick in which the waiter is stopped', () => {
  it.each(['stopped first', 'released first'] as const)('loses no permit when it is %s', async (order) => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const stop = new AbortController();
    const abort = (): void => stop.abort(new Error('stopped'));
    if (order === 'stopped first') clock.schedule(10, abort);
    const first = runner.call(tool('first', {}, () => gauge.busy(10, 'first')));
    if (order === 'released first') clock.schedule(10, abort);
    const second = ending(
      runner.call(
        tool('second', {}, () => gauge.busy(10, 'second')),
        undefined,
        { signal: stop.signal },
      ),
    );
    const third = runner.call(tool('third', {}, () => gauge.busy(10, 'third')));
    expect(await clock.until(Promise.all([first, second, third]))).toEqual([undefined, 'CANCELLED', undefined]);
    await clock.runAll();
    expect(gauge.order).toEqual(order === 'stopped first' ? ['first', 'third'] : ['first', 'second', 'third']);
    expect(gauge.peak).toBe(1);
    expectAtRest(plugin);
  });

  it('loses no permit when the one that ends stops it, or when it stops itself as it starts', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const stops = times(4, () => new AbortController());
    const work = tool('work', {}, async (n: number) => {
      if (n === 2) stops[2]?.abort(new Error('stopped'));
      await gauge.busy(10, n);
      stops[n + 1]?.abort(new Error('stopped'));
    });
    const all = stops.map(({ signal }, n) => ending(runner.call(work, n, { signal })));
    expect(await clock.until(Promise.all(all))).toEqual(['undefined', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    await clock.runAll();
    expect(gauge.peak).toBe(1);
    expectAtRest(plugin);
    await clock.until(runner.call(work, 9));
    expect(gauge.order.at(-1)).toBe(9);
  });

  it('with a queue timeout in the same millisecond ends once, and loses no permit', async () => {
    for (const ms of [9, 10, 11]) {
      const plugin = concurrency({ limit: 1, queue: { timeout: 10 } });
      const { clock, runner } = bench({ use: [plugin] });
      const work = tool('work', {}, () => sleep(clock, ms).then(() => 'done'));
      const ends = await clock.until(Promise.all([ending(runner.call(work)), ending(runner.call(work))]));
      if (ms !== 10) expect(ends).toEqual(['done', ms < 10 ? 'done' : 'QUEUE_TIMEOUT']);
      else expect(['done', 'QUEUE_TIMEOUT']).toContain(ends[1]);
      expectAtRest(plugin);
      expect(await clock.until(runner.call(work))).toBe('done');
    }
  });
});

describe('a waiter that is stopped', () => {
  it('leaves the queue at once, never begins, and whoever stood behind it moves up', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, (n: number) => gauge.busy(10, n));
    const stops = times(10, () => new AbortController());
    const all = stops.map(({ signal }, n) => ending(runner.call(work, n, { signal })));
    await clock.advance(5);
    for (const n of [1, 5, 9]) stops[n]?.abort(new Error(`stopped ${n}`));
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 6 });
    await clock.until(Promise.all(all));
    expect(gauge.order).toEqual([0, 2, 3, 4, 6, 7, 8]);
    expectAtRest(plugin);
  });

  it('hears its own reason', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const reason = new Error('the user has gone');
    const stop = new AbortController();
    const work = tool('work', {}, () => sleep(clock, 10));
    const first = runner.call(work);
    const second = failure(runner.call(work, undefined, { signal: stop.signal }));
    stop.abort(reason);
    const error = await clock.until(second);
    expect(error).toMatchObject({ code: 'CANCELLED', cause: reason });
    await clock.until(first);
  });
});

describe('work that goes on after its verdict', () => {
  it.each([
    ['settled', 1],
    ['verdict', 5],
  ] as const)("with release: '%s' it lets no more than %i really run", async (release, most) => {
    const plugin = concurrency({ limit: 1, release });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const deaf = tool('deaf', {}, () => gauge.busy(1_000));
    const ends = times(5, (n) => ending(runner.call(deaf, undefined, { deadline: 50 * (n + 1) })));
    await clock.until(Promise.all(ends));
    await clock.runAll();
    expect(gauge.peak).toBe(most);
    expectAtRest(plugin);
  });

  it('keeps its permit no longer than orphanLease, which an event says', async () => {
    const plugin = concurrency({ limit: 1, orphanLease: '2s' });
    const { clock, runner, of } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const deaf = tool('deaf', {}, () => gauge.busy(60_000, 'deaf'));
    const first = ending(runner.call(deaf, undefined, { deadline: 100 }));
    const second = runner.call(tool('next', {}, () => gauge.busy(10, 'next')));
    expect(await clock.until(first)).toBe('TIMEOUT');
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 1, orphans: 1 });
    await clock.until(second);
    expect(gauge.begun).toEqual([
      { who: 'deaf', at: 0 },
      { who: 'next', at: 2_100 },
    ]);
    expect(of('queue.lease').map(({ name, pool, leaseMs, at }) => [name, pool, leaseMs, at])).toEqual([
      ['deaf', 'all', 2_000, 2_100],
    ]);
    await clock.runAll();
    expect(clock.now()).toBe(60_000);
    expectAtRest(plugin);
  });

  it('holds it while its cleanup runs', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, async (n: number, ctx) => {
      ctx.onCleanup(() => gauge.busy(40, `cleanup ${n}`));
      await gauge.busy(10, n);
    });
    await clock.until(Promise.all([runner.call(work, 1), runner.call(work, 2)]));
    expect(gauge.begun.map(({ who, at }) => `${who} ${at}`)).toEqual(['1 0', 'cleanup 1 10', '2 50', 'cleanup 2 60']);
    expect(gauge.peak).toBe(1);
  });
});
