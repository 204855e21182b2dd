import { type Context, httpStatus, pipeline, type SluiceError, TimeoutError, tool, toResponse } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { heartbeat, timeout } from './index.ts';
import { deaf, nothingIsLeft, waiting } from './timeout-bench.test-kit.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('the error of a limit', () => {
  it('names the target, the limit that was exceeded, whose it is, and the call', async () => {
    const { clock, runner } = workbench({ use: [timeout({ attempt: 100 }), again(2)] });
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('search', {}, work), undefined, { runId: 'r1' })));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.name).toBe('TimeoutError');
    expect(String(error)).toBe('TimeoutError: Tool "search" exceeded its attempt timeout of 100 ms');
    expect(error).toMatchObject({ code: 'TIMEOUT', verdict: 'timeout', scope: 'attempt', retryable: true });
    expect(error.call).toEqual({ target: 'tool', name: 'search', attempt: 2, runId: 'r1' });
    expect(httpStatus(error)).toBe(504);
    expect(error.details).toEqual({
      timeout_seconds: 0.1,
      limit: 'attempt',
      limitMs: 100,
      elapsedMs: 100,
      started: true,
      settled: true,
    });
  });

  it.each([
    ['total', 'Stage "s" exceeded its total timeout of 100 ms', 'stage:s', false],
    ['attempt', 'Stage "s" exceeded its attempt timeout of 100 ms', 'attempt', true],
    ['queue', 'Stage "s" waited longer than its queue timeout of 100 ms', 'stage:s', false],
  ] as const)('%s: says so, whose it is, and whether to repeat it', async (limit, message, scope, retryable) => {
    const { clock, runner } = workbench({
      use: [timeout({ total: 'none', [limit]: 100 }), ...(limit === 'queue' ? [waiting(500)] : [])],
    });
    const run = runner.run(pipeline('p').stage('s', scripted([{ do: 'hang' }], { clock })));
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({ message, scope, retryable, details: { limit, limitMs: 100, elapsedMs: 100 } });
  });

  it('says how long the work was last heard from before, what came with its last heartbeat, and how far it was', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ total: 1_000 })] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      ctx.heartbeat({ page: 1 });
      await sleep(100);
      ctx.progress(0.25);
      ctx.partial({ pages: 2 });
      await sleep(100);
      ctx.heartbeat({ page: 3 });
      return hang(ctx.signal);
    });
    const error = await clock.until(failure(runner.call(work)));
    expect(error.partial).toEqual({ pages: 2 });
    expect(error.details).toMatchObject({ lastSignMs: 800, heartbeat: { page: 3 }, progress: 0.25 });
    expect(error.remediation).toBe(
      'Raise timeout.total for "work" or split its work; it was last heard from 800 ms before the deadline, ' +
        'and at 25 % after 1000 ms it would have needed about 4000 ms.',
    );
  });

  it('names the other limits, the idle one and the hard one, and how far each was', async () => {
    const { clock, runner, sleep } = workbench({
      use: [timeout({ total: 1_000, attempt: 400 }), heartbeat(300)],
    });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      await sleep(200);
      ctx.heartbeat();
      return hang(ctx.signal);
    });
    const error = await clock.until(failure(runner.call(work)));
    expect(error.details).toMatchObject({
      limit: 'attempt',
      limitMs: 400,
      idle: { limitMs: 300, silentMs: 200 },
      hard: { scope: 'tool:work', leftMs: 600 },
    });
    const shape = pipeline('p').stage('s', { timeout: { attempt: 'none' } }, async (_, ctx) => {
      for (;;) {
        ctx.heartbeat();
        await sleep(100);
        if (ctx.signal.aborted) return;
      }
    });
    const total = await clock.until(failure(runner.run(shape, undefined, { deadline: 5_000 })));
    expect(total.details).toMatchObject({
      limit: 'total',
      idle: { limitMs: 300 },
      hard: { scope: 'run', leftMs: 4_000 },
    });
    await clock.runAll();
  });

  it('says for how much of the time its clock stood still', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ attempt: 100 })] });
    const work = tool('work', {}, async (_: unknown, { pause, signal }: Context) => {
      const resume = pause('waits for consent');
      await sleep(1_000);
      resume();
      return hang(signal);
    });
    const error = await clock.until(failure(runner.call(work)));
    expect(error.details).toMatchObject({ limitMs: 100, elapsedMs: 1_100, pausedMs: 1_000 });
  });

  it('says how late the event loop was, in the remediation too', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const call = failure(runner.call(tool('work', {}, scripted([{ do: 'hang' }], { clock }))));
    await clock.advance(50);
    clock.block(500);
    const error = await clock.until(call);
    expect(error.details['lagMs']).toBeGreaterThanOrEqual(450);
    expect(error.details['elapsedMs']).toBe(100 + Number(error.details['lagMs']));
    expect(error.remediation).toContain(`the event loop was ${error.details['lagMs']} ms late`);
  });

  it('says settled: false while the work goes on, true when it has ended, and by how much it missed', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, grace: 30 })] });
    const error = await clock.until(
      failure(
        runner.call(
          tool(
            'slow',
            {},
            deaf(clock, 700, () => 'late'),
          ),
        ),
      ),
    );
    expect(clock.now()).toBe(130);
    expect(error.details).toMatchObject({ settled: false, started: true });
    await clock.advance(569);
    expect(error.details).toMatchObject({ settled: false });
    expect(error.details).not.toHaveProperty('lateMs');
    await clock.advance(1);
    expect(error.details).toMatchObject({ settled: true, lateMs: 600 });
  });

  it('says settled: true without lateMs of work that unwound when it was told to, or never started', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const told = await clock.until(failure(runner.call(tool('told', {}, scripted([{ do: 'hang' }], { clock })))));
    expect(told.details).toMatchObject({ settled: true });
    expect(told.details).not.toHaveProperty('lateMs');
    const never = await clock.until(failure(runner.call(tool('told', { timeout: 0 }, () => 1))));
    expect(never.details).toMatchObject({ settled: true, started: false, elapsedMs: 0 });
  });

  it('is not settled before the calls in the work and its cleanup have ended', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ tools: { outer: { total: 100, grace: 20 } } })] });
    const inner = tool(
      'inner',
      {},
      deaf(clock, 400, () => 1),
    );
    const outer = tool('outer', {}, (_: unknown, { call, onCleanup }: Context) => {
      onCleanup(() => sleep(600));
      return call(inner);
    });
    const error = await clock.until(failure(runner.call(outer)));
    expect(error.details).toMatchObject({ settled: false });
    await clock.advance(550);
    expect(error.details).toMatchObject({ settled: false });
    await clock.runAll();
    expect(error.details).toMatchObject({ settled: true });
    expect(runner.stats().orphans).toBe(0);
  });
});

