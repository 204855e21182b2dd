import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { type AnyPipeline, pipeline } from './pipeline.ts';
import { bench, failure, hang, limits } from './pipeline-bench.test-kit.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { Place } from './place.ts';
import type { Report } from './report.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

type Nested = (level: number, context: Context) => unknown;

/** A pipeline that runs itself, once per level; `bottom` is the work of the level at which it stops. */
function nested(levels: number, bottom: Nested = () => 'bottom') {
  const self: AnyPipeline = pipelineFrom(
    { name: 'self', stages: [{ name: 's', use: 's' }] },
    {
      stages: {
        s: async ({ input }: { input: number }, context: Context) => {
          if (input >= levels) return bottom(input, context);
          const { s } = (await context.run(self, (input + 1) as never)) as { s: unknown };
          return s;
        },
      },
    },
  );
  return self;
}

describe('runs that are nested', () => {
  it('10,000 deep, where that is allowed, neither overflow nor hang, nor does asking for what ties them together', {
    timeout: 30_000,
  }, async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, maxDepth: Number.POSITIVE_INFINITY });
    let known: unknown;
    const self = nested(10_000, (level, context) => {
      const { correlationId, runId, parentRunId, deadline } = context;
      known = { level, correlationId, at: deadline.at, ids: new Set([correlationId, runId, parentRunId]).size };
      return hang(context.signal);
    });
    const run = runner.run(self, 0 as never, { deadline: 100 });
    const report: Report = await clock.until(run.report);
    expect(known).toEqual({ level: 10_000, correlationId: run.id, at: 100, ids: 3 });
    expect(report).toMatchObject({ status: 'timeout', orphans: [] });
    expect(clock.now()).toBe(100);
  });

  it.each([
    [undefined, 5],
    [0, 0],
    [1, 1],
    [7, 7],
  ])('under a maxDepth of %s go %d deep, and not one deeper', async (maxDepth, allowed) => {
    const { clock, runner } = bench({ maxDepth });
    await expect(clock.until(runner.run(nested(allowed), 0 as never))).resolves.toEqual({ s: 'bottom' });
    let error: unknown = await clock.until(failure(runner.run(nested(allowed + 1), 0 as never)));
    for (let level = 0; level <= allowed; level++) {
      expect(error).toMatchObject({ code: 'STAGE_FAILED' });
      error = (error as SluiceError).cause;
    }
    expect(error).toMatchObject({
      code: 'MAX_DEPTH',
      retryable: false,
      message: `Pipeline "self" is nested ${allowed + 1} deep; the limit is ${allowed}`,
      details: { pipeline: 'self', depth: allowed + 1, maxDepth: allowed },
    });
  });

  it('too deep run nothing, and say so in their own report', async () => {
    const { clock, runner } = bench({ maxDepth: 0 });
    const work = scripted([{ do: 'succeed' }], { clock });
    const child = pipeline('child').stage('inner', work).stage('after', ['inner'], work);
    let inside: Report | undefined;
    const parent = pipeline('parent').stage('outer', async ({ input: _ }, { run }) => {
      inside = await run(child).report;
      return 'done without it';
    });
    await expect(clock.until(runner.run(parent))).resolves.toEqual({ outer: 'done without it' });
    expect(inside).toMatchObject({ status: 'failed', output: {}, error: { code: 'MAX_DEPTH' } });
    expect(work.calls).toBe(0);
  });

  it('beside one another, or one after the other, are not nested', async () => {
    const { clock, runner } = bench({ maxDepth: 1 });
    const child = pipeline<number>('child').stage('inner', ({ input }) => input);
    const parent = pipeline('parent').stage('outer', async (_, { run }) => {
      const outputs = await Promise.all(Array.from({ length: 20 }, (_, n) => run(child, n)));
      for (let n = 20; n < 40; n++) outputs.push(await run(child, n));
      return outputs.map(({ inner }) => inner);
    });
    const { outer } = await clock.until(runner.run(parent));
    expect(outer).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it('count by runs, not by the tools between them; outside of pipelines the first is the outermost', async () => {
    const { clock, runner } = bench({ maxDepth: 0 });
    const child = pipeline('child').stage('inner', () => 'inner');
    const runs = tool('runs', {}, (_: unknown, { run }: Context) => run(child));
    await expect(clock.until(runner.call(runs))).resolves.toEqual({ inner: 'inner' });
    const parent = pipeline('parent').stage('outer', (_, { call }) => call(runs));
    expect(await clock.until(failure(runner.run(parent)))).toMatchObject({ cause: { code: 'MAX_DEPTH' } });
  });
});

