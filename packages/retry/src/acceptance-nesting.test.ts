import { type Context, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { type RetryOptions, type RetryPolicy, retryBudget, retryOn, retryRecord } from './index.ts';
import { type Bench, bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

type Caller = (call: () => Promise<unknown>) => unknown;

/** What became of a stage that calls a dead tool, both with the same retry around them. */
interface Nested extends Bench {
  /** How often the tool, and the stage, were called. */
  readonly calls: { readonly tool: number; readonly stage: number };
  readonly error: unknown;
}

async function nested(
  options: RetryOptions,
  { inner, caller = (call) => call(), error = busy() }: { inner?: RetryPolicy; caller?: Caller; error?: unknown } = {},
): Promise<Nested> {
  const stand = bench(options, { acknowledge: ['retries-multiply'] });
  const { clock, runner } = stand;
  const work = scripted([{ do: 'fail', error }], { clock });
  const dead = tool('dead', inner === undefined ? {} : { retry: inner }, work);
  let stages = 0;
  const shape = pipeline('p').stage('outer', (_, { call }) => {
    stages++;
    return caller(() => call(dead));
  });
  const report = await clock.until(runner.run(shape).report);
  const { outer } = report.stages;
  return {
    ...stand,
    calls: { tool: work.calls, stage: stages },
    error: outer.status === 'failed' ? outer.error : undefined,
  };
}

describe('a stage with three attempts around a tool with three', () => {
  it('calls a dead tool three times, not nine', async () => {
    const { calls, error, of } = await nested({ attempts: 3 });
    expect(calls).toEqual({ tool: 3, stage: 1 });
    expect(error).toMatchObject({
      code: 'STAGE_FAILED',
      call: { name: 'outer' },
      cause: { code: 'RETRY_EXHAUSTED', call: { name: 'dead' } },
    });
    expect(of('retry.giveup')).toMatchObject([{ name: 'dead', because: 'attempts', attempts: 3 }]);
  });

  it('calls it three times, where each has its own number, and more than that only by the inner one', async () => {
    const { calls } = await nested({ stages: { outer: 4 }, tools: { dead: 2 } });
    expect(calls).toEqual({ tool: 2, stage: 1 });
  });

  it.each<[string, Caller]>([
    [
      'as the cause of an error of its own',
      async (call) => {
        try {
          return await call();
        } catch (cause) {
          throw new Error('could not fetch', { cause });
        }
      },
    ],
    [
      'as the cause of one that says that it may be repeated',
      async (call) => {
        try {
          return await call();
        } catch (cause) {
          throw failed({ retryable: true, cause });
        }
      },
    ],
    ['as the cause of what it was given up on', (call) => call().catch((error: Error) => Promise.reject(error.cause))],
  ])('does not repeat it %s', async (_, caller) => {
    const { calls } = await nested({ attempts: 3 }, { caller });
    expect(calls).toEqual({ tool: 3, stage: 1 });
  });

  it('repeats it where it asks for RETRY_EXHAUSTED: then they multiply, as the order check warns', async () => {
    const { calls } = await nested({ retryOn: [retryOn.defaults, retryOn.code('RETRY_EXHAUSTED')] });
    expect(calls).toEqual({ tool: 9, stage: 3 });
  });

  it('repeats what it failed with itself', async () => {
    const { calls } = await nested(
      { attempts: 3 },
      {
        caller: async (call) => {
          await call().catch(() => {});
          throw busy();
        },
      },
    );
    expect(calls).toEqual({ tool: 9, stage: 3 });
  });
});

describe('where the inner retry gives up before its attempts are used up, the outer one does not go on:', () => {
  it('because of the deadline', async () => {
    const error = busy({ retryAfterMs: 3_600_000 });
    const { clock, runner, of } = bench(
      {},
      { beside: [...timeout({ tools: { dead: '1s' }, stages: { outer: 'none' } })] },
    );
    const work = scripted([{ do: 'fail', error }], { clock });
    const dead = tool('dead', {}, work);
    const shape = pipeline('p').stage('outer', (_, { call }) => call(dead));
    await clock.until(runner.run(shape).report);
    expect([work.calls, clock.now()]).toEqual([1, 0]);
    expect(of('retry.giveup')).toMatchObject([
      { name: 'dead', because: 'deadline' },
      { name: 'outer', because: 'nested' },
    ]);
    expect(retryRecord(error)?.because).toBe('nested');
  });

  it('because of what the service asks for', async () => {
    const { calls, of } = await nested(
      { tools: { dead: { respectRetryAfter: '1s' } } },
      { error: busy({ retryAfterMs: 5_000 }) },
    );
    expect(calls).toEqual({ tool: 1, stage: 1 });
    expect(of('retry.giveup').map(({ because }) => because)).toEqual(['retry-after', 'nested']);
  });

  it('because of the budget', async () => {
    const { calls, of } = await nested(
      {},
      { inner: { attempts: 5, budget: retryBudget({ size: 1, refill: 0, earn: 0 }) } },
    );
    expect(calls).toEqual({ tool: 2, stage: 1 });
    expect(of('retry.giveup').map(({ because }) => because)).toEqual(['budget', 'nested']);
  });

  it('because the error is permanent, after one that was not', async () => {
    const gone = failed({ status: 404 });
    const { clock, runner } = bench({ stages: { outer: { retryOn: retryOn.status(404) } } });
    const work = scripted(
      [
        { do: 'fail', error: busy() },
        { do: 'fail', error: gone },
      ],
      { clock },
    );
    const dead = tool('dead', {}, work);
    await clock.until(runner.run(pipeline('p').stage('outer', (_, { call }) => call(dead))).report);
    expect(work.calls).toBe(2);
  });

  it('because its work must not be repeated', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const pay = tool('pay', { idempotent: false }, work);
    await clock.until(runner.run(pipeline('p').stage('outer', (_, { call }) => call(pay))).report);
    expect(work.calls).toBe(1);
  });

  it('because the work of its last attempt goes on', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ total: 'none', tools: { deaf: { attempt: 100 } } })] });
    const work = scripted([{ do: 'succeed', after: 3_000, ignoreSignal: true }], { clock });
    const deaf = tool('deaf', {}, work);
    await clock.until(runner.run(pipeline('p').stage('outer', (_, { call }) => call(deaf))).report);
    await clock.runAll();
    expect(work.calls).toBe(1);
  });
});

