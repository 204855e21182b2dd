import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { isSluiceError, type SluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { pipeline } from './pipeline.ts';
import { bench, failure, hang, limits } from './pipeline-bench.test-kit.ts';
import { pipelineFrom } from './pipeline-from.ts';
import type { Report, StageReport } from './report.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, type VirtualClock, virtualClock } from './testing/index.ts';
import { type AnyTool, type Tool, tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const stageOf = (report: Pick<Report, 'stages'>, name: string): StageReport => report.stages[name] as StageReport;

type StageWork = (deps: Readonly<Record<string, unknown>>, context: Context) => unknown;

/** A pipeline of any size: each stage with what it waits for. */
function graph(
  stages: Readonly<Record<string, { needs?: string[]; optional?: string[]; work: StageWork }>>,
  options: { onFailure?: 'cancel' | 'continue' } = {},
) {
  return pipelineFrom(
    {
      name: 'graph',
      ...options,
      stages: Object.entries(stages).map(([name, { needs, optional }]) => ({ name, use: name, needs, optional })),
    },
    { stages: Object.fromEntries(Object.entries(stages).map(([name, { work }]) => [name, work])) },
  );
}

/** Notes what the signals of hanging work are told: when, why, and whether all in one synchronous sweep. */
function witness(clock: VirtualClock) {
  const told: { name: string; at: number; reason: unknown }[] = [];
  let sweeps = 0;
  let sweeping = false;
  const work = (_: unknown, { signal, name }: Context): Promise<never> => {
    signal.addEventListener('abort', () => {
      if (!sweeping) {
        sweeps++;
        sweeping = true;
        queueMicrotask(() => {
          sweeping = false;
        });
      }
      told.push({ name, at: clock.now(), reason: signal.reason });
    });
    return hang(signal);
  };
  return {
    work,
    told,
    get sweeps() {
      return sweeps;
    },
  };
}

describe('a stage that times out', () => {
  it.each([3, 100])('at the head of a chain of %d leaves all the others skipped because of it', async (length) => {
    const { clock, runner, of } = bench({ use: [limits({ s0: 100 })] });
    const started: string[] = [];
    const chain = graph(
      Object.fromEntries(
        Array.from({ length }, (_, n) => [
          `s${n}`,
          {
            needs: n === 0 ? [] : [`s${n - 1}`],
            work: (_: unknown, { name, signal }: Context) => {
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
    expect(clock.now()).toBe(100);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s0' });
    expect(report.error).toBe(error);
    expect(report).toMatchObject({ status: 'timeout', output: {}, durationMs: 100 });
    expect(stageOf(report, 's0')).toMatchObject({ status: 'timeout', error, attempts: 1, durationMs: 100 });
    for (let n = 1; n < length; n++) {
      expect(stageOf(report, `s${n}`)).toEqual({
        name: `s${n}`,
        status: 'skipped',
        because: 's0',
        attempts: 0,
        durationMs: 0,
        suppressed: [],
        settled: true,
      });
    }
    expect(started).toEqual(['s0']);
    expect(of('stage.skip')).toHaveLength(length - 1);
    expect(of('stage.start')).toHaveLength(1);
  });

  it('in the middle of a chain of 100 leaves what was finished before it in the report', async () => {
    const { clock, runner } = bench({ use: [limits({ s50: 100 })] });
    const chain = graph(
      Object.fromEntries(
        Array.from({ length: 100 }, (_, n) => [
          `s${n}`,
          {
            needs: n === 0 ? [] : [`s${n - 1}`],
            work: (_: unknown, { signal }: Context) => (n === 50 ? hang(signal) : n),
          },
        ]),
      ),
    );
    const report = await clock.until(runner.run(chain).report);
    expect(report.output).toEqual(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`s${n}`, n])));
    const ends = Array.from({ length: 100 }, (_, n) => stageOf(report, `s${n}`));
    expect(ends.map(({ status }) => status)).toEqual([
      ...Array(50).fill('ok'),
      'timeout',
      ...Array(49).fill('skipped'),
    ]);
    expect(new Set(ends.flatMap((end) => (end.status === 'skipped' ? [end.because] : [])))).toEqual(new Set(['s50']));
  });
});

const ways = {
  fails: { verdict: 'failed', code: 'STAGE_FAILED' },
  'times out': { verdict: 'timeout', code: 'TIMEOUT' },
} as const;
const cases = ([2, 50, 500] as const).flatMap((width) =>
  (['fails', 'times out'] as const).map((way) => [width, way] as const),
);

describe('one branch of a fan-out', () => {
  const boom = new Error('boom');

  /** `source`, then `w0` that ends badly at 100 ms, one that is done by then, the others, and `join` that needs them all. */
  function fan(width: number, way: keyof typeof ways, clock: VirtualClock, others: StageWork, onFailure?: 'continue') {
    const joined: unknown[] = [];
    const bad: StageWork = async (_, { signal }) => {
      if (way === 'times out') return hang(signal);
      await new Promise<void>((resolve) => clock.schedule(100, resolve));
      throw boom;
    };
    const branches = Array.from({ length: width }, (_, n) => [
      `w${n}`,
      { needs: ['source'], work: n === 0 ? bad : others },
    ]);
    const early = scripted([{ do: 'succeed', value: 'early', after: 10 }], { clock });
    const shape = graph(
      {
        source: { work: () => 'source' },
        ...Object.fromEntries(branches),
        early: { needs: ['source'], work: early },
        join: {
          needs: ['early', ...Array.from({ length: width }, (_, n) => `w${n}`)],
          work: (deps) => joined.push(deps),
        },
      },
      onFailure === undefined ? {} : { onFailure },
    );
    return { shape, joined };
  }

  it.each(cases)(
    'of %i that %s stops its siblings in the same synchronous sweep, and the fan-in never runs',
    async (width, way) => {
      const { clock, runner } = bench({ use: [limits(way === 'times out' ? { w0: 100 } : {})] });
      const seen = witness(clock);
      const { shape, joined } = fan(width, way, clock, seen.work);
      const run = runner.run(shape);
      const error = await clock.until(failure(run));
      const report = await run.report;
      const { verdict, code } = ways[way];

      expect(error.code).toBe(code);
      if (way === 'fails') expect(error.cause).toBe(boom);
      expect(report).toMatchObject({ status: verdict, output: { source: 'source', early: 'early' } });
      expect(report.error).toBe(error);
      expect(stageOf(report, 'w0')).toMatchObject({ status: verdict, error });

      const [first] = seen.told;
      expect(seen.told).toHaveLength(width - 1);
      expect(seen.sweeps).toBe(1);
      expect(new Set(seen.told.map(({ reason }) => reason)).size).toBe(1);
      expect(new Set(seen.told.map(({ at }) => at))).toEqual(new Set([100]));
      expect(first?.reason).toMatchObject({ code: 'CANCELLED', cause: error });
      for (const { name } of seen.told) {
        expect(stageOf(report, name)).toMatchObject({ status: 'cancelled', durationMs: 100, error: first?.reason });
      }
      expect(run.signal.reason).toBe(first?.reason);

      expect(joined).toEqual([]);
      expect(stageOf(report, 'join')).toMatchObject({ status: 'skipped', because: 'w0', attempts: 0 });
      expect(clock.now()).toBe(100);
    },
  );

  it.each(cases)(
    "of %i that %s lets its siblings finish with 'continue'; the fan-in never runs",
    async (width, way) => {
      const { clock, runner } = bench({ use: [limits(way === 'times out' ? { w0: 100 } : {})] });
      const others = scripted([{ do: 'succeed', value: 'fine', after: 300 }], { clock });
      const { shape, joined } = fan(width, way, clock, others, 'continue');
      const run = runner.run(shape);
      const error = await clock.until(failure(run));
      const report = await run.report;
      expect(clock.now()).toBe(300);
      expect(error.code).toBe(ways[way].code);
      expect(report).toMatchObject({ status: ways[way].verdict, error });
      expect(Object.keys(report.output)).toHaveLength(width + 1);
      expect(stageOf(report, 'w1')).toMatchObject({ status: 'ok', value: 'fine' });
      expect(stageOf(report, 'join')).toMatchObject({ status: 'skipped', because: 'w0' });
      expect(joined).toEqual([]);
      expect(run.signal.aborted).toBe(false);
    },
  );

  it('that fails before its siblings have begun keeps them from beginning at all', async () => {
    const { clock, runner, of } = bench();
    const later = scripted([{ do: 'succeed' }], { clock });
    const shape = pipeline('p')
      .stage('bad', () => {
        throw boom;
      })
      .stage('beside', later);
    const report = await clock.until(runner.run(shape).report);
    expect(later.calls).toBe(0);
    expect(report.stages.beside).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect(of('stage.start').map((event) => 'name' in event && event.name)).toEqual(['bad']);
  });

  it('that fails is what the fan-in is skipped because of, also when it unwinds longer than those stopped with it', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p')
      .stage('bad', async (_, { onCleanup }) => {
        onCleanup(() => new Promise<void>((resolve) => clock.schedule(30, resolve)));
        await new Promise<void>((resolve) => clock.schedule(100, resolve));
        throw boom;
      })
      .stage('beside', scripted([{ do: 'hang' }], { clock }))
      .stage('join', ['bad', 'beside'], () => 'never');
    const report = await clock.until(runner.run(shape).report);
    expect(report.stages.beside.status).toBe('cancelled');
    expect(report.stages.join).toMatchObject({ status: 'skipped', because: 'bad' });
  });
});

describe('a diamond', () => {
  const diamond = (
    clock: VirtualClock,
    left: StageWork,
    right: StageWork,
    onFailure: 'cancel' | 'continue' = 'cancel',
  ) =>
    pipeline('diamond', { onFailure })
      .stage('top', () => 'top')
      .stage('left', ['top'], left)
      .stage('right', ['top'], right)
      .stage('bottom', ['left', 'right'], () => clock.now());

  it('with one side that fails keeps the top, stops the other side, and never reaches the bottom', async () => {
    const { clock, runner } = bench();
    const seen = witness(clock);
    const boom = new Error('boom');
    const shape = diamond(clock, scripted([{ do: 'fail', error: boom, after: 100 }], { clock }), seen.work);
    const report = await clock.until(runner.run(shape).report);
    expect(report.output).toEqual({ top: 'top' });
    expect(report.stages.left).toMatchObject({ status: 'failed', error: { code: 'STAGE_FAILED', cause: boom } });
    expect(report.stages.right.status).toBe('cancelled');
    expect(report.stages.bottom).toMatchObject({ status: 'skipped', because: 'left' });
    expect(seen.told).toHaveLength(1);
  });

  it("with one side that fails lets the other finish with 'continue'", async () => {
    const { clock, runner } = bench();
    const shape = diamond(
      clock,
      scripted([{ do: 'fail', after: 100 }], { clock }),
      scripted([{ do: 'succeed', value: 'right', after: 200 }], { clock }),
      'continue',
    );
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'failed', output: { top: 'top', right: 'right' } });
    expect(report.stages.bottom).toMatchObject({ status: 'skipped', because: 'left' });
  });

  it("with two sides that fail rejects with the first failure in time under 'continue', and reports both", async () => {
    const { clock, runner } = bench();
    const [first, second] = [new Error('first'), new Error('second')];
    const shape = diamond(
      clock,
      scripted([{ do: 'fail', error: second, after: 200 }], { clock }),
      scripted([{ do: 'fail', error: first, after: 100 }], { clock }),
      'continue',
    );
    const run = runner.run(shape);
    expect(await clock.until(failure(run))).toMatchObject({ code: 'STAGE_FAILED', cause: first });
    const { stages } = await run.report;
    expect(stages.left).toMatchObject({ status: 'failed', error: { cause: second } });
    expect(stages.bottom).toMatchObject({ status: 'skipped', because: 'right' });
  });
});

describe('a fan-out of 10 workers, half of them slow', () => {
  it("under a limit of 1000 ends 5 ok and 5 timeout with 'continue', and the aggregate sees both", async () => {
    const names = Array.from({ length: 10 }, (_, n) => `w${n}`);
    const { clock, runner } = bench({ use: [limits(Object.fromEntries(names.map((name) => [name, 1_000])))] });
    let aggregatedAt = -1;
    const shape = graph(
      {
        ...Object.fromEntries(
          names.map((name, n) => [
            name,
            { work: scripted([{ do: 'succeed', value: n, after: n % 2 === 0 ? 100 : 5_000 }], { clock }) },
          ]),
        ),
        aggregate: {
          optional: names,
          work: (deps, { outcome }) => {
            aggregatedAt = clock.now();
            return {
              statuses: names.map((name) => outcome(name).status),
              values: names.map((name) => deps[name]),
              scopes: names.flatMap((name) => {
                const end = outcome(name);
                return end.status === 'timeout' ? [end.error.scope] : [];
              }),
            };
          },
        },
      },
      { onFailure: 'continue' },
    );
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    const report = await run.report;
    expect(aggregatedAt).toBe(1_000);
    expect(report.output['aggregate']).toEqual({
      statuses: names.map((_, n) => (n % 2 === 0 ? 'ok' : 'timeout')),
      values: names.map((_, n) => (n % 2 === 0 ? n : undefined)),
      scopes: ['stage:w1', 'stage:w3', 'stage:w5', 'stage:w7', 'stage:w9'],
    });
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:w1' });
    expect(Object.keys(report.output)).toHaveLength(6);
  });
});

describe("a parent's end", () => {
  it.each([
    { run: 5_000, stage: 3_000, child: 8_000, at: 3_000, scope: 'stage:outer', code: 'TIMEOUT', status: 'timeout' },
    { run: 3_000, stage: 5_000, child: 8_000, at: 3_000, scope: 'run', code: 'TIMEOUT', status: 'cancelled' },
    { run: 3_000, stage: 8_000, child: 5_000, at: 3_000, scope: 'run', code: 'TIMEOUT', status: 'cancelled' },
    { run: 8_000, stage: 3_000, child: 5_000, at: 3_000, scope: 'stage:outer', code: 'TIMEOUT', status: 'timeout' },
    { run: 8_000, stage: 5_000, child: 3_000, at: 3_000, scope: 'run', code: 'STAGE_FAILED', status: 'failed' },
    { run: 5_000, stage: 8_000, child: 3_000, at: 3_000, scope: 'run', code: 'STAGE_FAILED', status: 'failed' },
  ])(
    'by the nearest limit (run $run, outer stage $stage, child $child) ends everything below, and that limit is named',
    async ({ run: runLimit, stage: stageLimit, child: childLimit, at, scope, code, status }) => {
      const { clock, runner } = bench({ use: [limits({ outer: stageLimit })] });
      const seen = witness(clock);
      const deadlines: unknown[] = [];
      const note = ({ deadline }: Context): void => {
        deadlines.push({ at: deadline.at, scope: deadline.scope, remaining: deadline.remaining() });
      };
      const leaf = tool('leaf', {}, (_: unknown, context: Context) => {
        note(context);
        return seen.work(_, context);
      });
      const child = pipeline('child').stage('inner', (_, context) => {
        note(context);
        seen.work(_, context).catch(() => {});
        return context.call(leaf);
      });
      let inside: Promise<Report> | undefined;
      const parent = pipeline('parent').stage('outer', (_, context) => {
        const inner = context.run(child, undefined, { deadline: childLimit });
        inside = inner.report;
        return inner;
      });
      const run = runner.run(parent, undefined, { deadline: runLimit });
      const error = await clock.until(failure(run));
      expect(clock.now()).toBe(at);
      expect(error.code).toBe(code);
      const decided = code === 'TIMEOUT' ? error : (error.cause as SluiceError);
      expect(decided).toMatchObject({ code: 'TIMEOUT', scope });
      expect(deadlines).toEqual(Array(2).fill({ at, scope, remaining: at }));
      expect((await run.report).stages.outer.status).toBe(status);
      expect(seen.told.map(({ name }) => name)).toEqual(['inner', 'leaf']);
      for (const { reason, at: told } of seen.told) {
        expect(reason).toBe(decided);
        expect(told).toBe(at);
      }
      expect(seen.sweeps).toBe(1);
      const below = await inside;
      expect(below?.status).toBe(code === 'TIMEOUT' ? 'cancelled' : 'timeout');
      expect(below?.stages['inner']).toMatchObject({ status: 'cancelled', settled: true });
    },
  );

  it('lets nothing start below it that was only waiting to: calls over a limit, stages that were next', async () => {
    const { clock, runner, of } = bench();
    const leaf = scripted([{ do: 'hang' }], { clock });
    const next = scripted([{ do: 'succeed' }], { clock });
    const slow = tool('slow', {}, leaf);
    const child = pipeline('child')
      .stage('queue', (_, { callAll }) => callAll([[slow], [slow], [slow], [slow]], { limit: 1 }))
      .stage('next', ['queue'], next);
    const parent = pipeline('parent').stage('outer', (_, context) => context.run(child));
    await clock.until(failure(runner.run(parent, undefined, { deadline: 100 })));
    expect(leaf.calls).toBe(1);
    expect(next.calls).toBe(0);
    expect(of('tool.start')).toHaveLength(1);
  });

  it('by the failure of a stage beside the one that runs the child ends the child, with that failure as the cause', async () => {
    const { clock, runner } = bench();
    const seen = witness(clock);
    const boom = new Error('boom');
    const leaf = tool('leaf', {}, seen.work);
    const child = pipeline('child').stage('inner', (_, { call }) => call(leaf));
    const parent = pipeline('parent')
      .stage('outer', (_, { run }) => run(child))
      .stage('bad', scripted([{ do: 'fail', error: boom, after: 50 }], { clock }));
    await clock.until(failure(runner.run(parent)));
    expect(seen.told).toHaveLength(1);
    expect(seen.told[0]?.reason).toMatchObject({ code: 'CANCELLED', cause: { code: 'STAGE_FAILED', cause: boom } });
  });

  it('is seen as a deadline of 0 by what unwinds, not as the lack of one', async () => {
    const { clock, runner } = bench();
    const left: unknown[] = [];
    const note = ({ deadline }: Context): void => {
      left.push({ at: deadline.at, scope: deadline.scope, remaining: deadline.remaining() });
    };
    const leaf = tool('leaf', {}, (_: unknown, context: Context) => {
      context.onCleanup(() => note(context));
      return hang(context.signal);
    });
    const shape = pipeline('p').stage('outer', (_, context) => {
      context.onCleanup(() => note(context));
      return context.call(leaf);
    });
    await clock.until(failure(runner.run(shape, undefined, { deadline: 100 })));
    expect(left).toEqual(Array(2).fill({ at: 100, scope: 'run', remaining: 0 }));
  });
});

describe('nested timeouts', () => {
  /** Tools `t1` to `t<depth>`, each calling the next with its own deadline. */
  function nest(depth: number, limitOf: (level: number) => number, work: StageWork) {
    const tools: AnyTool[] = [];
    for (let level = depth; level >= 1; level--) {
      const inner = tools[0];
      const body =
        inner === undefined
          ? work
          : (_: unknown, { call }: Context) => call(inner, undefined as never, { deadline: limitOf(level + 1) });
      tools.unshift(tool(`t${level}`, {}, body as (_: unknown, context: Context) => unknown));
    }
    const first = tools[0] as Tool<unknown, unknown>;
    return pipeline('nest').stage('s', (_, { call }) => call(first, undefined, { deadline: limitOf(1) }));
  }
  const statuses = (events: readonly SluiceEvent[]): Record<string, string> =>
    Object.fromEntries(
      events.flatMap((event) =>
        event.type === 'verdict' && event.target === 'tool' ? [[event.name, event.status]] : [],
      ),
    );
  const depths = Array.from({ length: 50 }, (_, n) => n + 1);

  it('that are equal, 1 to 50 deep, are the outermost one: the others are cancelled by it', async () => {
    for (const depth of depths) {
      const { clock, runner, events } = bench();
      const seen = witness(clock);
      const error = await clock.until(failure(runner.run(nest(depth, () => 100, seen.work))));
      expect(clock.now()).toBe(100);
      expect(error).toMatchObject({ code: 'STAGE_FAILED', cause: { code: 'TIMEOUT', scope: 'tool:t1' } });
      expect(seen.told.map(({ reason }) => reason)).toEqual([error.cause]);
      expect(statuses(events)).toEqual(
        Object.fromEntries(depths.slice(0, depth).map((n) => [`t${n}`, n === 1 ? 'timeout' : 'cancelled'])),
      );
    }
  });

  it('that cross, 1 to 50 deep, are owned by the shortest: what is outside it fails, what is inside is cancelled', async () => {
    for (const depth of depths) {
      for (const owner of new Set([1, Math.ceil(depth / 2), depth])) {
        const { clock, runner, events } = bench();
        const seen = witness(clock);
        const shape = nest(depth, (level) => (level === owner ? 100 : 200 + ((level * 37) % 100)), seen.work);
        const error = await clock.until(failure(runner.run(shape, undefined, { deadline: 1_000 })));
        expect(clock.now()).toBe(100);
        expect(error).toMatchObject({ code: 'STAGE_FAILED', cause: { code: 'TIMEOUT', scope: `tool:t${owner}` } });
        expect(seen.told.map(({ reason }) => reason)).toEqual([error.cause]);
        const expected = (n: number): string => (n < owner ? 'failed' : n === owner ? 'timeout' : 'cancelled');
        expect(statuses(events)).toEqual(Object.fromEntries(depths.slice(0, depth).map((n) => [`t${n}`, expected(n)])));
      }
    }
  });

  it("that are equal to the stage's and the run's are the run's; the stage is cancelled, and says by what", async () => {
    const { clock, runner } = bench({ use: [limits({ s: 100 })] });
    const seen = witness(clock);
    const run = runner.run(
      nest(3, () => 100, seen.work),
      undefined,
      { deadline: 100 },
    );
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'run' });
    expect((await run.report).stages.s).toMatchObject({ status: 'cancelled', error: { cause: error } });
    expect(seen.told.map(({ reason }) => reason)).toEqual([error]);
  });

  it('that a stage catches are no end of it', async () => {
    const { clock, runner } = bench();
    const leaf = tool('leaf', {}, scripted([{ do: 'hang' }], { clock }));
    const shape = pipeline('p').stage('s', async (_, { call }) => {
      const error = await failure(call(leaf, undefined, { deadline: 50 }));
      return `${error.code} of ${error.scope}`;
    });
    await expect(clock.until(runner.run(shape, undefined, { deadline: 100 }))).resolves.toEqual({
      s: 'TIMEOUT of tool:leaf',
    });
  });

  it.each(['deadline', 'cancel', 'failure'] as const)(
    'of 10,000 scopes neither overflow nor hang when a %s of the run ends them',
    { timeout: 30_000 },
    async (how) => {
      const clock = virtualClock();
      const runner = createRunner({ clock });
      const depth = 10_000;
      let deepest = 0;
      let cleaned = 0;
      let stopped = 0;
      const again: Tool<number, unknown> = tool('again', {}, async (level: number, context: Context) => {
        deepest = Math.max(deepest, level);
        context.onCleanup(() => {
          cleaned++;
        });
        context.signal.addEventListener('abort', () => {
          stopped++;
        });
        await null;
        return level === depth ? hang(context.signal) : context.call(again, level + 1);
      });
      const shape = pipeline('deep')
        .stage('bad', (_, { signal }) =>
          how === 'failure' ? scripted([{ do: 'fail', after: 100 }], { clock })() : hang(signal),
        )
        .stage('s', (_, { call }) => call(again, 1));
      const run = runner.run(shape, undefined, how === 'deadline' ? { deadline: 100 } : {});
      await clock.advance(99);
      expect(deepest).toBe(depth);
      expect(cleaned).toBe(0);
      await clock.advance(1);
      if (how === 'cancel') run.cancel();
      const report = await clock.until(run.report);
      expect([cleaned, stopped]).toEqual([depth, depth]);
      expect(report.stages.s).toMatchObject({ status: 'cancelled', settled: true });
      expect(report.orphans).toEqual([]);
      expect(clock.now()).toBe(100);
    },
  );
});

