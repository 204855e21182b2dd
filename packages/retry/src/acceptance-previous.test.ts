import { AsyncLocalStorage } from 'node:async_hooks';
import { concurrency } from '@sluice/concurrency';
import { type Context, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { type RetryNotice, type RetryOptions, retryBudget } from './index.ts';
import { bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

describe('each attempt', () => {
  it('knows its number, and how the one before it failed, what that had achieved, and what it last said', async () => {
    const { clock, runner } = bench();
    const seen: unknown[] = [];
    const errors = [busy(), failed({ code: 'ECONNRESET' })];
    const crawl = tool('crawl', {}, async (_: undefined, { attempt, previous, partial, heartbeat }: Context) => {
      seen.push({ attempt, previous });
      partial({ done: attempt });
      heartbeat({ page: attempt });
      const error = errors[attempt - 1];
      if (error !== undefined) throw error;
      return 'done';
    });
    expect(await clock.until(runner.call(crawl))).toBe('done');
    expect(seen).toEqual([
      { attempt: 1, previous: undefined },
      { attempt: 2, previous: { error: errors[0], partial: { done: 1 }, heartbeat: { page: 1 } } },
      { attempt: 3, previous: { error: errors[1], partial: { done: 2 }, heartbeat: { page: 2 } } },
    ]);
  });

  it('has the one idempotency key of its call, which no other call has', async () => {
    const { clock, runner } = bench();
    const keys: string[] = [];
    const work = async (_: unknown, { idempotencyKey }: Context) => {
      keys.push(idempotencyKey);
      throw busy();
    };
    const pay = tool('pay', {}, work);
    await clock.until(failure(runner.call(pay)));
    await clock.until(failure(runner.call(pay)));
    await clock.until(failure(runner.run(pipeline('p').stage('pay', work))));
    expect(keys).toHaveLength(9);
    for (const at of [0, 3, 6]) expect(new Set(keys.slice(at, at + 3)).size).toBe(1);
    expect(new Set(keys).size).toBe(3);
  });

  it('has a signal of its own: that of the attempt before it was, or was not, aborted', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ attempt: 100 })] });
    const signals: AbortSignal[] = [];
    const slow = tool('slow', {}, (_: undefined, { signal, attempt }: Context) => {
      signals.push(signal);
      if (attempt === 2) return 'done';
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    expect(await clock.until(runner.call(slow))).toBe('done');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('has timeoutFactor times the limit of the one before it', async () => {
    const limits: [RetryOptions, number[]][] = [
      [{}, [100, 100, 100]],
      [{ timeoutFactor: 2 }, [100, 200, 400]],
      [{ timeoutFactor: 1.5 }, [100, 150, 225]],
    ];
    for (const [options, expected] of limits) {
      const { clock, runner, of } = bench(
        { backoff: 0, ...options },
        { beside: [...timeout({ attempt: 100, total: '1h' })] },
      );
      await clock.until(failure(runner.call(tool('hang', {}, scripted([{ do: 'hang' }], { clock })))));
      expect(of('attempt.end').map(({ durationMs }) => durationMs)).toEqual(expected);
      expect(of('timeout').map(({ limitMs }) => limitMs)).toEqual(expected);
    }
  });

  it('is begun in the AsyncLocalStorage context of its caller, after a wait, and after an attempt that a timer ended', async () => {
    const user = new AsyncLocalStorage<string>();
    const cases: [string, RetryOptions, number?][] = [
      ['a failure, and a wait', { backoff: 100 }],
      ['a failure, and no wait', { backoff: 0 }],
      ['a failure, and a wait, in good time', { backoff: 100 }, 1_000],
      ['a timeout, and a wait', { backoff: 100 }, 50],
      ['a timeout, and no wait', { backoff: 0 }, 50],
      ['a timeout, beside what goes on', { backoff: 0, overlap: true }, 50],
      ['a timeout, and a wait beside what goes on', { backoff: 10, overlap: true }, 50],
      ['a timeout, and what went on until then', { backoff: 0, overlap: 'wait' }, 50],
    ];
    for (const [name, options, attempt] of cases) {
      const { clock, runner } = bench(options, {
        beside: attempt === undefined ? [] : [...timeout({ attempt, total: '1h' })],
      });
      const seen: unknown[] = [];
      const flaky = tool('flaky', {}, async (_: undefined, context: Context) => {
        seen.push(user.getStore());
        if (context.attempt === 3) return;
        await new Promise<void>((resolve, reject) => {
          const signal = attempt === 50 && options.overlap === undefined ? context.signal : undefined;
          signal?.addEventListener('abort', () => reject(signal.reason));
          clock.schedule(80, resolve);
        });
        throw busy();
      });
      const calls = ['ada', 'bob'].map((who) => user.run(who, () => runner.call(flaky)));
      await user.run('nobody', () => clock.until(Promise.all(calls)));
      await clock.runAll();
      expect([name, seen]).toEqual([name, ['ada', 'bob', 'ada', 'bob', 'ada', 'bob']]);
    }
  });
});

