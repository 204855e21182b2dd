import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdaptiveLimitFields } from './adaptive-limit.ts';
import { LearnedLimit } from './learned-limit.ts';

const FIELDS: AdaptiveLimitFields = { percentile: 50, factor: 2, min: 10, max: 10_000, warmup: 4 };
const learned = (fields: Partial<AdaptiveLimitFields> = {}): LearnedLimit => new LearnedLimit({ ...FIELDS, ...fields });

/** By how much a duration may come out longer than it was. */
const ABOVE = 1 / 8;

function teach(limit: LearnedLimit, times: number, ms: (n: number) => number): void {
  for (let n = 0; n < times; n++) limit.learn(ms(n));
}

describe('a learned limit', () => {
  it('is max until as many calls as warmup have ended well, and what they took from then on', () => {
    const limit = learned();
    expect([limit.warm, limit.limit]).toEqual([false, 10_000]);
    teach(limit, 3, () => 100);
    expect([limit.warm, limit.limit]).toEqual([false, 10_000]);
    limit.learn(100);
    expect(limit.warm).toBe(true);
    expect(limit.limit).toBeGreaterThanOrEqual(200);
    expect(limit.limit).toBeLessThanOrEqual(200 * (1 + ABOVE));
  });

  it('stays between min and max whatever happens, and is max while it is not warm', () => {
    const happenings = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.double({ min: 0, max: 1e6, noNaN: true }) },
        { weight: 2, arbitrary: fc.constant('cut off' as const) },
      ),
      { maxLength: 300 },
    );
    const fields = fc.record({
      percentile: fc.double({ min: 1, max: 100, noNaN: true }),
      factor: fc.double({ min: 1, max: 5, noNaN: true }),
      min: fc.integer({ min: 1, max: 100 }),
      max: fc.integer({ min: 100, max: 20_000 }),
      warmup: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(fields, happenings, (one, all) => {
        const limit = learned(one);
        for (const what of all) {
          if (what === 'cut off') limit.cutOff();
          else limit.learn(what);
          expect(limit.limit).toBeGreaterThanOrEqual(one.min);
          expect(limit.limit).toBeLessThanOrEqual(one.max);
          if (!limit.warm) expect(limit.limit).toBe(one.max);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('comes to factor times the percentile of what it is taught, within the width of a bucket', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(6.25, 56.25, 81.25, 93.75),
        fc.double({ min: 1, max: 4, noNaN: true }),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 8, maxLength: 8 }),
        (percentile, factor, durations) => {
          const limit = learned({ percentile, factor, min: 1, max: 1e9, warmup: 20 });
          teach(limit, 1_600, (n) => durations[n % 8] as number);
          const sorted = [...durations].sort((a, b) => a - b);
          const exact = factor * (sorted[Math.ceil((percentile / 100) * 8) - 1] as number);
          expect(limit.limit).toBeGreaterThanOrEqual(exact * 0.999_999);
          expect(limit.limit).toBeLessThanOrEqual(exact * (1 + ABOVE) * 1.000_001);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is worked out anew at every sixteenth call, not at each', () => {
    const limit = learned({ percentile: 100 });
    teach(limit, 4, () => 100);
    const first = limit.limit;
    teach(limit, 15, () => 400);
    expect(limit.limit).toBe(first);
    limit.learn(400);
    expect(limit.limit).toBeGreaterThanOrEqual(800);
    const second = limit.limit;
    teach(limit, 15, () => 2_000);
    expect(limit.limit).toBe(second);
    limit.learn(2_000);
    expect(limit.limit).toBeGreaterThanOrEqual(4_000);
  });

  it('does not learn from calls that it cut off', () => {
    const limit = learned();
    teach(limit, 100, () => 100);
    const before = limit.limit;
    for (let n = 0; n < 3; n++) limit.cutOff();
    expect([limit.warm, limit.limit]).toEqual([true, before]);
  });

  it('begins anew at max when as many calls in a row as warmup were cut off', () => {
    const limit = learned();
    teach(limit, 100, () => 100);
    for (let n = 0; n < 4; n++) limit.cutOff();
    expect([limit.warm, limit.limit]).toEqual([false, 10_000]);
    teach(limit, 3, () => 1_000);
    expect(limit.limit).toBe(10_000);
    limit.learn(1_000);
    expect(limit.limit).toBeGreaterThanOrEqual(2_000);
    expect(limit.limit).toBeLessThanOrEqual(2_000 * (1 + ABOVE));
  });

  it('counts only those in a row: one that ends well in between, and it goes on', () => {
    const limit = learned();
    teach(limit, 100, () => 100);
    for (let n = 0; n < 50; n++) {
      for (let cut = 0; cut < 3; cut++) limit.cutOff();
      limit.learn(100);
    }
    expect(limit.warm).toBe(true);
    expect(limit.limit).toBeLessThan(300);
  });

  it('counts those in a row anew after it has begun anew', () => {
    const limit = learned();
    teach(limit, 100, () => 100);
    for (let n = 0; n < 4; n++) limit.cutOff();
    teach(limit, 4, () => 100);
    for (let n = 0; n < 3; n++) limit.cutOff();
    expect(limit.warm).toBe(true);
    limit.cutOff();
    expect(limit.warm).toBe(false);
  });

  it('follows a change: what is old counts for less and less', () => {
    const limit = learned({ percentile: 50 });
    teach(limit, 100_000, () => 10);
    expect(limit.limit).toBeLessThan(25);
    teach(limit, 3_000, () => 1_000);
    expect(limit.limit).toBeGreaterThanOrEqual(2_000);
  });
});
