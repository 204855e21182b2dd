import { concurrency } from '@sluice/concurrency';
import {
  type Call,
  DrainingError,
  defineInterceptor,
  HeartbeatLostError,
  isSluiceError,
  Place,
  TimeoutError,
  tool,
} from '@sluice/core';
import { retry, retryOn } from '@sluice/retry';
import { timeout } from '@sluice/timeout';
import { NEVER, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, hang, nothingIsLeft, sleep } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

const ONE = { window: { type: 'consecutive', size: 1 }, per: 'all' } as const;

/** Whether work that ends so opens the circuit. */
async function opens(work: () => unknown, options: CircuitBreakerOptions = {}): Promise<boolean> {
  const breaker = circuitBreaker({ ...ONE, ...options });
  const { runner } = bench({ use: [breaker] });
  await ending(runner.call(tool('service', {}, work as () => Promise<unknown>)));
  return breaker.state('all') === 'open';
}

const error =
  (fields: object): (() => never) =>
  () => {
    throw Object.assign(new Error('no'), fields);
  };

describe('a function that says what counts', () => {
  it('is asked how a call ended, and how long it took', async () => {
    const heard: unknown[] = [];
    const breaker = circuitBreaker({
      ...ONE,
      counts: (outcome, call) => {
        heard.push([outcome.status, outcome.durationMs, call.name]);
        return outcome.durationMs > 100;
      },
    });
    const { clock, runner } = bench({ use: [timeout({ attempt: 150 }), breaker] });
    await clock.until(runner.call(tool('quick', {}, () => sleep(clock, 100))));
    expect(breaker.state('all')).toBe('closed');
    await clock.until(runner.call(tool('slow', {}, () => sleep(clock, 101))));
    expect(breaker.state('all')).toBe('open');
    breaker.reset('all');
    await clock.until(
      ending(runner.call(tool('hung', {}, (_: undefined, { signal }): Promise<string> => hang(signal)))),
    );
    expect(heard).toEqual([
      ['ok', 100, 'quick'],
      ['ok', 101, 'slow'],
      ['timeout', 150, 'hung'],
    ]);
  });

  it.each([
    ['true', true, { status: 404 }, true],
    ['false', false, { status: 500 }, false],
    ["'neutral'", 'neutral', { status: 500 }, false],
    ['nothing of a failure', undefined, { status: 500 }, true],
    ['nothing of a success', undefined, { status: 404 }, false],
    ['true of a 429', true, { status: 429 }, true],
    ['what is no answer', 'yes', { status: 500 }, true],
  ])('and answers %s', async (_, answer, fields, expected) => {
    expect(await opens(error(fields), { counts: () => answer as boolean })).toBe(expected);
  });

  it('and throws: what usually counts does, and it is told once', async () => {
    const breaker = circuitBreaker({
      ...ONE,
      counts: () => {
        throw new Error('my mistake');
      },
    });
    const { runner, of } = bench({ use: [breaker] });
    expect((await failure(runner.call(tool('service', {}, error({ status: 500 }))))).message).toBe('no');
    expect(breaker.state('all')).toBe('open');
    expect(of('warning')).toHaveLength(1);
    expect(JSON.stringify(of('warning'))).toContain('threw in counts()');
  });

  it('is asked neither about cancellations nor about what this process refused', async () => {
    const asked: unknown[] = [];
    const breaker = circuitBreaker({ ...ONE, counts: ({ status }) => asked.push(status) > 0 });
    const { clock, runner } = bench({ use: [breaker, concurrency({ limit: 1, queue: { max: 0 } })] });
    const stop = new AbortController();
    const stuck = tool('stuck', {}, (_: undefined, { signal }): Promise<string> => hang(signal));
    const first = ending(runner.call(stuck, undefined, { signal: stop.signal }));
    expect(await ending(runner.call(stuck))).toBe('QUEUE_FULL');
    stop.abort();
    expect(await clock.until(first)).toBe('CANCELLED');
    expect(asked).toEqual([]);
  });
});

describe('a classifier of errors', () => {
  it.each([
    ['counts what it says yes to', retryOn.status(418), { status: 418 }, true],
    ['counts nothing else', retryOn.status(418), { status: 500 }, false],
    ['counts a 429 that it names', retryOn.status(429), { status: 429 }, true],
    ['does not count a 429 that it does not name', retryOn.defaults, { status: 429 }, false],
    ['counts by its defaults', retryOn.defaults, { status: 503 }, true],
    ['counts an own code that it names', retryOn.code('CIRCUIT_OPEN'), {}, false],
  ])('%s', async (_, counts, fields, expected) => {
    expect(await opens(error(fields), { counts })).toBe(expected);
  });

  it('counts a full queue only if it names it', async () => {
    const stuck = tool('stuck', {}, (_: undefined, { signal }): Promise<string> => hang(signal));
    for (const [counts, state] of [
      [retryOn.defaults, 'closed'],
      [retryOn.code('QUEUE_FULL'), 'open'],
    ] as const) {
      const breaker = circuitBreaker({ ...ONE, counts });
      const limit = concurrency({ limit: 1, queue: { max: 0 } });
      const { clock, runner } = bench({ use: [breaker, limit], acknowledge: ['local-rejections-counted'] });
      const stop = new AbortController();
      const first = ending(runner.call(stuck, undefined, { signal: stop.signal }));
      await ending(runner.call(stuck));
      expect(breaker.state('all')).toBe(state);
      stop.abort();
      await clock.until(first);
    }
  });

  it('that names something and says no to it after all leaves it at saying nothing', async () => {
    const breaker = circuitBreaker({
      ...ONE,
      counts: retryOn.all(
        retryOn.status(429),
        retryOn.when(() => false),
      ),
    });
    const { runner } = bench({ use: [breaker] });
    await ending(runner.call(tool('service', {}, error({ status: 429 }))));
    expect(breaker.stats().calls).toBe(0);
    await ending(runner.call(tool('service', {}, error({ status: 500 }))));
    expect(breaker.stats()).toMatchObject({ calls: 1, failures: 0 });
  });

  it('is handed the call, and is told when it throws', async () => {
    const calls: (string | undefined)[] = [];
    const counts = Object.assign(
      (_: unknown, call?: Call) => {
        calls.push(call?.name);
        throw new Error('my mistake');
      },
      { names: () => false, describe: () => 'mine' },
    );
    expect(await opens(error({ status: 500 }), { counts })).toBe(true);
    expect(calls).toEqual(['service']);
  });
});

