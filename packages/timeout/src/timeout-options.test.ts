import { type Context, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft, waiting } from './timeout-bench.test-kit.ts';
import { again, failure, hang, silent, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('total', () => {
  it('bounds attempts, the waits between them and before them, all together', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 1_000, attempt: 300 }), again(9), waiting(100)] });
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(error).toMatchObject({ scope: 'tool:work', retryable: false, details: { limit: 'total', limitMs: 1_000 } });
    expect(work.calls).toBe(3);
    expect(clock.now()).toBe(1_000);
  });
});

describe('attempt', () => {
  it('bounds one attempt, counted from when its work starts, not while it waits', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ attempt: 100 }), again(3), waiting(5_000)] });
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(error).toMatchObject({ scope: 'attempt', retryable: true, details: { limit: 'attempt', limitMs: 100 } });
    expect(error.message).toBe('Tool "work" exceeded its attempt timeout of 100 ms');
    expect(of('attempt.end').map(({ at, attempt, status }) => `${attempt} ${status} at ${at}`)).toEqual([
      '1 timeout at 5100',
      '2 timeout at 10200',
      '3 timeout at 15300',
    ]);
    expect(work.calls).toBe(3);
  });

  it('lets another attempt succeed', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 1_000, attempt: 100 }), again(3)] });
    const work = scripted([{ do: 'hang' }, { do: 'hang' }, { do: 'succeed', value: 'third', after: 99 }], { clock });
    await expect(clock.until(runner.call(tool('work', {}, work)))).resolves.toBe('third');
    expect(clock.now()).toBe(299);
  });
});

describe('queue', () => {
  it('bounds waiting only: it ends when the work first starts, however long that then takes', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 'none', queue: 100 }), waiting(99)] });
    const work = scripted([{ do: 'succeed', value: 'done', after: 60_000 }], { clock });
    await expect(clock.until(runner.call(tool('work', {}, work)))).resolves.toBe('done');
    expect(clock.now()).toBe(60_099);
    expect(of('timeout')).toEqual([]);
  });

  it('ends a call whose work has not started by then: it never does, and no attempt is made again', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 'none', queue: 100 }), again(5), waiting(60_000)] });
    const work = scripted([{ do: 'succeed' }], { clock });
    const error = await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(clock.now()).toBe(100);
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      scope: 'tool:work',
      retryable: false,
      message: 'Tool "work" waited longer than its queue timeout of 100 ms',
      details: { limit: 'queue', limitMs: 100, elapsedMs: 100, started: false, settled: true },
    });
    await clock.runAll();
    expect(work.calls).toBe(0);
    expect(clock.now()).toBe(100);
  });

  it('is not counted again: what waits for its second attempt waits as long as it takes', async () => {
    const { clock, runner } = workbench({
      use: [timeout({ total: 'none', queue: 100 }), again(2), waiting(50, 5_000)],
    });
    const work = scripted(
      [
        { do: 'fail', after: 10 },
        { do: 'succeed', value: 'second' },
      ],
      { clock },
    );
    await expect(clock.until(runner.call(tool('work', {}, work)))).resolves.toBe('second');
    expect(clock.now()).toBe(5_060);
  });

  it('lets a start in the turn of its end win', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 'none', queue: 100 }), waiting(100)] });
    await expect(clock.until(runner.call(tool('work', {}, () => 'started')))).resolves.toBe('started');
  });

  it('goes with total: whichever is first decides', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, queue: 50 }), waiting(60, 40)] });
    const hanging = tool('work', {}, scripted([{ do: 'hang' }], { clock }));
    expect((await clock.until(failure(runner.call(hanging)))).details).toMatchObject({ limit: 'queue' });
    expect(clock.now()).toBe(50);
    const total = await clock.until(failure(runner.call(hanging)));
    expect(total.details).toMatchObject({ limit: 'total', started: true });
    expect(clock.now()).toBe(150);
  });
});

