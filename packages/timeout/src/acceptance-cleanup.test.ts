import { type Context, type Outcome, pipeline, type Report, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { graph, nothingIsLeft, stageOf, times } from './timeout-bench.test-kit.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('cleanup', () => {
  it('of 30 tools with a limit of 2000 ms that all time out: 30 of 30 are clean, each by its own handler', async () => {
    const { clock, runner, of } = workbench({ use: [timeout('2s')] });
    const open = new Set<string>();
    const outcomes: Outcome[] = [];
    const tools = times(30, (n) =>
      tool(`tool${n}`, {}, (_: unknown, { onCleanup, signal, name }: Context) => {
        open.add(name);
        onCleanup((outcome) => {
          expect(signal.aborted).toBe(true);
          expect(open.delete(name)).toBe(true);
          outcomes.push(outcome);
        });
        return hang(signal);
      }),
    );
    const calls = tools.map((each) => failure(runner.call(each)));
    await clock.advance(1_999);
    expect(open.size).toBe(30);
    const errors = await clock.until(Promise.all(calls));
    expect(clock.now()).toBe(2_000);
    expect(open.size).toBe(0);
    expect(errors.map(({ code, scope }) => `${code} ${scope}`)).toEqual(times(30, (n) => `TIMEOUT tool:tool${n}`));
    expect(outcomes.map(({ status, durationMs }) => `${status} ${durationMs}`)).toEqual(
      times(30, () => 'timeout 2000'),
    );
    expect(new Set(outcomes.map((outcome) => outcome.status === 'timeout' && outcome.error))).toEqual(new Set(errors));
    expect(of('cleanup.error')).toEqual([]);
    expect(of('cleanup.late')).toEqual([]);
  });

  it('of 1,000 handlers runs last in, first out, one at a time, once each, in a stage that timed out', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ grace: '1s' })] });
    const order: number[] = [];
    let running = 0;
    const shape = pipeline('p').stage('s', { timeout: 100 }, (_, { onCleanup, signal }) => {
      for (let n = 0; n < 1_000; n++) {
        onCleanup(async () => {
          expect(running++).toBe(0);
          if (n % 50 === 0) await sleep(10);
          order.push(n);
          running--;
        });
      }
      return hang(signal);
    });
    const report = await clock.until(runner.run(shape).report);
    expect(order).toEqual(times(1_000, (n) => 999 - n));
    expect(clock.now()).toBe(300);
    expect(report.stages.s).toMatchObject({ status: 'timeout', settled: true, durationMs: 100 });
  });

  it('that throws leaves the primary error intact, and fills suppressed in the report of stage and run', async () => {
    const { clock, runner, of } = workbench({ use: [timeout()] });
    const thrown = times(3, (n) => new Error(`cleanup ${n}`));
    const shape = pipeline('p').stage('s', { timeout: 100 }, (_, { onCleanup, signal }) => {
      onCleanup(() => {
        throw thrown[2];
      });
      onCleanup(() => Promise.reject(thrown[1]));
      onCleanup(() => {
        throw thrown[0];
      });
      return hang(signal);
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    const report = await run.report;
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s' });
    expect(error.cause).toBeUndefined();
    expect(report.suppressed).toEqual(thrown);
    expect(report.stages.s).toMatchObject({ status: 'timeout', error, suppressed: thrown, settled: true });
    expect(of('cleanup.error').map((event) => event.error)).toEqual(thrown);
    expect(clock.now()).toBe(100);
  });

  it('that hangs keeps neither the verdict nor the others: at the grace all have begun, and it is named as an orphan', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ grace: 80 })] });
    const done: string[] = [];
    let free: () => void = () => {};
    const shape = pipeline('p').stage('s', { timeout: 100 }, (_, { onCleanup, signal }) => {
      onCleanup(() => void done.push(`first in at ${clock.now()}`));
      onCleanup(() => new Promise<void>((resolve) => (free = resolve)));
      onCleanup(() => void done.push(`last in at ${clock.now()}`));
      return hang(signal);
    });
    const report: Report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(180);
    expect(done).toEqual(['last in at 100', 'first in at 180']);
    expect(report).toMatchObject({ status: 'timeout', durationMs: 100, suppressed: [] });
    expect(report.orphans).toEqual([{ name: 's', kind: 'cleanup', attempt: 1, ageMs: 0 }]);
    expect(of('cleanup.late').map(({ at, left }) => ({ at, left }))).toEqual([{ at: 180, left: 1 }]);
    expect(runner.stats().orphans).toBe(1);
    free();
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
    expect(of('orphan.end')).toHaveLength(1);
  });

  it('that registers more handlers has them run too, and so has work that registers them after the abort: once each', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout()] });
    const done: string[] = [];
    const shape = pipeline('p').stage('s', { timeout: 100 }, async (_, { onCleanup, signal }) => {
      onCleanup(() => {
        done.push('outer');
        onCleanup(() => {
          done.push('within');
          onCleanup(() => void done.push('within within'));
        });
      });
      await hang(signal).catch(() => {});
      onCleanup(() => void done.push('after the abort'));
      await sleep(30);
      onCleanup(async () => void done.push('while it unwinds'));
      await sleep(100);
      onCleanup(() => void done.push('after the grace'));
    });
    const report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(150);
    expect(report.stages.s).toMatchObject({ status: 'timeout', settled: false, suppressed: [] });
    await clock.runAll();
    expect(done).toEqual([
      'outer',
      'within',
      'within within',
      'after the abort',
      'while it unwinds',
      'after the grace',
    ]);
    expect(runner.stats().orphans).toBe(0);
  });

  it('of 500 ms with a grace of 50 ms: the run ends at the grace, the handler is reported as late, and still finishes', async () => {
    const { clock, runner, of, sleep } = workbench({ use: [timeout({ grace: '50ms' })] });
    let finishedAt = -1;
    const shape = pipeline('p').stage('s', { timeout: 100 }, (_, { onCleanup, signal }) => {
      onCleanup(async () => {
        await sleep(500);
        finishedAt = clock.now();
      });
      return hang(signal);
    });
    const report: Report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(150);
    expect(report).toMatchObject({ status: 'timeout', durationMs: 100 });
    expect(report.orphans.map(({ name, kind }) => `${kind} of ${name}`)).toEqual(['cleanup of s']);
    expect(of('cleanup.late').map(({ at }) => at)).toEqual([150]);
    expect(finishedAt).toBe(-1);
    await clock.runAll();
    expect(finishedAt).toBe(600);
    expect(of('orphan.end').map(({ at }) => at)).toEqual([600]);
  });

  it('in a cascade of 50 stages that time out while each cleanup times out too: all ends, all is reported', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 100, grace: 50 })] });
    const work = scripted([{ do: 'hang', cleanup: 10_000 }], { clock });
    const names = times(50, (n) => `s${n}`);
    const shape = graph(Object.fromEntries(names.map((name) => [name, { work }])), { onFailure: 'continue' });
    const report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(150);
    expect(names.map((name) => stageOf(report, name).status)).toEqual(times(50, () => 'timeout'));
    expect(new Set(report.orphans.map(({ name }) => name))).toEqual(new Set(names));
    expect(report.orphans).toHaveLength(50);
    expect(of('cleanup.late')).toHaveLength(50);
    await clock.runAll();
    expect(clock.now()).toBe(10_100);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });
});
