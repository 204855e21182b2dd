import { Observable, take } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { isSluiceError, type SluiceError } from './errors/sluice-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { bench, hang, limits } from './pipeline-bench.test-kit.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { Place } from './place.ts';
import type { Report, StageReport } from './report.ts';
import type { RunnerOptions } from './runner-options.ts';
import { leakLedger, scripted, type VirtualClock } from './testing/index.ts';
import { type Tool, tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const settled = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    (value) => value,
    (error: unknown) => error,
  );

const boom = new Error('boom');

/** Every way in which a stage called `s` can end, at 100 ms at the latest. */
const endings = {
  ok: { status: 'ok', end: () => 'done' },
  failed: {
    status: 'failed',
    end: () => {
      throw boom;
    },
  },
  'skipped by itself': { status: 'skipped', end: ({ skip }: Context) => skip('nothing to do') },
  'cancelled by itself': { status: 'cancelled', end: ({ cancel }: Context) => cancel('enough') },
  'cancelled with its branch': {
    status: 'cancelled',
    end: ({ cancel }: Context) => cancel('enough', { scope: 'branch' }),
  },
  'cancelled with its run': { status: 'cancelled', end: ({ cancel }: Context) => cancel('enough', { scope: 'run' }) },
  'timed out by its own limit': { status: 'timeout', limit: 100, end: ({ signal }: Context) => hang(signal) },
  "stopped by the run's deadline": { status: 'cancelled', deadline: 100, end: ({ signal }: Context) => hang(signal) },
  'stopped by run.cancel()': { status: 'cancelled', cancelAt: 100, end: ({ signal }: Context) => hang(signal) },
  'stopped by an outer signal': { status: 'cancelled', abortAt: 100, end: ({ signal }: Context) => hang(signal) },
  'stopped by a failure beside it': { status: 'cancelled', failAt: 100, end: ({ signal }: Context) => hang(signal) },
} as const;
type Ending = keyof typeof endings;
interface Timing {
  readonly limit?: number;
  readonly deadline?: number;
  readonly cancelAt?: number;
  readonly abortAt?: number;
  readonly failAt?: number;
}
const allEndings = Object.keys(endings) as Ending[];

/** Runs a stage `s` that does `before` and then ends in the given way. */
function endIn(ending: Ending, before: (context: Context) => unknown, options: RunnerOptions = {}) {
  const { limit, deadline, cancelAt, abortAt, failAt } = endings[ending] as Timing;
  const setup = bench({ ...options, use: limit === undefined ? [] : [limits({ s: limit })] });
  const { clock, runner } = setup;
  const shape = pipeline('p')
    .stage('s', async (_, context) => {
      await before(context);
      return endings[ending].end(context) as unknown;
    })
    .stage('beside', { when: () => failAt !== undefined }, async () => {
      await setup.sleep(failAt as number);
      throw boom;
    });
  const controller = new AbortController();
  const run = runner.run(shape, undefined, { deadline, signal: controller.signal });
  if (cancelAt !== undefined) clock.schedule(cancelAt, () => run.cancel('enough'));
  if (abortAt !== undefined) clock.schedule(abortAt, () => controller.abort('enough'));
  return { ...setup, run };
}