describe('what usually counts', () => {
  const cyclic = new Error('round');
  Object.assign(cyclic, { cause: cyclic });
  const NOT_FOUND = { cause: { status: 404 } };
  const hostile = new Proxy(new Error('hidden'), {
    get() {
      throw new Error('not yours');
    },
  });
  it.each<[string, () => unknown, boolean]>([
    ['a 500', error({ status: 500 }), true],
    ['a 408', error({ status: 408 }), true],
    ['a 529', error({ status: 529 }), true],
    ['a 400', error({ status: 400 }), false],
    ['a 499', error({ status: 499 }), false],
    ['an error with the status of a redirect', error({ status: 302 }), true],
    ['a network code', error({ code: 'ECONNREFUSED' }), true],
    ['a wrapped 429', error({ cause: new Error('why', { cause: { status: 429 } }) }), false],
    ['a wrapped 404', error({ cause: { status: 404 } }), false],
    ['an outer 500 around a 404', error({ status: 500, cause: { status: 404 } }), true],
    [
      'a timeout of a call in it, whatever that was about',
      () => Promise.reject(new TimeoutError('late', NOT_FOUND)),
      true,
    ],
    ['a silence of a call in it', () => Promise.reject(new HeartbeatLostError('silent', NOT_FOUND)), true],
    ['a refusal of a runner that shuts down', () => Promise.reject(new DrainingError('later')), false],
    ['a client that was aborted', error({ code: 'ABORT_ERR' }), false],
    ['a mistake in the program', () => (undefined as unknown as { x: 1 }).x, true],
    ['a cause that leads back to itself', () => Promise.reject(cyclic), true],
    ['an error that cannot be looked at', () => Promise.reject(hostile), true],
    ['null', () => Promise.reject(null), true],
  ])('%s', async (_, work, expected) => {
    expect(await opens(work)).toBe(expected);
  });

  it('is the cause of RETRY_EXHAUSTED, of a retry inside', async () => {
    for (const [status, state] of [
      [503, 'open'],
      [429, 'closed'],
    ] as const) {
      const breaker = circuitBreaker({ ...ONE, priority: 45 });
      const again = retry({ attempts: 2, backoff: 1 });
      const { clock, runner } = bench({
        use: [breaker, again],
        acknowledge: ['retry-inside-breaker', 'retry-without-deadline'],
      });
      const failed = await clock.until(failure(runner.call(tool('service', {}, error({ status })))));
      expect(isSluiceError(failed, 'RETRY_EXHAUSTED')).toBe(true);
      expect(breaker.state('all')).toBe(state);
    }
  });

  it('is nothing that somebody further in answers, and nothing that a deadline stops there before any work has begun', async () => {
    const breaker = circuitBreaker({ ...ONE, slowCall: { duration: 50, rate: 1 }, probes: 1, openFor: '1s' });
    let answer: unknown = of('from a cache');
    const cache = defineInterceptor({
      name: 'cache',
      priority: Place.chaos,
      intercept: () => answer as Observable<unknown>,
    });
    const { clock, runner } = bench({ use: [timeout({ total: 100 }), breaker, cache] });
    const service = tool('service', {}, () => 'never');
    breaker.trip('all', 0);
    expect(await ending(runner.call(service))).toBe('from a cache');
    expect(breaker.stats()).toMatchObject({ calls: 0, states: { 'half-open': 1 } });
    answer = NEVER;
    expect(await clock.until(ending(runner.call(service)))).toBe('TIMEOUT');
    expect(breaker.stats()).toMatchObject({ calls: 0, failures: 0, slow: 0, states: { 'half-open': 1 } });
    answer = throwError(() => new Error('injected'));
    expect(await ending(runner.call(service))).toBe('injected');
    expect(breaker.stats()).toMatchObject({ calls: 1, failures: 1, states: { open: 1 } });
  });

  it('is an output that does not fit', async () => {
    const breaker = circuitBreaker(ONE);
    const { runner } = bench({ use: [breaker] });
    const validate = () => ({ issues: [{ message: 'wrong' }] });
    const output = { '~standard': { version: 1, vendor: 'test', validate } } as never;
    expect(await ending(runner.call(tool('service', { output }, () => 'x' as never)))).toBe('INVALID_OUTPUT');
    expect(breaker.state('all')).toBe('open');
  });
});
