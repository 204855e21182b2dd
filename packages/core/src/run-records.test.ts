import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { ConfigError } from './errors/config-error.ts';
import { pipeline } from './pipeline.ts';
import { bench as benchOf, failure, hang } from './pipeline-bench.test-kit.ts';
import type { RunRecord } from './run-records.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { leakLedger } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
const unhandled = vi.fn();
beforeEach(() => {
  ledger = leakLedger();
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  ledger.assertEmpty();
});

function bench(options: RunnerOptions = {}) {
  const made = benchOf(options);
  const { runner, clock, sleep } = made;
  /** Ends well after so many milliseconds. */
  const job = (name: string, ms: number) => pipeline(name).stage('s', () => sleep(ms).then(() => 'done'));
  /** Runs pipelines one after another, by id. */
  const runAll = async (...ids: string[]): Promise<void> => {
    for (const runId of ids) await clock.until(runner.run(job('p', 10), undefined, { runId }).report);
  };
  const ids = (): string[] => runner.runs.list().map(({ id }) => id);
  const record = (id: string): RunRecord => runner.runs.get(id) ?? expect.unreachable(`there is no record of ${id}`);
  return { ...made, job, runAll, ids, record };
}

const hanging = pipeline('hanging').stage('s', (_, { signal }) => hang(signal));
const boom = new Error('boom');
const failing = pipeline('failing').stage('s', () => {
  throw boom;
});

