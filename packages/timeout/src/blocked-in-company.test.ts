import { type Context, createRunner, pipeline, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './timeout.ts';
import { failure, hang, silent, workbench } from './workbench.test-kit.ts';

describe('work that blocks the loop before its first wait, past its limit', () => {
  it('is held to its attempt limit although a total is around that', async () => {
    const bench = workbench({ use: [timeout({ total: '30s', attempt: '100ms' })] });
    const busy = tool('busy', {}, (_: unknown, { signal }: Context) => {
      bench.clock.block(600);
      return hang(signal);
    });
    const error = await bench.clock.until(failure(bench.runner.call(busy)));
    expect(bench.of('blocked')).toMatchObject([{ by: 'tool:busy', blockedMs: 600, lagMs: 500 }]);
    expect(bench.clock.now()).toBeLessThanOrEqual(620);
    expect(error.details).toMatchObject({ limitMs: 100, elapsedMs: 620, lagMs: 520 });
  });
  it('is held to its total although the run has a deadline', async () => {
    const bench = workbench({ use: [timeout('100ms')] });
    const flow = pipeline('flow').stage('busy', (_, { signal }) => {
      bench.clock.block(600);
      return hang(signal);
    });
    const report = await bench.clock.until(bench.runner.run(flow, undefined, { deadline: '1m' }).report);
    expect(bench.of('blocked')).toHaveLength(1);
    expect(report.durationMs).toBeLessThanOrEqual(620);
  });
  it('is held to its limit although another call was begun in the same turn', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, logger: silent, use: [timeout('100ms')] });
    const other = failure(runner.call(tool('other', {}, (_: unknown, { signal }: Context) => hang(signal))));
    const busy = failure(
      runner.call(
        tool('busy', {}, (_: unknown, { signal }: Context) => {
          clock.block(600);
          return hang(signal);
        }),
      ),
    );
    const [, error] = await clock.until(Promise.all([other, busy]));
    expect(error.details).toMatchObject({ elapsedMs: 620, lagMs: 520 });
  });
});
