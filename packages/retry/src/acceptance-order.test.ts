import { concurrency, rateLimit } from '@sluice/concurrency';
import { createRunner, type FindingCode, type Interceptor, Place, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { constant, exponential, type RetryPolicy, retry, retryOn, retryRecord } from './index.ts';
import { bench, busy, failure, nothingIsLeft, silent } from './retry-bench.test-kit.ts';

nothingIsLeft();

type Plugins = readonly (Interceptor | readonly Interceptor[])[];

/** What the order check says about a stack. */
const findings = (...use: Plugins): FindingCode[] =>
  createRunner({ use: use.flat(), logger: silent })
    .explain()
    .findings.map(({ code }) => code);

const total = (limit: '30s' | '1s' | 'none' = '30s') => timeout({ total: limit });

describe('the order check finds', () => {
  it.each<[FindingCode, string, Plugins, Plugins]>([
    ['retry-without-deadline', 'no deadline around it', [retry()], [retry(), total()]],
    [
      'retry-without-deadline',
      'a deadline inside it only',
      [retry({ priority: Place.observe }), total()],
      [retry(), total()],
    ],
    ['retry-without-deadline', 'a deadline that is none', [retry(), total('none')], [retry(), total()]],
    [
      'retry-without-limit',
      'attempts without end',
      [retry({ attempts: Number.POSITIVE_INFINITY, backoff: constant(10) }), total()],
      [retry({ attempts: 9, backoff: constant(10) }), total()],
    ],
    [
      'backoff-over-total',
      'waits that add up to more than the total',
      [retry({ attempts: 10, backoff: exponential({ base: '1s' }) }), total()],
      [retry({ attempts: 3, backoff: exponential({ base: '1s' }) }), total()],
    ],
    [
      'limit-outside-retry',
      'a pool outside of it',
      [retry(), total(), concurrency({ limit: 5, place: Place.retry - 1 })],
      [retry(), total(), concurrency(5)],
    ],
    [
      'limit-outside-retry',
      'a rate outside of it',
      [retry(), total(), rateLimit({ requests: '60/m', priority: Place.retry - 1 })],
      [retry(), total(), rateLimit({ requests: '60/m' })],
    ],
    [
      'local-rejections-counted',
      'local rejections that are named',
      [retry({ retryOn: [retryOn.defaults, retryOn.code('QUEUE_FULL')] }), total()],
      [retry({ retryOn: [retryOn.defaults, retryOn.code('ECONNRESET')] }), total()],
    ],
    [
      'retries-multiply',
      'an outer one that repeats RETRY_EXHAUSTED',
      [retry({ attempts: 3, retryOn: retryOn.code('RETRY_EXHAUSTED') }), total()],
      [retry({ attempts: 2, retryOn: retryOn.code('RETRY_EXHAUSTED') }), total()],
    ],
  ])('%s: %s; and nothing where that is put right', (code, _, wrong, right) => {
    expect(findings(...wrong)).toEqual([code]);
    expect(findings(...right)).toEqual([]);
  });

  it('the same instance twice, and refuses to build that stack', () => {
    const one = retry();
    expect(() => findings(one, one, total())).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    expect(findings(retry(), retry({ name: 'other' }), total())).toEqual([]);
  });

  it('retries around what is marked idempotent: false, unless they are switched off', () => {
    const of = (target: { readonly idempotent?: boolean; readonly retry?: RetryPolicy }, more: RetryPolicy = {}) => {
      const { runner } = bench(more, { beside: [...total()] });
      return runner.explain(tool('pay', target, () => 1)).findings.map(({ code }) => code);
    };
    expect(of({ idempotent: false })).toEqual(['retry-not-idempotent']);
    expect(of({})).toEqual([]);
    expect(of({ idempotent: false, retry: 'none' })).toEqual([]);
    expect(of({ idempotent: false, retry: 1 })).toEqual([]);
  });

  it('nothing in the recommended stack', () => {
    const use = [timeout({ total: '30s', attempt: '5s' }), retry(), rateLimit({ requests: '60/m' }), concurrency(10)];
    expect(findings(...use)).toEqual([]);
  });

  it('waits that are too long once they are changed for one tool', () => {
    const { runner } = bench({}, { beside: [...total('1s')] });
    const patient = tool('patient', { retry: { backoff: '5s' } }, () => 1);
    expect(runner.explain(patient).findings.map(({ code }) => code)).toEqual(['backoff-over-total']);
    expect(runner.explain(tool('quick', {}, () => 1)).findings).toEqual([]);
  });
});

describe('a retry', () => {
  it('inside a total: all attempts and waits share it, and the last real error is given when no more fits', async () => {
    const error = busy();
    const { clock, runner, of } = bench({ attempts: 9, backoff: 400 }, { beside: [...timeout({ total: '1s' })] });
    const work = scripted([{ do: 'fail', error, after: 50 }], { clock });
    expect(await clock.until(failure(runner.call(tool('t', {}, work))))).toBe(error);
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 450, 900]);
    expect(clock.now()).toBe(950);
  });

  it('inside a total, hanging: the total ends it in the middle of an attempt, as its own timeout', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ total: '1s' })] });
    const work = scripted([{ do: 'fail', error: busy() }, { do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('t', {}, work))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:t' });
    expect([clock.now(), work.calls]).toEqual([1_000, 2]);
  });

  it('outside a total, on purpose: each attempt has a total of its own, which is final', async () => {
    const { clock, runner } = bench({ priority: Place.observe }, { beside: [...timeout({ total: '1s' })] });
    const work = scripted([{ do: 'fail', error: busy() }, { do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('t', {}, work))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:t', retryable: false });
    expect([clock.now(), work.calls]).toEqual([1_100, 2]);
  });

  it('outside an attempt limit: each attempt has it anew, and one that hangs is repeated', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ attempt: 200, total: '10s' })] });
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('t', {}, work))));
    expect(error).toMatchObject({ code: 'RETRY_EXHAUSTED', verdict: 'timeout', cause: { scope: 'attempt' } });
    expect([clock.now(), work.calls]).toEqual([800, 3]);
  });

  it('inside an attempt limit, on purpose: that bounds all attempts and waits together', async () => {
    const { clock, runner } = bench(
      { priority: Place.attempt + 1 },
      { beside: [...timeout({ attempt: 150, total: 'none' })] },
    );
    const work = scripted([{ do: 'fail', error: busy(), after: 10 }], { clock });
    const error = await clock.until(failure(runner.call(tool('t', {}, work))));
    expect(retryRecord(error)?.because).toBe('deadline');
    expect([clock.now(), work.calls]).toEqual([120, 2]);
  });

  it('outside a pool: no permit is held while it sleeps', async () => {
    const pool = concurrency(1);
    const { clock, runner } = bench({ backoff: 1_000 }, { beside: [pool] });
    const flaky = scripted(
      [
        { do: 'fail', error: busy(), after: 10 },
        { do: 'succeed', value: 'flaky' },
      ],
      { clock },
    );
    const first = runner.call(tool('t', {}, flaky));
    await clock.advance(500);
    const second = runner.call(tool('t', {}, scripted([{ do: 'succeed', value: 'quick', after: 10 }], { clock })));
    expect(await clock.until(second)).toBe('quick');
    expect(clock.now()).toBe(510);
    expect(await clock.until(first)).toBe('flaky');
  });

  it('inside a pool, on purpose: its permit is held while it sleeps', async () => {
    const pool = concurrency({ limit: 1, place: Place.retry - 1 });
    const { clock, runner } = bench({ backoff: 1_000 }, { beside: [pool] });
    const flaky = scripted([{ do: 'fail', error: busy(), after: 10 }, { do: 'succeed' }], { clock });
    const first = runner.call(tool('t', {}, flaky));
    await clock.advance(500);
    const second = runner.call(tool('t', {}, scripted([{ do: 'succeed', value: 'quick', after: 10 }], { clock })));
    expect(await clock.until(second)).toBe('quick');
    expect(clock.now()).toBe(1_020);
    await first;
  });

  it('outside a rate: each attempt pays', async () => {
    const { clock, runner, of } = bench({ backoff: 0 }, { beside: [rateLimit({ requests: { limit: 1, per: '1s' } })] });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(failure(runner.call(tool('t', {}, work))));
    expect(of('attempt.start').map(({ at }) => at)).toEqual([0, 1_000, 2_000]);
  });

  it('inside a rate, on purpose: all attempts are paid for once', async () => {
    const rate = rateLimit({ requests: { limit: 1, per: '1s' }, priority: Place.retry - 1 });
    const { clock, runner } = bench({ backoff: 0 }, { beside: [rate] });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(failure(runner.call(tool('t', {}, work))));
    expect([clock.now(), work.calls]).toEqual([0, 3]);
  });

  it('around a full queue: what was refused is not repeated, unless asked for', async () => {
    for (const [retryOnIt, ends] of [
      [undefined, 'QUEUE_FULL'],
      [retryOn.code('QUEUE_FULL'), 'in'],
    ] as const) {
      const { clock, runner } = bench(
        { retryOn: retryOnIt },
        { beside: [concurrency({ limit: 1, queue: { max: 0 } })] },
      );
      const slow = runner.call(tool('t', {}, scripted([{ do: 'succeed', after: 150 }], { clock })));
      const late = runner.call(tool('t', {}, scripted([{ do: 'succeed', value: 'in' }], { clock })));
      expect(await clock.until(late.catch(({ code }: { readonly code: string }) => code))).toBe(ends);
      await clock.until(slow);
    }
  });
});
