import { type Context, pipeline, tool } from '@sluice/core';
import { leakLedger, seededRandom } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import type { TimeoutStats } from './timeout-stats.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

describe('many limits at once', () => {
  it.each([50, 100, 1_000, 10_000])('%d calls that hang all end in the millisecond of their limit', async (count) => {
    const bench = workbench({ use: [timeout('1s')] });
    const work = tool('work', {}, (_: unknown, { signal }: Context) => hang(signal));
    const errors = await bench.clock.until(
      Promise.all(Array.from({ length: count }, () => failure(bench.runner.call(work)))),
    );
    expect(bench.clock.now()).toBe(1_000);
    expect(new Set(errors).size).toBe(count);
    expect(errors.every(({ code, details }) => code === 'TIMEOUT' && details['elapsedMs'] === 1_000)).toBe(true);
    expect(bench.runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 0 });
    const stats = bench.runner.stats().interceptors['timeout'] as Record<string, TimeoutStats>;
    expect(stats['tool:work']).toMatchObject({ timeout: count, ok: 0, failed: 0, cancelled: 0 });
  });

  it('schedule one thing on the clock, however many they are', async () => {
    const bench = workbench({ use: [timeout({ total: '1s', attempt: '900ms' }), heartbeat('800ms')] });
    const work = tool('work', {}, (_: unknown, { signal }: Context) => hang(signal));
    const calls = Array.from({ length: 1_000 }, () => failure(bench.runner.call(work)));
    await bench.clock.advance(1);
    expect(bench.clock.pending).toBe(1);
    const errors = await bench.clock.until(Promise.all(calls));
    expect(errors.every(({ code }) => code === 'HEARTBEAT_LOST')).toBe(true);
  });

  it('of different length each end in their own millisecond, in order', async () => {
    const bench = workbench({ use: [timeout({ total: 'none' })] });
    const random = seededRandom(7);
    const limits = Array.from({ length: 1_000 }, () => 1 + Math.floor(random() * 5_000));
    const ends: number[] = [];
    const calls = limits.map((limit) => {
      const work = tool('work', { timeout: limit }, (_: unknown, { signal }: Context) => hang(signal));
      return failure(bench.runner.call(work)).then(() => ends.push(limit, bench.clock.now()));
    });
    await bench.clock.until(Promise.all(calls));
    const sorted = limits.toSorted((a, b) => a - b);
    expect(ends.filter((_, n) => n % 2 === 0)).toEqual(sorted);
    expect(ends.filter((_, n) => n % 2 === 1)).toEqual(sorted);
  });
});

describe('a cascade: 50 stages time out while the cleanup of each times out too', () => {
  it('ends, with every stage, every handler and every orphan reported, and leaves nothing', async () => {
    const bench = workbench({ use: [timeout({ total: '1s', grace: 50 })] });
    const entered: string[] = [];
    const left: string[] = [];
    let shape = pipeline('cascade', { onFailure: 'continue' });
    for (let n = 0; n < 50; n++) {
      shape = shape.stage(`stage ${n}`, async (_, ctx) => {
        for (const handler of ['first', 'second']) {
          ctx.onCleanup(async () => {
            entered.push(`${ctx.name} ${handler}`);
            await bench.sleep(10_000);
            left.push(`${ctx.name} ${handler}`);
          });
        }
        await hang(ctx.signal);
      }) as never;
    }
    const report = await bench.clock.until(bench.runner.run(shape).report);
    const stages = Object.values(report.stages as Readonly<Record<string, { status: string; settled: boolean }>>);
    expect(bench.clock.now()).toBe(1_050);
    expect(report.status).toBe('timeout');
    expect(stages).toHaveLength(50);
    expect(stages.every(({ status, settled }) => status === 'timeout' && !settled)).toBe(true);
    expect(report.orphans).toHaveLength(50);
    expect(report.orphans.every(({ kind }) => kind === 'cleanup')).toBe(true);
    // At the grace those that still waited for their turn were started.
    expect(new Set(entered).size).toBe(100);
    expect(bench.of('timeout')).toHaveLength(50);
    expect(bench.of('cleanup.late')).toHaveLength(50);
    expect(bench.runner.stats()).toMatchObject({ running: 0, orphans: 50 });
    await bench.clock.runAll();
    expect(left).toHaveLength(100);
    expect(bench.of('orphan.end')).toHaveLength(50);
    expect(bench.runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });
});

describe('a race of completion and limit', () => {
  /** The verdicts of 1,000 works that end 50 ms before their limit to 50 ms after it, in good or in bad. */
  async function race(seed: number): Promise<{ readonly ends: readonly string[]; readonly late: number }> {
    const bench = workbench({ use: [timeout('200ms')] });
    const random = seededRandom(seed);
    const calls = Array.from({ length: 1_000 }, async () => {
      const after = 150 + Math.floor(random() * 101);
      const fails = random() < 0.3;
      const hops = Math.floor(random() * 4);
      const work = tool('work', {}, async () => {
        await bench.sleep(after);
        for (let hop = 0; hop < hops; hop++) await undefined;
        if (fails) throw new Error('boom');
        return 'done';
      });
      const end = await bench.runner
        .call(work)
        .catch((error: Error & { code?: string }) => error.code ?? error.message);
      expect(end).toBe(after > 200 ? 'TIMEOUT' : fails ? 'boom' : 'done');
      return `${end}`;
    });
    const ends = await bench.clock.until(Promise.all(calls));
    await bench.clock.runAll();
    expect(bench.of('verdict')).toHaveLength(1_000);
    expect(bench.of('timeout')).toHaveLength(ends.filter((end) => end === 'TIMEOUT').length);
    return { ends, late: bench.runner.stats().late };
  }

  it('has one verdict each, the same for the same seed, and leaves no rejection unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): number => unhandled.push(error);
    process.on('unhandledRejection', note);
    for (const seed of [1, 2, 3]) {
      const { ends, late } = await race(seed);
      const timedOut = ends.filter((end) => end === 'TIMEOUT').length;
      expect(timedOut).toBeGreaterThan(300);
      expect(timedOut).toBeLessThan(700);
      expect(late).toBe(timedOut);
      expect(await race(seed)).toEqual({ ends, late });
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