describe('the record of a run', () => {
  it('is there as soon as the run is, and says how it goes on, and how it went', async () => {
    const { runner, clock, job, record } = bench();
    await clock.advance(1_000);
    const { id, report } = runner.run(job('mine', 100));
    expect(record(id)).toEqual({
      id,
      pipeline: 'mine',
      status: 'running',
      progress: 0,
      startedAt: 1_000,
      durationMs: 0,
    });
    await clock.advance(60);
    expect(record(id)).toMatchObject({ status: 'running', durationMs: 60 });
    await clock.until(report);
    const over = {
      id,
      pipeline: 'mine',
      status: 'ok',
      progress: 1,
      result: { s: 'done' },
      startedAt: 1_000,
      durationMs: 100,
    };
    expect(record(id)).toEqual(over);
    await clock.advance(500);
    expect(record(id)).toEqual(over);
  });

  it('is what it was when it was asked for', async () => {
    const { runner, clock, job, record } = bench();
    const { id, report } = runner.run(job('p', 100));
    const before = record(id);
    await clock.until(report);
    expect(before.status).toBe('running');
    expect(record(id).status).toBe('ok');
  });

  it('has the error as a client may see it, and neither result nor partial where there is none', async () => {
    const { runner, clock, record } = bench();
    const run = runner.run(failing);
    await clock.until(run.report);
    const { error, ...rest } = record(run.id);
    expect(rest).not.toHaveProperty('result');
    expect(rest).not.toHaveProperty('partial');
    expect(rest.status).toBe('failed');
    expect(error).toMatchObject({ code: 'STAGE_FAILED', message: 'Stage "s" failed: boom' });
    expect(error?.remediation).not.toBe('');
    expect(JSON.stringify(error)).not.toContain('run-records.test');
    expect(Object.keys(error ?? {}).sort()).toEqual(['code', 'details', 'message', 'remediation']);
  });

  it.each([
    ['cancelled', {}, 'CANCELLED'],
    ['timeout', { deadline: 100 }, 'TIMEOUT'],
  ] as const)('says so when a run was stopped: %s', async (status, options, code) => {
    const { runner, clock, record } = bench();
    const run = runner.run(hanging, undefined, options);
    clock.schedule(200, () => run.cancel('not wanted'));
    await clock.until(run.report);
    expect(record(run.id)).toMatchObject({ status, error: { code } });
    await clock.runAll();
  });

  it('has the result from the moment that the status is ok, also while cleanup goes on', async () => {
    const { runner, clock, sleep, record } = bench();
    const run = runner.run(
      pipeline('p').stage('s', (_, { onCleanup }) => {
        onCleanup(() => sleep(500));
        return 'done';
      }),
    );
    await clock.advance(100);
    const during = record(run.id);
    await clock.until(run.report);
    if (during.status === 'ok') expect(during.result).toEqual({ s: 'done' });
    else expect(during.status).toBe('running');
  });

  it('has the error from the moment that the status is that of a failure, also while the rest unwinds', async () => {
    const { runner, clock, sleep, record } = bench();
    const run = runner.run(pipeline('p').stage('deaf', () => sleep(500)));
    await clock.advance(10);
    run.cancel();
    const during = record(run.id);
    await clock.runAll();
    if (during.status === 'cancelled') expect(during.error?.code).toBe('CANCELLED');
    else expect(during.status).toBe('running');
  });

  it('is there for runs within runs too, each with its own', async () => {
    const { runner, clock, job, record } = bench();
    let inner = '';
    const outer = pipeline('outer').stage('s', async (_, { run }) => {
      const one = run(job('inner', 50));
      inner = one.id;
      return (await one).s;
    });
    const run = runner.run(outer);
    await clock.advance(20);
    expect(record(inner)).toMatchObject({ pipeline: 'inner', status: 'running', startedAt: 0 });
    expect(runner.runs.stats().running).toBe(2);
    await clock.until(run.report);
    expect(record(inner)).toMatchObject({ status: 'ok', result: { s: 'done' } });
    expect(record(run.id)).toMatchObject({ pipeline: 'outer', result: { s: 'done' } });
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 2 }, dropped: 0 });
  });

  it('is there for runs that were refused', async () => {
    const { runner, clock, job, record } = bench();
    const wrong = runner.run(job('p', 1), undefined, { deadline: 'soon' as never, runId: 'wrong' });
    await failure(wrong);
    expect(record(wrong.id)).toMatchObject({ status: 'failed', error: { code: 'CONFIG' }, durationMs: 0 });
    const none = runner.run(undefined as never, undefined as never);
    await failure(none);
    expect(record(none.id)).toMatchObject({ status: 'failed', error: { code: 'CONFIG' } });
    await clock.until(runner.drain());
    const late = runner.run(job('late', 1));
    await failure(late);
    expect(record(late.id)).toMatchObject({ pipeline: 'late', status: 'failed', error: { code: 'DRAINING' } });
  });

  it('is not there for calls, nor for what there never was', async () => {
    const { runner } = bench();
    await runner.call(tool('a', {}, () => 1));
    expect(runner.runs.list()).toEqual([]);
    for (const id of ['', 'a', '__proto__', 'constructor', undefined, null, {}]) {
      expect(runner.runs.get(id as string)).toBeUndefined();
      expect(runner.runs.cancel(id as string)).toBe(false);
    }
  });
});

