import {
  CircuitOpenError,
  defineInterceptor,
  Place,
  pipeline,
  QueueFullError,
  RateLimitedError,
  type SluiceError,
  tool,
} from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { throwError } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { type RetryPolicy, retryOn, retryRecord } from './index.ts';
import { type Bench, bench, busy, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

/** When the second attempt of a call began that fails once, with `marks` in its error. */
async function secondAttemptAt(marks: object, policy: RetryPolicy = {}): Promise<number> {
  const { clock, runner } = bench(policy);
  const work = scripted([{ do: 'fail', error: busy(marks) }, { do: 'succeed' }], { clock });
  await clock.until(runner.call(tool('asks', {}, work)));
  expect(work.calls).toBe(2);
  return clock.now();
}

describe('a service that asks to be called again', () => {
  it.each<[string, object, number]>([
    ['in 1 s', { headers: { 'retry-after': '1' } }, 1_000],
    ['in 1 s, as a number', { retryAfter: 1 }, 1_000],
    ['in 1 s, in the headers of its response', { response: { headers: new Headers({ 'Retry-After': '1' }) } }, 1_000],
    ['in 250 ms, in a field', { retryAfterMs: 250 }, 250],
    ['in 250 ms, in a header', { headers: { 'retry-after-ms': '250' } }, 250],
    ['in half a second', { headers: { 'retry-after': '0.5' } }, 500],
    ['in 90 s', { headers: { 'retry-after': '90' } }, 90_000],
    ['in an hour', { headers: { 'retry-after': '3600' } }, 3_600_000],
    ['at once, by who knows, in a field', { retryAfterMs: 0 }, 0],
    ['in a cause', { cause: { headers: { 'retry-after': '2' } } }, 2_000],
  ])('%s, is called again just then', async (_, marks, at) => {
    expect(await secondAttemptAt(marks)).toBe(at);
  });

  it('at a date, is called again at that date, and after the backoff when it is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2031-03-04T05:06:07Z') });
    try {
      expect(await secondAttemptAt({ headers: { 'retry-after': 'Tue, 04 Mar 2031 05:06:37 GMT' } })).toBe(30_000);
      expect(await secondAttemptAt({ headers: { 'retry-after': 'Tue, 04 Mar 2031 05:06:00 GMT' } })).toBe(100);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each<[string, object]>([
    ['soon', { headers: { 'retry-after': 'soon' } }],
    ['in 0 s, by a clock that may be another', { headers: { 'retry-after': '0' } }],
    ['in -5 s', { headers: { 'retry-after': '-5' } }],
    ['in -1 ms', { retryAfterMs: -1 }],
    ['in NaN ms', { retryAfterMs: Number.NaN }],
    ['in Infinity ms', { retryAfterMs: Number.POSITIVE_INFINITY }],
    ['in a date that is none', { headers: { 'retry-after': 'Tue, 99 Foo 2031 99:99:99 GMT' } }],
    ['in nothing', { headers: { 'retry-after': '' } }],
    ['in what throws', Object.defineProperty({}, 'headers', { get: () => expect.unreachable(), enumerable: false })],
  ])('%s, is called again as the backoff says', async (_, marks) => {
    expect(await secondAttemptAt(marks)).toBe(100);
  });
});

/** How a call gave up on its first failure, and when it answered. */
async function givenUp(marks: object, policy: RetryPolicy, deadline?: number): Promise<Bench & { error: SluiceError }> {
  const stand = bench(policy);
  const { clock, runner } = stand;
  const error = busy(marks);
  const work = scripted([{ do: 'fail', error, after: 10 }], { clock });
  const call = runner.call(tool('asks', {}, work), undefined, deadline === undefined ? {} : { deadline });
  expect(await clock.until(failure(call))).toBe(error);
  expect([work.calls, clock.now()]).toEqual([1, 10]);
  return { ...stand, error: error as SluiceError };
}

describe('gives up at once, with the error as it is, and says why, when', () => {
  it('it is asked to wait beyond the deadline', async () => {
    const { of, error, plugin } = await givenUp({ retryAfterMs: 90_000 }, {}, 60_000);
    const reason = 'it asks to be called again in 90000 ms, and the deadline is in 59990 ms';
    expect(of('retry.giveup')).toMatchObject([{ at: 10, because: 'deadline', reason, attempts: 1, error }]);
    expect(retryRecord(error)).toEqual({
      because: 'deadline',
      reason,
      attempts: [{ attempt: 1, error, atMs: 10 }],
    });
    expect(of('retry.wait')).toEqual([]);
    expect(plugin.stats().gaveUp).toEqual({ deadline: 1 });
  });

  it('it is asked to wait until the very deadline', async () => {
    const { error } = await givenUp({ retryAfterMs: 990 }, {}, 1_000);
    expect(retryRecord(error)?.because).toBe('deadline');
  });

  it('its own backoff would end beyond the deadline', async () => {
    const { error } = await givenUp({}, { backoff: 5_000 }, 1_000);
    expect(retryRecord(error)).toMatchObject({
      because: 'deadline',
      reason: 'the next attempt is due in 5000 ms, and the deadline is in 990 ms',
    });
  });

  it.each<[string, object, RetryPolicy, string]>([
    ['for more than an hour', { headers: { 'retry-after': '3601' } }, {}, '3601000 ms'],
    ['for longer than the age of the world', { retryAfterMs: 1e300 }, {}, '1e+300 ms'],
    ['for longer than it may', { headers: { 'retry-after': '31' } }, { respectRetryAfter: '30s' }, '31000 ms'],
    ['at all, where only at once is allowed', { retryAfterMs: 1 }, { respectRetryAfter: 0 }, '1 ms'],
  ])('it is asked to wait %s', async (_, marks, policy, ms) => {
    const { of, error } = await givenUp(marks, policy);
    const reason = `it asks to be called again in ${ms}, which is too long`;
    expect(retryRecord(error)).toMatchObject({ because: 'retry-after', reason });
    expect(of('retry.giveup')).toMatchObject([{ because: 'retry-after', reason }]);
  });
});

