import { type Context, isSluiceError, pipeline, tool } from '@sluice/core';
import { leakLedger, scripted, simulate } from '@sluice/core/testing';
import { from } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import type { HeartbeatStats } from './heartbeat-stats.ts';
import { timeout } from './timeout.ts';
import { again, failure, hang, type Workbench, workbench } from './workbench.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const statsOf = ({ runner }: Workbench, key: string): HeartbeatStats | undefined =>
  (runner.stats().interceptors['heartbeat'] as Record<string, HeartbeatStats>)[key];

/** A job that beats after each of the waits, and is done after the last of them. */
const job = (bench: Workbench, waits: Iterable<number>) =>
  tool('job', {}, async (_: unknown, ctx: Context) => {
    for (const wait of waits) {
      await bench.sleep(wait);
      ctx.heartbeat();
    }
    return 'done';
  });

const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

describe('a heartbeat limit of 1 s', () => {
  it('lets a job of 10 s live that beats at half of it', async () => {
    const bench = workbench({ use: [heartbeat('1s')] });
    await expect(bench.clock.until(bench.runner.call(job(bench, times(20, 500))))).resolves.toBe('done');
    expect(bench.clock.now()).toBe(10_000);
    expect(statsOf(bench, 'tool:job')).toMatchObject({ beats: 20, lost: 0 });
  });

  it('extends no total: that ends the job although it beats', async () => {
    const bench = workbench({ use: [timeout({ total: '5s' }), heartbeat('1s')] });
    const call = bench.runner.call(job(bench, times(20, 500)));
    expect(await bench.clock.until(failure(call))).toMatchObject({
      code: 'TIMEOUT',
      scope: 'tool:job',
      details: { limit: 'total', elapsedMs: 5_000, idle: { limitMs: 1_000 } },
    });
    expect(bench.of('verdict')[0]?.durationMs).toBe(5_000);
    await bench.clock.runAll();
  });

  it('extends no attempt either, nor the deadline of the run', async () => {
    const bench = workbench({ use: [timeout({ attempt: '3s' }), heartbeat('1s')] });
    const attempt = await bench.clock.until(failure(bench.runner.call(job(bench, times(20, 500)))));
    expect(attempt).toMatchObject({ code: 'TIMEOUT', scope: 'attempt' });
    await bench.clock.runAll();
    const flow = pipeline('flow').stage('s', { timeout: 'none' }, (_, { call }) => call(job(bench, times(20, 500))));
    const report = await bench.clock.until(bench.runner.run(flow, undefined, { deadline: '2s' }).report);
    expect(report).toMatchObject({ status: 'timeout', durationMs: 2_000, error: { scope: 'run' } });
    await bench.clock.runAll();
  });

  it('ends a job whose beats stop, one limit after the last of them', async () => {
    const bench = workbench({ use: [heartbeat('1s')] });
    const error = await bench.clock.until(failure(bench.runner.call(job(bench, [...times(6, 500), 20_000]))));
    expect(bench.of('timeout')[0]?.at).toBe(4_000);
    expect(error).toMatchObject({ code: 'HEARTBEAT_LOST', details: { elapsedMs: 4_000, silentMs: 1_000 } });
    await bench.clock.runAll();
    expect(statsOf(bench, 'tool:job')).toMatchObject({ beats: 6, lost: 1, ignored: 1, late: 1, orphans: 0 });
  });

  it('is met by jittered beats, whatever the jitter, as long as no silence is longer: 1,000 seeds', async () => {
    let lost = 0;
    await simulate({
      async program({ clock, integer }) {
        const bench = workbench({ use: [heartbeat(1_000)], clock });
        const waits = Array.from({ length: 10 }, () => integer(1, 1_010));
        const silence = waits.findIndex((wait) => wait > 1_000);
        const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
        await bench.runner.call(job({ ...bench, sleep }, waits)).catch(() => {});
        const due = waits.slice(0, silence).reduce((sum, wait) => sum + wait, 1_000);
        expect(bench.of('timeout').map(({ at }) => at)).toEqual(silence === -1 ? [] : [due]);
        if (silence !== -1) lost++;
      },
    });
    expect(lost).toBeGreaterThan(30);
    expect(lost).toBeLessThan(300);
  });

  it('is met by a beat in its very last millisecond, and not by one that is late by one', async () => {
    const bench = workbench({ use: [heartbeat('1s')] });
    await expect(bench.clock.until(bench.runner.call(job(bench, [1_000, 1_000, 1_000])))).resolves.toBe('done');
    const began = bench.clock.now();
    const late = await bench.clock.until(failure(bench.runner.call(job(bench, [1_000, 1_001, 1_000]))));
    expect(late).toMatchObject({ code: 'HEARTBEAT_LOST', details: { elapsedMs: 2_000, settled: false } });
    expect(bench.of('timeout').map(({ at }) => at - began)).toEqual([2_000]);
    await bench.clock.runAll();
  });

  it('takes a million beats in a second, and tells no more than two of them', async () => {
    const bench = workbench({ use: [heartbeat('1s')] });
    let most = 0;
    const busy = tool('busy', {}, async (_: unknown, ctx: Context) => {
      for (let ms = 0; ms < 1_000; ms++) {
        for (let n = 0; n < 1_000; n++) ctx.heartbeat(n);
        most = Math.max(most, bench.clock.pending);
        await bench.sleep(1);
      }
    });
    await bench.clock.until(bench.runner.call(busy));
    expect(statsOf(bench, 'tool:busy')?.beats).toBe(1_000_000);
    expect(bench.of('heartbeat').map(({ at, details }) => [at, details])).toEqual([
      [0, 0],
      [800, 0],
    ]);
    expect(most).toBeLessThan(10);
  });
});