describe('the progress on record', () => {
  it('is the mean of the stages: 1 for each that has ended well, what it said itself for each that goes on', async () => {
    const { runner, clock, sleep, record } = bench();
    const p = pipeline('p')
      .stage('a', () => 1)
      .stage('b', async (_, { progress }) => {
        progress(0.5, 'half of b');
        await sleep(100);
      })
      .stage('c', ['b'], () => sleep(100))
      .stage('d', ['c'], () => 1);
    const run = runner.run(p);
    await clock.advance(50);
    expect(record(run.id)).toMatchObject({ progress: 1.5 / 4, note: 'half of b' });
    await clock.advance(100);
    expect(record(run.id).progress).toBe(2 / 4);
    await clock.until(run.report);
    expect(record(run.id).progress).toBe(1);
  });

  it('counts a stage that has nothing to do as done', async () => {
    const { runner, clock, sleep, record } = bench();
    const p = pipeline('p')
      .stage('a', { when: () => false }, () => 1)
      .stage('b', () => sleep(100));
    const run = runner.run(p);
    await clock.advance(50);
    expect(record(run.id).progress).toBe(0.5);
    await clock.until(run.report);
    expect(record(run.id).progress).toBe(1);
  });

  it('stays where it was when a run does not end well', async () => {
    const { runner, clock, sleep, record } = bench();
    const p = pipeline('p')
      .stage('a', async (_, { progress, signal }) => {
        progress(0.4);
        await Promise.race([sleep(500), hang(signal)]);
      })
      .stage('b', ['a'], () => 1);
    const run = runner.run(p, undefined, { deadline: 100 });
    await clock.advance(50);
    expect(record(run.id).progress).toBe(0.2);
    await clock.until(run.report);
    expect(record(run.id)).toMatchObject({ status: 'timeout', progress: 0.2 });
    await clock.runAll();
  });

  it.each([
    [0.25, 0.25],
    [1, 1],
    [1.5, 1],
    [Number.POSITIVE_INFINITY, 1],
    [-0.5, 0],
    [Number.NEGATIVE_INFINITY, 0],
  ])('is brought between 0 and 1: %d is %d', async (said, kept) => {
    const { runner, clock, record, of, sleep } = bench();
    const run = runner.run(
      pipeline('p').stage('s', (_, { progress }) => {
        progress(said);
        return sleep(10);
      }),
    );
    await clock.advance(1);
    expect(record(run.id).progress).toBe(kept);
    expect(of('progress')).toMatchObject([{ fraction: kept, name: 's' }]);
    await clock.runAll();
  });

  it.each([[Number.NaN], ['0.5'], [null], [undefined], [{}], [10n]])(
    'ignores what is no number, and says so once: %s',
    async (said) => {
      const { runner, clock, record, count, warnings, sleep } = bench();
      const p = pipeline('p').stage('s', async (_, { progress }) => {
        progress(0.5, 'half');
        progress(said as number, 'nonsense');
        progress(said as number, 'nonsense');
        await sleep(10);
      });
      const run = runner.run(p);
      await clock.advance(1);
      expect(record(run.id)).toMatchObject({ progress: 0.5, note: 'half' });
      expect(count('progress')).toBe(1);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/^Stage "s" reported a progress that is no number: /);
      await clock.runAll();
    },
  );

  it('has the note that came with what was said last, and none where that had none', async () => {
    const { runner, clock, sleep, record } = bench();
    const p = pipeline('p').stage('s', async (_, { progress }) => {
      progress(0.1, 'first');
      await sleep(10);
      progress(0.2, 7 as never);
      await sleep(10);
    });
    const run = runner.run(p);
    await clock.advance(5);
    expect(record(run.id).note).toBe('first');
    await clock.advance(10);
    expect(record(run.id)).not.toHaveProperty('note');
    await clock.runAll();
  });

  it('takes what a call in a stage says, until the stage says something itself', async () => {
    const { runner, clock, sleep, record } = bench();
    const inner = tool('inner', {}, async (_: undefined, { progress }: Context) => {
      progress(0.3, 'from within');
      await sleep(20);
      progress(0.9, 'from within again');
      await sleep(20);
    });
    const middle = tool('middle', {}, (_: undefined, { call }: Context) => call(inner));
    const p = pipeline('p').stage('s', async (_, { call, progress }) => {
      const called = call(middle);
      await sleep(10);
      progress(0.5, 'my own');
      await called;
    });
    const run = runner.run(p);
    await clock.advance(5);
    expect(record(run.id)).toMatchObject({ progress: 0.3, note: 'from within' });
    await clock.advance(10);
    expect(record(run.id)).toMatchObject({ progress: 0.5, note: 'my own' });
    await clock.advance(10);
    expect(record(run.id)).toMatchObject({ progress: 0.5, note: 'my own' });
    await clock.runAll();
  });

  it('does not move any more when work that was stopped goes on', async () => {
    const { runner, clock, sleep, record, count } = bench();
    const p = pipeline('p').stage('s', async (_, { progress }) => {
      progress(0.5);
      await sleep(100);
      progress(0.9, 'too late');
    });
    const run = runner.run(p, undefined, { deadline: 50 });
    await clock.runAll();
    expect(record(run.id)).not.toHaveProperty('note');
    expect(count('progress')).toBe(1);
  });

  it('is nobody’s outside of pipelines, and harms no call', async () => {
    const { runner, of } = bench();
    expect(
      await runner.call(
        tool('a', {}, (_: undefined, { progress }: Context) => {
          progress(0.5, 'half');
          return 'done';
        }),
      ),
    ).toBe('done');
    expect(of('progress')).toMatchObject([{ fraction: 0.5, note: 'half', name: 'a' }]);
    expect(runner.runs.list()).toEqual([]);
  });
});

