import { pipeline, type Report, type SluiceError, tool } from '@sluice/core';
import { scripted, type VirtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { graph, nothingIsLeft, type StageWork, stageOf, times, waiting, witness } from './timeout-bench.test-kit.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

const hanging: StageWork = (_, { signal }) => hang(signal);

describe('A times out, and B, which needs A,', () => {
  it.each([3, 100])('never runs and is skipped because of A, in a chain of %d', async (length) => {
    const { clock, runner, of } = workbench({ use: [timeout()] });
    const started: string[] = [];
    const chain = graph(
      Object.fromEntries(
        times(length, (n) => [
          `s${n}`,
          {
            needs: n === 0 ? [] : [`s${n - 1}`],
            timeout: 100,
            work: (_, { name, signal }) => {
              started.push(name);
              return n === 0 ? hang(signal) : name;
            },
          },
        ]),
      ),
    );
    const run = runner.run(chain);
    const error = await clock.until(failure(run));
    const report = await run.report;
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s0', details: { limit: 'total', limitMs: 100 } });
    expect(report).toMatchObject({ status: 'timeout', error, output: {}, durationMs: 100 });
    for (let n = 1; n < length; n++) {
      expect(stageOf(report, `s${n}`)).toMatchObject({ status: 'skipped', because: 's0', attempts: 0 });
    }
    expect(started).toEqual(['s0']);
    expect(of('stage.skip').map(({ because }) => because)).toEqual(times(length - 1, () => 's0'));
    expect(clock.now()).toBe(100);
  });
});

const cases = ([2, 50, 500] as const).flatMap((width) =>
  (['fails', 'times out'] as const).map((way) => [width, way] as const),
);

describe('one branch of a fan-out', () => {
  /** `w0` ends badly at 100 ms, `early` is done by then; `join` needs them all. A diamond, if there are two branches. */
  function fan(width: number, way: string, clock: VirtualClock, work: StageWork, onFailure: 'cancel' | 'continue') {
    const branches = times(width, (n) => `w${n}`);
    const bad = scripted([{ do: 'fail', error: new Error('boom'), after: 100 }], { clock });
    const joined: unknown[] = [];
    const shape = graph(
      {
        source: { work: () => 'source' },
        ...Object.fromEntries(branches.map((name) => [name, { needs: ['source'], timeout: 'none', work }])),
        w0: { needs: ['source'], timeout: 100, work: way === 'fails' ? bad : hanging },
        early: { needs: ['source'], work: scripted([{ do: 'succeed', value: 'early', after: 10 }], { clock }) },
        join: { needs: ['early', ...branches], work: (deps) => joined.push(deps) },
      },
      { onFailure },
    );
    return { shape, joined };
  }

  it.each(cases)(
    'of %i that %s aborts its siblings in the same sweep, for one reason; the fan-in does not run',
    async (width, way) => {
      const { clock, runner } = workbench({ use: [timeout()] });
      const { work, told, counted } = witness(clock);
      const { shape, joined } = fan(width, way, clock, work, 'cancel');
      const report = await clock.until(runner.run(shape).report);
      const status = way === 'fails' ? 'failed' : 'timeout';
      expect(report).toMatchObject({ status, durationMs: 100, output: { source: 'source', early: 'early' } });
      expect(stageOf(report, 'w0')).toMatchObject({ status, error: report.error });
      const reason = told[0]?.reason;
      expect(reason).toMatchObject({ code: 'CANCELLED', scope: 'run', cause: report.error });
      expect(told).toHaveLength(width - 1);
      expect(told.every((one) => one.reason === reason && one.at === 100)).toBe(true);
      expect(counted.sweeps).toBe(1);
      for (let n = 1; n < width; n++) expect(stageOf(report, `w${n}`).status).toBe('cancelled');
      expect(stageOf(report, 'join')).toMatchObject({ status: 'skipped', because: 'w0' });
      expect(joined).toEqual([]);
    },
    20_000,
  );

  it.each(cases)(
    "of %i that %s lets its siblings finish under 'continue'; the fan-in does not run",
    async (width, way) => {
      const { clock, runner } = workbench({ use: [timeout()] });
      const others = scripted([{ do: 'succeed', value: 'fine', after: 300 }], { clock });
      const { shape, joined } = fan(width, way, clock, others, 'continue');
      const report = await clock.until(runner.run(shape).report);
      expect(report).toMatchObject({ status: way === 'fails' ? 'failed' : 'timeout', durationMs: 300 });
      expect(Object.keys(report.output)).toHaveLength(2 + width - 1);
      for (let n = 1; n < width; n++) expect(stageOf(report, `w${n}`)).toMatchObject({ status: 'ok', value: 'fine' });
      expect(stageOf(report, 'join')).toMatchObject({ status: 'skipped', because: 'w0' });
      expect(joined).toEqual([]);
    },
    20_000,
  );
});

describe('a fan-out of 10 workers, half slow (5000 against 100 ms)', () => {
  it('under a limit of 1000: 5 ok, 5 timeout, and the aggregate that lists them as optional sees both', async () => {
    const names = times(10, (n) => `w${n}`);
    const { clock, runner } = workbench({ use: [timeout({ kinds: { work: '1s' } })] });
    const shape = graph(
      {
        ...Object.fromEntries(
          names.map((name, n) => [
            name,
            {
              kind: 'work',
              work: scripted([{ do: 'succeed', value: n, after: n % 2 === 0 ? 100 : 5_000 }], { clock }),
            },
          ]),
        ),
        aggregate: {
          optional: names,
          work: (deps, { outcome }) =>
            names.map((name) => {
              const end = outcome(name);
              return end.status === 'timeout' ? `timeout of ${end.error.scope}` : `${end.status} ${deps[name]}`;
            }),
        },
      },
      { onFailure: 'continue' },
    );
    const report = await clock.until(runner.run(shape).report);
    expect(report.status).toBe('timeout');
    expect(report.durationMs).toBe(1_000);
    expect(report.output['aggregate']).toEqual(
      names.map((name, n) => (n % 2 === 0 ? `ok ${n}` : `timeout of stage:${name}`)),
    );
  });
});

describe("a parent's timeout", () => {
  it('ends its child pipeline, the stages of that, their tools and their queued calls: run 5000, child 8000, outer 3000', async () => {
    const { clock, runner, of } = workbench({ use: [timeout('none'), waiting(0, 0, 0, 60_000)] });
    const { work, told, counted } = witness(clock);
    const tools = { running: tool('running', {}, work), queued: tool('queued', {}, work) };
    const ends: Record<string, unknown> = {};
    const child = pipeline('child')
      .stage('inner', async (_, { call }) => {
        const calls = [tools.running, tools.queued].map((one) =>
          call(one).catch((error: unknown) => {
            ends[one.name] = error;
            throw error;
          }),
        );
        await Promise.all(calls);
      })
      .stage('after', ['inner'], () => 'never');
    let inside: Promise<Report> | undefined;
    const parent = pipeline('parent').stage('outer', { timeout: '3s' }, (_, { run }) => {
      const one = run(child, undefined, { deadline: '8s' });
      inside = one.report;
      return one;
    });
    const run = runner.run(parent, undefined, { deadline: '5s' });
    const error = await clock.until(failure(run));
    const report = await run.report;

    expect(clock.now()).toBe(3_000);
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      scope: 'stage:outer',
      message: 'Stage "outer" exceeded its total timeout of 3000 ms',
      details: { limitMs: 3_000, hard: { scope: 'run', leftMs: 2_000 } },
    });
    expect(report).toMatchObject({ status: 'timeout', error, orphans: [] });
    expect(report.stages.outer).toMatchObject({ status: 'timeout', settled: true });
    expect(await inside).toMatchObject({
      status: 'cancelled',
      stages: { inner: { status: 'cancelled' }, after: { status: 'skipped', because: 'inner' } },
    });
    // The queued one never started, and all that had was told in the one sweep, for one reason.
    expect(told.map(({ name, at, reason }) => [name, at, reason])).toEqual([['running', 3_000, error]]);
    expect(counted.sweeps).toBe(1);
    for (const one of ['running', 'queued']) expect(ends[one]).toMatchObject({ code: 'CANCELLED', cause: error });
    expect(of('verdict').map(({ name, status }) => `${name} ${status}`)).toEqual(
      expect.arrayContaining(['queued cancelled', 'running cancelled', 'inner cancelled', 'outer timeout']),
    );
    await clock.runAll();
    expect(clock.now()).toBe(3_000);
  });

  it.each([
    { run: 5_000, child: 8_000, outer: 3_000, at: 3_000, scope: 'stage:outer' },
    { run: 2_000, child: 8_000, outer: 3_000, at: 2_000, scope: 'run' },
    { run: 5_000, child: 1_000, outer: 3_000, at: 1_000, scope: 'run' },
    { run: 3_000, child: 3_000, outer: 3_000, at: 3_000, scope: 'run' },
  ])(
    'decides where it is the nearest: run $run, child $child, outer stage $outer',
    async ({ at, scope, ...limits }) => {
      const { clock, runner } = workbench({ use: [timeout('none')] });
      const child = pipeline('child').stage('inner', hanging);
      let inside: SluiceError | undefined;
      const parent = pipeline('parent').stage('outer', { timeout: limits.outer }, async (_, { run }) => {
        try {
          return await run(child, undefined, { deadline: limits.child });
        } catch (error) {
          inside = error as SluiceError;
          throw error;
        }
      });
      const run = runner.run(parent, undefined, { deadline: limits.run });
      const error = await clock.until(failure(run));
      expect(clock.now()).toBe(at);
      const own = at === limits.child && limits.child < limits.outer;
      const whose = own ? inside : error;
      expect(whose).toMatchObject({ code: 'TIMEOUT', scope });
      // A limit inside is a failure of what is around it, and never passed off as its timeout.
      expect((await run.report).status).toBe(own ? 'failed' : 'timeout');
    },
  );
});