describe('beats that come too late', () => {
  it('are ignored and counted after the verdict, whatever that was', async () => {
    for (const end of ['ok', 'failed', 'timeout', 'cancelled'] as const) {
      const bench = workbench({ use: [timeout({ total: 500 }), heartbeat('1s')] });
      const job = tool('job', {}, async (_: unknown, ctx: Context) => {
        ctx.heartbeat('in time');
        for (const ms of [600, 700, 800]) bench.clock.schedule(ms, () => ctx.heartbeat('too late'));
        if (end === 'failed') throw new Error('boom');
        if (end !== 'ok') await hang(ctx.signal);
      });
      const stop = new AbortController();
      if (end === 'cancelled') bench.clock.schedule(100, () => stop.abort(new Error('enough')));
      await bench.clock.until(bench.runner.call(job, undefined, { signal: stop.signal }).catch(() => {}));
      await bench.clock.runAll();
      expect(bench.of('verdict').map(({ status }) => status)).toEqual([end]);
      expect(bench.of('heartbeat').map(({ details }) => details)).toEqual(['in time']);
      expect(statsOf(bench, 'tool:job')).toMatchObject({ beats: 1, ignored: 3 });
    }
  });

  it('from an orphan keep nothing alive, least of all the attempt after it', async () => {
    const bench = workbench({ use: [timeout({ total: '10s' }), again(2), heartbeat('1s')] });
    const seen: unknown[] = [];
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      seen.push(ctx.previous?.heartbeat);
      if (ctx.attempt === 2) return hang(ctx.signal);
      ctx.heartbeat('alive');
      await bench.sleep(1_200);
      // Its time is over, and it pays no attention.
      for (let n = 0; n < 20; n++) {
        ctx.heartbeat('undead');
        ctx.progress(0.5);
        ctx.partial('undead');
        await bench.sleep(100);
      }
    });
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(seen).toEqual([undefined, 'alive']);
    expect(error).toMatchObject({ code: 'HEARTBEAT_LOST', call: { attempt: 2 } });
    expect(bench.of('timeout').map(({ at }) => at)).toEqual([1_000, 2_000]);
    await bench.clock.runAll();
    expect(statsOf(bench, 'tool:work')).toEqual({ beats: 1, ignored: 20, lost: 2, late: 1, orphans: 0 });
    expect(bench.of('orphan').map(({ attempt }) => attempt)).toEqual([1]);
  });
});