describe('respectRetryAfter', () => {
  it('false: is called again as the backoff says, whatever was asked for', async () => {
    expect(await secondAttemptAt({ retryAfterMs: 5_000 }, { respectRetryAfter: false })).toBe(100);
    expect(await secondAttemptAt({ retryAfterMs: 1e300 }, { respectRetryAfter: false })).toBe(100);
  });

  it('a duration: waits for up to that long', async () => {
    expect(await secondAttemptAt({ retryAfterMs: 30_000 }, { respectRetryAfter: '30s' })).toBe(30_000);
  });

  it("'none': waits for however long", async () => {
    const day = 86_400_000;
    expect(await secondAttemptAt({ retryAfterMs: 30 * day }, { respectRetryAfter: 'none' })).toBe(30 * day);
  });

  it('the wait asked for is no wait of the backoff: that goes on where it was', async () => {
    const { clock, runner, of } = bench({ attempts: 4, backoff: (attempt) => attempt * 10 });
    const work = scripted(
      [
        { do: 'fail', error: busy() },
        { do: 'fail', error: busy({ retryAfterMs: 777 }) },
        { do: 'fail', error: busy() },
      ],
      { clock },
    );
    await clock.until(failure(runner.call(tool('asks', {}, work))));
    expect(of('retry.wait').map(({ delayMs }) => delayMs)).toEqual([10, 777, 30]);
  });
});

describe('what this process refuses', () => {
  const refusals = [
    ['QUEUE_FULL', new QueueFullError('full', { retryAfterMs: 300 })],
    ['RATE_LIMITED', new RateLimitedError('limited', { retryAfterMs: 300 })],
    ['CIRCUIT_OPEN', new CircuitOpenError('open', { retryAfterMs: 300 })],
  ] as const;
  /** Refuses the first two attempts. */
  const refusing = (error: SluiceError) => {
    let asked = 0;
    return defineInterceptor({
      name: 'refusing',
      priority: Place.breaker,
      intercept: (call, next) => (++asked <= 2 ? throwError(() => error) : next(call)),
    });
  };

  it.each(refusals)('%s: is not asked again by default', async (code, error) => {
    const { clock, runner } = bench({}, { beside: [refusing(error)] });
    const work = scripted([{ do: 'succeed' }], { clock });
    expect((await clock.until(failure(runner.call(tool('t', {}, work))))).code).toBe(code);
    expect([work.calls, clock.now()]).toEqual([0, 0]);
  });

  it.each(refusals)('%s: is asked again just when it says, where retryOn asks for that', async (code, error) => {
    for (const respectRetryAfter of [true, false, 0, '10ms'] as const) {
      const { clock, runner } = bench(
        { retryOn: retryOn.code(code), respectRetryAfter },
        { beside: [refusing(error)], acknowledge: ['local-rejections-counted'] },
      );
      const work = scripted([{ do: 'succeed', value: 'in' }], { clock });
      expect(await clock.until(runner.call(tool('t', {}, work)))).toBe('in');
      expect([work.calls, clock.now()]).toEqual([1, 600]);
    }
  });

  it('is given up at once where the deadline does not leave the time to wait for it', async () => {
    const error = new CircuitOpenError('open', { retryAfterMs: 2_000 });
    const { clock, runner } = bench(
      { retryOn: retryOn.code('CIRCUIT_OPEN') },
      { beside: [refusing(error), ...timeout({ total: '1s' })] },
    );
    const call = runner.call(tool('t', {}, () => 1));
    expect(await clock.until(failure(call))).toBe(error);
    expect([clock.now(), retryRecord(error)?.because]).toEqual([0, 'deadline']);
  });
});

it('a stage whose deadline is that of its run does not sleep past it', async () => {
  const { clock, runner, of } = bench();
  const work = scripted([{ do: 'fail', error: busy({ retryAfterMs: 5_000 }) }], { clock });
  const run = runner.run(pipeline('p', { deadline: '2s' }).stage('asks', work));
  const report = await clock.until(run.report);
  expect(report).toMatchObject({ status: 'failed', durationMs: 0, error: { code: 'STAGE_FAILED' } });
  expect(of('retry.giveup')).toMatchObject([{ because: 'deadline', name: 'asks' }]);
  expect(retryRecord(report.stages.asks.status === 'failed' && report.stages.asks.error.cause)).toMatchObject({
    because: 'deadline',
  });
});