it("a tool whose retries are 'none' leaves them to the stage around it", async () => {
  const { calls } = await nested({ attempts: 3 }, { inner: 'none' });
  expect(calls).toEqual({ tool: 3, stage: 3 });
});

describe('one error object that is thrown again and again', () => {
  const shared = busy();

  it('by two separate calls is retried in both', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: shared }], { clock });
    const [first, second] = [tool('first', {}, work), tool('second', {}, work)];
    await clock.until(failure(runner.call(first)));
    expect(work.calls).toBe(3);
    await clock.until(failure(runner.call(second)));
    expect(work.calls).toBe(6);
    await clock.until(failure(runner.call(first)));
    expect(work.calls).toBe(9);
  });

  it('by two calls at once is retried in both, and neither takes the record of the other for a reason', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: shared, after: 10 }], { clock });
    const dead = tool('dead', {}, work);
    const errors = await clock.until(Promise.all([failure(runner.call(dead)), failure(runner.call(dead))]));
    expect(work.calls).toBe(6);
    for (const error of errors) expect(retryRecord(error)?.attempts).toHaveLength(3);
    expect(errors[0]).not.toBe(errors[1]);
  });

  it('by two tools of one stage, one after the other, is retried in both', async () => {
    const { clock, runner } = bench({ stages: { outer: 'none' } });
    const work = scripted([{ do: 'fail', error: shared }], { clock });
    const dead = tool('dead', {}, work);
    const shape = pipeline('p').stage('outer', async (_, { call }: Context) => {
      await call(dead).catch(() => {});
      await call(dead).catch(() => {});
      return 'went on';
    });
    expect(await clock.until(runner.run(shape))).toEqual({ outer: 'went on' });
    expect(work.calls).toBe(6);
  });
});
