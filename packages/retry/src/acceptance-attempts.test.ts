import { pipeline, tool } from '@sluice/core';
import { scripted, seededRandom, virtualClock } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RetryPolicy, retryLater, retryOn, retryRecord } from './index.ts';
import { bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

describe('a call', () => {
  it('that hangs at first, and then succeeds, is a success in two attempts', async () => {
    const { clock, runner, recorded, plugin } = bench({}, { beside: [...timeout({ attempt: 50 })] });
    const work = scripted([{ do: 'hang' }, { do: 'succeed', value: 'done', after: 10 }], { clock });
    expect(await clock.until(runner.call(tool('slow', {}, work)))).toBe('done');
    recorded.expectTimeline(`
        0  attempt.start  slow  attempt=1
       50  attempt.end    slow  attempt=1 status=timeout error.code=TIMEOUT
       50  retry.wait     slow  failed=1 delayMs=100 error.scope=attempt
      150  attempt.start  slow  attempt=2
      160  attempt.end    slow  attempt=2 status=ok
    `);
    expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 2, recovered: 1, exhausted: 0, gaveUp: {} });
  });

  it('that fails twice, and then succeeds, is a success in three attempts, as tool, stage and function', async () => {
    for (const as of ['tool', 'stage', 'function'] as const) {
      const { clock, runner } = bench();
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
      const call = {
        tool: () => runner.call(tool('flaky', {}, work)),
        stage: async () => ((await runner.run(pipeline('p').stage('flaky', work))) as { flaky: unknown }).flaky,
        function: () => runner.wrap(() => work(), { name: 'flaky' })(),
      }[as];
      expect([as, await clock.until(call()), work.calls, clock.now()]).toEqual([as, 3, 3, 200]);
    }
  });

  it('of a stage that needed three attempts says so in the report of its run', async () => {
    const { clock, runner } = bench();
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
    const { status, stages } = await clock.until(runner.run(pipeline('p').stage('flaky', work)).report);
    expect([status, stages.flaky]).toMatchObject(['ok', { status: 'ok', attempts: 3, value: 3, durationMs: 200 }]);
  });

  it('that fails for good is made once, and its error is passed on as it is', async () => {
    const { clock, runner, recorded, plugin } = bench();
    const denied = failed({ status: 403 }, 'denied');
    const work = scripted([{ do: 'fail', error: denied }], { clock });
    expect(await clock.until(failure(runner.call(tool('closed', {}, work))))).toBe(denied);
    expect([work.calls, clock.now()]).toEqual([1, 0]);
    expect(recorded.timeline('retry.wait', 'retry.giveup')).toBe('');
    expect(retryRecord(denied)).toMatchObject({ because: 'error', reason: 'status 403 is permanent' });
    expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 1, exhausted: 0, gaveUp: {} });
  });

  it('that fails for good after a failure that passes ends there, with the last error as it is', async () => {
    const { clock, runner, of, plugin } = bench();
    const gone = failed({ status: 404 });
    const work = scripted(
      [
        { do: 'fail', error: busy() },
        { do: 'fail', error: gone },
      ],
      { clock },
    );
    expect(await clock.until(failure(runner.call(tool('gone', {}, work))))).toBe(gone);
    expect(work.calls).toBe(2);
    expect(of('retry.giveup')).toMatchObject([{ because: 'error', reason: 'status 404 is permanent', attempts: 2 }]);
    expect(retryRecord(gone)?.attempts).toMatchObject([
      { attempt: 1, delayMs: 100 },
      { attempt: 2, error: gone },
    ]);
    expect(plugin.stats()).toMatchObject({ attempts: 2, exhausted: 0, gaveUp: { error: 1 } });
  });

  it('may be made once only: attempts: 1, 1 and none are no retries, and their error is passed on as it is', async () => {
    for (const policy of [1, 'none', { attempts: 1 }] satisfies RetryPolicy[]) {
      const { clock, runner } = bench(policy);
      const error = busy();
      const work = scripted([{ do: 'fail', error }], { clock });
      expect(await clock.until(failure(runner.call(tool('once', {}, work))))).toBe(error);
      expect(work.calls).toBe(1);
    }
  });

  it('asks for another attempt with retryLater, no sooner than it says', async () => {
    const { clock, runner } = bench();
    const work = scripted(
      [
        { do: 'fail', error: retryLater({ after: '7s' }) },
        { do: 'succeed', value: 'ready' },
      ],
      {
        clock,
      },
    );
    const { output } = await clock.until(runner.run(pipeline('p').stage('report', work)).report);
    expect([output, clock.now()]).toEqual([{ report: 'ready' }, 7_000]);
  });
});

