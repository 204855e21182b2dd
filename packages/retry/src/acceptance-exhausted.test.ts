import {
  httpStatus,
  isSluiceError,
  pipeline,
  RateLimitedError,
  RetryExhaustedError,
  tool,
  toResponse,
} from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { heartbeat, timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { type GiveUp, type RetryOptions, retryBudget, retryOn, retryRecord } from './index.ts';
import { bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

describe('a call all of whose attempts have failed', () => {
  it('says how many there were, how long it took, and what was last: as tool, stage and function', async () => {
    for (const [as, title] of [
      ['tool', 'Tool "search"'],
      ['function', 'Function "search"'],
      ['stage', 'Stage "search"'],
    ] as const) {
      const { clock, runner } = bench({ attempts: 4 });
      const work = scripted(
        [
          { do: 'fail', error: failed({}, 'first') },
          { do: 'fail', error: busy(), after: 25 },
        ],
        {
          clock,
        },
      );
      const call = {
        tool: () => runner.call(tool('search', {}, work)),
        function: () => runner.wrap(() => work(), { name: 'search' })(),
        stage: () => runner.run(pipeline('p').stage('search', work)),
      }[as];
      const error = await clock.until(failure(call()));
      expect(error).toBeInstanceOf(RetryExhaustedError);
      expect(error.message).toBe(`${title} failed 4 times in 375 ms, the last time with: busy`);
      expect(error).toMatchObject({
        code: 'RETRY_EXHAUSTED',
        retryable: false,
        scope: `${as}:search`,
        call: { target: as, name: 'search', attempt: 4 },
        remediation: 'Mend what the last error says; raise retry.attempts (4) only if "search" fails by chance.',
      });
    }
  });

  it("keeps each attempt's error, time and wait, and the last error as its cause", async () => {
    const errors = [failed({ code: 'ECONNRESET' }), failed({ status: 429, retryAfterMs: 700 }), busy()] as const;
    const { clock, runner, of } = bench();
    const work = scripted(errors.map((error) => ({ do: 'fail', error, after: 10 })) as never, { clock });
    const error = await clock.until(failure(runner.call(tool('search', {}, work))));
    const attempts = [
      { attempt: 1, error: errors[0], atMs: 10, delayMs: 100 },
      { attempt: 2, error: errors[1], atMs: 120, delayMs: 700 },
      { attempt: 3, error: errors[2], atMs: 830 },
    ];
    expect(error.cause).toBe(errors[2]);
    expect(error.details).toEqual({ attempts, elapsedMs: 830 });
    const record = { because: 'attempts', reason: 'it failed 3 times', attempts };
    expect(retryRecord(error)).toEqual(record);
    expect(retryRecord(errors[0])).toBeUndefined();
    expect(of('retry.giveup')).toMatchObject([{ at: 830, because: 'attempts', attempts: 3, error: errors[2] }]);
  });

  it('has the verdict, status, partial result and retryAfterMs of the last error', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ attempt: 100, total: '1h' })] });
    const hung = tool('hung', {}, scripted([{ do: 'fail', error: busy() }, { do: 'hang' }], { clock }));
    const late = await clock.until(failure(runner.call(hung)));
    expect(late).toMatchObject({ code: 'RETRY_EXHAUSTED', verdict: 'timeout', cause: { code: 'TIMEOUT' } });
    expect(httpStatus(late)).toBe(504);

    const full = new RateLimitedError('limited', { retryAfterMs: 250 });
    const stubborn = tool(
      'full',
      { retry: { retryOn: retryOn.code('RATE_LIMITED') } },
      scripted([{ do: 'fail', error: full }], { clock }),
    );
    const refused = await clock.until(failure(runner.call(stubborn)));
    expect(refused).toMatchObject({ code: 'RETRY_EXHAUSTED', verdict: 'failed', retryAfterMs: 250 });
    expect(httpStatus(refused)).toBe(429);
  });

  it('gives its stage the verdict of the last error: a stage that hangs three times timed out', async () => {
    const { clock, runner, of } = bench({}, { beside: [...timeout({ attempt: 100, total: '1h' }), heartbeat('50ms')] });
    const shape = pipeline('p').stage('hung', scripted([{ do: 'hang' }], { clock }));
    const report = await clock.until(runner.run(shape).report);
    expect(report).toMatchObject({ status: 'timeout', stages: { hung: { status: 'timeout', attempts: 3 } } });
    expect(report.stages.hung).toMatchObject({ error: { code: 'RETRY_EXHAUSTED', cause: { code: 'HEARTBEAT_LOST' } } });
    expect(of('verdict')).toMatchObject([{ status: 'timeout' }]);
  });

  it('tells what its last attempts threw that was no Error', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: { status: 503 } }], { clock });
    const error = await clock.until(failure(runner.call(tool('odd', {}, work))));
    expect(error).toMatchObject({ code: 'RETRY_EXHAUSTED', cause: { code: 'NON_ERROR', cause: { status: 503 } } });
    expect(work.calls).toBe(3);
  });
});

