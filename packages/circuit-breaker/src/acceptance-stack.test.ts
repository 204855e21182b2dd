import { concurrency } from '@sluice/concurrency';
import { defineInterceptor, Place, type Plugin, stack, tool } from '@sluice/core';
import { exponential, retry, retryOn } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, hang, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { circuitBreaker } from './index.ts';

nothingIsLeft();

/** The recommended stack. */
function recommended() {
  const breaker = circuitBreaker();
  const limit = concurrency(20);
  const use = [timeout({ total: '30s', attempt: '10s' }), heartbeat(), retry({ budget: 'none' }), breaker, limit];
  return { breaker, limit, use };
}

describe('in the recommended stack', () => {
  it('a dead dependency opens it after 20 real attempts, whatever its callers try, and its recovery closes it', async () => {
    const { breaker, limit, use } = recommended();
    const { clock, runner, of } = bench({ use });
    let attempts = 0;
    let dead = true;
    const service = tool('service', {}, () => {
      attempts++;
      if (dead) throw Object.assign(new Error('unavailable'), { status: 503 });
      return sleep(clock, 10).then(() => 'fine');
    });
    const first = await clock.until(Promise.all(times(30, () => ending(runner.call(service)))));
    expect(first.every((end) => ['RETRY_EXHAUSTED', 'CIRCUIT_OPEN', 'unavailable'].includes(end))).toBe(true);
    // All that were under way when the twentieth failed had begun before.
    expect(attempts).toBeLessThanOrEqual(30);
    expect(breaker.state('tool:service')).toBe('open');
    expect(of('circuit.open')).toHaveLength(1);
    expect(of('circuit.open')[0]).toMatchObject({ because: '20 of 20 calls failed in 30 s', circuit: 'tool:service' });

    const during = attempts;
    for (let call = 0; call < 100; call++) expect(await clock.until(ending(runner.call(service)))).toBe('CIRCUIT_OPEN');
    expect(attempts).toBe(during);

    dead = false;
    await clock.advance(30_000);
    const after = await clock.until(Promise.all(times(10, () => ending(runner.call(service)))));
    expect(after.filter((end) => end === 'fine')).toHaveLength(3);
    expect(breaker.state('tool:service')).toBe('closed');
    expect(await clock.until(ending(runner.call(service)))).toBe('fine');
    expect(of('circuit.half-open')).toHaveLength(1);
    expect(of('circuit.close')).toMatchObject([{ because: 'all 3 probes succeeded', from: 'half-open' }]);
    expect(limit.stats()).toMatchObject({ active: 0, queued: 0 });
  });

  it('one caller after the other reaches a dead dependency with just 20 attempts', async () => {
    const { breaker, use } = recommended();
    const { clock, runner } = bench({ use });
    let attempts = 0;
    const service = tool('service', {}, () => {
      attempts++;
      throw Object.assign(new Error('unavailable'), { status: 503 });
    });
    for (let call = 0; call < 50; call++) await clock.until(ending(runner.call(service)));
    expect([attempts, breaker.state('tool:service')]).toEqual([20, 'open']);
  });

  it('a dependency that hangs opens it as well, and all permits come back', async () => {
    const { breaker, limit, use } = recommended();
    const { clock, runner } = bench({ use });
    const service = tool('service', {}, (_: undefined, { signal }): Promise<string> => hang(signal));
    const ends = await clock.until(Promise.all(times(20, () => ending(runner.call(service)))));
    expect(ends.every((end) => end === 'TIMEOUT' || end === 'CIRCUIT_OPEN')).toBe(true);
    expect(breaker.state('tool:service')).toBe('open');
    expect(limit.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
  });

  it('a retry that is told to repeat CIRCUIT_OPEN waits for as long as it says', async () => {
    const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 }, openFor: '5s', probes: 1 });
    const again = retry({
      attempts: 2,
      backoff: exponential({ base: 1, max: 1 }),
      retryOn: [retryOn.defaults, retryOn.code('CIRCUIT_OPEN')],
    });
    const { clock, runner } = bench({ use: [timeout({ total: '1m' }), again, breaker] });
    breaker.trip('tool:service');
    const service = tool('service', {}, () => clock.now());
    expect(await clock.until(runner.call(service))).toBe(5_000);
  });

  it('a refusal takes neither a permit nor an attempt of the budget', async () => {
    const { breaker, limit, use } = recommended();
    const { runner } = bench({ use });
    breaker.isolate('tool:service');
    const error = await failure(runner.call(tool('service', {}, () => 'fine')));
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', call: { attempt: 1 } });
    expect(error.retryAfterMs).toBeUndefined();
    expect(error.message).toContain('is isolated: isolated by hand; until it is reset');
    expect(Object.keys(limit.stats().pools)).toEqual([]);
  });
});

describe('the order check', () => {
  const codes = (use: readonly Plugin[]): string[] =>
    bench({ use })
      .runner.explain()
      .findings.map(({ code }) => code);
  const bounds = timeout({ total: '30s', attempt: '10s' });
  const substitute = (priority: number) =>
    defineInterceptor({
      name: 'substitute',
      priority,
      traits: { role: 'fallback' },
      intercept: (call, next) => next(call),
    });

  it('has nothing to say of the recommended stack', () => {
    expect(codes(recommended().use)).toEqual([]);
  });

  it.each([
    [
      'retry-inside-breaker',
      [bounds, circuitBreaker({ priority: Place.retry - 1 }), retry()],
      [bounds, circuitBreaker(), retry()],
    ],
    [
      'breaker-window-short',
      [bounds, circuitBreaker({ window: { type: 'time', size: '19s' } })],
      [bounds, circuitBreaker({ window: { type: 'time', size: '20s' } })],
    ],
    [
      'fallback-inside',
      [circuitBreaker(), substitute(Place.breaker + 1)],
      [circuitBreaker(), substitute(Place.fallback)],
    ],
    [
      'local-rejections-counted',
      [circuitBreaker({ counts: retryOn.any(retryOn.defaults, retryOn.code('QUEUE_FULL')) })],
      [circuitBreaker({ counts: retryOn.any(retryOn.defaults, retryOn.code('ECONNRESET')) })],
    ],
  ] as const)('finds %s where it is, and only there', (code, wrong, right) => {
    expect(codes(wrong)).toEqual([code]);
    expect(codes(right)).toEqual([]);
  });

  it('does not take a window over calls for a short one', () => {
    expect(codes([bounds, circuitBreaker({ window: { type: 'count', size: 5 } })])).toEqual([]);
    expect(codes([bounds, circuitBreaker({ window: { type: 'consecutive', size: 5 } })])).toEqual([]);
  });

  it('refuses the same breaker twice', () => {
    const breaker = circuitBreaker();
    expect(() => stack([breaker, breaker])).toThrow('stands in the stack twice');
  });
});