describe('nested calls', () => {
  it('of 10,000 scopes, each entered in the turn of the one around it, neither overflow nor leave anything behind', {
    timeout: 30_000,
  }, async () => {
    const { clock, runner } = bench();
    const again: Tool<number, unknown> = tool('again', {}, (level: number, { call }: Context) =>
      level === 10_000 ? 'bottom' : call(again, level + 1),
    );
    const shape = pipeline('p').stage('s', (_, { call }) => call(again, 1));
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'ok', output: { s: 'bottom' } });
  });
});

describe('ctx.cancel', () => {
  /** Two branches of two stages each; the head of one cancels at 50 ms, the other takes 100 ms a stage. */
  function branches(clock: VirtualClock, scope: 'stage' | 'branch' | 'run' | undefined, reason: unknown) {
    const after: string[] = [];
    const other = scripted([{ do: 'succeed', value: 'fine', after: 100 }], { clock });
    const shape = pipeline('p')
      .stage('head', async (_, { cancel }) => {
        await new Promise<void>((resolve) => clock.schedule(50, resolve));
        cancel(reason, scope === undefined ? undefined : { scope });
        after.push('after the cancel');
      })
      .stage('needing', ['head'], () => void after.push('needing'))
      .stage('wanting', { optional: ['head'] }, (_, { outcome }) => outcome('head').status)
      .stage('beyond', { optional: ['wanting'] }, ({ wanting }) => wanting ?? 'without')
      .stage('beside', other)
      .stage('behind', ['beside'], other);
    return { shape, after };
  }

  it.each([undefined, 'stage'] as const)(
    'at scope %s stops its stage: what needs it is skipped, what can do without goes on, and the run resolves',
    async (scope) => {
      const { clock, runner } = bench();
      const reason = new Error('enough');
      const { shape, after } = branches(clock, scope, reason);
      const run = runner.run(shape);
      const output = await clock.until(run);
      expect(output).toEqual({ wanting: 'cancelled', beyond: 'cancelled', beside: 'fine', behind: 'fine' });
      const { stages, status } = await run.report;
      expect(status).toBe('ok');
      expect(stages.head).toMatchObject({ status: 'cancelled', error: { code: 'CANCELLED', cause: reason } });
      expect(stages.needing).toMatchObject({ status: 'skipped', because: 'head' });
      expect(after).toEqual([]);
      expect(clock.now()).toBe(200);
    },
  );

  it('at branch scope stops all that comes after its stage, with or without need of it, and leaves other branches alone', async () => {
    const { clock, runner } = bench();
    const { shape, after } = branches(clock, 'branch', 'enough');
    const run = runner.run(shape);
    await expect(clock.until(run)).resolves.toEqual({ beside: 'fine', behind: 'fine' });
    const { stages } = await run.report;
    expect(stages.head).toMatchObject({ status: 'cancelled', error: { cause: 'enough' } });
    for (const name of ['needing', 'wanting', 'beyond'] as const) {
      expect(stages[name]).toMatchObject({ status: 'skipped', because: 'head' });
    }
    expect(after).toEqual([]);
    expect(run.signal.aborted).toBe(false);
  });

  it('at run scope stops everything at once, and the reason arrives unchanged', async () => {
    const { clock, runner } = bench();
    const reason = { why: 'enough' };
    const { shape, after } = branches(clock, 'run', reason);
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    expect(clock.now()).toBe(50);
    expect(error).toMatchObject({ code: 'CANCELLED', scope: 'run' });
    expect(error.cause).toBe(reason);
    expect(run.signal.reason).toBe(reason);
    const { stages, status, output } = await run.report;
    expect([status, output]).toEqual(['cancelled', {}]);
    expect(Object.values(stages).map((end) => end.status)).not.toContain('ok');
    expect(stages.beside).toMatchObject({ status: 'cancelled', error: { cause: reason } });
    expect(after).toEqual([]);
  });

  it.each(['stage', 'branch', 'run'] as const)(
    'at %s scope in a tool, however deep, is about the stage that it is called in',
    async (scope) => {
      const { clock, runner } = bench();
      const inner = tool('inner', {}, (_: unknown, { cancel }: Context) => cancel('enough', { scope }));
      const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner));
      const shape = pipeline('p')
        .stage('head', (_, { call }) => call(outer))
        .stage('beside', scripted([{ do: 'succeed', value: 'fine', after: 10 }], { clock }));
      const run = runner.run(shape);
      const { stages, status } = await clock.until(run.report);
      expect(status).toBe(scope === 'run' ? 'cancelled' : 'ok');
      expect(stages.head).toMatchObject({ status: 'cancelled', error: { cause: 'enough' } });
      expect(stages.beside.status).toBe(scope === 'run' ? 'cancelled' : 'ok');
    },
  );

  it('at run scope in a child run stops the child, not the run around it', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', (_, { cancel }) => cancel('enough', { scope: 'run' }));
    const parent = pipeline('parent').stage('outer', async (_, { run }) => (await run(child).report).status);
    await expect(clock.until(runner.run(parent))).resolves.toEqual({ outer: 'cancelled' });
  });

  it('cannot be caught: work that goes on after it is stopped all the same', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('stubborn', (_, { cancel }) => {
      try {
        return cancel('enough');
      } catch {
        return 'a result all the same';
      }
    });
    const run = runner.run(shape);
    await expect(clock.until(run)).resolves.toEqual({});
    expect((await run.report).stages.stubborn.status).toBe('cancelled');
    expect((await run.report).late).toBe(1);
  });

  it('of an unknown scope is a ConfigError', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('s', (_, { cancel }) => cancel('x', { scope: 'all' as 'run' }));
    expect(await clock.until(failure(runner.run(shape)))).toMatchObject({ cause: { code: 'CONFIG' } });
  });
});

