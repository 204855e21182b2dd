import { type Context, pipeline, tool } from '@sluice/core';
import { leakLedger, seededRandom } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { again, failure, hang, type Workbench, workbench } from './workbench.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

describe('the clocks of paused work', () => {
  /** Work that waits for consent, which comes after so long, and then for as long again as is left to it. */
  const asking = (bench: Workbench, consent: number, then: number, reason = 'consent') =>
    tool('asking', {}, async (_: unknown, ctx: Context) => {
      const resume = ctx.pause(reason);
      await bench.sleep(consent);
      resume();
      resume();
      await bench.sleep(then);
      return 'done';
    });

  it('stand still, that of the attempt and that of the heartbeat, until it resumes', async () => {
    const bench = workbench({ use: [timeout({ attempt: 1_000 }), heartbeat(400)] });
    await expect(bench.clock.until(bench.runner.call(asking(bench, 60_000, 399)))).resolves.toBe('done');
    expect(bench.of('pause')).toMatchObject([{ at: 0, reason: 'consent' }]);
    expect(bench.of('resume')).toMatchObject([{ at: 60_000, reason: 'consent', pausedMs: 60_000 }]);
    const silent = await bench.clock.until(failure(bench.runner.call(asking(bench, 60_000, 600))));
    expect(silent).toMatchObject({ code: 'HEARTBEAT_LOST', details: { elapsedMs: 60_400, pausedMs: 60_000 } });
    await bench.clock.runAll();
  });

  it('go on where they stood: what was used before the pause is used', async () => {
    const bench = workbench({ use: [timeout({ attempt: 1_000 })] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      await bench.sleep(300);
      const resume = ctx.pause('consent');
      await bench.sleep(5_000);
      resume();
      return hang(ctx.signal);
    });
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(bench.clock.now()).toBe(6_000);
    expect(error.details).toMatchObject({ limit: 'attempt', limitMs: 1_000, elapsedMs: 6_000, pausedMs: 5_000 });
  });

  it('do not include the total, nor a deadline', async () => {
    const bench = workbench({ use: [timeout({ total: 2_000, attempt: 1_000 })] });
    const error = await bench.clock.until(failure(bench.runner.call(asking(bench, 60_000, 0))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:asking', details: { limit: 'total' } });
    const flow = pipeline('flow').stage('s', (_, ctx) => ctx.call(asking(bench, 60_000, 0)));
    const report = await bench.clock.until(bench.runner.run(flow, undefined, { deadline: 1_500 }).report);
    expect(report).toMatchObject({ status: 'timeout', durationMs: 1_500, error: { scope: 'run' } });
    await bench.clock.runAll();
  });

  it('stand still until the last of several pauses is over', async () => {
    const bench = workbench({ use: [timeout({ attempt: 1_000 }), heartbeat(400)] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      const first = ctx.pause('one');
      await bench.sleep(1_000);
      const second = ctx.pause('two');
      await bench.sleep(1_000);
      first();
      await bench.sleep(5_000);
      second();
      return hang(ctx.signal);
    });
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(bench.clock.now()).toBe(7_400);
    expect(error).toMatchObject({ code: 'HEARTBEAT_LOST', details: { pausedMs: 7_000 } });
    expect(bench.of('resume').map(({ reason, pausedMs }) => [reason, pausedMs])).toEqual([
      ['one', 2_000],
      ['two', 6_000],
    ]);
  });

  it('of everything around a nested tool stand still while that waits, and go on when it has ended, resumed or not', async () => {
    const bench = workbench({ use: [timeout({ attempt: 1_000 }), heartbeat(400)] });
    const forgets = tool('forgets', {}, async (_: unknown, ctx: Context) => {
      ctx.pause('consent');
      await bench.sleep(60_000);
      return 'granted';
    });
    const seen: unknown[] = [];
    const flow = pipeline('flow').stage('outer', async (_, ctx) => {
      seen.push(await ctx.call(forgets), bench.clock.now());
      return hang(ctx.signal);
    });
    const report = await bench.clock.until(bench.runner.run(flow).report);
    expect(seen).toEqual(['granted', 60_000]);
    expect(report.stages.outer).toMatchObject({ status: 'timeout', error: { code: 'HEARTBEAT_LOST' } });
    expect(report.durationMs).toBe(60_400);
    expect(bench.of('resume')).toMatchObject([{ name: 'forgets', at: 60_000, pausedMs: 60_000 }]);
  });

  it('of an attempt that ends while it is paused leave the next one its own time', async () => {
    const bench = workbench({ use: [timeout({ total: '10m' }), again(2), timeout({ attempt: 1_000 })] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      if (ctx.attempt === 2) return hang(ctx.signal);
      ctx.pause('consent');
      await bench.sleep(5_000);
      throw new Error('refused');
    });
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(error).toMatchObject({ scope: 'attempt', call: { attempt: 2 }, details: { elapsedMs: 1_000 } });
    expect(bench.clock.now()).toBe(6_000);
  });

  it('hold for any number of pauses and beats at random times: the time that ran is the limit', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      const bench = workbench({ use: [timeout({ attempt: 1_000 })] });
      let ran = 0;
      const work = tool('work', {}, async (_: unknown, ctx: Context) => {
        for (;;) {
          const busy = Math.ceil(random() * 200);
          ran += busy;
          await bench.sleep(busy);
          const resume = ctx.pause('consent');
          await bench.sleep(Math.ceil(random() * 1_000));
          if (ctx.signal.aborted) return;
          resume();
        }
      });
      const error = await bench.clock.until(failure(bench.runner.call(work)));
      const { elapsedMs, pausedMs } = error.details as { elapsedMs: number; pausedMs: number };
      expect(elapsedMs - pausedMs).toBe(1_000);
      expect(ran).toBeGreaterThanOrEqual(1_000);
      await bench.clock.runAll();
    }
  });
});
