import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grown } from './growth.ts';

describe('growth', () => {
  it('multiplies by the factor so many times, up to max', () => {
    expect([0, 1, 2, 3, 4].map((times) => grown(200, 2, times, 2_000))).toEqual([200, 400, 800, 1_600, 2_000]);
    expect([0, 1, 2].map((times) => grown(200, 1.5, times, 2_000))).toEqual([200, 300, 450]);
  });

  it('is max where the product is no number any more', () => {
    for (const times of [1_100, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      expect(grown(200, 2, times, 20_000)).toBe(20_000);
      expect(grown(200, 2, times, Number.MAX_VALUE)).toBe(Number.MAX_VALUE);
    }
  });

  it('stays where it is with a factor of 1, and at 0 with a base of 0', () => {
    for (const times of [0, 10, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      expect(grown(200, 1, times, 20_000)).toBe(200);
      expect(grown(0, 2, times, Number.MAX_VALUE)).toBe(0);
    }
  });

  it('is finite, from base to max, and never less for more times', () => {
    const wait = fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true });
    const factor = fc.double({ min: 1, max: Number.MAX_VALUE, noNaN: true });
    fc.assert(
      fc.property(wait, wait, factor, fc.maxSafeNat(), fc.maxSafeNat(), (one, other, by, times, later) => {
        const [base, max] = [Math.min(one, other), Math.max(one, other)];
        const [before, after] = [Math.min(times, later), Math.max(times, later)].map((n) => grown(base, by, n, max));
        expect(before).toBeGreaterThanOrEqual(base);
        expect(after).toBeGreaterThanOrEqual(before as number);
        expect(after).toBeLessThanOrEqual(max);
      }),
    );
  });
});
