import { retry } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { toResponse } from './errors/to-response.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { bench, failure, hang, limits } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { leakLedger, scripted } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** What was achieved, as a client of the task API reads it. */
const inEnvelope = (error: unknown): unknown => {
  const { error: body } = JSON.parse(JSON.stringify(toResponse(error, { requestId: 'r1' })));
  expect(body.remediation).not.toBe('');
  return body.details.partial_result;
};

const achieved = { items_processed: 5, total_items: 100 };

describe('{ items_processed: 5, total_items: 100 }, reported after 500 ms by work that then hangs', () => {
  const working =
    (sleep: (ms: number) => Promise<void>) =>
    async (_: unknown, { partial, signal }: Context): Promise<never> => {
      await sleep(500);
      partial(achieved);
      return hang(signal);
    };

  it('is on the error and in the envelope of a tool with a limit of 2000 ms', async () => {
    const { clock, runner, sleep, count } = bench();
    const error = await clock.until(
      failure(runner.call(tool('index', {}, working(sleep)), undefined, { deadline: 2_000 })),
    );
    expect(clock.now()).toBe(2_000);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:index', partial: achieved });
    expect(inEnvelope(error)).toEqual(achieved);
    expect(count('partial')).toBe(1);
  });

  it('is on the error, in the report and in the envelope of a stage with a limit of 2000 ms', async () => {
    const { clock, runner, sleep } = bench({ use: [limits({ index: 2_000 })] });
    const run = runner.run(pipeline('p').stage('index', working(sleep)));
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:index', partial: achieved });
    const report = await run.report;
    expect(report.stages.index).toMatchObject({ status: 'timeout', partial: achieved, error: { partial: achieved } });
    expect(report.error).toBe(error);
    expect(inEnvelope(error)).toEqual(achieved);
  });

  it('is on the error, in the report and in the envelope of a run whose stage called the tool with that limit', async () => {
    const { clock, runner, sleep } = bench();
    const index = tool('index', {}, working(sleep));
    const shape = pipeline('p').stage('s', (_, { call }) => call(index, undefined, { deadline: 2_000 }));
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'STAGE_FAILED', cause: { code: 'TIMEOUT', partial: achieved } });
    expect(error.partial).toEqual(achieved);
    expect((await run.report).stages.s).toMatchObject({ status: 'failed', partial: achieved });
    expect(inEnvelope(error)).toEqual(achieved);
  });

  it("is on the error, in the report and in the envelope of a run with a deadline of 2000 ms, under its stage's name", async () => {
    const { clock, runner, sleep } = bench();
    const shape = pipeline('p')
      .stage('done', () => 'done')
      .stage('index', ['done'], working(sleep))
      .stage('silent', scripted([{ do: 'hang' }], { clock }));
    const run = runner.run(shape, undefined, { deadline: 2_000 });
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'run' });
    expect(error.partial).toEqual({ index: achieved });
    expect(error.details).toMatchObject({ running: ['index', 'silent'] });
    const { stages, output } = await run.report;
    expect(output).toEqual({ done: 'done' });
    expect(stages.index).toMatchObject({ status: 'cancelled', partial: achieved });
    expect(stages.silent).not.toHaveProperty('partial');
    expect(inEnvelope(error)).toEqual({ index: achieved });
  });

  it.each(['failure', 'failure beside it', 'run.cancel()', 'ctx.cancel()'] as const)(
    'is in the report after a %s too',
    async (how) => {
      const { clock, runner, sleep } = bench();
      const shape = pipeline('p')
        .stage('index', async (_, { partial, signal, cancel }) => {
          await sleep(500);
          partial(achieved);
          if (how === 'failure') throw new Error('boom');
          return how === 'ctx.cancel()' ? cancel('enough') : hang(signal);
        })
        .stage('beside', { when: () => how === 'failure beside it' }, () => sleep(600).then(() => Promise.reject(how)));
      const run = runner.run(shape);
      if (how === 'run.cancel()') clock.schedule(600, () => run.cancel());
      const { stages, error } = await clock.until(run.report);
      expect(stages.index).toMatchObject({ status: how === 'failure' ? 'failed' : 'cancelled', partial: achieved });
      if (how === 'failure') expect(inEnvelope(error)).toEqual(achieved);
    },
  );

  it('is not in the report of a stage that ended well', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('s', (_, { partial }) => {
      partial(achieved);
      return 'all';
    });
    const { stages } = await clock.until(runner.run(shape).report);
    expect(stages.s).toMatchObject({ status: 'ok', value: 'all' });
    expect(stages.s).not.toHaveProperty('partial');
  });
});

