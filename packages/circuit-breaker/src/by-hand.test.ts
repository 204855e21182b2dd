import { tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker, memoryCircuits } from './index.ts';

nothingIsLeft();

const KEY = 'tool:service';
const well = tool('service', {}, () => 'fine');
const down = tool('service', {}, () => Promise.reject(new Error('down')));

function setUp(options: CircuitBreakerOptions = {}) {
  const breaker = circuitBreaker({ window: { type: 'consecutive', size: 2 }, openFor: '1s', probes: 1, ...options });
  return { breaker, ...bench({ use: [breaker] }) };
}

describe('a circuit can be driven by hand', () => {
  it('tripped, for as long as is its turn, or as is said', async () => {
    const { breaker, clock, runner } = setUp();
    await runner.call(well);
    breaker.trip(KEY);
    expect((await failure(runner.call(well))).message).toContain('is open: tripped by hand; try again in 1 s');
    await clock.advance(1_000);
    expect(await ending(runner.call(well))).toBe('fine');
    breaker.trip(KEY, 1_500);
    expect((await failure(runner.call(well))).message).toContain('try again in 2 s');
    breaker.trip(KEY, '5m');
    await clock.advance(299_999);
    expect(await ending(runner.call(well))).toBe('CIRCUIT_OPEN');
    await clock.advance(1);
    expect(await ending(runner.call(well))).toBe('fine');
    breaker.trip(KEY, 'none');
    expect(breaker.state(KEY)).toBe('isolated');
  });

  it('isolated until it is reset, whatever time passes', async () => {
    const { breaker, clock, runner } = setUp();
    await runner.call(well);
    breaker.isolate(KEY);
    await clock.advance(86_400_000);
    expect(await ending(runner.call(well))).toBe('CIRCUIT_OPEN');
    breaker.reset(KEY);
    expect([await ending(runner.call(well)), breaker.state(KEY)]).toEqual(['fine', 'closed']);
  });

  it('before its first call, for a time that begins then if it is that of another clock', async () => {
    const { breaker, clock, runner } = setUp();
    breaker.trip(KEY);
    breaker.isolate('tool:other');
    expect([breaker.state(KEY), breaker.keys()]).toEqual(['open', [KEY, 'tool:other']]);
    await clock.advance(5_000);
    const error = await failure(runner.call(well));
    expect(error.retryAfterMs).toBe(1_000);
    await clock.advance(1_000);
    expect(await ending(runner.call(well))).toBe('fine');
    expect(await ending(runner.call(tool('other', {}, () => 'fine')))).toBe('CIRCUIT_OPEN');
  });

  it('and to ask what it does makes none', () => {
    const { breaker } = setUp();
    expect([breaker.state('tool:nobody'), breaker.keys(), breaker.stats().calls]).toEqual(['closed', [], 0]);
  });
});

describe('in shadow mode', () => {
  it('nothing is refused, and what would have been is counted and told', async () => {
    const { breaker, runner, of } = setUp({ mode: 'shadow' });
    for (let call = 0; call < 5; call++) expect(await ending(runner.call(down))).toBe('down');
    expect(breaker.stats()).toMatchObject({ calls: 2, failures: 2, refused: 3, opened: 1 });
    expect(of('circuit.reject')).toHaveLength(3);
    expect(of('circuit.reject')[0]).toMatchObject({ mode: 'shadow', because: '2 calls in a row failed' });
  });

  it('it does what it would have done had its callers not come', async () => {
    const shadow = setUp({ mode: 'shadow' });
    const real = setUp();
    for (const one of [shadow, real]) {
      for (let call = 0; call < 4; call++) await ending(one.runner.call(down));
      await one.clock.advance(1_000);
      await ending(one.runner.call(well));
      await ending(one.runner.call(down));
    }
    expect(shadow.breaker.stats()).toEqual(real.breaker.stats());
  });
});

describe('with a ramp', () => {
  it('calls are let in gradually after it has closed, and what is not yet let in may come again soon', async () => {
    const { breaker, clock, runner } = setUp({ ramp: '10s', openFor: '1s' });
    await runner.call(well);
    breaker.trip(KEY);
    await clock.advance(1_000);
    await runner.call(well);
    const shares: number[] = [];
    for (let second = 0; second < 10; second++) {
      const ends = await Promise.all(times(1_000, () => ending(runner.call(well))));
      shares.push(Math.round(ends.filter((end) => end === 'fine').length / 100));
      await clock.advance(1_000);
    }
    expect(shares[0]).toBeLessThanOrEqual(2);
    expect(shares[5]).toBeGreaterThanOrEqual(5);
    expect(shares[9]).toBeGreaterThanOrEqual(8);
    const all = await Promise.all(times(100, () => ending(runner.call(well))));
    expect(all.every((end) => end === 'fine')).toBe(true);
    breaker.trip(KEY, 0);
    await runner.call(well);
    const errors = (await Promise.allSettled(times(50, () => runner.call(well)))).flatMap((one) =>
      one.status === 'rejected' ? [one.reason] : [],
    );
    expect(errors[0]).toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 1_000, details: { state: 'closed' } });
  });
});