describe('onRetry', () => {
  it('hears of each wait before it begins, and of nothing else', async () => {
    const notices: RetryNotice[] = [];
    const at: number[] = [];
    const { clock, runner } = bench({
      backoff: (attempt) => attempt * 10,
      onRetry: (notice) => {
        notices.push(notice);
        at.push(clock.now());
      },
    });
    const errors = [busy(), failed({ code: 'ECONNRESET' }), busy()] as const;
    const work = scripted(errors.map((error) => ({ do: 'fail', error })) as never, { clock });
    await clock.until(failure(runner.call(tool('flaky', {}, work))));
    expect(notices).toEqual([
      { call: expect.objectContaining({ name: 'flaky' }), attempt: 1, error: errors[0], delayMs: 10 },
      { call: expect.objectContaining({ name: 'flaky' }), attempt: 2, error: errors[1], delayMs: 20 },
    ]);
    expect(at).toEqual([0, 10]);
  });

  it('may throw: that is reported once, by name, and changes nothing', async () => {
    const { clock, runner, of } = bench({
      onRetry: () => {
        throw new Error('no pager');
      },
    });
    const work = scripted(
      [
        { do: 'fail', error: busy() },
        { do: 'fail', error: busy() },
        { do: 'succeed', value: 3 },
      ],
      {
        clock,
      },
    );
    expect(await clock.until(runner.call(tool('flaky', {}, work)))).toBe(3);
    expect(of('warning')).toMatchObject([{ message: expect.stringMatching(/"retry" threw in onRetry.*no pager/) }]);
  });
});

describe('events', () => {
  it('tell of each attempt and each wait, and of how it ended', async () => {
    const { clock, runner, recorded } = bench();
    const work = scripted([{ do: 'fail', error: busy(), after: 5 }], { clock });
    await clock.until(failure(runner.call(tool('dead', {}, work))));
    recorded.expectTimeline(`
        0  tool.start     dead
        0  attempt.start  dead  attempt=1
        5  attempt.end    dead  attempt=1 status=failed error.message=busy
        5  retry.wait     dead  failed=1 delayMs=100
      105  attempt.start  dead  attempt=2
      110  attempt.end    dead  attempt=2 status=failed
      110  retry.wait     dead  failed=2 delayMs=100
      210  attempt.start  dead  attempt=3
      215  attempt.end    dead  attempt=3 status=failed
      215  retry.giveup   dead  because=attempts attempts=3
      215  tool.end       dead  status=failed error.code=RETRY_EXHAUSTED
    `);
  });
});

describe('stats', () => {
  it('count calls, attempts, what was recovered, what was exhausted, and what was given up, with why', async () => {
    const { clock, runner, plugin } = bench();
    expect(plugin.stats()).toEqual({
      calls: 0,
      attempts: 0,
      recovered: 0,
      exhausted: 0,
      gaveUp: {},
      amplification: 1,
      budgets: {},
    });
    const ok = { do: 'succeed' } as const;
    const bad = { do: 'fail', error: busy() } as const;
    for (const steps of [
      [ok],
      [ok],
      [bad, ok],
      [bad, bad, ok],
      [bad],
      [bad, { do: 'fail', error: failed({ status: 404 }) }],
    ]) {
      await clock.until(runner.call(tool('mixed', {}, scripted(steps as never, { clock }))).catch(() => {}));
    }
    expect(plugin.stats()).toMatchObject({
      calls: 6,
      attempts: 1 + 1 + 2 + 3 + 3 + 2,
      recovered: 2,
      exhausted: 1,
      gaveUp: { error: 1 },
      amplification: 2,
    });
    expect(runner.stats().interceptors['retry']).toEqual(plugin.stats());
  });

  it('tell how the budget stands: what helped came back, what did not is spent', async () => {
    const { clock, runner, plugin } = bench();
    const ok = { do: 'succeed' } as const;
    const bad = { do: 'fail', error: busy() } as const;
    const tokens = (): unknown => Object.values(plugin.stats().budgets).map((budget) => Math.round(budget.tokens));
    await clock.until(runner.call(tool('t', {}, scripted([bad, ok], { clock }))));
    expect(tokens()).toEqual([100]);
    await clock.until(failure(runner.call(tool('t', {}, scripted([bad], { clock })))));
    expect(tokens()).toEqual([98]);
  });

  it('of an attempt that is cancelled give its token back', async () => {
    const budget = retryBudget({ size: 5, earn: 0, refill: 0 });
    for (const at of [50, 150]) {
      const { clock, runner } = bench({ budget });
      const work = scripted([{ do: 'fail', error: busy() }, { do: 'hang' }], { clock });
      const stop = new AbortController();
      const ended = failure(runner.call(tool('t', {}, work), undefined, { signal: stop.signal }));
      await clock.advance(at);
      expect(Object.values(budget.stats()).map(({ tokens }) => tokens)).toEqual([4]);
      stop.abort();
      await ended;
      expect(Object.values(budget.stats()).map(({ tokens }) => tokens)).toEqual([5]);
    }
  });
});

it('what waits in a queue between attempts keeps the number of its attempt', async () => {
  const { clock, runner, of } = bench({}, { beside: [concurrency(1)] });
  const work = scripted([{ do: 'fail', error: busy() }, { do: 'succeed' }], { clock });
  await clock.until(Promise.all([runner.call(tool('t', {}, work)), runner.call(tool('t', {}, work))]));
  expect(of('attempt.start').map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
});
