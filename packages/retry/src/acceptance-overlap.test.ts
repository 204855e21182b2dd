import { type Context, pipeline, tool } from '@sluice/core';
import { scripted, type VirtualClock } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { retryRecord } from './index.ts';
import { bench, busy, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

/** Limits each attempt, with a grace of 50 ms. */
const limited = (attempt: number) => ({ beside: [...timeout({ attempt, total: 'none' })] });

/** Work that hears nothing: `ms` are how long each of its attempts goes on, the last one again and again. */
const deaf = (clock: VirtualClock, ...ms: readonly [number, ...number[]]) =>
  scripted(ms.map((after) => ({ do: 'succeed', value: after, after, ignoreSignal: true })) as never, { clock });

describe('a work that ignores its signal', () => {
  it("is not started again beside itself: the call ends with that attempt's error, which says that its work goes on", async () => {
    const { clock, runner, of, plugin } = bench({ backoff: 20 }, limited(100));
    const work = deaf(clock, 1_000);
    const error = await clock.until(failure(runner.call(tool('deaf', {}, work))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'attempt', details: { settled: false } });
    expect([clock.now(), work.calls, work.running]).toEqual([150, 1, 1]);
    const reason = 'the work of the last attempt has not ended';
    expect(of('retry.giveup')).toMatchObject([{ at: 150, because: 'unsettled', reason, attempts: 1, error }]);
    expect(retryRecord(error)).toMatchObject({ because: 'unsettled', reason, attempts: [{ attempt: 1, error }] });
    expect(plugin.stats()).toMatchObject({ attempts: 1, gaveUp: { unsettled: 1 } });
    expect(runner.stats().orphans).toBe(1);
    await clock.runAll();
    expect([work.peak, runner.stats().orphans]).toEqual([1, 0]);
  });

  it('is waited for as long as the grace, where the backoff is shorter, and no longer than the backoff where that is longer', async () => {
    for (const [backoff, at] of [
      [0, 150],
      [20, 150],
      [49, 150],
      [300, 400],
    ] as const) {
      const { clock, runner } = bench({ backoff }, limited(100));
      await clock.until(failure(runner.call(tool('deaf', {}, deaf(clock, 1_000)))));
      expect([backoff, clock.now()]).toEqual([backoff, at]);
      await clock.runAll();
    }
  });

  it('is started again after the backoff, when it has ended during that', async () => {
    const { clock, runner, of } = bench({ backoff: 500 }, limited(100));
    const work = deaf(clock, 300, 10);
    expect(await clock.until(runner.call(tool('deaf', {}, work)))).toBe(10);
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 600]);
    expect(work.peak).toBe(1);
  });

  it('is started again as soon as it ends, when that is between the backoff and the grace', async () => {
    for (const backoff of [0, 20]) {
      const { clock, runner, of } = bench({ backoff }, limited(100));
      const work = deaf(clock, 130, 10);
      expect(await clock.until(runner.call(tool('deaf', {}, work)))).toBe(10);
      expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 130]);
      expect(work.peak).toBe(1);
    }
  });

  it("is waited for with overlap: 'wait', however long it takes", async () => {
    for (const backoff of [0, 20, 200]) {
      const { clock, runner, of } = bench({ backoff, overlap: 'wait' }, limited(100));
      const work = deaf(clock, 60_000, 10);
      expect(await clock.until(runner.call(tool('deaf', {}, work)))).toBe(10);
      expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 60_000]);
      expect(work.peak).toBe(1);
    }
  });

  it("is waited for with overlap: 'wait' until the deadline and not beyond", async () => {
    const { clock, runner } = bench({ overlap: 'wait' }, { beside: [...timeout({ attempt: 100, total: '1s' })] });
    const work = deaf(clock, 60_000);
    const error = await clock.until(failure(runner.call(tool('deaf', {}, work))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:deaf' });
    expect([clock.now(), work.calls]).toEqual([1_000, 1]);
    await clock.runAll();
    expect(work.calls).toBe(1);
  });

  it('is started again beside itself with overlap: true, and the count of orphans says so', async () => {
    const { clock, runner, of } = bench({ backoff: 20, overlap: true }, limited(100));
    const work = deaf(clock, 1_000, 1_000, 10);
    const ended = clock.until(runner.call(tool('deaf', {}, work)));
    expect(await ended).toBe(10);
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 120, 240]);
    expect([work.peak, work.running]).toEqual([3, 2]);
    await clock.advance(100);
    expect(runner.stats().orphans).toBe(2);
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 2 });
  });

  it('names what is left in the report of its run', async () => {
    const { clock, runner } = bench({ backoff: 20 }, limited(100));
    const work = deaf(clock, 1_000);
    const report = await clock.until(runner.run(pipeline('p').stage('deaf', work)).report);
    expect(report).toMatchObject({
      status: 'timeout',
      orphans: [{ name: 'deaf', kind: 'stage', attempt: 1 }],
      stages: { deaf: { attempts: 1, settled: false } },
    });
    await clock.runAll();
  });
});

