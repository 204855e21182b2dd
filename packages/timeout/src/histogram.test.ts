import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

/** By how much a duration may come out longer than it was, from one millisecond on. */
const ABOVE = 1 / 16;

const durations = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 1, max: 5_000, noNaN: true }),
    fc.integer({ min: 0, max: 28 }).map((power) => Math.min(2 ** power, 2 ** 28 - 1)),
    fc.double({ min: 1, max: 2 ** 28 - 1, noNaN: true }),
  ),
  { minLength: 1, maxLength: 300 },
);

/** Halves, quarters and the like, which are exact: what a rank is does not hang on how a machine rounds. */
const percentiles = fc.integer({ min: 1, max: 64 }).map((part) => (part / 64) * 100);

function exact(all: readonly number[], percentile: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((percentile / 100) * sorted.length)) - 1] as number;
}

const filled = (all: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const ms of all) histogram.add(ms);
  return histogram;
};

describe('a histogram', () => {
  it('answers each quantile never below the exact one, and above it by no more than the width of a bucket', () => {
    fc.assert(
      fc.property(durations, percentiles, (all, percentile) => {
        const told = filled(all).at(percentile);
        const right = exact(all, percentile);
        expect(told).toBeGreaterThanOrEqual(right);
        expect(told).toBeLessThanOrEqual(right + Math.max(right, 1) * ABOVE);
      }),
      { numRuns: 2_000 },
    );
  });

  it('answers more for a higher percentile, never less', () => {
    fc.assert(
      fc.property(durations, percentiles, percentiles, (all, a, b) => {
        const histogram = filled(all);
        expect(histogram.at(Math.min(a, b))).toBeLessThanOrEqual(histogram.at(Math.max(a, b)));
      }),
      { numRuns: 500 },
    );
  });

  it('puts a longer duration in no lower place', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2 ** 29, noNaN: true }),
        fc.double({ min: 0, max: 2 ** 29, noNaN: true }),
        (a, b) => {
          expect(filled([Math.min(a, b)]).at(50)).toBeLessThanOrEqual(filled([Math.max(a, b)]).at(50));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('counts what it holds, and is as if new once it is cleared', () => {
    fc.assert(
      fc.property(durations, (all) => {
        const histogram = filled(all);
        expect(histogram.count).toBe(all.length);
        histogram.clear();
        expect(histogram.count).toBe(0);
        expect(histogram.at(99)).toBe(0);
        histogram.add(3);
        expect(histogram.at(50)).toBe(filled([3]).at(50));
      }),
      { numRuns: 200 },
    );
  });

  it('that holds everything twice and is halved is as if it held everything once', () => {
    fc.assert(
      fc.property(durations, percentiles, (all, percentile) => {
        const twice = filled([...all, ...all]);
        twice.halve();
        expect(twice.count).toBe(all.length);
        expect(twice.at(percentile)).toBe(filled(all).at(percentile));
      }),
      { numRuns: 500 },
    );
  });

  it('that is halved forgets what there was only one of, and counts the rest right', () => {
    const histogram = filled([1, 100, 100, 100]);
    histogram.halve();
    expect(histogram.count).toBe(1);
    expect(histogram.at(1)).toBe(filled([100]).at(1));
  });

  it('holds 0, less than 0 and more than three days without losing its bounds', () => {
    expect(filled([0]).at(50)).toBe(ABOVE);
    expect(filled([-5]).at(50)).toBe(ABOVE);
    expect(filled([0.99]).at(50)).toBe(1);
    expect(filled([1]).at(50)).toBe(1 + ABOVE);
    expect(filled([2 ** 28]).at(50)).toBe(2 ** 28);
    expect(filled([Number.MAX_VALUE]).at(50)).toBe(2 ** 28);
    expect(filled([Number.POSITIVE_INFINITY]).at(50)).toBe(2 ** 28);
  });

  it('that is empty answers 0 for every percentile', () => {
    expect(new Histogram().at(0)).toBe(0);
    expect(new Histogram().at(100)).toBe(0);
  });

  it('answers the shortest for next to nothing, and the longest for 100 %', () => {
    const histogram = filled([10, 1_000, 100_000]);
    expect(histogram.at(0.001)).toBe(filled([10]).at(50));
    expect(histogram.at(100)).toBe(filled([100_000]).at(50));
  });
});