describe('a child run', () => {
  it('has an id of its own, knows that of its parent, and shares the correlation id', async () => {
    const { clock, runner } = bench();
    const ids = ({ runId, correlationId, parentRunId }: Context) => ({ runId, correlationId, parentRunId });
    const leaf = tool('leaf', {}, (_: unknown, context: Context) => ids(context));
    const child = pipeline('child').stage('inner', async (_, context) => ({
      own: ids(context),
      leaf: await context.call(leaf),
    }));
    let childId = '';
    const parent = pipeline('parent').stage('outer', async (_, context) => {
      const run = context.run(child);
      childId = run.id;
      return { ...(await run).inner, leafHere: await context.call(leaf) };
    });
    const run = runner.run(parent, undefined, { runId: 'run-1', correlationId: 'request-1' });
    expect(run.id).toBe('run-1');
    const { outer } = await clock.until(run);
    const ofParent = { runId: 'run-1', correlationId: 'request-1', parentRunId: undefined };
    const ofChild = { runId: childId, correlationId: 'request-1', parentRunId: 'run-1' };
    expect(outer).toEqual({ own: ofChild, leaf: ofChild, leafHere: ofParent });
    expect(childId).not.toBe('run-1');
  });

  it('has the correlation id of the call that it is begun in, and may be given ids of its own', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', (_, { runId, correlationId }) => [runId, correlationId]);
    const calls = tool('calls', {}, async (_: unknown, { run }: Context) => [
      (await run(child, undefined, { runId: 'mine' })).inner,
      (await run(child, undefined, { runId: 'mine', correlationId: 'other' })).inner,
    ]);
    const parent = pipeline('parent').stage('outer', (_, { call }) =>
      call(calls, undefined, { correlationId: 'of the call' }),
    );
    await expect(clock.until(runner.run(parent, undefined, { correlationId: 'request' }))).resolves.toEqual({
      outer: [
        ['mine', 'of the call'],
        ['mine', 'other'],
      ],
    });
  });

  it('is awaited by being returned, and gives its outputs', async () => {
    const { clock, runner } = bench();
    const child = pipeline<number>('child')
      .stage('double', ({ input }) => input * 2)
      .stage('text', ['double'], ({ double }) => `${double}`);
    const parent = pipeline<number>('parent').stage('outer', ({ input }, { run }) => run(child, input));
    const output = await clock.until(runner.run(parent, 21));
    expect(output).toEqual({ outer: { double: 42, text: '42' } });
  });

  it('that fails fails the stage that awaited it: each error names its own stage, the causes lead to the first', async () => {
    const { clock, runner } = bench();
    const boom = new Error('boom');
    const child = pipeline('child').stage('inner', scripted([{ do: 'fail', error: boom, after: 10 }], { clock }));
    const parent = pipeline('parent').stage('outer', (_, { run }) => run(child));
    const run = runner.run(parent);
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'STAGE_FAILED', scope: 'stage:outer', call: { runId: run.id } });
    expect(error.cause).toMatchObject({ code: 'STAGE_FAILED', scope: 'stage:inner', cause: boom });
  });

  it('that fails and is caught fails nobody', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', scripted([{ do: 'fail' }], { clock }));
    const parent = pipeline('parent').stage('outer', (_, { run }) => run(child).catch(() => 'otherwise'));
    await expect(clock.until(runner.run(parent))).resolves.toEqual({ outer: 'otherwise' });
  });

  it('whose own deadline passes is a timeout of its own, and a failure of the stage around, not its timeout', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child', { deadline: 100 }).stage('inner', scripted([{ do: 'hang' }], { clock }));
    let inside: Report | undefined;
    const parent = pipeline('parent').stage('outer', async (_, context) => {
      const run = context.run(child);
      inside = await run.report;
      return run;
    });
    const run = runner.run(parent, undefined, { deadline: 1_000 });
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ code: 'STAGE_FAILED', verdict: 'failed', cause: { code: 'TIMEOUT', scope: 'run' } });
    expect((await run.report).status).toBe('failed');
    expect(inside).toMatchObject({ status: 'timeout' });
    expect(clock.now()).toBe(100);
  });

  it('of what is no pipeline, or with options that are wrong, rejects with a ConfigError', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', () => 1);
    const parent = pipeline('parent').stage('outer', async (_, { run }) => [
      (await failure(run({} as typeof child))).code,
      (await failure(run(child, undefined, { deadline: -1 }))).code,
    ]);
    await expect(clock.until(runner.run(parent))).resolves.toEqual({ outer: ['CONFIG', 'CONFIG'] });
  });

  it('has data of its own, and the priority of its parent unless it is given one', async () => {
    const priorities: number[] = [];
    const look = defineInterceptor({
      name: 'look',
      priority: Place.observe,
      intercept: (call, next) => {
        priorities.push(call.priority);
        return next(call);
      },
    });
    const { clock, runner } = bench({ use: [look] });
    const child = pipeline('child').stage('inner', (_, { data }) => {
      data.set('key', 'inner');
      return data.entries();
    });
    const parent = pipeline('parent').stage('outer', async (_, { data, run }) => {
      data.set('key', 'outer');
      const { inner } = await run(child);
      await run(child, undefined, { priority: 1 });
      return [inner, data.get('key')];
    });
    await expect(clock.until(runner.run(parent, undefined, { priority: 7 }))).resolves.toEqual({
      outer: [[['key', 'inner']], 'outer'],
    });
    expect(priorities).toEqual([7, 7, 1]);
  });

  it('has what its parent was told of single tools', async () => {
    const seen: unknown[] = [];
    const look = defineInterceptor({
      name: 'look',
      priority: Place.observe,
      applies: 'tool',
      policy: { key: 'subpipes', parse: (value) => ({ value }) },
      intercept: (call, next) => {
        seen.push(call.policy('subpipes')?.['value']);
        return next(call);
      },
    });
    const { clock, runner } = bench({ use: [look] });
    const told = (subpipes: string): Readonly<Record<string, object>> => ({ leaf: { subpipes } });
    const leaf = tool('leaf', {}, () => 1);
    const child = pipeline('child').stage('inner', (_, { call }) => call(leaf));
    const parent = pipeline('parent').stage('outer', async (_, { run }) => {
      await run(child);
      await run(child, undefined, { tools: told('from the child') });
    });
    await clock.until(runner.run(parent, undefined, { tools: told('from the parent') }));
    expect(seen).toEqual(['from the parent', 'from the child']);
  });
});

