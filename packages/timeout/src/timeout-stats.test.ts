import { type Context, createRunner, type Runner, tool } from '@sluice/core';
import { leakLedger, type Step, scripted, type VirtualClock, virtualClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TimeoutOptions, timeout } from './timeout.ts';
import { TimeoutRecord, type TimeoutStats } from './timeout-stats.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

interface StatsBench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly stats: (name?: string) => TimeoutStats;
  /** Calls it once for each step, one after the other, and waits until each call has its answer. */
  call(...steps: readonly [Step, ...Step[]]): Promise<void>;
}

function bench(options: TimeoutOptions): StatsBench {
  const clock = virtualClock();
  const runner = createRunner({ clock, grace: 10, use: [timeout(options)] });
  const stats = (name = 'work'): TimeoutStats =>
    (runner.stats().interceptors['timeout'] as Record<string, TimeoutStats>)[`tool:${name}`] as TimeoutStats;
  const call = async (...steps: readonly [Step, ...Step[]]): Promise<void> => {
    const work = tool('work', {}, scripted(steps, { clock }));
    for (const _ of steps) await clock.until(runner.call(work).catch(() => {}));
  };
  return { clock, runner, stats, call };
}

const takes = (after: number): Step => ({ do: 'succeed', after });
const FAIL: Step = { do: 'fail', after: 5 };
const HANG: Step = { do: 'hang' };
const DEAF: Step = { do: 'succeed', after: 500, ignoreSignal: true };
const DEAF_FAIL: Step = { do: 'fail', after: 500, ignoreSignal: true };

