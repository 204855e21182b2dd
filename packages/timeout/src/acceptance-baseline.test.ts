import { type Context, pipeline, tool } from '@sluice/core';
import { scripted, simulate } from '@sluice/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { type TimeoutPolicy, timeout } from './index.ts';
import { deaf, nothingIsLeft, times } from './timeout-bench.test-kit.ts';
import { failure, silent, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

const DAY = 86_400_000;

describe('a stage', () => {
  it('limited to 100 ms that takes 500 ms ends timeout at its limit, whether it hears its signal or not', async () => {
    for (const ignoreSignal of [false, true]) {
      const { clock, runner, of } = workbench({ use: [timeout()] });
      const work = scripted([{ do: 'succeed', after: 500, ignoreSignal }], { clock });
      const run = runner.run(pipeline('p').stage('slow', { timeout: 100 }, work));
      const error = await clock.until(failure(run));
      const { stages, status } = await run.report;
      expect(status).toBe('timeout');
      expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:slow', details: { limitMs: 100, elapsedMs: 100 } });
      expect(stages.slow).toMatchObject({ status: 'timeout', durationMs: 100, settled: !ignoreSignal });
      expect(of('verdict').map(({ at, status }) => ({ at, status }))).toEqual([{ at: 100, status: 'timeout' }]);
      expect(clock.now()).toBe(ignoreSignal ? 150 : 100);
      await clock.runAll();
    }
  });

  it('limited to 5000 ms that takes 100 ms is ok', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const work = scripted([{ do: 'succeed', value: 'done', after: 100 }], { clock });
    const { status, stages, durationMs } = await clock.until(
      runner.run(pipeline('p').stage('quick', { timeout: 5_000 }, work)).report,
    );
    expect({ status, durationMs }).toEqual({ status: 'ok', durationMs: 100 });
    expect(stages.quick).toMatchObject({ status: 'ok', value: 'done', durationMs: 100 });
    expect(clock.pending).toBe(0);
  });
});

describe('work that takes its limit, one less or one more, with 0 to 3 extra awaits', () => {
  it('has one verdict each, the same for the same seed: 10,000 cases, ok up to the limit and timeout past it', async () => {
    const first = await verdicts();
    expect(first).toHaveLength(10_000);
    expect(new Set(first)).toEqual(new Set(['ok', 'timeout']));
    expect(await verdicts()).toEqual(first);
  }, 120_000);

  async function verdicts(): Promise<string[]> {
    const all: string[] = [];
    await simulate({
      runs: 10_000,
      async program({ clock, integer, pick }) {
        const limit = integer(2, 1_000);
        const off = pick([-1, 0, 1]);
        const awaits = integer(0, 3);
        const { runner, of } = workbench({ clock, use: [timeout(pick<TimeoutPolicy>([limit, { attempt: limit }]))] });
        const rest = async (_: unknown): Promise<string> => {
          await new Promise<void>((resolve) => clock.schedule(limit + off, resolve));
          for (let n = 0; n < awaits; n++) await null;
          return 'value';
        };
        const stream = async function* (_: unknown): AsyncGenerator<string> {
          yield await rest(_);
        };
        const work = pick<(input: unknown) => unknown>([rest, stream]);
        const call = pick([
          () => runner.call(tool('work', {}, work), 1),
          () => runner.wrap(work, { name: 'work' })(1),
          () => runner.run(pipeline('p').stage('work', work)),
        ]);
        const outcome = await call().then(
          () => 'ok',
          ({ code }: { readonly code: string }) => code,
        );
        return () => {
          const given = of('verdict').map(({ status }) => status);
          expect(given).toEqual([off > 0 ? 'timeout' : 'ok']);
          expect(outcome).toBe(off > 0 ? 'TIMEOUT' : 'ok');
          expect(of('timeout')).toHaveLength(off > 0 ? 1 : 0);
          expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
          all.push(...given);
        };
      },
    });
    return all;
  }
});