describe('the partial result on record', () => {
  it('is what was reported or emitted last, while it goes on and when it did not end well', async () => {
    const { runner, clock, sleep, record } = bench();
    const p = pipeline('p')
      .stage('says', async (_, { partial }) => {
        partial({ rows: 1 });
        await sleep(20);
        partial({ rows: 2 });
        await sleep(500);
      })
      .stage('emits', async function* () {
        await sleep(10);
        yield 'a';
        await sleep(500);
      });
    const run = runner.run(p, undefined, { deadline: 100 });
    await clock.advance(5);
    expect(record(run.id).partial).toEqual({ rows: 1 });
    await clock.advance(10);
    expect(record(run.id).partial).toEqual(['a']);
    await clock.advance(10);
    expect(record(run.id).partial).toEqual({ rows: 2 });
    await clock.runAll();
    expect(record(run.id)).toMatchObject({ status: 'timeout', partial: { rows: 2 } });
  });

  it('gives way to the result', async () => {
    const { runner, clock, record } = bench();
    const run = runner.run(pipeline('p').stage('s', (_, { partial }) => partial('half')));
    await clock.until(run.report);
    expect(record(run.id)).not.toHaveProperty('partial');
    expect(record(run.id)).toHaveProperty('result');
  });
});

describe('the records that are kept', () => {
  it('are as many as was said; the one that ended first goes first', async () => {
    const { runner, runAll, ids } = bench({ runs: { max: 2 } });
    await runAll('a', 'b', 'c');
    expect(ids()).toEqual(['c', 'b']);
    expect(runner.runs.get('a')).toBeUndefined();
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 2 }, dropped: 1 });
  });

  it('are 1,000, for an hour, unless something else was said', async () => {
    const { runner, clock, job } = bench();
    const runs = Array.from({ length: 1_005 }, () => runner.run(job('p', 10)).report);
    await clock.until(Promise.all(runs));
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 1_000 }, dropped: 5 });
    await clock.advance(3_600_000);
    expect(runner.runs.stats().finished).toEqual({ ok: 1_000 });
    await clock.advance(1);
    expect(runner.runs.stats()).toEqual({ running: 0, finished: {}, dropped: 1_005 });
    expect(clock.pending).toBe(0);
  });

  it('are kept for as long as was said, counted from their end', async () => {
    const { runner, clock, runAll, ids } = bench({ runs: { maxAge: 100 } });
    await runAll('a');
    await clock.advance(60);
    await runAll('b');
    await clock.advance(30);
    expect(ids()).toEqual(['b', 'a']);
    await clock.advance(1);
    expect(ids()).toEqual(['b']);
    expect(runner.runs.get('a')).toBeUndefined();
    await clock.advance(100);
    expect(ids()).toEqual([]);
  });

  it.each<[string, RunnerOptions['runs'], number]>([
    ['none with a max of 0', { max: 0 }, 0],
    ['none a moment later with an age of 0', { maxAge: 0 }, 0],
    ["all with a max of Infinity and an age of 'none'", { max: Number.POSITIVE_INFINITY, maxAge: 'none' }, 20],
    ['1,000 for an hour where nothing is said', { max: undefined, maxAge: undefined }, 20],
  ])('are %s', async (_, runs, kept) => {
    const { runner, clock, job } = bench({ runs });
    await clock.until(Promise.all(Array.from({ length: 20 }, () => runner.run(job('p', 10)).report)));
    await clock.advance(1_000);
    expect(runner.runs.list()).toHaveLength(kept);
    expect(runner.runs.stats().dropped).toBe(20 - kept);
  });

  it('are never dropped while their run goes on, however many and however old', async () => {
    const { runner, clock, ids } = bench({ runs: { max: 1, maxAge: 10 } });
    const runs = ['a', 'b', 'c'].map((runId) => runner.run(hanging, undefined, { runId }));
    await clock.advance(86_400_000);
    expect(ids()).toEqual(['c', 'b', 'a']);
    expect(runner.runs.stats()).toEqual({ running: 3, finished: {}, dropped: 0 });
    for (const run of runs) run.cancel();
    await clock.until(Promise.all(runs.map(({ report }) => report)));
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { cancelled: 1 }, dropped: 2 });
  });

  it('hold the second run where an id is used twice', async () => {
    const { runner, clock, job, record, ids } = bench();
    const runId = 'twice';
    const first = runner.run(job('first', 100), undefined, { runId });
    await clock.advance(10);
    const second = runner.run(job('second', 200), undefined, { runId });
    expect(record(runId).pipeline).toBe('second');
    await clock.until(first.report);
    expect(record(runId)).toMatchObject({ pipeline: 'second', status: 'running' });
    await clock.until(second.report);
    expect(record(runId)).toMatchObject({ pipeline: 'second', status: 'ok' });
    const third = runner.run(job('third', 10), undefined, { runId });
    expect(record(runId)).toMatchObject({ pipeline: 'third', status: 'running' });
    expect(ids()).toEqual([runId]);
    await clock.until(third.report);
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 1 }, dropped: 0 });
  });

  it('hold the second run also when it ends before the first with its id', async () => {
    const { runner, clock, job, record } = bench();
    const runId = 'twice';
    const first = runner.run(job('first', 100), undefined, { runId });
    const second = runner.run(job('second', 10), undefined, { runId });
    await clock.until(Promise.all([first.report, second.report]));
    expect(record(runId)).toMatchObject({ pipeline: 'second', durationMs: 10 });
    expect(runner.runs.list()).toHaveLength(1);
  });
});