describe('the stats of timeout', () => {
  it('count each call by how it ended', async () => {
    const { stats, call } = bench({ total: 100 });
    await call(takes(10), takes(20), FAIL, HANG, HANG, HANG);
    expect(stats()).toMatchObject({ ok: 2, failed: 1, timeout: 3, cancelled: 0, skipped: 0, attemptTimeouts: 0 });
    expect(stats()).toMatchObject({ late: 0, orphans: 0, limits: { total: 100 } });
  });

  it('count what was cancelled from outside, and what had nothing to do', async () => {
    const { clock, runner, stats } = bench({ total: 100 });
    const controller = new AbortController();
    const ended = runner.call(tool('work', {}, scripted([HANG], { clock })), undefined, { signal: controller.signal });
    await clock.advance(10);
    controller.abort(new Error('enough'));
    await clock.until(ended.catch(() => {}));
    await clock.until(runner.call(tool('work', {}, (_: unknown, { skip }: Context) => skip())).catch(() => {}));
    expect(stats()).toMatchObject({ ok: 0, failed: 0, timeout: 0, cancelled: 1, skipped: 1 });
  });

  it('count orphans while they go on, and what comes late, value or error', async () => {
    const { clock, stats, call } = bench({ total: 100 });
    await call(DEAF, DEAF_FAIL);
    expect(stats()).toMatchObject({ timeout: 2, orphans: 2, late: 0 });
    await clock.runAll();
    expect(stats()).toMatchObject({ timeout: 2, orphans: 0, late: 2 });
  });

  it('count no orphan and nothing late for what was not stopped by a limit', async () => {
    const { clock, runner, stats } = bench({ total: '1h' });
    const controller = new AbortController();
    const deaf = tool('work', {}, scripted([DEAF], { clock }));
    const ended = runner.call(deaf, undefined, { signal: controller.signal });
    await clock.advance(10);
    controller.abort(new Error('enough'));
    await clock.until(ended.catch(() => {}));
    expect(runner.stats().orphans).toBe(1);
    expect(stats()).toMatchObject({ cancelled: 1, orphans: 0 });
    await clock.runAll();
    expect(stats()).toMatchObject({ cancelled: 1, orphans: 0, late: 0 });
  });

  it('count the attempts that passed their own limit, beside the calls', async () => {
    const { stats, call } = bench({ total: 100, attempt: 40 });
    await call(takes(10), HANG, takes(50));
    expect(stats()).toMatchObject({ ok: 1, timeout: 2, attemptTimeouts: 2, limits: { total: 100, attempt: 40 } });
  });

  it('count attempts where only these are limited', async () => {
    const { stats, call } = bench({ attempt: 40 });
    await call(takes(10), FAIL, HANG, takes(30));
    expect(stats()).toMatchObject({ ok: 2, failed: 1, timeout: 1, attemptTimeouts: 1, limits: { attempt: 40 } });
    expect(stats().limits).toEqual({ attempt: 40 });
  });

  it('count each attempt once also where the call as a whole has a grace, but no limit', async () => {
    const { stats, call } = bench({ attempt: 40, grace: 5 });
    await call(takes(10), HANG);
    expect(stats()).toMatchObject({ ok: 1, timeout: 1, attemptTimeouts: 1 });
  });

  it('keep one target from the other, and forget nothing between runs', async () => {
    const { clock, runner, stats, call } = bench({ total: 100 });
    await call(takes(10), HANG);
    await clock.until(runner.call(tool('other', {}, scripted([FAIL], { clock }))).catch(() => {}));
    await call(takes(10));
    expect(stats()).toMatchObject({ ok: 2, failed: 0, timeout: 1 });
    expect(stats('other')).toMatchObject({ ok: 0, failed: 1, timeout: 0 });
  });

  it('tell how long calls that ended well took, and nothing of the others', async () => {
    const { stats, call } = bench({ total: 1_000 });
    expect(stats()).toBeUndefined();
    await call(HANG, FAIL);
    expect(stats().durationMs).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
    await call(takes(100), takes(100), takes(100), takes(700));
    const { p50, p90, p99, max } = stats().durationMs;
    expect(p50).toBeGreaterThanOrEqual(100);
    expect(p50).toBeLessThanOrEqual(112.5);
    expect([p90, p99, max]).toEqual([700, 700, 700]);
  });

  it('are exact over any sequence of calls, and their orphans come back to none', async () => {
    const kinds = { ok: takes(10), failed: FAIL, timeout: HANG, late: DEAF, lateError: DEAF_FAIL } as const;
    const words = fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[]));
    await fc.assert(
      fc.asyncProperty(fc.array(words, { minLength: 1, maxLength: 20 }), async (script) => {
        const { clock, runner, stats } = bench({ total: 100, attempt: 60 });
        const work = tool('work', {}, (kind: keyof typeof kinds, context) =>
          scripted([kinds[kind]], { clock })(undefined, context),
        );
        await clock.until(Promise.allSettled(script.map((kind) => runner.call(work, kind))));
        const count = (...wanted: string[]): number => script.filter((kind) => wanted.includes(kind)).length;
        const late = count('late', 'lateError');
        const timedOut = count('timeout') + late;
        const counts = { ok: count('ok'), failed: count('failed'), timeout: timedOut, attemptTimeouts: timedOut };
        expect(stats()).toMatchObject({ ...counts, cancelled: 0, skipped: 0, late: 0, orphans: late });
        await clock.runAll();
        expect(stats()).toMatchObject({ ...counts, late, orphans: 0 });
      }),
      { numRuns: 100 },
    );
  });
});

describe('the record of one target', () => {
  it('holds nothing that grows: a hundred thousand ends leave it as it is but for its numbers', () => {
    const record = new TimeoutRecord();
    for (let n = 0; n < 100_000; n++) record.ended('ok', n % 1_000);
    const { ok, durationMs } = record.stats();
    expect([ok, durationMs.max]).toEqual([100_000, 999]);
    expect(Object.values(durationMs).every((ms) => ms <= 999)).toBe(true);
    expect(durationMs.p50).toBeGreaterThanOrEqual(499);
    expect(durationMs.p50).toBeLessThanOrEqual(499 * 1.125);
  });
});