describe('30 tools with cleanup', () => {
  function thirty() {
    const held = new Set<string>();
    const cleaned: string[] = [];
    const tools: Tool<unknown, unknown>[] = Array.from({ length: 30 }, (_, n) =>
      tool(`tool${n}`, {}, (_: unknown, { onCleanup, signal, name }: Context): Promise<unknown> => {
        held.add(name);
        onCleanup(() => {
          held.delete(name);
          cleaned.push(name);
        });
        return hang(signal);
      }),
    );
    const check = (): void => {
      expect(held).toEqual(new Set());
      expect(cleaned.toSorted()).toEqual(tools.map(({ name }) => name).toSorted());
    };
    return { tools, held, check };
  }

  it('under a limit of 2000 ms each, which all of them exceed, are 30 of 30 clean', async () => {
    const { clock, runner } = bench();
    const { tools, held, check } = thirty();
    const shape = pipeline('p').stage('s', (_, { callAll }) =>
      callAll(
        tools.map((one) => [one]),
        { deadline: 2_000, settle: 'all' },
      ),
    );
    const run = runner.run(shape);
    await clock.advance(1_999);
    expect(held.size).toBe(30);
    const { s } = await clock.until(run);
    expect(clock.now()).toBe(2_000);
    expect(s.map((end) => end.status === 'timeout' && isSluiceError(end.error) && end.error.scope)).toEqual(
      tools.map(({ name }) => `tool:${name}`),
    );
    check();
  });

  it("are 30 of 30 clean when it is their stage's limit of 2000 ms that ends them", async () => {
    const { clock, runner } = bench({ use: [limits({ s: 2_000 })] });
    const { tools, check } = thirty();
    const shape = pipeline('p').stage('s', (_, { callAll }) => callAll(tools.map((one) => [one])));
    const report = await clock.until(runner.run(shape).report);
    expect(report.stages.s).toMatchObject({ status: 'timeout', settled: true });
    expect(clock.now()).toBe(2_000);
    check();
  });

  it("are 30 of 30 clean in 30 stages when it is the run's deadline of 2000 ms that ends them", async () => {
    const { clock, runner } = bench();
    const { tools, check } = thirty();
    const shape = pipelineFrom(
      { name: 'p', stages: tools.map(({ name }) => ({ name, use: name })) },
      {
        stages: Object.fromEntries(tools.map((one) => [one.name, (_: unknown, { call }: Context) => call(one)])),
      },
    );
    const report = await clock.until(runner.run(shape, undefined, { deadline: 2_000 }).report);
    expect(report).toMatchObject({ status: 'timeout', orphans: [] });
    expect(clock.now()).toBe(2_000);
    check();
  });
});