it('twenty permanent errors cost twenty calls, not sixty', async () => {
  const { clock, runner, plugin } = bench();
  const work = scripted([{ do: 'fail', error: failed({ status: 401 }) }], { clock });
  const keyless = tool('keyless', {}, work);
  for (let count = 0; count < 20; count++) await clock.until(failure(runner.call(keyless)));
  expect(work.calls).toBe(20);
  expect(plugin.stats().amplification).toBe(1);
});

describe('four kinds that pass and five that do not, a hundred of them mixed', () => {
  const passing: object[] = [{ code: 'ECONNRESET' }, { status: 429 }, { status: 503 }, { retryable: true }];
  const lasting: object[] = [
    { status: 401 },
    { status: 403 },
    { status: 404 },
    { code: 'invalid_api_key' },
    { status: 400, error: { code: 'context_length_exceeded' } },
  ];
  const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  it.each([1, 2, 3])('cost three calls and one, each as classified (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const { clock, runner } = bench({ budget: 'none' });
    for (let count = 0; count < 100; count++) {
      const passes = random() < 0.5;
      const work = scripted([{ do: 'fail', error: failed(pick(random, passes ? passing : lasting)) }], { clock });
      const { code } = await clock.until(failure(runner.call(tool('mixed', {}, work))));
      expect([work.calls, code === 'RETRY_EXHAUSTED']).toEqual([passes ? 3 : 1, passes]);
    }
  });
});

describe('the output that its schema refuses', () => {
  const numbers = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof value === 'number' ? { value } : { issues: [{ message: 'expected a number' }] },
    },
  } as const;

  it('is asked for again, as one does with a model, where retryOn names INVALID_OUTPUT', async () => {
    const { clock, runner } = bench({ retryOn: [retryOn.defaults, retryOn.code('INVALID_OUTPUT')] });
    const work = scripted(
      [
        { do: 'succeed', value: 'seven' },
        { do: 'succeed', value: 7 },
      ],
      { clock },
    );
    const model = tool('model', { output: numbers }, work as () => number);
    expect(await clock.until(runner.call(model))).toBe(7);
    expect(work.calls).toBe(2);
  });

  it('is not, where nobody names it', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'succeed', value: 'seven' }], { clock });
    const error = await clock.until(failure(runner.call(tool('model', { output: numbers }, work as () => number))));
    expect([error.code, work.calls]).toEqual(['INVALID_OUTPUT', 1]);
  });
});

describe('whatever fails how often', () => {
  it('no more attempts are made than may be, and exactly those that are needed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 8 }), async (attempts, failures) => {
        const clock = virtualClock();
        const { runner, plugin } = bench({ attempts, backoff: 10 }, {}, clock);
        let calls = 0;
        const work = tool('flaky', {}, async () => {
          if (++calls <= failures) throw busy();
          return calls;
        });
        const ended = await clock.until(
          runner.call(work).then(
            () => 'ok',
            () => 'failed',
          ),
        );
        expect(ended).toBe(failures < attempts ? 'ok' : 'failed');
        expect(calls).toBe(Math.min(attempts, failures + 1));
        expect(clock.now()).toBe(10 * (calls - 1));
        expect(plugin.stats()).toMatchObject({ calls: 1, attempts: calls, amplification: calls });
      }),
      { numRuns: 60 },
    );
  });

  it('eight thousand attempts without a wait do not fill the stack', async () => {
    const { clock, runner } = bench({ attempts: Number.POSITIVE_INFINITY, backoff: 0, budget: 'none' });
    let calls = 0;
    const stubborn = runner.wrap(() => {
      if (++calls < 8_000) throw busy();
      return calls;
    });
    expect(await clock.until(stubborn())).toBe(8_000);
  });
});
