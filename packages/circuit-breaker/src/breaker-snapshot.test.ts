import { tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, sleep } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

const KEY = 'tool:service';
const fail = () => Promise.reject(new Error('down'));
const down = tool('service', {}, fail);

function setUp(options: CircuitBreakerOptions = {}) {
  const breaker = circuitBreaker({
    window: { type: 'count', size: 10, minimum: 4 },
    openFor: '1s',
    probes: 1,
    ...options,
  });
  return { breaker, ...bench({ use: [breaker] }) };
}

const carried = (from: ReturnType<typeof setUp>): unknown => JSON.parse(JSON.stringify(from.breaker.snapshot()));

describe('a snapshot', () => {
  it('goes on counting where it left off', async () => {
    const before = setUp();
    for (let call = 0; call < 3; call++) await ending(before.runner.call(down));
    const after = setUp();
    after.breaker.restore(carried(before));
    expect(await ending(after.runner.call(down))).toBe('down');
    expect(after.breaker.stats().circuits[KEY]).toMatchObject({ state: 'open', because: '4 of 4 calls failed' });
    expect(after.of('circuit.open')).toHaveLength(1);
  });

  it('counts also for a target that says something of its own, once that is called', async () => {
    const own = tool('service', { circuitBreaker: { window: { type: 'consecutive', size: 3 } } }, fail);
    const before = setUp();
    for (let call = 0; call < 2; call++) await ending(before.runner.call(own));
    const after = setUp();
    after.breaker.restore(carried(before));
    await ending(after.runner.call(own));
    expect(after.breaker.state(KEY)).toBe('open');
  });

  it('keeps the state where the window is another now, and begins counting anew', async () => {
    const before = setUp();
    for (let call = 0; call < 3; call++) await ending(before.runner.call(down));
    before.breaker.isolate('tool:other');
    const after = setUp({ window: { type: 'consecutive', size: 2 } });
    after.breaker.restore(carried(before));
    expect(after.breaker.state('tool:other')).toBe('isolated');
    await ending(after.runner.call(down));
    expect(after.breaker.state(KEY)).toBe('closed');
    await ending(after.runner.call(down));
    expect(after.breaker.state(KEY)).toBe('open');
  });

  it('of one that was half-open has all places for probes', async () => {
    const before = setUp({ probes: 2 });
    await ending(before.runner.call(down));
    before.breaker.trip(KEY);
    await before.clock.advance(1_000);
    const probe = before.runner.call(tool('service', {}, () => sleep(before.clock, 10)));
    const after = setUp({ probes: 2 });
    after.breaker.restore(carried(before));
    await before.clock.until(probe);
    const slow = tool('service', {}, () => sleep(after.clock, 10).then(() => 'fine'));
    const ends = await after.clock.until(Promise.all([0, 1, 2].map(() => ending(after.runner.call(slow)))));
    expect(ends).toEqual(['fine', 'fine', 'CIRCUIT_OPEN']);
    expect(after.breaker.state(KEY)).toBe('closed');
  });

  it('that comes while calls are under way does not hear of them, and leaves other circuits alone', async () => {
    const { breaker, clock, runner } = setUp({ window: { type: 'consecutive', size: 1 } });
    const empty = JSON.parse(JSON.stringify(breaker.snapshot()));
    await ending(runner.call(tool('other', {}, fail)));
    const late = ending(runner.call(tool('service', {}, () => sleep(clock, 10).then(fail))));
    breaker.restore(breaker.snapshot());
    await clock.until(late);
    expect(breaker.state(KEY)).toBe('closed');
    breaker.restore(empty);
    expect(breaker.state('tool:other')).toBe('open');
  });
});
