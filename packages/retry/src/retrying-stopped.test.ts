import { type Context, tool } from '@sluice/core';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { type RetryOptions, retryBudget, retryRecord } from './index.ts';
import { bench, busy, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const dead = tool('dead', {}, async () => {
  throw busy();
});

describe('a call that is stopped by whom its retry asks', () => {
  it.each<[string, (stop: () => undefined) => RetryOptions]>([
    ['retryOn', (stop) => ({ retryOn: () => stop() === undefined })],
    ['the backoff', (stop) => ({ backoff: () => stop() ?? 10 })],
    ['the key of the budget', (stop) => ({ budget: retryBudget({ per: () => stop() ?? 'key', refill: 0 }) })],
  ])('by %s: hears of it at once, tells nobody of a wait, and costs no token', async (_, options) => {
    const control = new AbortController();
    const budget = retryBudget({ refill: 0 });
    const told: unknown[] = [];
    const { clock, runner, of, plugin } = bench({
      budget,
      onRetry: (notice) => told.push(notice),
      ...options(() => {
        control.abort(new Error('enough'));
        return undefined;
      }),
    });
    const error = await clock.until(failure(runner.call(dead, undefined, { signal: control.signal })));
    expect([error.code, clock.now(), told, of('retry.wait'), of('retry.giveup')]).toEqual(['CANCELLED', 0, [], [], []]);
    expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 1, exhausted: 0, gaveUp: {} });
    for (const { granted, refunded } of [...Object.values(budget.stats()), ...Object.values(plugin.stats().budgets)])
      expect(refunded).toBe(granted);
  });

  it.each([true, false])(
    'by retryOn, which answers %s, in a later failure: the attempt that failed stays paid for, and nothing follows',
    async (answer) => {
      const control = new AbortController();
      const budget = retryBudget({ refill: 0 });
      let asked = 0;
      const retryOn = (): boolean => {
        if (++asked < 2) return true;
        control.abort(new Error('enough'));
        return answer;
      };
      const { clock, runner, of, plugin } = bench({ budget, retryOn });
      const error = await clock.until(failure(runner.call(dead, undefined, { signal: control.signal })));
      expect([error.code, clock.now(), of('retry.wait').length, of('retry.giveup')]).toEqual(['CANCELLED', 100, 1, []]);
      expect(plugin.stats()).toMatchObject({ attempts: 2, gaveUp: {} });
      expect(budget.stats()['tool:dead']).toMatchObject({ tokens: 99, granted: 1, refunded: 0 });
    },
  );

  it('by the key of a budget that has nothing left: gives back nothing that it never took', async () => {
    const control = new AbortController();
    let stops = false;
    const per = (): string => {
      if (stops) control.abort(new Error('enough'));
      return 'key';
    };
    const budget = retryBudget({ per, size: 1, refill: 0, earn: 0 });
    const { clock, runner } = bench({ budget, attempts: 2 });
    await clock.until(failure(runner.call(dead)));
    stops = true;
    await clock.until(failure(runner.call(dead, undefined, { signal: control.signal })));
    expect(budget.stats()['key']).toEqual({ tokens: 0, size: 1, granted: 1, denied: 1, refunded: 0 });
  });

  it('by who hears of retry.wait: onRetry does not hear of a wait that never is', async () => {
    const control = new AbortController();
    const told: unknown[] = [];
    const { clock, runner } = bench({ onRetry: (notice) => told.push(notice) });
    runner.events$.subscribe(({ type }) => type === 'retry.wait' && control.abort(new Error('enough')));
    const error = await clock.until(failure(runner.call(dead, undefined, { signal: control.signal })));
    expect([error.code, told]).toEqual(['CANCELLED', []]);
  });

  it.each(['its work', 'onRetry'])(
    'by %s, while it is still being started: no further attempt is counted',
    async (who) => {
      const control = new AbortController();
      const stop = (): void => control.abort(new Error('enough'));
      const { clock, runner, plugin, of } = bench({ backoff: 0, onRetry: () => who === 'onRetry' && stop() });
      const rash = tool('rash', {}, () => {
        if (who === 'its work') stop();
        throw busy();
      });
      const error = await clock.until(failure(runner.call(rash, undefined, { signal: control.signal })));
      expect(error.code).toBe('CANCELLED');
      expect(of('retry.wait').length).toBe(who === 'onRetry' ? 1 : 0);
      expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 1, gaveUp: {} });
      for (const { granted, refunded } of Object.values(plugin.stats().budgets)) expect(refunded).toBe(granted);
    },
  );
});

describe('a work that has ended, while a tool that it called goes on', () => {
  it.each([
    [false, 503, [0]],
    ['wait', 'RETRY_EXHAUSTED', [0, 300]],
  ] as const)('is not repeated beside that (overlap: %s), and does not block the loop', async (overlap, ends, at) => {
    const { clock, runner, sleep } = bench({ backoff: 1, overlap, attempts: 2 }, { beside: timeout(), grace: 5 });
    const stubborn = tool('stubborn', { timeout: 10, retry: 'none' }, () => sleep(300));
    const begun: number[] = [];
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      begun.push(clock.now());
      await call(stubborn).catch(() => {});
      await sleep(50);
      throw busy();
    });
    const error = await clock.until(failure(runner.call(outer)));
    expect([overlap === 'wait' ? error.code : (error as { readonly status?: number }).status, begun]).toEqual([
      ends,
      at,
    ]);
    await clock.runAll();
  });
});

describe('the record', () => {
  it('of an attempt whose work goes on says when it failed, not when it was given up', async () => {
    const { clock, runner, sleep } = bench({ backoff: 5 }, { beside: timeout({ attempt: 10 }), grace: 30 });
    const error = await clock.until(failure(runner.call(tool('stuck', {}, () => sleep(500)))));
    expect([clock.now(), retryRecord(error)?.attempts]).toEqual([40, [{ attempt: 1, atMs: 10, error }]]);
    await clock.runAll();
  });
});

it('an attempt that may take no time has none however large timeoutFactor makes it', async () => {
  const { clock, runner, of } = bench(
    { timeoutFactor: 1e200, attempts: 4 },
    { beside: timeout({ attempt: 0, total: '1h' }) },
  );
  const error = await clock.until(failure(runner.call(dead)));
  expect(error).toMatchObject({ code: 'RETRY_EXHAUSTED', cause: { code: 'TIMEOUT' } });
  expect(of('retry.wait').length).toBe(3);
});

it('an onRetry that answers a promise which rejects is reported like one that throws', async () => {
  const { clock, runner, of } = bench({ onRetry: (async () => Promise.reject(new Error('broken'))) as () => void });
  await clock.until(failure(runner.call(dead)));
  expect(of('warning')).toMatchObject([{ message: expect.stringMatching(/"retry" threw in onRetry.*broken/) }]);
});
