import { describe, expect, it } from 'vitest';
import { settings } from './circuit.test-kit.ts';
import { Judge } from './judge.ts';
import { Probes } from './probes.ts';
import type { WindowSpec } from './window-spec.ts';

const judge = (window: WindowSpec, failureRate: number, slowRate?: number): Judge =>
  new Judge(
    settings({
      window,
      failureRate,
      slowCall: slowRate === undefined ? undefined : { afterMs: 2_000, rate: slowRate },
    }),
  );

describe('a judge', () => {
  it('finds failures bad enough when they reach the rate, of the least number of calls', () => {
    const one = judge({ type: 'count', size: 100, minimum: 4 }, 0.5);
    for (const failed of [true, true, true]) one.window.ended(failed, 0);
    expect(one.failed()).toBeUndefined();
    one.window.ended(false, 0);
    expect(one.failed()).toBe('3 of 4 calls failed');
    for (let count = 0; count < 3; count++) one.window.ended(false, 0);
    expect(one.failed()).toBeUndefined();
  });

  it.each([0.07, 0.14, 0.28, 0.29, 0.55, 0.56, 0.57, 1])('takes a rate of %d for what it says', (rate) => {
    const failures = Math.round(100 * rate);
    const one = judge({ type: 'count', size: 100, minimum: 100 }, rate);
    for (let count = 0; count < 100; count++) one.window.ended(count >= 100 - failures, 0);
    expect(one.failed()).toBe(`${failures} of 100 calls failed`);
    one.window.ended(false, 0);
    one.window.clear();
    for (let count = 0; count < 100; count++) one.window.ended(count > 100 - failures, 0);
    expect(one.failed()).toBeUndefined();
  });

  it('judges slow calls by those whose pace is known', () => {
    const one = judge({ type: 'time', sizeMs: 10_000, minimum: 3 }, 1, 0.5);
    one.window.slowed(0);
    one.window.slowed(0);
    for (let count = 0; count < 10; count++) one.window.endedSlow(false, 0);
    expect(one.slowed()).toBeUndefined();
    one.window.ended(false, 0);
    expect(one.slowed()).toBe('2 of 3 calls took longer than 2 s in 10 s');
    one.window.ended(false, 0);
    one.window.ended(false, 0);
    expect(one.slowed()).toBeUndefined();
  });

  it('judges slow probes by the places for probes', () => {
    const one = judge({ type: 'consecutive', size: 3 }, 1, 0.5);
    const probes = new Probes(3, 100);
    for (let count = 0; count < 2; count++) {
      expect(one.probeSlowed(probes)).toBeUndefined();
      const probe = probes.take(0);
      if (probe !== undefined) probes.slowed(probe);
    }
    expect(one.probeSlowed(probes)).toBe('2 of 3 probes took longer than 2 s');
  });

  it('finds nothing slow when no call is', () => {
    const one = judge({ type: 'consecutive', size: 1 }, 1);
    one.window.slowed(0);
    expect(one.slowed()).toBeUndefined();
  });
});
