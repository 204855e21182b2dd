import {
  type Context,
  createRunner,
  httpStatus,
  isSluiceError,
  type Pipeline,
  pipeline,
  type Runner,
  type RunRecord,
  tool,
  toResponse,
} from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { failure, hang, silent } from './workbench.test-kit.ts';

const TIMESTAMP = '2026-01-01T00:00:00.000Z';

interface Job {
  readonly steps: number;
  readonly every?: number;
  /** It pays no attention to its signal. */
  readonly deaf?: boolean;
}

let ledger = leakLedger();
let clock: VirtualClock;
let runner: Runner;
beforeEach(() => {
  ledger = leakLedger();
  clock = virtualClock();
  runner = createRunner({ clock, logger: silent, use: [timeout('1s')], runs: { max: 3, maxAge: '1h' } });
});
afterEach(async () => {
  await clock.runAll();
  ledger.assertEmpty();
});

/** A step of some time; ends early, with the reason, when the signal is aborted. */
const step = (ms: number, signal: AbortSignal, deaf: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      if (deaf) return;
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });

/** A task: it works in steps, says how far it has come and what it has achieved. */
const task = (limit?: number | 'none') =>
  pipeline<Job>('task').stage(
    'job',
    { timeout: limit },
    async ({ input: { steps, every = 100, deaf = false } }, ctx) => {
      for (let n = 1; n <= steps; n++) {
        await step(every, ctx.signal, deaf);
        ctx.progress((n / steps) * 1.5 - 0.25, `step ${n}`);
        ctx.partial({ items_processed: n, total_items: steps });
      }
      return { done: steps };
    },
  );

const start = (job: Job, limit?: number | 'none'): string => runner.run(task(limit), job).id;
const record = (id: string): RunRecord => runner.runs.get(id) as RunRecord;

describe('a task', () => {
  it('ends at the default limit, at its own, or never', async () => {
    const ids = [start({ steps: 20 }), start({ steps: 20 }, 300), start({ steps: 20 }, 'none')];
    await clock.advance(2_500);
    expect(ids.map((id) => [record(id).status, record(id).durationMs])).toEqual([
      ['timeout', 1_000],
      ['timeout', 300],
      ['ok', 2_000],
    ]);
  });

  it('tells its status, its progress between 0 and 1, and the last partial result; then its result', async () => {
    const id = start({ steps: 8 });
    await clock.advance(50);
    expect(record(id)).toMatchObject({ status: 'running', progress: 0, durationMs: 50 });
    const seen: number[] = [];
    for (let n = 0; n < 7; n++) {
      await clock.advance(100);
      seen.push(record(id).progress);
      expect(record(id).partial).toEqual({ items_processed: n + 1, total_items: 8 });
    }
    // What it says begins below 0, and ends above 1.
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect(seen.every((progress, n) => progress >= (seen[n - 1] ?? 0) && progress <= 1)).toBe(true);
    expect(record(id).note).toBe('step 7');
    await clock.advance(200);
    expect(record(id)).toMatchObject({ status: 'ok', progress: 1, result: { job: { done: 8 } } });
    expect(record(id)).not.toHaveProperty('partial');
  });

  it('that timed out keeps the last partial result, and lets the next one run', async () => {
    const id = start({ steps: 20, every: 300 });
    await clock.advance(1_100);
    expect(record(id)).toMatchObject({ status: 'timeout', partial: { items_processed: 3, total_items: 20 } });
    const next = start({ steps: 2 });
    await clock.advance(250);
    expect(record(next)).toMatchObject({ status: 'ok', result: { job: { done: 2 } } });
  });

  it('that is cancelled stays cancelled, also if it returns all the same', async () => {
    const id = start({ steps: 5, deaf: true });
    await clock.advance(250);
    expect([runner.runs.cancel(id, 'not wanted'), runner.runs.cancel(id), runner.runs.cancel('nobody')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(record(id).status).toBe('cancelled');
    await clock.runAll();
    expect(record(id)).toMatchObject({ status: 'cancelled', durationMs: 250, error: { code: 'CANCELLED' } });
    expect(record(id)).not.toHaveProperty('result');
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 1 });
  });

  it('is listed, the newest first, by status; old records and those that are too many are dropped', async () => {
    const ids: string[] = [];
    for (const steps of [1, 20, 1, 20, 1]) {
      ids.push(start({ steps }));
      await clock.advance(1_200);
    }
    const listed = (status?: 'ok' | 'timeout'): string[] => runner.runs.list({ status }).map(({ id }) => id);
    expect(listed()).toEqual([ids[4], ids[3], ids[2]]);
    expect([listed('ok'), listed('timeout')]).toEqual([[ids[4], ids[2]], [ids[3]]]);
    expect(runner.runs.get(ids[0] as string)).toBeUndefined();
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 2, timeout: 1 }, dropped: 2 });
    await clock.advance(3_600_000);
    expect(listed()).toEqual([]);
  });
});