describe('cleanup handlers of a stage', () => {
  it.each(allEndings)(
    'run last in, first out, one after another, once each, 1,000 of them, when it is %s',
    async (way) => {
      const order: number[] = [];
      const outcomes = new Set<string>();
      let running = 0;
      let most = 0;
      const { clock, run, sleep } = endIn(way, ({ onCleanup }) => {
        for (let n = 0; n < 1_000; n++) {
          onCleanup(async ({ status }) => {
            outcomes.add(status);
            most = Math.max(most, ++running);
            if (n % 100 === 0) await sleep(1);
            running--;
            order.push(n);
          });
        }
      });
      const report = await clock.until(run.report);
      expect(order).toEqual(Array.from({ length: 1_000 }, (_, n) => 999 - n));
      expect(most).toBe(1);
      const { status } = endings[way];
      expect(report.stages.s).toMatchObject({ status, settled: true, suppressed: [] });
      // What an outer deadline ends has, for its cleanup, timed out.
      expect([...outcomes]).toEqual([way === "stopped by the run's deadline" ? 'timeout' : status]);
    },
  );

  it.each(allEndings)('that throw leave the outcome as it is, and are in the reports, when it is %s', async (way) => {
    const thrown = [new Error('third'), new Error('second'), 'no error', new Error('first')];
    const { clock, run, count } = endIn(way, ({ onCleanup }) => {
      onCleanup(() => {
        throw thrown[3];
      });
      onCleanup(async () => {
        throw thrown[2];
      });
      onCleanup(() => Promise.reject(thrown[1]));
      onCleanup(() => {
        throw thrown[0];
      });
    });
    const report = await clock.until(run.report);
    const { stages, suppressed } = report;
    expect(stages.s.status).toBe(endings[way].status);
    const originals = (errors: readonly unknown[]): unknown[] =>
      errors.map((error) => (isSluiceError(error, 'NON_ERROR') ? error.cause : error));
    expect(originals(stages.s.suppressed)).toEqual(thrown);
    expect(originals(suppressed)).toEqual(thrown);
    expect(count('cleanup.error')).toBe(4);
    if (way === 'ok') expect(report.output.s).toBe('done');
    if (way === 'failed') expect(report.error).toMatchObject({ code: 'STAGE_FAILED', cause: boom });
    if (way === 'stopped by a failure beside it') expect(report.error).toMatchObject({ scope: 'stage:beside' });
  });

  it.each(allEndings)('that register more see those run too, each once, when it is %s', async (way) => {
    const order: string[] = [];
    const { clock, run } = endIn(way, ({ onCleanup }) => {
      onCleanup(() => void order.push('first'));
      onCleanup(async () => {
        order.push('second');
        onCleanup(() => void order.push('from the second'));
        await null;
        onCleanup(() => void order.push('from the second, later'));
      });
    });
    await clock.until(run.report);
    expect(order.toSorted()).toEqual(['first', 'from the second', 'from the second, later', 'second']);
    expect(order.indexOf('second')).toBe(0);
  });

  it.each(allEndings)('that hang keep nobody longer than their time, when it is %s', async (way) => {
    const others: string[] = [];
    let letGo = (): void => {};
    const { clock, run, runner, count } = endIn(way, ({ onCleanup }) => {
      onCleanup(() => void others.push('first'));
      onCleanup(
        () =>
          new Promise<void>((resolve) => {
            letGo = resolve;
          }),
      );
      onCleanup(() => void others.push('third'));
    });
    const report = await clock.until(run.report);
    const { status, ...timing } = endings[way];
    const at = Object.values(timing).find((value) => typeof value === 'number') ?? 0;
    expect(clock.now()).toBe(at + (status === 'ok' || status === 'failed' || status === 'skipped' ? 1_000 : 50));
    expect(others).toEqual(['third', 'first']);
    expect(report.stages.s).toMatchObject({ status, settled: false });
    expect(report.orphans).toEqual([{ name: 's', kind: 'cleanup', attempt: 1, ageMs: 0 }]);
    expect([count('cleanup.late'), runner.stats().orphans]).toEqual([1, 1]);
    letGo();
    await clock.runAll();
    expect([count('orphan.end'), runner.stats().orphans]).toEqual([1, 0]);
    // The report is of the moment when the run was over.
    expect((await run.report).orphans).toHaveLength(1);
  });

  it('that are slow, 500 ms with a grace of 50 ms, are reported as late at the grace, and still finish', async () => {
    for (const way of allEndings.filter((one) => endings[one].status === 'timeout' || 'deadline' in endings[one])) {
      const done: string[] = [];
      const { clock, run, runner, events, sleep } = endIn(
        way,
        ({ onCleanup }) => {
          onCleanup(() => void done.push(`first at ${clock.now()}`));
          onCleanup(async () => {
            await sleep(500);
            done.push(`slow at ${clock.now()}`);
          });
        },
        { grace: 50 },
      );
      const error = await clock.until(settled(run));
      expect(error).toMatchObject({ code: 'TIMEOUT' });
      expect(clock.now()).toBe(150);
      expect(done).toEqual(['first at 150']);
      const report = await run.report;
      expect(report.durationMs).toBe(100);
      expect(report.orphans).toEqual([{ name: 's', kind: 'cleanup', attempt: 1, ageMs: 0 }]);
      expect(events.find(({ type }) => type === 'cleanup.late')).toMatchObject({ at: 150, name: 's', left: 1 });
      expect(runner.stats().orphans).toBe(1);
      await clock.runAll();
      expect(done).toEqual(['first at 150', 'slow at 600']);
      expect(events.at(-1)).toMatchObject({ type: 'orphan.end', at: 600, ageMs: 450 });
      expect(runner.stats().orphans).toBe(0);
    }
  });

  it('registered after the abort, and after everything, still run, once each', async () => {
    const { clock, runner } = bench({ use: [limits({ s: 100 })] });
    const order: string[] = [];
    let kept: Context | undefined;
    const shape = pipeline('p').stage('s', async (_, context) => {
      kept = context;
      await hang(context.signal).catch(() => {});
      context.onCleanup(({ status }) => void order.push(`after the abort: ${status}`));
      await new Promise<void>((resolve) => clock.schedule(20, resolve));
      context.onCleanup(() => {
        throw boom;
      });
      context.onCleanup(() => void order.push('while unwinding'));
    });
    const report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(120);
    expect(order).toEqual(['after the abort: timeout', 'while unwinding']);
    expect(report.stages.s).toMatchObject({ status: 'timeout', settled: true, suppressed: [boom] });
    kept?.onCleanup(() => void order.push('after the run'));
    expect(order).toHaveLength(3);
  });

  it('of 50 stages whose cleanup hangs too all end at the grace, and all are reported', async () => {
    const names = Array.from({ length: 50 }, (_, n) => `s${n}`);
    const { clock, runner } = bench({ use: [limits(Object.fromEntries(names.map((name) => [name, 100])))] });
    const letGo: (() => void)[] = [];
    const work = (_: unknown, { onCleanup, signal }: Context): Promise<never> => {
      onCleanup(() => new Promise<void>((resolve) => letGo.push(resolve)));
      return hang(signal);
    };
    const shape = pipelineFrom(
      { name: 'p', onFailure: 'continue', stages: names.map((name) => ({ name, use: 'work' })) },
      { stages: { work } },
    );
    const report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(150);
    expect(report.orphans.map(({ name, kind }) => `${kind} ${name}`).toSorted()).toEqual(
      names.map((name) => `cleanup ${name}`).toSorted(),
    );
    expect(Object.values(report.stages as Record<string, StageReport>).map(({ status }) => status)).toEqual(
      Array(50).fill('timeout'),
    );
    for (const go of letGo) go();
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('are over before what needs the stage begins', async () => {
    const { clock, runner, sleep } = bench();
    const order: string[] = [];
    const shape = pipeline('p')
      .stage('first', (_, { onCleanup }) => {
        onCleanup(async () => {
          await sleep(100);
          order.push('cleaned');
        });
      })
      .stage('second', ['first'], () => void order.push('second'));
    await clock.until(runner.run(shape));
    expect(order).toEqual(['cleaned', 'second']);
  });

  it('can start nothing any more: a call or a run in them is refused', async () => {
    const { clock, runner } = bench({ use: [limits({ s: 100 })] });
    const work = scripted([{ do: 'succeed' }], { clock });
    const other = tool('other', {}, work);
    const child = pipeline('child').stage('inner', work);
    const refused: unknown[] = [];
    const shape = pipeline('p').stage('s', (_, context) => {
      context.onCleanup(async () => {
        refused.push(await settled(context.call(other)), await settled(context.run(child)));
      });
      return hang(context.signal);
    });
    await clock.until(runner.run(shape).report);
    expect(refused.map((error) => (error as SluiceError).code)).toEqual(['CANCELLED', 'CANCELLED']);
    expect(work.calls).toBe(0);
  });
});

describe('a run that is stopped while a stage that ended well still cleans up', () => {
  it.each<[string, (clock: VirtualClock) => { deadline?: number; cancelAt?: number; failAt?: number }]>([
    ['its deadline', () => ({ deadline: 100 })],
    ['run.cancel()', () => ({ cancelAt: 100 })],
  ])('by %s answers when its grace is over, not when the cleanup is', async (_, how) => {
    const { clock, runner, sleep } = bench();
    const { deadline, cancelAt } = how(clock);
    const shape = pipeline('p')
      .stage('s', (_, { onCleanup }) => {
        onCleanup(() => sleep(900));
        return 'done';
      })
      .stage('other', (_, { signal }) => hang(signal));
    const run = runner.run(shape, undefined, { deadline });
    if (cancelAt !== undefined) clock.schedule(cancelAt, () => run.cancel('enough'));
    const report = await clock.until(run.report);
    expect(report.durationMs).toBe(100);
    expect(clock.now()).toBe(150);
    expect(report.orphans).toEqual([{ name: 's', kind: 'cleanup', attempt: 1, ageMs: 0 }]);
    expect(report.output).toEqual({ s: 'done' });
    await clock.runAll();
    expect(clock.now()).toBe(900);
  });
});

it('a run has its verdict when its last stage has it, and waits for what that one cleans up', async () => {
  const { clock, runner, sleep } = bench();
  const shape = pipeline('p').stage('s', (_, { onCleanup }) => {
    onCleanup(() => sleep(900));
    return 'done';
  });
  const run = runner.run(shape, undefined, { deadline: 100 });
  const report = await clock.until(run.report);
  expect(report).toMatchObject({ status: 'ok', durationMs: 0, output: { s: 'done' }, orphans: [] });
  expect(clock.now()).toBe(900);
});

describe('work that ignores its signal', () => {
  it('is an orphan in the report, stage and tool each by its name, until it really ends', async () => {
    const { clock, runner } = bench();
    const deaf = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock });
    const inner = tool('inner', {}, deaf);
    const shape = pipeline('p')
      .stage('stage', deaf)
      .stage('calls', (_, { call }) => call(inner));
    const run = runner.run(shape, undefined, { deadline: 100 });
    const report = await clock.until(run.report);
    expect(clock.now()).toBe(150);
    const named = report.orphans.map(({ name, kind }) => `${kind} ${name}`);
    expect(named).toEqual(expect.arrayContaining(['stage stage', 'tool inner']));
    // Nothing here has any cleanup.
    expect(named.filter((one) => one.startsWith('cleanup'))).toEqual([]);
    expect(report.stages.stage.settled).toBe(false);
    expect(report.stages.calls.settled).toBe(false);
    expect(report.late).toBe(0);
    expect(runner.stats().orphans).toBe(named.length);
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 2 });
  });

  it('and that its stage did not wait for is in the report as long as it has not settled, whatever the grace', async () => {
    const { clock, runner } = bench({ grace: '5s' });
    const deaf = tool('deaf', {}, scripted([{ do: 'succeed', after: 100_000, ignoreSignal: true }], { clock }));
    const shape = pipeline('p').stage('s', (_, { call }) => {
      call(deaf);
      return 'done';
    });
    const { stages, orphans } = await clock.until(runner.run(shape).report);
    expect(stages.s).toMatchObject({ status: 'ok', settled: false });
    expect(orphans).toMatchObject([{ name: 'deaf', kind: 'tool' }]);
    await clock.runAll();
  });

  it.each([1, 25, 49])('but ends within its grace, after %d ms, is none', async (unwinds) => {
    const { clock, runner, sleep } = bench();
    const shape = pipeline('p').stage('s', async (_, { signal }) => {
      await hang(signal).catch(() => {});
      await sleep(unwinds);
    });
    const report = await clock.until(runner.run(shape, undefined, { deadline: 100 }).report);
    expect(clock.now()).toBe(100 + unwinds);
    expect(report).toMatchObject({ status: 'timeout', orphans: [] });
    expect(report.stages.s.settled).toBe(true);
  });
});