describe('what it fails with', () => {
  const hostile: [string, () => unknown][] = [
    [
      'a circle',
      () => {
        const error: Error & { self?: unknown } = busy();
        error.self = error;
        return Object.assign(error, { cause: error });
      },
    ],
    [
      'a getter that throws',
      () => Object.defineProperty(busy(), 'data', { get: () => expect.unreachable(), enumerable: true }),
    ],
    ['a toJSON that throws', () => busy({ toJSON: () => expect.unreachable() })],
    ['a message that is no text', () => Object.defineProperty(busy(), 'message', { value: Symbol('x') })],
    ['nothing', () => undefined],
    ['a frozen object', () => Object.freeze({ status: 503 })],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
  ];

  it.each(hostile)('is safe as JSON and as a response: %s', async (_, make) => {
    const { clock, runner } = bench();
    const error = await clock.until(
      failure(runner.call(tool('odd', {}, scripted([{ do: 'fail', error: make() }], { clock })))),
    );
    expect(isSluiceError(error, 'RETRY_EXHAUSTED')).toBe(true);
    expect(error.message).toMatch(/^Tool "odd" failed 3 times in 200 ms, the last time with: /);
    expect(error.message.length).toBeLessThan(2_000);
    expect(JSON.stringify(error).length).toBeLessThan(200_000);
    const { status, error: told } = toResponse(error);
    expect([status, told.code, told.message]).toEqual(['error', 'RETRY_EXHAUSTED', error.message]);
    expect(JSON.stringify(told).length).toBeLessThan(200_000);
  });

  it('is a response that tells of each attempt, and no stack', async () => {
    const { clock, runner } = bench({ attempts: 2 });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const error = await clock.until(failure(runner.call(tool('search', {}, work))));
    const response = JSON.parse(JSON.stringify(toResponse(error, { requestId: 'r1' })));
    expect(response.error.details).toMatchObject({
      attempts: [
        { attempt: 1, atMs: 0, delayMs: 100 },
        { attempt: 2, atMs: 100 },
      ],
    });
    expect(JSON.stringify(response)).not.toContain('.test.ts');
  });
});

describe('the last error passes as it is', () => {
  const gone = failed({ status: 410 });
  it.each<[GiveUp, RetryOptions, readonly [unknown, unknown], number | undefined]>([
    ['error', {}, [busy(), gone], undefined],
    ['deadline', { backoff: (attempt) => (attempt === 1 ? 100 : 5_000) }, [busy(), busy()], 1_000],
    ['retry-after', {}, [busy(), busy({ retryAfterMs: 86_400_000 })], undefined],
    ['budget', { attempts: 5, budget: retryBudget({ size: 1, earn: 0, refill: 0 }) }, [busy(), busy()], undefined],
    ['fault', { backoff: (attempt) => (attempt === 1 ? 100 : Number.NaN) }, [busy(), busy()], undefined],
  ])('where it gives up because of "%s", after two attempts', async (because, options, [first, last], deadline) => {
    const { clock, runner, of, plugin } = bench(options);
    const work = scripted(
      [
        { do: 'fail', error: first },
        { do: 'fail', error: last },
      ],
      { clock },
    );
    const call = runner.call(tool('search', {}, work), undefined, deadline === undefined ? {} : { deadline });
    expect(await clock.until(failure(call))).toBe(last);
    expect(work.calls).toBe(2);
    const record = retryRecord(last);
    expect(record?.because).toBe(because);
    expect(record?.attempts).toMatchObject([
      { attempt: 1, error: first, atMs: 0, delayMs: 100 },
      { attempt: 2, error: last, atMs: 100 },
    ]);
    expect(record?.attempts[1]).not.toHaveProperty('delayMs');
    expect(of('retry.giveup')).toMatchObject([{ because, reason: record?.reason, attempts: 2, error: last }]);
    expect(plugin.stats()).toMatchObject({ exhausted: 0, gaveUp: { [because]: 1 } });
  });

  it('where the budget is spent, says whose', async () => {
    const budget = retryBudget({ size: 1, earn: 0, refill: 0 });
    const { clock, runner, of } = bench({ budget });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(failure(runner.call(tool('search', {}, work))));
    expect(of('retry.giveup')).toMatchObject([
      { reason: expect.stringMatching(/^the budget of ".*search" is spent$/) },
    ]);
  });
});