describe('a sign of life', () => {
  const nested = tool('nested', { heartbeat: 'none' }, async (_: unknown, ctx: Context) => ctx.heartbeat());
  const signs: Readonly<Record<string, (ctx: Context, n: number) => unknown>> = {
    progress: (ctx, n) => ctx.progress(n / 20),
    'partial result': (ctx, n) => ctx.partial(n),
    'nested call': (ctx) => ctx.call(nested),
    'nested run': (ctx) => ctx.run(pipeline('p').stage('s', () => 1)),
    'heartbeat without details': (ctx) => ctx.heartbeat(),
  };

  /** A job of 2 s that does `sign` every 100 ms, under a limit of 150 ms. */
  const living = async (refreshOn: 'auto' | 'heartbeat', sign: (ctx: Context, n: number) => unknown) => {
    const bench = workbench({ use: [heartbeat({ timeout: 150, refreshOn })] });
    const job = tool('job', {}, async (_: unknown, ctx: Context) => {
      for (let n = 1; n <= 20; n++) {
        await bench.sleep(100);
        await sign(ctx, n);
      }
      return 'done';
    });
    const ending = await bench.clock.until(bench.runner.call(job).catch((error: unknown) => error));
    await bench.clock.runAll();
    return isSluiceError(ending, 'HEARTBEAT_LOST') ? `lost after ${ending.details['elapsedMs']}` : ending;
  };

  it.each(Object.entries(signs))('is a %s, unless only heartbeats are to count', async (name, sign) => {
    expect(await living('auto', sign)).toBe('done');
    expect(await living('heartbeat', sign)).toBe(name.startsWith('heartbeat') ? 'done' : 'lost after 150');
  });

  it.each([
    ['an item that is yielded', true],
    ['an emission of an Observable', false],
  ])('is %s, unless only heartbeats are to count', async (_, yields) => {
    for (const refreshOn of ['auto', 'heartbeat'] as const) {
      const bench = workbench({ use: [heartbeat({ timeout: 150, refreshOn })] });
      const items = scripted([{ do: 'emit', items: [1, 2, 3, 4], every: 100, then: 'end' }], { clock: bench.clock });
      const stream = tool('stream', {}, (input: unknown, ctx: Context) => {
        const source = items(input, ctx) as AsyncIterable<unknown>;
        return yields ? source : from(source);
      });
      const ending = await bench.clock.until(bench.runner.call(stream).catch((error: unknown) => error));
      if (refreshOn === 'auto') expect(ending).toEqual([1, 2, 3, 4]);
      else expect(ending).toMatchObject({ code: 'HEARTBEAT_LOST', partial: [1], details: { elapsedMs: 150 } });
      await bench.clock.runAll();
    }
  });

  it('in a nested call is one for all around it, but only its own work can beat', async () => {
    const bench = workbench({ use: [heartbeat()] });
    const beats = (name: string) =>
      tool(name, {}, async (_: unknown, ctx: Context) => {
        for (let n = 0; n < 5; n++) {
          await bench.sleep(100);
          ctx.heartbeat({ from: name });
        }
      });
    const flow = (refreshOn: 'auto' | 'heartbeat') =>
      pipeline('flow').stage('outer', { heartbeat: { timeout: 150, refreshOn } }, async (_, ctx) => {
        await ctx.call(tool('middle', {}, (_: unknown, { call }: Context) => call(beats('inner'))));
        return 'done';
      });
    const auto = await bench.clock.until(bench.runner.run(flow('auto')).report);
    expect(auto).toMatchObject({ status: 'ok' });
    expect(auto.stages.outer).not.toHaveProperty('heartbeat');
    expect(statsOf(bench, 'stage:outer')).toMatchObject({ beats: 0 });
    expect(statsOf(bench, 'tool:inner')).toMatchObject({ beats: 5 });
    const strict = await bench.clock.until(bench.runner.run(flow('heartbeat')).report);
    expect(strict).toMatchObject({ status: 'timeout', error: { code: 'HEARTBEAT_LOST' } });
    await bench.clock.runAll();
  });
});