describe('an async generator as a stage', () => {
  /** Runs it under a limit of 200 ms. */
  async function generate(work: (setup: ReturnType<typeof bench>, context: Context) => AsyncGenerator<number>) {
    const setup = bench({ use: [limits({ s: 200 })] });
    const shape = pipeline('p').stage('s', (_, context) => work(setup, context));
    const run = setup.runner.run(shape);
    const live: number[] = [];
    run.stream('s').subscribe({ next: (item) => live.push(item), error: () => {} });
    const report = await setup.clock.until(run.report);
    return { ...setup, report, s: report.stages.s, live, answeredAt: setup.clock.now() };
  }

  it('of 50 ms × 100 yields under a limit of 200 ms has the items that came by then as its partial result', async () => {
    let finished = false;
    const { s, live, answeredAt, report, clock } = await generate(async function* ({ sleep }) {
      try {
        for (let n = 0; n < 100; n++) {
          await sleep(50);
          yield n;
        }
      } finally {
        finished = true;
      }
    });
    expect(s).toMatchObject({ status: 'timeout', partial: [0, 1, 2, 3], error: { partial: [0, 1, 2, 3] } });
    expect(live).toEqual([0, 1, 2, 3]);
    expect(report.output).toEqual({});
    // Its pending next() allows it to end when its sleep of 50 ms is over: the grace.
    expect(answeredAt).toBe(250);
    await clock.runAll();
    expect(finished).toBe(true);
  });

  it('that is parked at a yield when it is stopped runs its finally at once, and yields nothing more', async () => {
    const { clock, runner } = bench();
    const order: string[] = [];
    const shape = pipeline('p').stage('s', async function* () {
      try {
        yield 1;
        order.push('went on');
        yield 2;
      } finally {
        order.push('finally');
      }
    });
    const run = runner.run(shape);
    run.stream('s').subscribe({ next: () => run.cancel('enough'), error: () => {} });
    const report = await clock.until(run.report);
    expect(order).toEqual(['finally']);
    expect(report.stages.s).toMatchObject({ status: 'cancelled', partial: [1], settled: true });
    expect(clock.now()).toBe(0);
  });

  it('that waits in next() and hears its signal ends at once', async () => {
    const { s, answeredAt, report } = await generate(async function* (_, { signal }) {
      yield 1;
      await hang(signal);
      yield 2;
    });
    expect(s).toMatchObject({ status: 'timeout', partial: [1], settled: true, suppressed: [] });
    expect(answeredAt).toBe(200);
    expect(report).toMatchObject({ late: 0, orphans: [] });
  });

  it('that waits in next() and is deaf is an orphan at the grace, and what it yields then is late', async () => {
    let finished = -1;
    const { s, answeredAt, report, clock, runner, live } = await generate(async function* ({ sleep, clock }) {
      try {
        yield 1;
        await sleep(1_000);
        yield 2;
        await sleep(1_000);
        yield 3;
      } finally {
        finished = clock.now();
      }
    });
    expect(s).toMatchObject({ status: 'timeout', partial: [1], settled: false });
    expect(answeredAt).toBe(250);
    expect(report.orphans).toEqual([{ name: 's', kind: 'stage', attempt: 1, ageMs: 0 }]);
    await clock.runAll();
    expect(finished).toBe(1_000);
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 1 });
    expect(live).toEqual([1]);
  });

  it.each([
    [30, 230, true],
    [500, 250, false],
  ])('whose finally takes %d ms is waited for until %d ms', async (takes, at, ended) => {
    let finished = -1;
    const { s, answeredAt, report, clock } = await generate(async function* ({ sleep, clock }, { signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        await sleep(takes);
        finished = clock.now();
      }
    });
    expect(answeredAt).toBe(at);
    expect(s).toMatchObject({ status: 'timeout', partial: [1], settled: ended });
    expect(report.orphans).toHaveLength(ended ? 0 : 1);
    await clock.runAll();
    expect(finished).toBe(200 + takes);
  });

  it('whose finally throws is a timeout all the same, and what it threw is suppressed', async () => {
    const { s, answeredAt, report } = await generate(async function* (_, { signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: it is what is tested
        throw boom;
      }
    });
    expect(answeredAt).toBe(200);
    expect(s).toMatchObject({ status: 'timeout', partial: [1], suppressed: [boom], settled: true });
    expect(report).toMatchObject({ status: 'timeout', suppressed: [boom], error: { code: 'TIMEOUT' } });
  });

  it('whose finally hangs is an orphan', async () => {
    let letGo = (): void => {};
    const { s, answeredAt, report, clock, runner } = await generate(async function* (_, { signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
      }
    });
    expect(answeredAt).toBe(250);
    expect(s.settled).toBe(false);
    expect(report.orphans).toHaveLength(1);
    letGo();
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('whose finally yields again leaks nothing outwards, and is brought to its end', async () => {
    const { s, answeredAt, live } = await generate(async function* (_, { signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        yield 2;
        yield 3;
      }
    });
    expect(answeredAt).toBe(200);
    expect(s).toMatchObject({ status: 'timeout', partial: [1], settled: true });
    expect(live).toEqual([1]);
  });

  it('that refuses to return for ever is an orphan, not a loop', async () => {
    const { clock, runner } = bench({ use: [limits({ s: 200 })] });
    const shape = pipeline('p').stage('s', async function* (_, { signal }) {
      yield 1;
      await hang(signal).catch(() => {});
      for (let refusals = 0; ; refusals++) {
        try {
          yield 2;
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: it is what is tested
          if (refusals >= 0) continue;
        }
      }
    });
    const report = await clock.until(runner.run(shape).report);
    expect(clock.now()).toBe(250);
    expect(report.stages.s).toMatchObject({ status: 'timeout', partial: [1], settled: false });
    expect(report.orphans).toEqual([{ name: 's', kind: 'stage', attempt: 1, ageMs: 0 }]);
    // It never ends, so the ledger begins anew.
    ledger = leakLedger();
  });

  it('that swallows the abort and goes on to its end neither extends the limit nor becomes a result', async () => {
    const { s, answeredAt, report, clock } = await generate(async function* ({ sleep }, { signal }) {
      yield 1;
      await hang(signal).catch(() => {});
      await sleep(20);
      yield 2;
    });
    expect(answeredAt).toBe(220);
    expect(s).toMatchObject({ status: 'timeout', partial: [1], settled: true });
    expect(report).toMatchObject({ output: {}, late: 1 });
    await clock.runAll();
  });

  it('that is abandoned early is ended there, and what was taken of it is the result', async () => {
    const two = defineInterceptor({
      name: 'two',
      priority: Place.observe,
      applies: 'stage',
      intercept: (call, next) => next(call).pipe(take(2)),
    });
    const { clock, runner } = bench({ use: [two] });
    let finished = false;
    const shape = pipeline('p').stage('s', async function* () {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        finished = true;
      }
    });
    await expect(clock.until(runner.run(shape))).resolves.toEqual({ s: [0, 1] });
    expect(finished).toBe(true);
  });

  it('whose listener to its items is gone goes on all the same', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('s', async function* () {
      yield 1;
      yield 2;
    });
    const run = runner.run(shape);
    const first: number[] = [];
    run
      .stream('s')
      .pipe(take(1))
      .subscribe((item) => first.push(item));
    await expect(clock.until(run)).resolves.toEqual({ s: [1, 2] });
    expect(first).toEqual([1]);
  });
});