describe('soft', () => {
  it('warns, by an event, a line at warn and ctx.softDeadline, counted from the start of the attempt, and ends nothing', async () => {
    const lines: string[] = [];
    const logger = { ...silent, warn: (_: object, message = '') => lines.push(message) };
    const { clock, runner, of } = workbench({
      use: [timeout({ total: '1h', attempt: 1_000, soft: 300 }), waiting(5_000)],
      logger,
    });
    const reasons: unknown[] = [];
    const work = tool('work', {}, async (_: unknown, { softDeadline, signal }: Context) => {
      expect(softDeadline.aborted).toBe(false);
      softDeadline.addEventListener('abort', () => reasons.push([clock.now(), softDeadline.reason]));
      await new Promise<void>((resolve) => clock.schedule(900, resolve));
      expect(signal.aborted).toBe(false);
      return 'done';
    });
    await expect(clock.until(runner.call(work))).resolves.toBe('done');
    expect(reasons).toEqual([
      [
        5_300,
        expect.objectContaining({
          code: 'TIMEOUT',
          details: expect.objectContaining({ limit: 'soft', hardMs: 1_000 }),
        }),
      ],
    ]);
    expect(
      of('timeout.soft').map(({ at, scope, limitMs, hardMs, lagMs }) => [at, scope, limitMs, hardMs, lagMs]),
    ).toEqual([[5_300, 'attempt', 300, 1_000, 0]]);
    expect(of('timeout')).toEqual([]);
    expect(lines.filter((line) => line.includes('300 ms'))).toHaveLength(1);
  });

  it('lets work end well in time, with less', async () => {
    const { clock, runner } = workbench({ use: [timeout({ attempt: 1_000, soft: 750 })] });
    const work = tool('work', {}, async function* (_: unknown, { softDeadline }: Context) {
      for (let n = 0; !softDeadline.aborted; n++) {
        yield n;
        await new Promise<void>((resolve) => clock.schedule(100, resolve));
      }
    });
    await expect(clock.until(runner.call(work))).resolves.toHaveLength(8);
    expect(clock.now()).toBe(800);
  });

  it('warns each attempt anew, and what is called in it too; then the hard limit comes', async () => {
    const { clock, runner, of } = workbench({
      use: [timeout({ tools: { outer: { total: '1h', attempt: 100, soft: 40 }, leaf: 'none' } }), again(2)],
    });
    const told: string[] = [];
    const watch = ({ softDeadline, name, attempt }: Context): void =>
      softDeadline.addEventListener('abort', () => told.push(`${name} ${attempt} at ${clock.now()}`));
    const leaf = tool('leaf', {}, (_: unknown, context: Context) => {
      watch(context);
      return hang(context.signal);
    });
    const outer = tool('outer', {}, (_: unknown, context: Context) => {
      watch(context);
      return context.call(leaf);
    });
    const error = await clock.until(failure(runner.call(outer)));
    expect(error).toMatchObject({ scope: 'attempt', details: { limit: 'attempt' } });
    expect(told).toEqual(['outer 1 at 40', 'leaf 1 at 40', 'outer 2 at 140', 'leaf 1 at 140']);
    expect(of('timeout.soft')).toHaveLength(2);
    expect(clock.now()).toBe(200);
  });

  it('warns also where there is no hard limit on the attempt, and is aborted already for whoever asks late', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: '1h', soft: 40 })] });
    const work = tool('work', {}, async (_: unknown, context: Context) => {
      await new Promise<void>((resolve) => clock.schedule(50, resolve));
      return context.softDeadline.aborted;
    });
    await expect(clock.until(runner.call(work))).resolves.toBe(true);
  });
});

describe('grace', () => {
  it.each([
    [undefined, 50],
    [0, 0],
    [200, 200],
    ['1s', 1_000],
  ] as const)(
    'of %s answers %d ms after the verdict when work goes on, which comes at the limit all the same',
    async (grace, ms) => {
      const { clock, runner, of } = workbench({ use: [timeout({ total: 100, grace })] });
      const work = scripted([{ do: 'succeed', after: 5_000, ignoreSignal: true }], { clock });
      await clock.until(failure(runner.call(tool('work', {}, work))));
      expect(clock.now()).toBe(100 + ms);
      expect(of('verdict').map(({ at }) => at)).toEqual([100]);
      expect(of('orphan').map(({ at }) => at)).toEqual([100 + ms]);
      await clock.runAll();
    },
  );

  it("of 'none' waits until the work has ended, and wins over that of the runner", async () => {
    const { clock, runner, of } = workbench({ grace: 10, use: [timeout({ total: 100, grace: 'none' })] });
    const work = scripted([{ do: 'succeed', after: 5_000, ignoreSignal: true }], { clock });
    const error = await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(clock.now()).toBe(5_000);
    expect(error.details).toMatchObject({ settled: true, elapsedMs: 100 });
    expect(of('orphan')).toEqual([]);
  });

  it('is that of the runner where nothing is said, and can be said of one stage', async () => {
    const { clock, runner, of } = workbench({ grace: 20, use: [timeout({ total: 100 })] });
    const deaf = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock });
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('plain', deaf)
      .stage('patient', { timeout: { grace: 300 } }, deaf);
    await clock.until(runner.run(shape).report);
    expect(of('orphan').map(({ at, name }) => `${name} at ${at}`)).toEqual(['plain at 120', 'patient at 400']);
    await clock.runAll();
  });

  it('does not make cleanup after success shorter', async () => {
    const { clock, runner } = workbench({ use: [timeout({ grace: 0 })] });
    const work = scripted([{ do: 'succeed', cleanup: 900 }], { clock });
    await clock.until(runner.call(tool('work', {}, work)));
    expect(clock.now()).toBe(900);
  });
});

describe('cleanup', () => {
  it.each([
    [undefined, 'succeed', 1_000],
    [200, 'succeed', 200],
    [200, 'fail', 200],
    [0, 'succeed', 0],
    ['3s', 'succeed', 2_000],
    ['none', 'fail', 2_000],
  ] as const)(
    'of %s, after work that did %s, is waited for up to %d ms; then it is late, and finished',
    async (cleanup, what, ms) => {
      const { clock, runner, of } = workbench({ use: [timeout({ cleanup })] });
      const work = scripted([{ do: what, cleanup: 2_000 }], { clock });
      await clock.until(runner.call(tool('work', {}, work)).catch(() => {}));
      expect(clock.now()).toBe(ms);
      expect(of('cleanup.late')).toHaveLength(ms < 2_000 ? 1 : 0);
      await clock.runAll();
      expect(clock.now()).toBe(2_000);
      expect(work.cleaned).toBe(1);
      expect(runner.stats().orphans).toBe(0);
    },
  );

  it('has no say after a timeout: that is the grace', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, grace: 30, cleanup: '1m' })] });
    const work = scripted([{ do: 'hang', cleanup: 2_000 }], { clock });
    await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(clock.now()).toBe(130);
    await clock.runAll();
  });
});