describe("a child run's deadline", () => {
  const looking = () => {
    const seen: unknown[] = [];
    const leaf = tool('leaf', {}, (_: unknown, { deadline }: Context) => {
      seen.push([deadline.scope, deadline.at, deadline.remaining()]);
    });
    const child = pipeline('child').stage('inner', async (_, { deadline, call }) => {
      seen.push([deadline.scope, deadline.at, deadline.remaining()]);
      await call(leaf);
    });
    return { seen, child };
  };

  it.each([
    ['of the run around', { run: 100 }, ['run', 100, 90]],
    ['of the stage around', { run: 100, stage: 50 }, ['stage:outer', 50, 40]],
    ['of the tool around', { run: 100, stage: 50, tool: 30 }, ['tool:between', 30, 20]],
    ['of its own', { run: 100, stage: 50, tool: 30, child: 5 }, ['run', 15, 5]],
    ['of its own, if nobody has another', { child: 5 }, ['run', 15, 5]],
    ['of nobody', {}, ['none', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]],
  ] as [string, { run?: number; stage?: number; tool?: number; child?: number }, unknown[]][])(
    'is the nearest one, and is named: that %s',
    async (_, given, expected) => {
      const { clock, runner, sleep } = bench({
        use: given.stage === undefined ? [] : [limits({ outer: given.stage })],
      });
      const { seen, child } = looking();
      const between = tool('between', {}, async (_: unknown, { run }: Context) => {
        await sleep(10);
        await run(child, undefined, { deadline: given.child });
      });
      const parent = pipeline('parent').stage('outer', (_, { call }) =>
        call(between, undefined, { deadline: given.tool }),
      );
      await clock.until(runner.run(parent, undefined, { deadline: given.run }));
      expect(seen).toEqual([expected, expected]);
    },
  );

  it("of 'none' is no way out of the parent's", async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', scripted([{ do: 'hang' }], { clock }));
    const parent = pipeline('parent').stage('outer', (_, { run }) => run(child, undefined, { deadline: 'none' }));
    expect(await clock.until(failure(runner.run(parent, undefined, { deadline: 100 })))).toMatchObject({
      code: 'TIMEOUT',
      scope: 'run',
    });
    expect(clock.now()).toBe(100);
  });
});