describe('the list of records', () => {
  it('has the newest first, by when they began', async () => {
    const { runner, clock, job, ids } = bench();
    const long = runner.run(job('p', 100), undefined, { runId: 'long' });
    await clock.advance(10);
    const brief = runner.run(job('p', 10), undefined, { runId: 'brief' });
    await clock.advance(5);
    runner.run(job('p', 100), undefined, { runId: 'last' });
    expect(ids()).toEqual(['last', 'brief', 'long']);
    await clock.until(brief.report);
    expect(ids()).toEqual(['last', 'brief', 'long']);
    await clock.until(long.report);
    expect(ids()).toEqual(['last', 'brief', 'long']);
    await clock.runAll();
    expect(ids()).toEqual(['last', 'brief', 'long']);
  });

  it('has of those that began at the same time the later one first, in whatever order they end', async () => {
    const { runner, clock, job, ids } = bench();
    const ends = { a: 30, b: 10, c: 20 };
    for (const [runId, ms] of Object.entries(ends)) runner.run(job('p', ms), undefined, { runId });
    expect(ids()).toEqual(['c', 'b', 'a']);
    await clock.advance(15);
    expect(ids()).toEqual(['c', 'b', 'a']);
    await clock.runAll();
    expect(ids()).toEqual(['c', 'b', 'a']);
  });

  it('can be narrowed by status, by pipeline, and by both', async () => {
    const { runner, clock, job } = bench();
    await clock.until(runner.run(job('fine', 1), undefined, { runId: 'fine' }).report);
    runner.run(failing, undefined, { runId: 'failed' }).catch(() => {});
    await clock.advance(1);
    runner.run(hanging, undefined, { runId: 'stopped', deadline: 10 }).catch(() => {});
    await clock.advance(100);
    const last = runner.run(hanging, undefined, { runId: 'going' });
    const ids = (filter: object): string[] => runner.runs.list(filter).map(({ id }) => id);
    expect(ids({})).toEqual(['going', 'stopped', 'failed', 'fine']);
    expect(ids({ status: undefined, pipeline: undefined })).toHaveLength(4);
    expect(ids({ status: 'running' })).toEqual(['going']);
    expect(ids({ status: 'failed' })).toEqual(['failed']);
    expect(ids({ status: 'nonsense' })).toEqual([]);
    expect(ids({ pipeline: 'hanging' })).toEqual(['going', 'stopped']);
    expect(ids({ pipeline: 'hanging', status: 'timeout' })).toEqual(['stopped']);
    expect(runner.runs.stats()).toEqual({
      running: 1,
      finished: { ok: 1, failed: 1, timeout: 1 },
      dropped: 0,
    });
    last.cancel();
    await clock.runAll();
  });
});