describe('the answer to a request for a task that timed out', () => {
  it('is the envelope, exactly', async () => {
    const run = runner.run(task(), { steps: 20, every: 300 });
    const { error, durationMs } = await clock.until(run.report);
    expect(httpStatus(error)).toBe(504);
    expect(toResponse(error, { requestId: 'r-1', timestamp: TIMESTAMP, durationMs })).toEqual({
      status: 'error',
      error: {
        code: 'TIMEOUT',
        message: 'Stage "job" exceeded its total timeout of 1000 ms',
        details: {
          timeout_seconds: 1,
          scope: 'stage:job',
          partial_result: { items_processed: 3, total_items: 20 },
        },
        remediation: expect.stringMatching(
          /^Raise timeout\.total for "job" or split its work; it was last heard from 100 ms/,
        ),
      },
      metadata: { request_id: 'r-1', timestamp: TIMESTAMP, duration_ms: 1_000, api_version: 'v1' },
    });
  });

  it('has the very object that was reported, 500 ms in, by a tool that hangs until 2 s', async () => {
    const hanging = tool('hanging', { timeout: '2s' }, async (_: unknown, ctx: Context) => {
      await step(500, ctx.signal, false);
      ctx.partial({ items_processed: 5, total_items: 100 });
      return hang(ctx.signal);
    });
    const error = await clock.until(failure(runner.call(hanging)));
    expect(error.partial).toEqual({ items_processed: 5, total_items: 100 });
    expect(toResponse(error).error.details).toEqual({
      timeout_seconds: 2,
      scope: 'tool:hanging',
      partial_result: { items_processed: 5, total_items: 100 },
    });
  });

  it('always says what to do: of every limit, started or not, alive or not, in a run or not', async () => {
    const alive = async (_: unknown, ctx: Context): Promise<unknown> => {
      ctx.heartbeat({ at: 1 });
      ctx.progress(0.4);
      ctx.partial([1]);
      return hang(ctx.signal);
    };
    const mute = (_: unknown, { signal }: Context): unknown => hang(signal);
    const limits = [
      { timeout: 100 },
      { timeout: 0 },
      { timeout: { attempt: 100, total: 'none' } },
      { timeout: { queue: 0, total: 'none' } },
      { timeout: 'none', heartbeat: 100 },
      { timeout: 'none', heartbeat: 0 },
    ] as const;
    const all = createRunner({ clock, logger: silent, use: [timeout(), heartbeat()] });
    for (const limit of limits) {
      for (const work of [alive, mute]) {
        const alone = await clock.until(failure(all.call(tool('work', limit, work))));
        const flow: Pipeline<void, object> = pipeline('flow').stage('work', limit, work);
        const { error: staged } = await clock.until(all.run(flow).report);
        for (const error of [alone, staged]) {
          expect(isSluiceError(error, 'TIMEOUT') || isSluiceError(error, 'HEARTBEAT_LOST')).toBe(true);
          const answer = toResponse(error, { timestamp: TIMESTAMP });
          expect(answer.error.remediation).toMatch(/"work"/);
          expect(answer.error.details).toHaveProperty('timeout_seconds');
          expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
        }
      }
    }
    const { error } = await clock.until(all.run(task('none'), { steps: 9 }, { deadline: 100 }).report);
    expect(toResponse(error).error.remediation).not.toBe('');
  });
});
