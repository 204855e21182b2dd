import { type Context, pipeline, type SluiceError, tool, toResponse } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft, times } from './timeout-bench.test-kit.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

/** What was achieved, as a client of the task API reads it. */
function inEnvelope(error: unknown): unknown {
  const { error: body } = JSON.parse(JSON.stringify(toResponse(error, { requestId: 'r1' })));
  expect(body.code).toBe('TIMEOUT');
  expect(body.remediation).not.toBe('');
  return body.details.partial_result;
}

const achieved = { items_processed: 5, total_items: 100 };

describe('a tool that reports { items_processed: 5, total_items: 100 } after 500 ms and hangs, limit 2000:', () => {
  const index = (sleep: (ms: number) => Promise<void>) =>
    tool('index', { timeout: '2s' }, async (_: unknown, { partial, signal }: Context) => {
      await sleep(500);
      partial(achieved);
      return hang(signal);
    });

  it('that object is on the error and in the JSON envelope', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout()] });
    const error = await clock.until(failure(runner.call(index(sleep))));
    expect(clock.now()).toBe(2_000);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:index' });
    expect(error.partial).toEqual(achieved);
    expect(error.toJSON()['partial']).toEqual(achieved);
    expect(inEnvelope(error)).toEqual(achieved);
    expect(error.remediation).toContain('it was last heard from 1500 ms before the deadline');
  });

  it('that object is in the report of the run whose stage called it, and on the error of the stage', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout()] });
    const run = runner.run(pipeline('p').stage('s', (_, { call }) => call(index(sleep))));
    const error = await clock.until(failure(run));
    const { stages } = await run.report;
    expect(error).toMatchObject({
      code: 'STAGE_FAILED',
      partial: achieved,
      cause: { code: 'TIMEOUT', partial: achieved },
    });
    expect(stages.s).toMatchObject({ status: 'failed', partial: achieved, error: { partial: achieved } });
    expect(inEnvelope(error.cause)).toEqual(achieved);
  });

  it.each(['total', 'attempt'] as const)(
    'that object is on the error, in the report and in the envelope of a stage that does so under such a limit as %s',
    async (limit) => {
      const { clock, runner, sleep } = workbench({ use: [timeout({ stages: { s: { [limit]: '2s' } } })] });
      const shape = pipeline('p').stage('s', async (_, { partial, signal }) => {
        await sleep(500);
        partial(achieved);
        return hang(signal);
      });
      const run = runner.run(shape);
      const error = await clock.until(failure(run));
      const report = await run.report;
      expect(error.partial).toEqual(achieved);
      expect(report.error).toBe(error);
      expect(report.stages.s).toMatchObject({ status: 'timeout', partial: achieved, error });
      expect(inEnvelope(error)).toEqual(achieved);
    },
  );

  it('that object is on the error of the stage whose own limit ends it meanwhile', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout()] });
    const shape = pipeline('p').stage('s', { timeout: '1s' }, (_, { call }) => call(index(sleep)));
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s', partial: achieved });
    expect((await run.report).stages.s).toMatchObject({ status: 'timeout', partial: achieved });
    expect(inEnvelope(error)).toEqual(achieved);
  });
});

describe('a stream of 20 chunks, one in 200 ms, under a limit of 2000', () => {
  it('keeps about 10 chunks, in order, on the error, in the report and in the envelope', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout()] });
    const shape = pipeline('p').stage('s', { timeout: '2s' }, async function* () {
      for (let n = 0; n < 20; n++) {
        await sleep(200);
        yield { chunk: n };
      }
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    const kept = error.partial as unknown[];
    expect([9, 10]).toContain(kept.length);
    expect(kept).toEqual(times(kept.length, (chunk) => ({ chunk })));
    expect((await run.report).stages.s).toMatchObject({ status: 'timeout', partial: kept });
    expect(inEnvelope(error)).toEqual(kept);
    await clock.runAll();
    expect(error.partial).toHaveLength(kept.length);
  });

  it('keeps those of its last attempt only', async () => {
    const { clock, runner, sleep } = workbench({ use: [again(2), timeout({ attempt: 1_100 })] });
    const chunks = tool('chunks', {}, async function* (_: unknown, { attempt }: Context) {
      for (let n = 0; n < 20; n++) {
        await sleep(attempt * 200);
        yield `${attempt}:${n}`;
      }
    });
    const error = await clock.until(failure(runner.call(chunks)));
    expect(error.call?.attempt).toBe(2);
    expect(error.partial).toEqual(['2:0', '2:1']);
    await clock.runAll();
  });
});