describe('a store that two breakers share', () => {
  it('shares circuits by key, and what one does is told by both, each on a call of its own', async () => {
    const store = memoryCircuits();
    const clock = virtualClock();
    const [one, other] = [0, 1].map(() => {
      const breaker = circuitBreaker({ window: { type: 'consecutive', size: 2 }, store });
      return { breaker, ...bench({ use: [breaker] }, clock) };
    }) as [ReturnType<typeof setUp>, ReturnType<typeof setUp>];
    await ending(one.runner.call(down));
    await ending(other.runner.call(down));
    expect([one.breaker.state(KEY), other.breaker.state(KEY)]).toEqual(['open', 'open']);
    expect(await ending(one.runner.call(well))).toBe('CIRCUIT_OPEN');
    expect(await ending(other.runner.call(well))).toBe('CIRCUIT_OPEN');
    expect([one.of('circuit.open').length, other.of('circuit.open').length]).toEqual([1, 1]);
  });
});

describe('new options', () => {
  it('keep windows, states and what is under way', async () => {
    const { breaker, clock, runner } = setUp({ window: { type: 'count', size: 10, minimum: 10 }, openFor: '10s' });
    for (let call = 0; call < 5; call++) await ending(runner.call(down));
    breaker.trip('tool:other', '5s');
    const late = ending(
      runner.call(tool('service', {}, () => sleep(clock, 10).then(() => Promise.reject(new Error('late'))))),
    );
    runner.update({ circuitBreaker: { window: { type: 'count', size: 20, minimum: 6 } } });
    expect(breaker.stats().circuits[KEY]?.window.failures).toBe(5);
    expect(await clock.until(late)).toBe('late');
    expect(breaker.stats().circuits[KEY]?.window.failures).toBe(6);
    await ending(runner.call(down));
    expect(breaker.stats().circuits[KEY]).toMatchObject({ state: 'open', because: '7 of 7 calls failed' });
    expect(breaker.state('tool:other')).toBe('open');
    await clock.advance(5_000);
    expect(breaker.state('tool:other')).toBe('half-open');
  });

  it('keep how often it has opened in a row', async () => {
    const openFor = {
      delay: (opening: number) => 1_000 * opening,
      longest: () => 1,
      describe: () => '1 s more each time',
    };
    const { clock, runner } = setUp({ window: { type: 'consecutive', size: 1 }, openFor });
    await ending(runner.call(down));
    runner.update({ circuitBreaker: { failureRate: 0.9 } });
    expect((await failure(runner.call(well))).retryAfterMs).toBe(1_000);
    await clock.advance(1_000);
    await ending(runner.call(down));
    expect((await failure(runner.call(well))).retryAfterMs).toBe(2_000);
  });

  it('are not taken back by a call that began before', async () => {
    const breaker = circuitBreaker({ window: { type: 'count', size: 10, minimum: 10 } });
    const again = retry({ attempts: 2, backoff: 1_000 });
    const { clock, runner } = bench({ use: [again, breaker], acknowledge: ['retry-without-deadline'] });
    const old = ending(runner.call(down));
    await clock.advance(500);
    runner.update({ circuitBreaker: { window: { type: 'count', size: 10, minimum: 4 } } });
    const once = { retry: 'none' } as const;
    await ending(runner.call(down, undefined, once));
    await ending(runner.call(down, undefined, once));
    expect(breaker.state(KEY)).toBe('closed');
    await clock.until(old);
    expect(breaker.state(KEY)).toBe('open');
  });

  it('half-open, keep the probes that are under way', async () => {
    const { breaker, clock, runner } = setUp({ probes: 2 });
    await runner.call(well);
    breaker.trip(KEY);
    await clock.advance(1_000);
    const probes = times(2, () => ending(runner.call(tool('service', {}, () => sleep(clock, 100)))));
    runner.update({ circuitBreaker: { probes: 5, failureRate: 0.1 } });
    expect(await ending(runner.call(well))).toBe('CIRCUIT_OPEN');
    await clock.until(Promise.all(probes));
    expect(breaker.state(KEY)).toBe('closed');
  });

  it('begin with an empty window when it is of another kind', async () => {
    const { breaker, runner } = setUp({ window: { type: 'count', size: 10, minimum: 3 } });
    await ending(runner.call(down));
    await ending(runner.call(down));
    runner.update({ circuitBreaker: { window: { type: 'consecutive', size: 2 } } });
    await ending(runner.call(down));
    expect(breaker.state(KEY)).toBe('closed');
    await ending(runner.call(down));
    expect(breaker.state(KEY)).toBe('open');
  });

  it('that are wrong change nothing', async () => {
    const { breaker, runner } = setUp();
    expect(() => runner.update({ circuitBreaker: { failureRate: 2 } })).toThrow('circuitBreaker.failureRate');
    expect(() => runner.update({ circuitBreaker: { per: 'all' } })).toThrow('cannot be changed while it runs');
    await ending(runner.call(down));
    await ending(runner.call(down));
    expect(breaker.state(KEY)).toBe('open');
  });
});
