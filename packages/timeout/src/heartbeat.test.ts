import { type Context, createRunner, isSluiceError, pipeline, tool } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { again, failure, hang, type Workbench, workbench } from './workbench.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** When each heartbeat was told, and with what. */
const told = ({ of }: Workbench): unknown[] => of('heartbeat').map(({ at, details }) => [at, details]);

/** Beats every `every` ms for `times` times, with how often it has, and then ends as it is told. */
const beating = (bench: Workbench, every: number, times: number, end?: (ctx: Context) => unknown) =>
  tool('beating', {}, async (_: unknown, ctx: Context) => {
    for (let n = 1; n <= times; n++) {
      ctx.heartbeat({ n });
      if (n < times) await bench.sleep(every);
    }
    return end?.(ctx);
  });

describe('heartbeats', () => {
  it('are told: the first at once, later ones at most once in 0.8 of the limit, and then the latest', async () => {
    const bench = workbench({ use: [heartbeat(100)] });
    await bench.clock.until(bench.runner.call(beating(bench, 10, 30)));
    expect(told(bench)).toEqual([
      [0, { n: 1 }],
      [80, { n: 9 }],
      [160, { n: 17 }],
      [240, { n: 25 }],
    ]);
    expect(bench.clock.now()).toBe(290);
  });

  it('that are further apart than that are told each as it comes', async () => {
    const bench = workbench({ use: [heartbeat(100)] });
    await bench.clock.until(bench.runner.call(beating(bench, 90, 4)));
    expect(told(bench)).toEqual([
      [0, { n: 1 }],
      [90, { n: 2 }],
      [180, { n: 3 }],
      [270, { n: 4 }],
    ]);
  });

  it.each([
    ['fails', undefined, () => Promise.reject(new Error('boom')), 30, 'failed'],
    ['falls silent', undefined, ({ signal }: Context) => hang(signal), 80, 'timeout'],
    ['is cancelled', 70, ({ signal }: Context) => hang(signal), 70, 'cancelled'],
  ] as const)('that wait to be told are told when the attempt %s', async (_, cancelAt, end, at, status) => {
    const bench = workbench({ use: [heartbeat(100)] });
    const stop = new AbortController();
    if (cancelAt !== undefined) bench.clock.schedule(cancelAt, () => stop.abort(new Error('enough')));
    const call = bench.runner.call(beating(bench, 10, 4, end), undefined, { signal: stop.signal });
    expect(await bench.clock.until(failure(call))).toBeInstanceOf(Error);
    expect(told(bench)).toEqual([
      [0, { n: 1 }],
      [at, { n: 4 }],
    ]);
    expect(bench.of('verdict')[0]?.status).toBe(status);
    await bench.clock.runAll();
  });

  it('that wait to be told when the attempt ends well need not be told any more', async () => {
    const bench = workbench({ use: [heartbeat(100)] });
    await bench.clock.until(bench.runner.call(beating(bench, 10, 4)));
    expect(told(bench)).toEqual([[0, { n: 1 }]]);
  });

  it('are recorded without a limit, and nothing else: silence ends nothing', async () => {
    const bench = workbench({ use: [heartbeat()] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      ctx.heartbeat({ page: 1 });
      await bench.sleep(3_600_000);
      ctx.heartbeat({ page: 2 });
      return 'done';
    });
    await expect(bench.clock.until(bench.runner.call(work))).resolves.toBe('done');
    expect(told(bench)).toEqual([
      [0, { page: 1 }],
      [3_600_000, { page: 2 }],
    ]);
    expect(bench.runner.stats().interceptors['heartbeat']).toEqual({
      'tool:work': { beats: 2, ignored: 0, lost: 0, late: 0, orphans: 0 },
    });
  });

  it('are told, each, also where no interceptor listens to them', async () => {
    const bench = workbench();
    await bench.clock.until(bench.runner.call(beating(bench, 10, 3)));
    expect(told(bench)).toEqual([
      [0, { n: 1 }],
      [10, { n: 2 }],
      [20, { n: 3 }],
    ]);
  });
});