describe('a partial result', () => {
  /** What is kept, told and said of a stage that reports this and that, and hangs until its limit of 100 ms. */
  async function reporting(work: (context: Context) => void) {
    const warnings: string[] = [];
    const warn = (details: object, message = ''): void => {
      if ('sluice' in details && Object(details.sluice).type === 'warning') warnings.push(message);
    };
    const bench = workbench({ use: [timeout()], logger: { debug() {}, info() {}, warn, error() {} } });
    const shape = pipeline('p').stage('s', { timeout: 100 }, (_, context) => {
      work(context);
      return hang(context.signal);
    });
    const run = bench.runner.run(shape);
    const error: SluiceError = await bench.clock.until(failure(run));
    const { s } = (await run.report).stages;
    return { ...bench, warnings, error, kept: s.status === 'timeout' ? s.partial : expect.unreachable() };
  }

  it('does not change when the reported object is mutated later, by the work, its cleanup or its caller', async () => {
    const rows: unknown[] = [{ id: 1, tags: ['a'] }];
    const { kept, error } = await reporting(({ partial, signal, onCleanup }) => {
      partial({ rows });
      (rows[0] as { tags: string[] }).tags.push('b');
      rows.push({ id: 2 });
      signal.addEventListener('abort', () => rows.splice(0));
      onCleanup(() => void rows.push('cleaned'));
    });
    rows.push({ id: 3 });
    expect(kept).toEqual({ rows: [{ id: 1, tags: ['a'] }] });
    expect(error.partial).toEqual({ rows: [{ id: 1, tags: ['a'] }] });
  });

  it('that was emitted does not change when the emitted object is mutated after the end', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const item = { id: 1 };
    const stream = tool('stream', {}, async function* (_: unknown, { signal }: Context) {
      yield item;
      await hang(signal).catch(() => {});
      item.id = 99;
    });
    const error = await clock.until(failure(runner.call(stream)));
    item.id = 100;
    expect(error.partial).toEqual([{ id: 1 }]);
  });

  const huge: [string, () => unknown][] = [
    ['one text', () => 'x'.repeat(50_000_000)],
    ['50,000 texts', () => times(50_000, () => 'x'.repeat(1_000))],
    ['bytes', () => new Uint8Array(50_000_000)],
  ];

  it.each(huge)('of 50 MB, %s, is bounded, and that is said', async (_, make) => {
    const alone = await reporting(({ partial }) => partial(make()));
    expect(JSON.stringify(alone.kept)).toContain('[not kept: it is larger than 1 MB]');
    expect(alone.warnings).toEqual([expect.stringContaining('larger than 1 MB')]);
    const text = JSON.stringify(toResponse(alone.error));
    expect(text.length).toBeLessThan(2_000);
    expect(text).toContain('[not kept: it is larger than 1 MB]');

    const after = await reporting(({ partial }) => {
      partial(achieved);
      partial(make());
    });
    expect(after.kept).toEqual(achieved);
    expect(after.warnings).toHaveLength(1);
  });

  it('of 50 MB in 1,000 emitted chunks keeps the first of them, and says that there were more', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const stream = tool('stream', {}, async function* (_: unknown, { signal }: Context) {
      for (let n = 0; n < 1_000; n++) yield 'x'.repeat(50_000);
      await hang(signal);
    });
    const { partial } = await clock.until(failure(runner.call(stream)));
    const kept = partial as string[];
    expect(kept.length).toBeLessThan(25);
    expect(kept.at(-1)).toMatch(/^\[\d+ more were not kept: they are larger than 1 MB\]$/);
    expect(JSON.stringify(kept).length).toBeLessThan(1_100_000);
  });

  it.each<[string, () => unknown]>([
    ['a function', () => ({ run: () => {} })],
    ['a symbol', () => Symbol('no')],
    ['a Proxy', () => new Proxy({}, {})],
    [
      'a getter that throws',
      () => Object.defineProperty({}, 'x', { enumerable: true, get: () => expect.unreachable() }),
    ],
  ])('that cannot be cloned, %s, leaves the last good one in its place, and that is said', async (_, make) => {
    const { kept, warnings, error } = await reporting(({ partial }) => {
      partial(achieved);
      partial(make());
    });
    expect(kept).toEqual(achieved);
    expect(error.partial).toEqual(achieved);
    expect(warnings).toEqual([expect.stringContaining('it cannot be copied')]);

    const alone = await reporting(({ partial }) => partial(make()));
    expect(alone.kept).toBe('[not kept: it cannot be copied]');
    expect(inEnvelope(alone.error)).toBe('[not kept: it cannot be copied]');
  });

  it('is kept on failure and on cancellation as it is on timeout', async () => {
    for (const how of ['failed', 'cancelled'] as const) {
      const { clock, runner } = workbench({ use: [timeout()] });
      const shape = pipeline('p').stage('s', async (_, { partial, cancel }) => {
        partial(achieved);
        if (how === 'cancelled') cancel('enough');
        throw new Error('boom');
      });
      const { stages } = await clock.until(runner.run(shape).report);
      expect(stages.s).toMatchObject({ status: how, partial: achieved });
    }
  });

  it('is tagged with its attempt: known to the next one as previous, and not passed off as what that one achieved', async () => {
    const { clock, runner } = workbench({ use: [again(3), timeout({ attempt: 100 })] });
    const known: unknown[] = [];
    const work = tool('work', {}, (_: unknown, { attempt, previous, partial, signal }: Context) => {
      known.push([previous?.partial, (previous?.error as SluiceError | undefined)?.partial]);
      if (attempt < 3) partial({ attempt });
      return hang(signal);
    });
    const error = await clock.until(failure(runner.call(work)));
    expect(known).toEqual([
      [undefined, undefined],
      [{ attempt: 1 }, { attempt: 1 }],
      [{ attempt: 2 }, { attempt: 2 }],
    ]);
    expect(error.call?.attempt).toBe(3);
    expect(error.partial).toBeUndefined();
  });
});
