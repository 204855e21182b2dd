import { isSluiceError, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { graph, nothingIsLeft, stageOf, times, witness } from './timeout-bench.test-kit.ts';
import { failure, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('cancel', () => {
  it('at branch scope stops a stage and what needs it, and leaves other branches alone', async () => {
    const { clock, runner } = workbench({ use: [timeout('1s')] });
    const shape = graph({
      a: { work: async (_, { cancel }) => cancel('not needed', { scope: 'branch' }) },
      a2: { needs: ['a'], work: () => 'never' },
      b: { work: scripted([{ do: 'succeed', value: 'b', after: 200 }], { clock }) },
      b2: { needs: ['b'], work: () => 'b2' },
    });
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'ok', output: { b: 'b', b2: 'b2' } });
    expect(stageOf(report, 'a')).toMatchObject({ status: 'cancelled', error: { code: 'CANCELLED' } });
    expect(stageOf(report, 'a2')).toMatchObject({ status: 'skipped', because: 'a' });
  });

  it('at run scope stops all, at once', async () => {
    const { clock, runner } = workbench({ use: [timeout('1s')] });
    const { work, told } = witness(clock);
    const shape = graph({
      ...Object.fromEntries(times(20, (n) => [`w${n}`, { work }])),
      stops: {
        work: async (_, { cancel }) => {
          await new Promise<void>((resolve) => clock.schedule(50, resolve));
          return cancel('all of it', { scope: 'run' });
        },
      },
    });
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'cancelled', durationMs: 50, output: {} });
    expect(told.map(({ at }) => at)).toEqual(times(20, () => 50));
    expect(new Set(told.map(({ reason }) => reason)).size).toBe(1);
  });

  it('before the start lets nothing run, and after the end changes nothing', async () => {
    const { clock, runner, of } = workbench({ use: [timeout('1s')] });
    const work = scripted([{ do: 'succeed', value: 1 }], { clock });
    const early = runner.run(pipeline('p').stage('s', work));
    early.cancel('before');
    expect(await clock.until(early.report)).toMatchObject({ status: 'cancelled', stages: { s: { attempts: 0 } } });
    expect(work.calls).toBe(0);

    for (const shape of [
      pipeline('p').stage('s', work),
      pipeline('p').stage('s', { timeout: 10 }, scripted([{ do: 'hang' }], { clock })),
    ]) {
      const late = runner.run(shape);
      const report = await clock.until(late.report);
      const told = of('verdict').length;
      late.cancel('after');
      await clock.runAll();
      expect(await late.report).toBe(report);
      expect(late.signal.aborted).toBe(report.status !== 'ok');
      expect(of('verdict')).toHaveLength(told);
    }
  });
});

describe('an outer AbortSignal', () => {
  it.each([
    ['an error', new Error('user went away')],
    ['a text', 'user went away'],
    ['an object', { why: 'user went away' }],
  ])('aborts with its own reason, %s, which arrives everywhere unchanged', async (_, reason) => {
    const { clock, runner } = workbench({ use: [timeout('1s')] });
    const { work, told, counted } = witness(clock);
    const leaf = tool('leaf', {}, work);
    const child = pipeline('child').stage('inner', (_, { call }) => call(leaf));
    const controller = new AbortController();
    const shape = pipeline('p')
      .stage('calls', (_, { call }) => call(leaf))
      .stage('runs', (_, { run }) => run(child))
      .stage('works', work);
    const run = runner.run(shape, undefined, { signal: controller.signal });
    clock.schedule(100, () => controller.abort(reason));
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'CANCELLED' });
    expect(error.cause).toBe(reason);
    expect(run.signal.reason).toBe(reason);
    expect(told.map(({ name }) => name).toSorted()).toEqual(['leaf', 'leaf', 'works']);
    expect(told.every((one) => one.reason === reason && one.at === 100)).toBe(true);
    expect(counted.sweeps).toBe(1);
    const { stages } = await run.report;
    for (const stage of [stages.calls, stages.runs, stages.works]) {
      expect(stage.status).toBe('cancelled');
      expect(stage.status === 'cancelled' && isSluiceError(stage.error) && stage.error.cause).toBe(reason);
    }
  });
});