describe("a child run ends when its stage ends, whatever the stage's end", () => {
  it('cancelled: its stages, their tools and their own child runs, in one sweep, with one reason', async () => {
    const { clock, runner } = bench();
    const told: { name: string; reason: unknown }[] = [];
    const listen = ({ signal, name }: Context): Promise<never> => {
      signal.addEventListener('abort', () => told.push({ name, reason: signal.reason }));
      return hang(signal);
    };
    const leaf = tool('leaf', {}, (_: unknown, context: Context) => listen(context));
    const grandchild = pipeline('grandchild').stage('innermost', (_, context) => {
      listen(context).catch(() => {});
      return context.call(leaf);
    });
    const child = pipeline('child').stage('inner', (_, context) => {
      listen(context).catch(() => {});
      return context.run(grandchild);
    });
    const reports: Report[] = [];
    const parent = pipeline('parent').stage('outer', (_, context) => {
      listen(context).catch(() => {});
      const run = context.run(child);
      run.report.then((report) => reports.push(report));
      return run;
    });
    const run = runner.run(parent);
    await clock.advance(10);
    const reason = new Error('enough');
    run.cancel(reason);
    expect(told).toEqual(['outer', 'inner', 'innermost', 'leaf'].map((name) => ({ name, reason })));
    const report = await clock.until(run.report);
    expect(report).toMatchObject({ status: 'cancelled', orphans: [], late: 0 });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ status: 'cancelled', error: { code: 'CANCELLED', cause: reason } });
  });

  it.each(['ok', 'failed'] as const)(
    '%s: a run and a call that it did not wait for are cancelled, and settle before it counts as settled',
    async (how) => {
      const { clock, runner, events, sleep } = bench();
      const unhandled = vi.fn();
      process.on('unhandledRejection', unhandled);
      const settled: string[] = [];
      const slowly = async (_: unknown, { onCleanup, signal, name }: Context): Promise<never> => {
        onCleanup(async () => {
          await sleep(30);
          settled.push(`${name} at ${clock.now()}`);
        });
        return hang(signal);
      };
      const leaf = tool('leaf', {}, slowly);
      const child = pipeline('child').stage('inner', slowly);
      let inside: Report | undefined;
      const parent = pipeline('parent').stage('outer', async (_, { run, call }) => {
        const one = run(child);
        one.report.then((report) => {
          inside = report;
        });
        call(leaf);
        await sleep(10);
        if (how === 'failed') throw new Error('boom');
        return 'done';
      });
      const run = runner.run(parent);
      const { stages, orphans, status } = await clock.until(run.report);
      expect(settled.toSorted()).toEqual(['inner at 40', 'leaf at 40']);
      expect(clock.now()).toBe(40);
      expect(status).toBe(how);
      expect(stages.outer).toMatchObject({ status: how, durationMs: 10, settled: true });
      expect(orphans).toEqual([]);
      expect(inside).toMatchObject({ status: 'cancelled', durationMs: 10 });
      const ends = events.filter(({ type }) => type.endsWith('.end') && type !== 'attempt.end');
      expect(ends.map((event) => `${event.type} ${'name' in event ? event.name : ''}`).slice(-2)).toEqual([
        'stage.end outer',
        'run.end parent',
      ]);
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', unhandled);
      expect(unhandled).not.toHaveBeenCalled();
    },
  );

  it('in the very turn in which the child was begun: it starts nothing', async () => {
    const { clock, runner, events } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    const child = pipeline('child').stage('inner', work);
    let inside: Promise<Report> | undefined;
    const parent = pipeline('parent').stage('outer', (_, { run }) => {
      inside = run(child).report;
      return 'done';
    });
    await expect(clock.until(runner.run(parent))).resolves.toEqual({ outer: 'done' });
    expect(work.calls).toBe(0);
    expect(await inside).toMatchObject({ status: 'cancelled', output: {} });
    expect(events.filter(({ type }) => type === 'run.start' || type === 'run.end')).toHaveLength(4);
  });

  it('long ago: one that is begun then starts nothing, and rejects', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    const child = pipeline('child').stage('inner', work);
    let kept: Context | undefined;
    await clock.until(
      runner.run(
        pipeline('parent').stage('outer', (_, context) => {
          kept = context;
        }),
      ),
    );
    const late = (kept as unknown as Context).run(child);
    expect(await clock.until(failure(late))).toMatchObject({ code: 'CANCELLED' });
    expect(work.calls).toBe(0);
  });

  it('and its awaiting outside of it gets an answer', async () => {
    const { clock, runner, sleep } = bench();
    const child = pipeline('child').stage('inner', scripted([{ do: 'hang' }], { clock }));
    let outside: Promise<SluiceError> | undefined;
    const parent = pipeline('parent').stage('outer', async (_, { run }) => {
      outside = failure(run(child));
      await sleep(10);
    });
    await clock.until(runner.run(parent));
    expect(await outside).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('what happens in a child run', () => {
  it("is told in its parent's events$, within the parent's start and end, and in its own, but in nobody else's", async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage('inner', scripted([{ do: 'succeed', after: 10 }], { clock }));
    const own: SluiceEvent[] = [];
    const parent = pipeline('parent')
      .stage('outer', (_, context) => {
        const run = context.run(child);
        run.events$.subscribe((event) => own.push(event));
        return run;
      })
      .stage('quick', () => 1);
    const ofParent: SluiceEvent[] = [];
    const ofOther: SluiceEvent[] = [];
    const run = runner.run(parent, undefined, { runId: 'parent' });
    const other = runner.run(
      pipeline('other').stage('o', () => 1),
      undefined,
      { runId: 'other' },
    );
    let completed = -1;
    run.events$.subscribe({
      next: (event) => ofParent.push(event),
      complete: () => {
        completed = ofParent.length;
      },
    });
    other.events$.subscribe((event) => ofOther.push(event));
    await clock.until(Promise.all([run, other]));
    const line = (event: SluiceEvent): string => `${event.type} ${'name' in event ? event.name : ''}`;
    expect(own.map(line)).toEqual([
      'run.start child',
      'stage.start inner',
      'attempt.start inner',
      'attempt.end inner',
      'verdict inner',
      'stage.end inner',
      'run.end child',
    ]);
    expect(ofParent.filter((event) => own.includes(event))).toEqual(own);
    expect(line(ofParent[0] as SluiceEvent)).toBe('run.start parent');
    expect(line(ofParent.at(-1) as SluiceEvent)).toBe('run.end parent');
    expect(completed).toBe(ofParent.length);
    expect(new Set(ofOther.map((event) => 'runId' in event && event.runId))).toEqual(new Set(['other']));
    const [start] = own;
    expect(start).toMatchObject({ type: 'run.start', name: 'child', parentRunId: 'parent', correlationId: 'parent' });
    expect(new Set(ofParent.map(({ seq }) => seq)).size).toBe(ofParent.length);
  });

  it("that comes late, that cleanup threw, and that is still alive, is counted in the parent's report", async () => {
    const { clock, runner, sleep } = bench();
    const bad = new Error('bad cleanup');
    const child = pipeline('child')
      .stage('suppressing', (_, { onCleanup, signal }) => {
        onCleanup(() => {
          throw bad;
        });
        return hang(signal);
      })
      .stage('late', async (_, { signal }) => {
        await hang(signal).catch(() => {});
        await sleep(20);
        return 'late';
      })
      .stage('deaf', scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock }));
    let inside: Report | undefined;
    const parent = pipeline('parent').stage('outer', (_, context) => {
      const run = context.run(child);
      run.report.then((report) => {
        inside = report;
      });
      return run;
    });
    const run = runner.run(parent, undefined, { deadline: 100 });
    const report = await clock.until(run.report);
    expect(clock.now()).toBe(150);
    expect(report).toMatchObject({ status: 'timeout', late: 1, suppressed: [bad] });
    expect(report.stages.outer).toMatchObject({ settled: false, suppressed: [bad] });
    expect(report.orphans).toEqual(expect.arrayContaining([{ name: 'deaf', kind: 'stage', attempt: 1, ageMs: 0 }]));
    await clock.runAll();
    expect(inside).toMatchObject({ status: 'cancelled', late: 1, suppressed: [bad] });
    expect(inside?.orphans).toEqual([{ name: 'deaf', kind: 'stage', attempt: 1, ageMs: 0 }]);
    expect(runner.stats()).toMatchObject({ orphans: 0, running: 0, late: 2 });
  });

  it('is no cleanup of the stage around, which has none: an orphan is called what it is', async () => {
    const { clock, runner } = bench();
    const child = pipeline('child').stage(
      'deaf',
      scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock }),
    );
    const parent = pipeline('parent').stage('outer', (_, { run }) => run(child));
    const { orphans } = await clock.until(runner.run(parent, undefined, { deadline: 100 }).report);
    expect(orphans.map(({ kind }) => kind)).not.toContain('cleanup');
    await clock.runAll();
  });
});