describe('the remediation is true of the case:', () => {
  const cases: Record<string, { work: (ctx: Context) => unknown; says: string }> = {
    'work that gave no sign': {
      work: ({ signal }) => hang(signal),
      says: 'Raise timeout.total for "w" or split its work; it gave no sign of life: ctx.heartbeat() or ctx.progress() would tell slow from stuck.',
    },
    'work that was heard from': {
      work: (ctx) => {
        ctx.heartbeat();
        return hang(ctx.signal);
      },
      says: 'Raise timeout.total for "w" or split its work; it was last heard from 200 ms before the deadline.',
    },
    'work that said how far it was': {
      work: (ctx) => {
        ctx.progress(0.5);
        return hang(ctx.signal);
      },
      says: 'Raise timeout.total for "w" or split its work; it was last heard from 200 ms before the deadline, and at 50 % after 200 ms it would have needed about 400 ms.',
    },
    'work that was done but for its end': {
      work: (ctx) => {
        ctx.progress(1);
        return hang(ctx.signal);
      },
      says: 'Raise timeout.total for "w" or split its work; it was last heard from 200 ms before the deadline.',
    },
  };
  it.each(Object.entries(cases))('%s', async (_, { work, says }) => {
    const { clock, runner } = workbench({ use: [timeout(200)] });
    const error = await clock.until(failure(runner.call(tool('w', {}, (_: unknown, ctx: Context) => work(ctx)))));
    expect(error.remediation).toBe(says);
  });

  it('a call that was still waiting, in a queue or for its next attempt', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100 }), waiting(500)] });
    const work = tool('w', {}, () => 1);
    const total = await clock.until(failure(runner.call(work)));
    expect(total.details).toMatchObject({ started: false });
    expect(total.remediation).toBe(
      'Raise timeout.total for "w", or shorten what it waits for; its work had not begun when the limit passed.',
    );
    const queue = await clock.until(failure(runner.call(work, undefined, { timeout: { queue: 50 } })));
    expect(queue.remediation).toBe(
      'Raise timeout.queue for "w", or let more run at once; it had not started when its time to wait was over.',
    );
  });

  it('a limit of 0', async () => {
    const { clock, runner } = workbench({ use: [timeout(0)] });
    const error = await clock.until(failure(runner.call(tool('w', {}, () => 1))));
    expect(error.remediation).toBe('Raise timeout.total for "w": at 0 it never starts.');
  });
});