describe('a stream of 20 chunks, one in 200 ms', () => {
  it('under a limit of 2000 ms keeps about 10 of them, in order, on the error and in the report', async () => {
    const { clock, runner, sleep } = bench({ use: [limits({ s: 2_000 })] });
    const shape = pipeline('p').stage('s', async function* () {
      for (let n = 0; n < 20; n++) {
        await sleep(200);
        yield { n };
      }
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    const kept = error.partial as { n: number }[];
    expect([9, 10]).toContain(kept.length);
    expect(kept.map(({ n }) => n)).toEqual(Array.from(kept, (_, n) => n));
    expect((await run.report).stages.s).toMatchObject({ status: 'timeout', partial: kept });
    expect(inEnvelope(error)).toEqual(kept);
    // The chunk that was under way comes after the grace, and changes nothing.
    await clock.runAll();
    expect(error.partial).toHaveLength(kept.length);
  });

  it('keeps the last one alone when only the last is collected, unless the stage says better what it achieved', async () => {
    for (const says of [false, true]) {
      const { clock, runner, sleep } = bench({ use: [limits({ s: 2_100 })] });
      const shape = pipeline('p').stage('s', { collect: 'last' }, async function* (_, { partial }) {
        for (let n = 0; n < 20; n++) {
          await sleep(200);
          if (says) partial({ upTo: n });
          yield n;
        }
      });
      const { stages } = await clock.until(runner.run(shape).report);
      expect(stages.s).toMatchObject({ status: 'timeout', partial: says ? { upTo: 9 } : 9 });
      await clock.runAll();
    }
  });
});

describe('a partial result', () => {
  /** A stage that reports this and that, and hangs until its limit of 100 ms. */
  async function reporting(work: (context: Context) => void) {
    const setup = bench({ use: [limits({ s: 100 })] });
    const shape = pipeline('p').stage('s', (_, context) => {
      work(context);
      return hang(context.signal);
    });
    const run = setup.runner.run(shape);
    const error = await setup.clock.until(failure(run));
    const report = await run.report;
    const { s } = report.stages;
    return { ...setup, error, report, kept: s.status === 'timeout' ? s.partial : expect.unreachable() };
  }

  it('is the last one that was reported', async () => {
    const { kept, error } = await reporting(({ partial }) => {
      for (let n = 0; n <= 1_000; n++) partial({ n });
    });
    expect(kept).toEqual({ n: 1_000 });
    expect(error.partial).toEqual({ n: 1_000 });
  });

  it.each([0, '', false, null])('may be %j', async (value) => {
    const { kept, error } = await reporting(({ partial }) => partial(value));
    expect(kept).toBe(value);
    expect(error.partial).toBe(value);
    expect(inEnvelope(error)).toBe(value);
  });

  it('is what it was when it was reported, whatever becomes of the object', async () => {
    const rows = [{ id: 1 }];
    const { kept, error } = await reporting(({ partial, signal }) => {
      partial({ rows });
      rows.push({ id: 2 });
      (rows[0] as { id: number }).id = 99;
      signal.addEventListener('abort', () => rows.splice(0));
    });
    rows.push({ id: 3 });
    expect(kept).toEqual({ rows: [{ id: 1 }] });
    expect(error.partial).toEqual({ rows: [{ id: 1 }] });
  });

  it('that is reported after the verdict counts for nothing', async () => {
    const { clock, runner, sleep } = bench({ use: [limits({ s: 100 })] });
    const shape = pipeline('p').stage('s', async (_, { partial }) => {
      partial('in time');
      await sleep(120);
      partial('too late');
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    expect(error.partial).toBe('in time');
    expect((await run.report).stages.s).toMatchObject({ partial: 'in time' });
  });

  it.each<[string, () => unknown]>([
    ['a function', () => ({ fn: () => {} })],
    ['a symbol', () => Symbol('no')],
    [
      'a getter that throws',
      () => Object.defineProperty({}, 'x', { enumerable: true, get: () => expect.unreachable() }),
    ],
    ['a Proxy', () => new Proxy({}, {})],
    ['a promise', () => Promise.resolve(1)],
  ])('that cannot be cloned, with %s, leaves the last good one in place, and that is said', async (_, make) => {
    const { kept, warnings, events } = await reporting(({ partial }) => {
      partial('good');
      partial(make());
    });
    expect(kept).toBe('good');
    expect(warnings).toEqual([
      expect.stringMatching(/^Stage "s" reported a partial result that is not kept: it cannot be copied/),
    ]);
    expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1);
  });

  it('that is cyclic, or full of what JSON does not know, is kept as it is and safe in the envelope', async () => {
    const cyclic: Record<string, unknown> = { big: 10n, map: new Map([['a', new Set([1])]]), date: new Date(0) };
    cyclic['self'] = cyclic;
    const { kept, error } = await reporting(({ partial }) => partial(cyclic));
    expect(kept).toEqual(cyclic);
    expect(kept).not.toBe(cyclic);
    expect(inEnvelope(error)).toMatchObject({ big: '10n', self: '[circular]', date: '1970-01-01T00:00:00.000Z' });
  });

  const huge: [string, () => unknown][] = [
    ['one text', () => 'x'.repeat(50_000_000)],
    ['many texts', () => Array.from({ length: 50_000 }, () => 'x'.repeat(1_000))],
    ['bytes', () => new Uint8Array(50_000_000)],
  ];

  it.each(huge)('of 50 MB, %s, is bounded in the envelope, which says so', async (_, make) => {
    const { error } = await reporting(({ partial }) => partial(make()));
    const text = JSON.stringify(toResponse(error));
    expect(text.length).toBeLessThan(1_000);
    expect(text).toContain('[not kept: it is larger than 1 MB]');
  });

  it.each(huge)(
    'of 50 MB, %s, is not kept without a word: it is cut, or refused, and that is said',
    async (_, make) => {
      const { warnings, kept } = await reporting(({ partial }) => {
        partial('good');
        partial(make());
      });
      expect(warnings).toHaveLength(1);
      expect(kept).toBe('good');
    },
  );

  it('is known to the next attempt, and does not stand for what that one achieved', async () => {
    const again = defineInterceptor({
      name: 'again',
      priority: Place.retry,
      intercept: (call, next) => next(call).pipe(retry(1)),
    });
    const { clock, runner } = bench({ use: [again, limits({ s: 100 })] });
    const known: unknown[] = [];
    const shape = pipeline('p').stage('s', (_, { attempt, partial, previous, signal }) => {
      known.push(previous?.partial);
      if (attempt === 2) return hang(signal);
      partial({ attempt });
      throw new Error('boom');
    });
    const { stages } = await clock.until(runner.run(shape).report);
    expect(known).toEqual([undefined, { attempt: 1 }]);
    expect(stages.s).toMatchObject({ status: 'timeout', attempts: 2 });
    expect(stages.s).not.toHaveProperty('partial');
  });

  it("of a child run's stage is in the child's report when the parent ends it", async () => {
    const { clock, runner } = bench();
    let inside: unknown;
    const child = pipeline('child').stage('inner', (_, { partial, signal }) => {
      partial(achieved);
      return hang(signal);
    });
    const parent = pipeline('parent').stage('outer', (_, context) => {
      const run = context.run(child);
      run.report.then(({ stages }) => {
        inside = stages.inner;
      });
      return run;
    });
    await clock.until(failure(runner.run(parent, undefined, { deadline: 100 })));
    expect(inside).toMatchObject({ status: 'cancelled', partial: achieved });
  });
});