describe('a stage is not started again beside a tool of its last attempt that hears nothing,', () => {
  it('when a limit ends the attempt', async () => {
    for (const backoff of [0, 20, 200]) {
      const { clock, runner, of } = bench(
        { backoff, tools: { deaf: 'none' } },
        { beside: [...timeout({ total: 'none', stages: { outer: { attempt: 100 } } })] },
      );
      const work = deaf(clock, 1_000);
      const inner = tool('deaf', {}, work);
      const shape = pipeline('p').stage('outer', (_, { call }) => call(inner));
      const report = await clock.until(runner.run(shape).report);
      expect(report).toMatchObject({
        stages: { outer: { status: 'timeout', attempts: 1 } },
        orphans: [{ name: 'deaf' }],
      });
      expect(of('retry.giveup')).toMatchObject([
        { at: Math.max(150, 100 + backoff), because: 'unsettled', name: 'outer' },
      ]);
      await clock.runAll();
      expect(work.calls).toBe(1);
    }
  });

  it('when the stage has failed without waiting for it', async () => {
    const { clock, runner, of } = bench({ backoff: 20, tools: { deaf: 'none' } });
    const work = deaf(clock, 5_000);
    const inner = tool('deaf', {}, work);
    const outer = async (_: unknown, { call }: Context) => {
      void call(inner).catch(() => {});
      throw busy();
    };
    const report = await clock.until(runner.run(pipeline('p').stage('outer', outer)).report);
    expect(report.stages.outer).toMatchObject({ status: 'failed', attempts: 1 });
    expect(of('retry.giveup')).toMatchObject([{ because: 'unsettled', name: 'outer' }]);
    await clock.runAll();
    expect(work.peak).toBe(1);
  });
});

describe('a work that failed by itself, and cleans up slowly', () => {
  it('is waited for as long as cleanup may take: a second unless set', async () => {
    const { clock, runner, of } = bench({ backoff: 20 });
    const work = scripted(
      [
        { do: 'fail', error: busy(), cleanup: 900 },
        { do: 'succeed', value: 'done' },
      ],
      { clock },
    );
    expect(await clock.until(runner.call(tool('untidy', {}, work)))).toBe('done');
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 900]);
  });

  it('is given up when it takes longer, with its own error', async () => {
    const { clock, runner, of } = bench({ backoff: 20 });
    const error = busy();
    const work = scripted([{ do: 'fail', error, cleanup: 5_000 }], { clock });
    expect(await clock.until(failure(runner.call(tool('untidy', {}, work))))).toBe(error);
    expect(of('retry.giveup')).toMatchObject([{ at: 1_000, because: 'unsettled' }]);
    expect(work.calls).toBe(1);
    await clock.runAll();
  });

  it('is not waited for where its cleanup only throws', async () => {
    const { clock, runner, of } = bench({ backoff: 20 });
    const work = scripted(
      [
        { do: 'fail', error: busy(), cleanup: 'throws' },
        { do: 'succeed', value: 'done' },
      ],
      {
        clock,
      },
    );
    expect(await clock.until(runner.call(tool('untidy', {}, work)))).toBe('done');
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 20]);
    expect(of('cleanup.error')).toHaveLength(1);
  });
});