describe('a limit of', () => {
  it.each(['total', 'attempt', 'queue'] as const)('0 as %s times out without starting', async (limit) => {
    const { clock, runner, of } = workbench({ use: [timeout({ [limit]: 0 })] });
    const work = scripted([{ do: 'succeed' }], { clock });
    const error = await clock.until(failure(runner.call(tool('never', {}, work))));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { limit, limitMs: 0, started: false, settled: true } });
    expect(error.remediation).toContain('at 0 it never starts');
    expect(work.calls).toBe(0);
    expect(clock.now()).toBe(0);
    expect(of('attempt.start')).toEqual([]);
  });

  it.each(['0ms', '0s', 0, '0.0d'] as const)('%s on a stage never starts it', async (total) => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const work = scripted([{ do: 'succeed' }], { clock });
    const { stages } = await clock.until(runner.run(pipeline('p').stage('never', { timeout: { total } }, work)).report);
    expect(stages.never).toMatchObject({ status: 'timeout', attempts: 0, durationMs: 0, settled: true });
    expect(work.calls).toBe(0);
  });

  it.each([timeout('none'), timeout({ total: 'none' }), timeout({ total: 'none', attempt: 'none', queue: 'none' })])(
    "'none' arms no timer at all (%#)",
    async (plugin) => {
      const { clock, runner } = workbench({ use: [plugin] });
      const slow = tool('slow', {}, scripted([{ do: 'succeed', value: 'done', after: 400 * DAY }], { clock }));
      const call = runner.call(slow);
      // Only the work's own.
      expect(clock.pending).toBe(1);
      await expect(clock.until(call)).resolves.toBe('done');
      expect(clock.now()).toBe(400 * DAY);
    },
  );

  it.each([
    [1, 1],
    [0.5, 0.5],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, 2 ** 31],
    ['30d', 30 * DAY],
    ['2147483648ms', 2 ** 31],
  ] as const)('%s passes after just that, as total and as attempt, on a tool and on a stage', async (written, ms) => {
    for (const policy of [written, { total: written }, { attempt: written }]) {
      const { clock, runner } = workbench({ use: [timeout()] });
      const hang = scripted([{ do: 'hang' }], { clock });
      await clock.until(failure(runner.call(tool('hang', { timeout: policy }, hang))));
      expect(clock.now()).toBe(ms);
      await clock.until(failure(runner.run(pipeline('p').stage('hang', { timeout: policy }, hang))));
      expect(clock.now()).toBe(2 * ms);
    }
  });
});

describe('each tool', () => {
  it('has its own limit: in one stage, those of 100 ms, of 1 s and none behave independently', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const make = (name: string, limit: 100 | '1s' | 'none', after: number) =>
      tool(name, { timeout: limit }, scripted([{ do: 'succeed', value: name, after }], { clock }));
    const tools = [
      make('short', 100, 99),
      make('short late', 100, 101),
      make('long', '1s', 999),
      make('long late', '1s', 1_001),
      make('unlimited', 'none', 40_000),
    ];
    const ends: unknown[] = [];
    const stage = pipeline('p').stage('all', { timeout: 'none' }, async (_, { call }) => {
      const calls = tools.map((each) =>
        call(each).then(
          (value) => ends.push([value, clock.now()]),
          ({ scope }: { readonly scope: string }) => ends.push([scope, clock.now()]),
        ),
      );
      await Promise.all(calls);
    });
    await clock.until(runner.run(stage));
    expect(ends).toEqual([
      ['short', 99],
      ['tool:short late', 100],
      ['long', 999],
      ['tool:long late', 1_000],
      ['unlimited', 40_000],
    ]);
  });

  it("keeps its explicit limit where another is the default for tools, and never outlives its stage's deadline", async () => {
    const { clock, runner } = workbench({
      use: [timeout({ total: 150, stages: { s: 500 }, tools: { named: 250 } })],
    });
    const hang = (_: unknown, { signal }: Context): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const tools = [
      tool('plain', {}, hang),
      tool('named', {}, hang),
      tool('explicit', { timeout: 350 }, hang),
      tool('longer', { timeout: '1h' }, hang),
    ];
    const ends: unknown[] = [];
    const shape = pipeline('p').stage('s', async (_, { call }) => {
      await Promise.all(
        tools.map((each) =>
          call(each).catch(({ code, scope }: { readonly code: string; readonly scope: string }) =>
            ends.push(`${code} ${scope} at ${clock.now()}`),
          ),
        ),
      );
    });
    const error = await clock.until(failure(runner.run(shape)));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s', details: { limitMs: 500 } });
    expect(ends).toEqual([
      'TIMEOUT tool:plain at 150',
      'TIMEOUT tool:named at 250',
      'TIMEOUT tool:explicit at 350',
      'CANCELLED tool:longer at 500',
    ]);
    expect(clock.now()).toBe(500);
  });
});

