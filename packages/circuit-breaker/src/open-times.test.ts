import { type Backoff, Problems } from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { growingOpenTime, OpenTimes, readOpenFor } from './open-times.ts';

const never = (): void => expect.unreachable();
const hundreds: Backoff = {
  delay: (opening, previous) => 100 * opening + (previous > 0 ? 1 : 0),
  longest: (opening) => 100 * opening,
  describe: () => 'hundreds',
};

describe('the time for which a circuit stays open by default', () => {
  it('is 30 s, and then at random up to twice as long each time, up to 5 min', () => {
    const random = seededRandom(3);
    const ranges = [1, 2, 3, 4, 5, 6, 100].map((opening) => {
      const times = Array.from({ length: 500 }, () => growingOpenTime.delay(opening, 0, random) / 1_000);
      return [Math.round(Math.min(...times)), Math.round(Math.max(...times)), growingOpenTime.longest(opening) / 1_000];
    });
    expect(ranges).toEqual([
      [30, 30, 30],
      [30, 60, 60],
      [60, 120, 120],
      [120, 240, 240],
      [150, 300, 300],
      [150, 300, 300],
      [150, 300, 300],
    ]);
  });

  it('differs between those that depend on one target', () => {
    const times = [1, 2, 3].map((seed) => growingOpenTime.delay(3, 0, seededRandom(seed)));
    expect(new Set(times).size).toBe(3);
  });
});

describe('the option for how long a circuit stays open', () => {
  const read = (value: unknown): Backoff => {
    const problems = new Problems();
    const times = readOpenFor(value, 'circuitBreaker.openFor', problems);
    problems.throwIfAny();
    return times;
  };

  it('is a duration, a formula, or left out', () => {
    const constant = read('10s');
    expect([constant.delay(7, 0, Math.random), constant.longest(7), constant.describe()]).toEqual([
      10_000,
      10_000,
      '10 s',
    ]);
    expect(read(0).delay(1, 0, Math.random)).toBe(0);
    expect(read(hundreds)).toBe(hundreds);
    expect(read(undefined)).toBe(growingOpenTime);
  });

  it.each([['soon'], [-1], [Number.NaN], [null], [{ delay: 5 }], ['none']])('is not %s', (value) => {
    expect(() => read(value)).toThrow('circuitBreaker.openFor: expected a');
  });
});

describe('the times for which a circuit stays open, one after the other', () => {
  const times = (backoff: Backoff = hundreds, fault: (error: unknown) => void = never): OpenTimes =>
    new OpenTimes(backoff, () => 0.5, fault);

  it('grow while it does not close, and are told the one before', () => {
    const some = times();
    expect([some.opened(0), some.opened(100), some.opened(301)]).toEqual([100, 201, 301]);
    expect(some.fresh(1e9)).toBe(false);
  });

  it('go on when it opens within twice the time after it has closed, and begin anew after that', () => {
    const some = times();
    some.opened(0);
    some.closed(1_000);
    expect([some.fresh(1_200), some.opened(1_200)]).toEqual([false, 201]);
    some.closed(2_000);
    expect([some.fresh(2_402), some.fresh(2_402.1), some.opened(2_402.1)]).toEqual([false, true, 100]);
  });

  it('begin anew when they are forgotten, or when it was opened by hand long after it had closed', () => {
    const some = times();
    some.opened(0);
    some.forget();
    expect(some.opened(0)).toBe(100);
    some.closed(0);
    some.closed(5_000);
    expect(some.opened(5_001)).toBe(100);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('delay');
      },
    ],
    ['answers NaN', () => Number.NaN],
    ['answers Infinity', () => Number.POSITIVE_INFINITY],
    ['answers text', () => '5s' as unknown as number],
  ])('are the usual ones when a formula %s, and that is told', (_what, delay) => {
    const faults: unknown[] = [];
    const some = times({ ...hundreds, delay }, (error) => faults.push(error));
    expect([some.opened(0), some.opened(0)]).toEqual([30_000, 45_000]);
    expect(faults).toHaveLength(2);
    expect(faults[0]).toBeInstanceOf(Error);
  });

  it('are never below 0', () => {
    expect(times({ ...hundreds, delay: () => -5 }).opened(0)).toBe(0);
  });

  it('go on from a snapshot, at a clock that reads something else', () => {
    const [some, other, third] = [times(), times(), times()];
    some.opened(0);
    some.opened(100);
    other.restore(some.snapshot(100), 9_000);
    expect(other.opened(9_000)).toBe(301);
    some.closed(1_000);
    expect(some.snapshot(1_100)).toEqual({ openings: 2, lastMs: 201, followsMs: 302 });
    third.restore(some.snapshot(1_100), 50);
    expect([third.fresh(352), third.fresh(353)]).toEqual([false, true]);
    expect(some.snapshot(9_999)).toEqual({ openings: 0, lastMs: 0, followsMs: null });
  });
});