describe('run.cancel', () => {
  const shapeOf = (work: StageWork) => pipeline('p').stage('first', work).stage('second', ['first'], work);

  it('before the start lets nothing run', async () => {
    const { clock, runner, of } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    const reason = new Error('never mind');
    const run = runner.run(shapeOf(work));
    run.cancel(reason);
    expect(run.signal.reason).toBe(reason);
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'CANCELLED', cause: reason });
    expect(work.calls).toBe(0);
    const report = await run.report;
    expect(report).toMatchObject({ status: 'cancelled', output: {} });
    expect(report.stages.first).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect(report.stages.second.attempts).toBe(0);
    expect([of('stage.start').length, of('run.start').length, of('run.end').length]).toEqual([0, 1, 1]);
  });

  it('while a stage runs stops it and all that would follow', async () => {
    const { clock, runner } = bench();
    const seen = witness(clock);
    const run = runner.run(shapeOf(seen.work));
    await clock.advance(30);
    const reason = new Error('enough');
    run.cancel(reason);
    expect(seen.told).toEqual([{ name: 'first', at: 30, reason }]);
    const report = await clock.until(run.report);
    expect(report).toMatchObject({ status: 'cancelled', durationMs: 30, error: { cause: reason } });
    expect(report.stages.second).toMatchObject({ status: 'skipped', because: 'first' });
  });

  it('after the end changes nothing', async () => {
    const { clock, runner, events } = bench();
    const run = runner.run(shapeOf(() => 'done'));
    const output = await clock.until(run);
    const report = await run.report;
    const before = { ...report, events: events.length };
    run.cancel(new Error('too late'));
    await clock.runAll();
    expect(await run).toBe(output);
    expect({ ...(await run.report), events: events.length }).toEqual(before);
    expect(run.signal.aborted).toBe(false);
  });

  it('twice keeps the first reason', async () => {
    const { clock, runner } = bench();
    const seen = witness(clock);
    const run = runner.run(shapeOf(seen.work));
    await clock.advance(1);
    run.cancel('first');
    run.cancel('second');
    expect((await clock.until(failure(run))).cause).toBe('first');
    expect(seen.told.map(({ reason }) => reason)).toEqual(['first']);
  });

  it('in a listener to the very first event lets nothing run', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    const run = runner.run(shapeOf(work));
    run.events$.subscribe(({ type }) => type === 'run.start' && run.cancel('at once'));
    expect((await clock.until(run.report)).status).toBe('cancelled');
    expect(work.calls).toBe(0);
  });

  it('without a reason has one all the same, the same everywhere', async () => {
    const { clock, runner } = bench();
    const seen = witness(clock);
    const run = runner.run(shapeOf(seen.work));
    await clock.advance(1);
    run.cancel();
    const error = await clock.until(failure(run));
    expect(error).toBeInstanceOf(CancelledError);
    expect(run.signal.reason).toBe(error);
    expect(seen.told.map(({ reason }) => reason)).toEqual([error]);
  });
});