describe('a very long tool, ten times its limit, that ignores its signal', () => {
  it.each(['value', 'rejection'] as const)(
    'has its verdict on time, is an orphan until it ends, and its late %s is dropped and counted',
    async (end) => {
      const unhandled = vi.fn();
      process.on('unhandledRejection', unhandled);
      const { clock, runner, of } = workbench({ use: [timeout(100)], logger: silent });
      const late: unknown[] = [];
      const work = deaf(clock, 1_000, () => {
        if (end === 'rejection') throw new Error('too late');
        return 'too late';
      });
      const slow = tool('slow', {}, (_: unknown, { onLate }: Context) => {
        onLate((value) => late.push(value));
        return work();
      });
      const call = runner.call(slow);
      const error = await clock.until(failure(call));
      expect(of('verdict').map(({ at, status }) => `${status} at ${at}`)).toEqual(['timeout at 100']);
      expect(error).toMatchObject({ code: 'TIMEOUT', details: { started: true, settled: false } });
      expect(error.details).not.toHaveProperty('lateMs');
      expect(clock.now()).toBe(150);
      expect(runner.stats()).toMatchObject({ running: 0, orphans: 1, late: 0 });
      const stats = () => (runner.stats().interceptors['timeout'] as Record<string, object>)['tool:slow'];
      expect(stats()).toMatchObject({ timeout: 1, orphans: 1, late: 0 });
      expect(of('orphan').map(({ at, name, what }) => ({ at, name, what }))).toEqual([
        { at: 150, name: 'slow', what: 'work' },
      ]);

      await clock.runAll();
      expect(clock.now()).toBe(1_000);
      expect(runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 1 });
      expect(stats()).toMatchObject({ timeout: 1, orphans: 0, late: 1 });
      expect(of('orphan.end').map(({ at, ageMs }) => ({ at, ageMs }))).toEqual([{ at: 1_000, ageMs: 850 }]);
      expect(of('late').map(({ at, what }) => ({ at, what }))).toEqual([
        { at: 1_000, what: end === 'value' ? 'value' : 'error' },
      ]);
      expect(error.details).toMatchObject({ settled: true, lateMs: 900 });
      expect(late).toEqual(end === 'value' ? ['too late'] : []);
      expect(await failure(call)).toBe(error);
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', unhandled);
      expect(unhandled).not.toHaveBeenCalled();
    },
  );

  it('of ten kinds at once is ten orphans in the report of its run, and none in the end', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const shape = pipeline('p').stage('s', async (_, { call }) => {
      const tools = times(10, (n) =>
        tool(
          `t${n}`,
          { timeout: 100 },
          deaf(clock, 1_000 + n, () => n),
        ),
      );
      await Promise.allSettled(tools.map((each) => call(each)));
      return 'went on';
    });
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'ok', output: { s: 'went on' } });
    expect(report.orphans.map(({ name, kind }) => `${kind} ${name}`).toSorted()).toEqual(
      times(10, (n) => `tool t${n}`),
    );
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 10 });
  });
});