describe('cancelling by id', () => {
  it('stops the run, with the reason given, once', async () => {
    const { runner, clock, record } = bench();
    const run = runner.run(hanging);
    await clock.advance(10);
    const reason = new Error('not wanted');
    expect(runner.runs.cancel(run.id, reason)).toBe(true);
    expect(runner.runs.cancel(run.id)).toBe(false);
    expect(record(run.id).status).toBe('cancelled');
    const { error } = await clock.until(run.report);
    expect(error).toMatchObject({ code: 'CANCELLED', cause: reason });
    expect(runner.runs.cancel(run.id)).toBe(false);
  });

  it('stops a run within a run alone', async () => {
    const { runner, clock } = bench();
    let inner = '';
    const outer = pipeline('outer').stage('s', async (_, { run }) => {
      const one = run(hanging);
      inner = one.id;
      return (await one.report).status;
    });
    const run = runner.run(outer);
    await clock.advance(10);
    expect(runner.runs.cancel(inner)).toBe(true);
    expect(await clock.until(run)).toEqual({ s: 'cancelled' });
  });

  it('stops a run that has not begun yet: nothing in it starts', async () => {
    const { runner, clock } = bench();
    const work = vi.fn();
    const run = runner.run(pipeline('p').stage('s', work));
    expect(runner.runs.cancel(run.id)).toBe(true);
    expect((await clock.until(run.report)).status).toBe('cancelled');
    expect(work).not.toHaveBeenCalled();
  });
});

describe('the option runs', () => {
  it.each<[unknown, string]>([
    [null, 'runs: expected a plain object { max, maxAge }, got null'],
    [5, 'runs: expected a plain object { max, maxAge }, got 5'],
    [[], 'runs: expected a plain object { max, maxAge }, got '],
    [{ max: -1 }, 'runs.max: expected an integer ≥ 0, or Infinity, got -1'],
    [{ max: 1.5 }, 'runs.max: expected an integer ≥ 0, or Infinity, got 1.5'],
    [{ max: Number.NaN }, 'runs.max: expected an integer ≥ 0, or Infinity, got NaN'],
    [{ max: '5' }, 'runs.max: expected an integer ≥ 0, or Infinity, got "5"'],
    [{ max: null }, 'runs.max: expected an integer ≥ 0, or Infinity, got null'],
    [{ maxAge: 'soon' }, 'runs.maxAge: expected a duration: '],
    [{ maxAge: -1 }, 'runs.maxAge: expected a duration: '],
    [{ maxAge: null }, 'runs.maxAge: expected a duration: '],
    [{ maxAge: Number.POSITIVE_INFINITY }, "runs.maxAge: expected a finite duration; write 'none'"],
    [{ maxage: 5 }, 'runs.maxage: unknown option; did you mean "maxAge"?'],
    [JSON.parse('{ "__proto__": { "max": 5 } }'), 'runs.__proto__: unknown option'],
  ])('is refused where it cannot be: %j', (runs, message) => {
    expect(() => createRunner({ runs: runs as never })).toThrow(message);
    expect(() => createRunner({ runs: runs as never })).toThrow(ConfigError);
  });

  it('is refused with all that is wrong at once', () => {
    expect(() => createRunner({ runs: { max: -1, maxAge: 'x' as never, min: 1 } as never, name: '' })).toThrow(
      /name: .*\nruns\.min: .*\nruns\.max: .*\nruns\.maxAge: /,
    );
  });
});
