import { concurrency } from '@sluice/concurrency';
import { CircuitOpenError, type Context, defineInterceptor, Place, pipeline, QueueFullError, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type RetryPolicy, retryLater, retryOn, retryRecord } from './index.ts';
import { type Bench, type BenchOptions, bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const acknowledge = ['retry-not-idempotent', 'local-rejections-counted'] as const;
const stand = (policy: RetryPolicy = {}, more: BenchOptions = {}): Bench => bench(policy, { acknowledge, ...more });

/** How often work is started that always fails with `error`, and is marked idempotent: false. */
async function started(error: unknown, policy: RetryPolicy = {}, own?: RetryPolicy): Promise<number> {
  const { clock, runner } = stand(policy);
  const work = scripted([{ do: 'fail', error }], { clock });
  const pay = tool('pay', { idempotent: false, ...(own === undefined ? {} : { retry: own }) }, work);
  await clock.until(failure(runner.call(pay)));
  return work.calls;
}

describe('work that is marked idempotent: false', () => {
  it.each<[string, unknown]>([
    ['the service was busy', busy()],
    ['the connection was reset', failed({ code: 'ECONNRESET' })],
    ['nothing came back in time', failed({ code: 'ETIMEDOUT' })],
    ['the service asks for it', busy({ retryAfterMs: 10 })],
    ['it says that it is retryable', failed({ retryable: true })],
    ['it asks for it with retryLater', retryLater()],
    ['it failed without saying why', new Error('x')],
  ])('is not repeated once it has begun: %s', async (_, error) => {
    expect(await started(error)).toBe(1);
  });

  it.each<[string, unknown]>([
    ['the connection was refused', failed({ code: 'ECONNREFUSED' })],
    ['the host was not found', failed({ code: 'ENOTFOUND' })],
    ['the name server was away', failed({ code: 'EAI_AGAIN' })],
    ['the network was away', failed({ code: 'ENETUNREACH' })],
    ['no connection came about in time', failed({ code: 'UND_ERR_CONNECT_TIMEOUT' })],
    ['fetch says so in its cause', new TypeError('fetch failed', { cause: failed({ code: 'ECONNREFUSED' }) })],
    ['all addresses refused', new AggregateError([failed({ code: 'ECONNREFUSED' }), failed({ code: 'ENETUNREACH' })])],
  ])('is repeated where the error says that nothing was sent: %s', async (_, error) => {
    expect(await started(error)).toBe(3);
  });

  it('is not repeated where only one of several addresses refused', async () => {
    const error = new AggregateError([failed({ code: 'ECONNREFUSED' }), failed({ code: 'ECONNRESET' })]);
    expect(await started(error)).toBe(1);
  });

  it('passes its error on as it is, and says why', async () => {
    const { clock, runner, of, plugin } = stand();
    const error = busy();
    const pay = tool('pay', { idempotent: false }, scripted([{ do: 'fail', error }], { clock }));
    expect(await clock.until(failure(runner.call(pay)))).toBe(error);
    const reason = 'the work has begun, and is marked idempotent: false';
    expect(of('retry.giveup')).toMatchObject([{ because: 'not-idempotent', reason, attempts: 1 }]);
    expect(retryRecord(error)).toMatchObject({ because: 'not-idempotent', reason });
    expect(plugin.stats().gaveUp).toEqual({ 'not-idempotent': 1 });
  });

  it('is not repeated when an attempt timeout ends it', async () => {
    const { clock, runner } = stand({}, { beside: [...timeout({ attempt: 100 })] });
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('pay', { idempotent: false }, work))));
    expect([error.code, work.calls]).toEqual(['TIMEOUT', 1]);
  });

  it('is repeated when it waited for its turn until the attempt was over, for it has not begun', async () => {
    const { clock, runner } = stand(
      {},
      { beside: [...timeout({ attempt: 100 }), concurrency({ limit: 1, place: Place.attempt + 1 })] },
    );
    const blocking = runner.call(tool('t', { timeout: 'none' }, scripted([{ do: 'succeed', after: 150 }], { clock })));
    const work = scripted([{ do: 'succeed', value: 'paid' }], { clock });
    expect(await clock.until(runner.call(tool('t', { idempotent: false }, work)))).toBe('paid');
    expect(work.calls).toBe(1);
    await blocking;
  });

  it.each([
    ['CIRCUIT_OPEN', new CircuitOpenError('open', { retryAfterMs: 50 })],
    ['QUEUE_FULL', new QueueFullError('full')],
  ] as const)('is repeated after %s, where retryOn asks for that: it has not begun', async (code, refusal) => {
    let asked = 0;
    const refusing = defineInterceptor({
      name: 'refusing',
      priority: Place.breaker,
      intercept: (call, next) => (++asked < 3 ? throwError(() => refusal) : next(call)),
    });
    const { clock, runner } = stand({ retryOn: [retryOn.defaults, retryOn.code(code)] }, { beside: [refusing] });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(failure(runner.call(tool('pay', { idempotent: false }, work))));
    expect([asked, work.calls]).toEqual([3, 1]);
  });

  it('is not repeated as a stage either', async () => {
    const { clock, runner } = stand();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(runner.run(pipeline('p').stage('pay', { idempotent: false }, work)).report);
    expect(work.calls).toBe(1);
  });

  it('is not repeated by a stage around it either', async () => {
    const { clock, runner } = stand();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const pay = tool('pay', { idempotent: false }, work);
    const shape = pipeline('p').stage('outer', (_, { call }: Context) => call(pay));
    await clock.until(runner.run(shape).report);
    expect(work.calls).toBe(1);
  });
});

describe('what retry itself says', () => {
  it('idempotent: true: is repeated although its target says otherwise, for all or for the one', async () => {
    expect(await started(busy(), { idempotent: true })).toBe(3);
    expect(await started(busy(), {}, { idempotent: true })).toBe(3);
  });

  it('idempotent: false: is not repeated once it has begun although its target does not say so', async () => {
    for (const own of [{}, { idempotent: true }]) {
      const { clock, runner } = stand({ idempotent: false });
      const work = scripted([{ do: 'fail', error: busy() }], { clock });
      await clock.until(failure(runner.call(tool('pay', own, work))));
      expect(work.calls).toBe(1);
    }
  });
});