describe('the last heartbeat', () => {
  it('reaches the next attempt, and the report; one that says nothing changes nothing about that', async () => {
    const bench = workbench({ use: [again(3), heartbeat(100)] });
    const seen: unknown[] = [];
    const job = pipeline('job').stage('crawl', async (_, ctx) => {
      const { heartbeat: last, error } = ctx.previous ?? {};
      seen.push([structuredClone(last), isSluiceError(error, 'HEARTBEAT_LOST')]);
      // It is a copy: what is done to it harms nobody.
      if (last !== undefined) Object.assign(last as object, { page: -1 });
      ctx.heartbeat({ page: 0 });
      ctx.heartbeat({ page: ctx.attempt * 10 });
      ctx.heartbeat();
      if (ctx.attempt < 3) await hang(ctx.signal);
      return 'done';
    });
    const report = await bench.clock.until(bench.runner.run(job).report);
    expect(seen).toEqual([
      [undefined, false],
      [{ page: 10 }, true],
      [{ page: 20 }, true],
    ]);
    expect(report.stages.crawl).toMatchObject({ status: 'ok', attempts: 3, heartbeat: { page: 30 } });
    expect(bench.of('attempt.end').map(({ status, durationMs }) => `${status} ${durationMs}`)).toEqual([
      'timeout 100',
      'timeout 100',
      'ok 0',
    ]);
  });

  it('is named in the error: how long ago, with what, and what the limit is', async () => {
    const bench = workbench({ use: [timeout({ total: 5_000, attempt: 1_000 }), heartbeat(100)] });
    const work = tool('crawl', {}, async (_: unknown, ctx: Context) => {
      await bench.sleep(40);
      ctx.partial([1, 2]);
      ctx.progress(0.25);
      ctx.heartbeat({ page: 7 });
      return hang(ctx.signal);
    });
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(bench.clock.now()).toBe(140);
    expect(error).toMatchObject({ code: 'HEARTBEAT_LOST', verdict: 'timeout', retryable: true, scope: 'attempt' });
    expect(error.message).toBe(
      'Tool "crawl" was last heard from 100 ms ago, with {"page":7}; its heartbeat timeout is 100 ms',
    );
    expect(error.partial).toEqual([1, 2]);
    expect(error.remediation).toContain('"crawl"');
    expect(error.details).toMatchObject({
      timeout_seconds: 0.1,
      limit: 'heartbeat',
      limitMs: 100,
      elapsedMs: 140,
      silentMs: 100,
      lastSignMs: 100,
      progress: 0.25,
      heartbeat: { page: 7 },
      started: true,
      settled: true,
      idle: { limitMs: 100, silentMs: 100 },
      hard: { scope: 'attempt', leftMs: 860 },
    });
  });

  it('that there never was is said as well', async () => {
    const bench = workbench({ use: [heartbeat('2s')] });
    const work = tool('mute', {}, (_: unknown, { signal }: Context) => hang(signal));
    const error = await bench.clock.until(failure(bench.runner.call(work)));
    expect(bench.clock.now()).toBe(2_000);
    expect(error.message).toBe('Tool "mute" gave no sign of life for 2000 ms; its heartbeat timeout is 2000 ms');
    expect(error.remediation).toContain('ctx.heartbeat()');
    expect(error.details).not.toHaveProperty('heartbeat');
  });

  it('is told in short when it is long, and does no harm when it cannot be told', async () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const hostile = {
      toJSON() {
        throw new Error('boo');
      },
    };
    for (const details of ['x'.repeat(10_000), cyclic, hostile, 10n, Symbol('s'), () => {}, null, Number.NaN]) {
      const bench = workbench({ use: [heartbeat(100)] });
      const work = tool('odd', {}, (_: unknown, ctx: Context) => {
        ctx.heartbeat(details);
        return hang(ctx.signal);
      });
      const error = await bench.clock.until(failure(bench.runner.call(work)));
      expect(error.code).toBe('HEARTBEAT_LOST');
      expect(error.message.length).toBeLessThan(300);
      expect(bench.clock.now()).toBe(100);
    }
  });
});

describe('what is said of heartbeats', () => {
  it('nearer wins, field by field, and explain() says what holds and why', async () => {
    const plugin = heartbeat({ timeout: '10s', kinds: { agent: { timeout: 500 } }, tools: { named: 400 } });
    const bench = workbench({ use: [plugin] });
    const lostAfter = async (options: object, name = 'work'): Promise<number> => {
      const from = bench.clock.now();
      const work = tool(name, options, (_: unknown, { signal }: Context) => hang(signal));
      await bench.clock.until(failure(bench.runner.call(work)));
      return bench.clock.now() - from;
    };
    expect(await lostAfter({})).toBe(10_000);
    expect(await lostAfter({ kind: 'agent' })).toBe(500);
    expect(await lostAfter({}, 'named')).toBe(400);
    expect(await lostAfter({ kind: 'agent', heartbeat: 300 })).toBe(300);
    expect(await lostAfter({ kind: 'agent', heartbeat: { refreshOn: 'heartbeat' } })).toBe(500);
    const flow = pipeline('flow').stage('s', { heartbeat: '2s' }, (_, { signal }) => hang(signal));
    const { entries } = bench.runner.explain(flow, 's');
    expect(entries[0]?.options['timeout']).toMatchObject({ value: 2_000, from: 'stage' });
    const report = await bench.clock.until(bench.runner.run(flow, undefined, { heartbeat: 200 }).report);
    expect(report).toMatchObject({ status: 'timeout', durationMs: 200 });
  });

  it("is switched off by 'none', for one tool and for a run, and by timeouts: 'off' for all", async () => {
    const { clock, runner, sleep } = workbench({ use: [heartbeat(100)] });
    const slow = (): Promise<string> => sleep(1_000).then(() => 'done');
    await expect(clock.until(runner.call(tool('free', { heartbeat: 'none' }, slow)))).resolves.toBe('done');
    const run = runner.run(pipeline('p').stage('s', slow), undefined, { heartbeat: 'none' });
    await expect(clock.until(run)).resolves.toEqual({ s: 'done' });
    const off = workbench({ use: [heartbeat(100)], timeouts: 'off' });
    const patient = tool('patient', {}, () => off.sleep(1_000).then(() => 'done'));
    await expect(off.clock.until(off.runner.call(patient))).resolves.toBe('done');
  });

  it.each([
    ['soon', 'heartbeat'],
    [-1, 'heartbeat'],
    [Number.NaN, 'heartbeat'],
    [{ timeout: Number.POSITIVE_INFINITY }, 'heartbeat.timeout'],
    [true, 'heartbeat'],
    [{ refreshOn: 'always' }, 'heartbeat.refreshOn'],
    [{ timout: 5 }, 'timout'],
  ])('wrongly (%j) is refused with its path: %s', (written, path) => {
    expect(() => heartbeat(written as never)).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    expect(() => heartbeat(written as never)).toThrow(path);
  });

  it('0 ends an attempt before it starts', async () => {
    const clock = virtualClock();
    let started = false;
    const work = tool('never', {}, () => {
      started = true;
    });
    const error = await failure(createRunner({ clock, use: [heartbeat(0)] }).call(work));
    expect(error.code).toBe('HEARTBEAT_LOST');
    expect(started).toBe(false);
    await clock.runAll();
  });
});
