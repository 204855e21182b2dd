import type { Backoff } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computed } from './computed-backoff.ts';
import { constant } from './constant.ts';
import { decorrelated } from './decorrelated.ts';
import { exponential } from './exponential.ts';
import { linear } from './linear.ts';
import { longestWait } from './longest-wait.ts';

const of = (longest: (failure: number) => number): Backoff => ({ delay: longest, longest, describe: () => 'test' });

describe('the longest that all waits can be together', () => {
  it('is the sum of each', () => {
    expect(longestWait(exponential(), 3)).toBe(600);
    expect(longestWait(exponential({ base: 100, max: '1s' }), 7)).toBe(100 + 200 + 400 + 800 + 1_000 + 1_000);
    expect(longestWait(decorrelated({ base: 100, max: '1s' }), 4)).toBe(300 + 900 + 1_000);
    expect(longestWait(constant('1s'), 4)).toBe(3_000);
    expect(longestWait(linear(100, '250ms'), 5)).toBe(100 + 200 + 250 + 250);
  });

  it('is nothing for one attempt, after which nobody waits', () => {
    for (const backoff of [exponential(), computed(() => 1)]) expect(longestWait(backoff, 1)).toBe(0);
  });

  it('is unknown where one wait is', () => {
    expect(
      longestWait(
        computed(() => 1),
        2,
      ),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(
      longestWait(
        of((failure) => (failure === 5 ? Number.NaN : 1)),
        9,
      ),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(
      longestWait(
        of(() => -1),
        2,
      ),
    ).toBe(Number.POSITIVE_INFINITY);
  });

  it('is exact for any number of attempts of a backoff at its cap', () => {
    const ramp = 200 * (2 ** 7 - 1);
    expect(longestWait(exponential(), 1e9)).toBe(ramp + (1e9 - 1 - 7) * 20_000);
    expect(longestWait(constant(1), Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER - 1);
  });

  it('is no less than the sum of a backoff that still grows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 30 }), (attempts, step) => {
        const waits = attempts - 1;
        const sum = (step * waits * (waits + 1)) / 2;
        const found = longestWait(linear(step, 'none'), attempts);
        expect(found).toBeGreaterThanOrEqual(sum);
        expect(found).toBeLessThanOrEqual(attempts <= 1_001 ? sum : sum * 2);
      }),
    );
  });

  it('is no less than the sum of one that shrinks', () => {
    const shrinking = of((failure) => Math.max(0, 5_000 - failure));
    expect(longestWait(shrinking, 10_001)).toBeGreaterThanOrEqual((4_999 * 5_000) / 2);
  });

  it('is endless for endless attempts, unless none of them waits', () => {
    for (const backoff of [exponential(), constant(1), linear(1, 'none')]) {
      expect(longestWait(backoff, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    }
    expect(longestWait(constant(0), Number.POSITIVE_INFINITY)).toBe(0);
    expect(longestWait(exponential({ base: 0 }), Number.POSITIVE_INFINITY)).toBe(0);
  });

  it('saturates where no number could say it', () => {
    expect(longestWait(exponential({ max: 'none' }), 1e12)).toBe(Number.POSITIVE_INFINITY);
  });

  it('asks no more often for endless attempts than a thousand times and some', () => {
    let asked = 0;
    const counting = of(() => {
      asked++;
      return 1;
    });
    for (const attempts of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
      asked = 0;
      longestWait(counting, attempts);
      expect(asked).toBeLessThan(1_100);
    }
  });
});