describe('the envelope of a task API', () => {
  it('is exactly as designed: a stage of 60 s that had processed 50 items 1200 ms before its end', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ stages: { fetch: '60s' } })] });
    const shape = pipeline('p').stage('fetch', async (_, { partial, signal }) => {
      await sleep(58_800);
      partial({ items_processed: 50 });
      return hang(signal);
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    const timestamp = '2026-01-01T00:00:00.000Z';
    const metadata = { requestId: 'r1', timestamp, durationMs: 60_005.2 };
    const expected = {
      status: 'error',
      error: {
        code: 'TIMEOUT',
        message: 'Stage "fetch" exceeded its total timeout of 60000 ms',
        details: { timeout_seconds: 60, scope: 'stage:fetch', partial_result: { items_processed: 50 } },
        remediation:
          'Raise timeout.total for "fetch" or split its work; it was last heard from 1200 ms before the deadline.',
      },
      metadata: { request_id: 'r1', timestamp, duration_ms: 60_005.2, api_version: 'v1' },
    };
    expect(toResponse(error, metadata)).toStrictEqual(expected);
    expect(JSON.parse(JSON.stringify(toResponse((await run.report).error, metadata)))).toStrictEqual(expected);
  });

  it('shows no more of a timeout than that, whatever is known of it, before and after it has settled', async () => {
    const { clock, runner, sleep } = workbench({
      use: [timeout({ total: 1_000, attempt: 500, grace: 10 }), heartbeat(400)],
    });
    const work = tool('work', {}, async (_: unknown, { heartbeat, progress, pause }: Context) => {
      heartbeat({ secret: 'host-7' });
      progress(0.1);
      const resume = pause('consent');
      await sleep(100);
      resume();
      progress(0.3);
      for (let n = 0; n < 10; n++) {
        await sleep(200);
        heartbeat({ secret: n });
      }
    });
    const call = failure(runner.call(work));
    await clock.advance(550);
    clock.block(100);
    const error = await clock.until(call);
    const body = (one: SluiceError) => toResponse(one, { requestId: 'r1' }).error;
    const before = body(error);
    expect(Object.keys(before).toSorted()).toEqual(['code', 'details', 'message', 'remediation']);
    expect(before.details).toStrictEqual({ timeout_seconds: 0.5, scope: 'attempt' });
    await clock.runAll();
    expect(error.details).toMatchObject({ settled: true, lateMs: expect.any(Number) });
    expect(body(error)).toStrictEqual(before);
  });

  it('of the error as JSON is safe and complete, without a stack', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const cyclic: Record<string, unknown> = { big: 10n };
    cyclic['self'] = cyclic;
    const work = tool('work', {}, (_: unknown, { partial, heartbeat, signal }: Context) => {
      partial(cyclic);
      heartbeat(cyclic);
      return hang(signal);
    });
    const error = await clock.until(failure(runner.call(work, undefined, { runId: 'r1' })));
    const bounded = { big: '10n', self: '[circular]' };
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'TimeoutError',
      code: 'TIMEOUT',
      message: 'Tool "work" exceeded its total timeout of 100 ms',
      verdict: 'timeout',
      call: { target: 'tool', name: 'work', attempt: 1, runId: 'r1' },
      scope: 'tool:work',
      retryable: false,
      remediation:
        'Raise timeout.total for "work" or split its work; it was last heard from 100 ms before the deadline.',
      partial: bounded,
      details: {
        timeout_seconds: 0.1,
        limit: 'total',
        limitMs: 100,
        elapsedMs: 100,
        started: true,
        settled: true,
        lastSignMs: 100,
        heartbeat: bounded,
      },
    });
  });
});