describe('what has decided stays decided, whatever its listeners do', () => {
  const hanging = (onAbort: () => void) =>
    pipeline('p').stage('s', (_, { signal }) => {
      signal.addEventListener('abort', onAbort);
      return hang(signal);
    });

  it('a stage that times out decides its run, also when the work cancels the run as it hears of it', async () => {
    const { clock, runner } = bench({ use: [limits({ s: 100 })] });
    const run = runner.run(hanging(() => run.cancel('me too')));
    const { status, error, stages } = await clock.until(run.report);
    expect(stages.s.status).toBe('timeout');
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s' });
    expect(status).toBe('timeout');
  });

  it("a run's deadline decides it, also when the work cancels the run as it hears of it", async () => {
    const { clock, runner } = bench();
    const run = runner.run(
      hanging(() => run.cancel('me too')),
      undefined,
      { deadline: 100 },
    );
    expect(await clock.until(run.report)).toMatchObject({
      status: 'timeout',
      error: { code: 'TIMEOUT', scope: 'run' },
    });
  });

  it.each(['failed', 'timeout'] as const)(
    'a stage whose verdict %s has been told decides its run, also when who is told cancels the run',
    async (how) => {
      const { clock, runner } = bench({ use: [limits({ s: 100 })] });
      const shape = pipeline('p').stage('s', (_, { signal }) =>
        how === 'failed' ? Promise.reject('x') : hang(signal),
      );
      const run = runner.run(shape);
      run.events$.subscribe(({ type }) => type === 'verdict' && run.cancel('seen'));
      const { status, stages } = await clock.until(run.report);
      expect(stages.s.status).toBe(how);
      expect(status).toBe(how);
    },
  );

  it.each(['stage', 'run'] as const)(
    'a %s that has been told to have timed out has timed out, also when who is told cancels the run',
    async (whose) => {
      const { clock, runner } = bench({ use: [limits(whose === 'stage' ? { s: 100 } : {})] });
      const run = runner.run(
        hanging(() => {}),
        undefined,
        { deadline: whose === 'run' ? 100 : undefined },
      );
      run.events$.subscribe(({ type }) => type === 'timeout' && run.cancel('seen'));
      const { status, stages } = await clock.until(run.report);
      expect(whose === 'stage' ? stages.s.status : status).toBe('timeout');
    },
  );
});