describe('an Observable as a stage', () => {
  it.each(['deadline', 'cancel', 'failure'] as const)('is unsubscribed from in the sweep of a %s', async (how) => {
    const { clock, runner, sleep } = bench();
    const tornDown: number[] = [];
    const shape = pipeline('p')
      .stage(
        's',
        () =>
          new Observable<number>((subscriber) => {
            subscriber.next(1);
            return () => tornDown.push(clock.now());
          }),
      )
      .stage('beside', { when: () => how === 'failure' }, async () => {
        await sleep(100);
        throw boom;
      });
    const run = runner.run(shape, undefined, { deadline: how === 'deadline' ? 100 : undefined });
    if (how === 'cancel') clock.schedule(100, () => run.cancel());
    const report = await clock.until(run.report);
    expect(tornDown).toEqual([100]);
    expect(report.stages.s).toMatchObject({ status: 'cancelled', partial: [1], settled: true });
    expect(clock.now()).toBe(100);
  });
});

describe('resources handed to ctx.use', () => {
  function resources() {
    const released: string[] = [];
    const sync = { [Symbol.dispose]: () => void released.push('sync') };
    const async = {
      async [Symbol.asyncDispose]() {
        await null;
        released.push('async');
      },
    };
    const both = {
      [Symbol.dispose]: () => void released.push('the wrong one'),
      [Symbol.asyncDispose]: async () => void released.push('both, asynchronously'),
    };
    return { released, all: [sync, async, both] as const };
  }
  const order = ['both, asynchronously', 'async', 'sync'];

  it.each(allEndings)('are released, once each, last in, first out, when the stage is %s', async (way) => {
    const { released, all } = resources();
    const { clock, run } = endIn(way, ({ use }) => {
      for (const one of all) expect(use<Disposable | AsyncDisposable>(one)).toBe(one);
    });
    const report: Report = await clock.until(run.report);
    expect(released).toEqual(order);
    expect(report.stages['s']?.status).toBe(endings[way].status);
  });

  it.each(allEndings)('by a tool, or in a child run, are released when the stage around is %s', async (way) => {
    const ofTool = resources();
    const ofChild = resources();
    const work =
      ({ all }: ReturnType<typeof resources>) =>
      (_: unknown, { use, signal }: Context): Promise<never> => {
        for (const one of all) use<Disposable | AsyncDisposable>(one);
        return hang(signal);
      };
    const holder = tool('holder', {}, work(ofTool));
    const child = pipeline('child').stage('inner', work(ofChild));
    const { clock, run } = endIn(way, async (context) => {
      settled(context.call(holder));
      context.run(child);
      await null;
    });
    await clock.until(run.report);
    expect(ofTool.released).toEqual(order);
    expect(ofChild.released).toEqual(order);
  });

  it('that are none are refused, and the stage says so', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('s', (_, { use }) => use({} as Disposable));
    const error = await clock.until(settled(runner.run(shape)));
    expect(error).toMatchObject({ code: 'STAGE_FAILED', cause: { code: 'CONFIG' } });
  });
});