describe('an outer AbortSignal', () => {
  /** Everything that has a signal in a run: a stage, its tool, a child run, its stage, its tool. */
  function everywhere(clock: VirtualClock) {
    const seen = witness(clock);
    const leaf = tool('leaf', {}, seen.work);
    const both: StageWork = (_, context) => {
      seen.work(_, context).catch(() => {});
      return context.call(leaf);
    };
    const child = pipeline('child').stage('inner', both);
    const inside: AbortSignal[] = [];
    const shape = pipeline('parent')
      .stage('stage', both)
      .stage('outer', (_, context) => {
        seen.work(_, context).catch(() => {});
        const run = context.run(child);
        inside.push(run.signal);
        return run;
      })
      .stage('after', ['stage'], () => 'never');
    return { shape, seen, inside };
  }

  it.each<[string, unknown]>([
    ['an Error', new Error('shutdown')],
    ['a DOMException', new DOMException('gone', 'AbortError')],
    ['a text', 'shutdown'],
    ['an object', { code: 7 }],
    ['0', 0],
    ['an empty text', ''],
    ['false', false],
    ['null', null],
  ])('aborts with its own reason, which arrives everywhere unchanged: %s', async (_, reason) => {
    const { clock, runner } = bench();
    const { shape, seen, inside } = everywhere(clock);
    const controller = new AbortController();
    const run = runner.run(shape, undefined, { signal: controller.signal, deadline: 1_000 });
    await clock.advance(20);
    controller.abort(reason);
    expect(seen.told.map(({ name }) => name).sort()).toEqual(['inner', 'leaf', 'leaf', 'outer', 'stage']);
    expect(seen.sweeps).toBe(1);
    for (const told of seen.told) expect(told.reason).toBe(reason);
    expect(run.signal.reason).toBe(reason);
    expect(inside.map((signal) => signal.reason)).toEqual([reason]);
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'CANCELLED', scope: 'run' });
    expect(error.cause).toBe(reason);
    const { stages } = await run.report;
    for (const name of ['stage', 'outer'] as const) {
      expect(stages[name].status).toBe('cancelled');
      expect((stages[name] as { error: SluiceError }).error.cause).toBe(reason);
    }
    expect(clock.now()).toBe(20);
  });

  it('whose reason is a cancellation already is the very error of the run and of its stages', async () => {
    const { clock, runner } = bench();
    const { shape } = everywhere(clock);
    const controller = new AbortController();
    const reason = new CancelledError('the service is going down');
    const run = runner.run(shape, undefined, { signal: controller.signal });
    await clock.advance(20);
    controller.abort(reason);
    expect(await clock.until(failure(run))).toBe(reason);
    expect((await run.report).stages.stage).toMatchObject({ error: reason });
  });

  it('that is aborted already lets nothing run, and its reason is the cause', async () => {
    const { clock, runner, of } = bench();
    const { shape, seen } = everywhere(clock);
    const reason = new Error('long ago');
    const run = runner.run(shape, undefined, { signal: AbortSignal.abort(reason) });
    const error = await clock.until(failure(run));
    expect(error.cause).toBe(reason);
    expect(run.signal.reason).toBe(reason);
    expect(seen.told).toEqual([]);
    expect(of('stage.start')).toEqual([]);
    const { stages } = await run.report;
    expect(stages.stage).toMatchObject({ status: 'cancelled', error: { cause: reason } });
    expect(stages.after.attempts).toBe(0);
  });

  it('that is aborted in the turn of the start, before the microtask, lets nothing run', async () => {
    const { clock, runner, of } = bench();
    const { shape } = everywhere(clock);
    const controller = new AbortController();
    const run = runner.run(shape, undefined, { signal: controller.signal });
    controller.abort('at once');
    expect((await clock.until(failure(run))).cause).toBe('at once');
    expect(of('stage.start')).toEqual([]);
  });

  it('that is aborted after the end changes nothing', async () => {
    const { clock, runner } = bench();
    const controller = new AbortController();
    const run = runner.run(
      pipeline('p').stage('s', () => 1),
      undefined,
      { signal: controller.signal },
    );
    await clock.until(run);
    controller.abort('too late');
    expect((await run.report).status).toBe('ok');
    expect(run.signal.aborted).toBe(false);
  });

  it('under which 1,000 runs go on is one listener, and none when they are over', async () => {
    const { clock, runner } = bench();
    const controller = new AbortController();
    const before = leakLedger();
    const shape = pipeline('p').stage('s', scripted([{ do: 'hang' }], { clock }));
    const runs = Array.from({ length: 1_000 }, () =>
      runner.run(shape, undefined, { signal: controller.signal, deadline: 10 }),
    );
    await clock.advance(5);
    expect(before.left()).toMatchObject({ listeners: 1 });
    await clock.until(Promise.all(runs.map(({ report }) => report)));
    expect(before.left()).toEqual({});
  });

  it('given to a child run stops the child alone', async () => {
    const { clock, runner } = bench();
    const controller = new AbortController();
    const child = pipeline('child').stage('inner', scripted([{ do: 'hang' }], { clock }));
    const parent = pipeline('parent').stage('outer', async (_, { run }) => {
      const error = await failure(run(child, undefined, { signal: controller.signal }));
      return [isSluiceError(error, 'CANCELLED'), error.cause];
    });
    const run = runner.run(parent);
    await clock.advance(10);
    controller.abort('enough');
    await expect(clock.until(run)).resolves.toEqual({ outer: [true, 'enough'] });
  });
});
