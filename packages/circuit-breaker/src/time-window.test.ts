import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimeWindow } from './time-window.ts';
import { countsIn } from './window-log.test-kit.ts';

describe('a window over a time', () => {
  it('never counts what is older than it is long, and always what is younger than 95 % of that', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.constantFrom(100, 333, 30_000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (start, size, part) => {
          const window = new TimeWindow(size);
          window.ended(true, start);
          const young = start + 0.949 * size * part;
          expect(countsIn(window, young).failures).toBe(1);
          expect(countsIn(window, start + size * 1.000_001).failures).toBe(0);
        },
      ),
    );
  });

  it('forgets a bucket at a time', () => {
    const window = new TimeWindow(20_000);
    for (let second = 0; second < 20; second++) window.ended(true, second * 1_000);
    expect(countsIn(window, 19_999).failures).toBe(20);
    expect(countsIn(window, 20_000).failures).toBe(19);
    expect(countsIn(window, 25_500).failures).toBe(14);
    expect(countsIn(window, 38_999).failures).toBe(1);
    expect(countsIn(window, 39_000).failures).toBe(0);
  });

  it('counts on while the clock stands still, and is empty after an hour', () => {
    const window = new TimeWindow(30_000);
    for (let count = 0; count < 1_000; count++) window.ended(count % 2 === 0, 7);
    expect(countsIn(window, 7)).toMatchObject({ calls: 1_000, failures: 500 });
    expect(countsIn(window, 3_600_007)).toEqual({ calls: 0, failures: 0, paced: 0, slow: 0 });
  });

  it('counts what it is told with a time that lies behind as if it were of the newest bucket', () => {
    const window = new TimeWindow(20_000);
    window.ended(false, 5_500);
    window.ended(true, 4_900);
    expect(countsIn(window, 24_999)).toMatchObject({ calls: 2, failures: 1 });
    expect(countsIn(window, 25_000).calls).toBe(0);
    expect(window.resolutionMs).toBe(1_000);
  });

  it('tells in a snapshot how long ago what was, and nothing of what there is none of', () => {
    const window = new TimeWindow(20_000);
    window.ended(true, 5_500);
    window.slowed(7_200);
    window.ended(false, 7_300);
    expect(window.snapshot(9_000)).toEqual({
      type: 'time',
      buckets: [
        { agoMs: 3_500, calls: 1, failures: 1, paced: 1, slow: 0 },
        { agoMs: 1_500, calls: 1, failures: 0, paced: 2, slow: 1 },
      ],
    });
  });

  it('of what is restored forgets what is over, also when it lies in the past of another clock', () => {
    const bucket = { calls: 2, failures: 1, paced: 2, slow: 1 };
    const window = new TimeWindow(20_000);
    window.restore(
      {
        type: 'time',
        buckets: [
          { agoMs: 50_000, ...bucket },
          { agoMs: 500, ...bucket },
        ],
      },
      3,
    );
    expect(countsIn(window, 3)).toEqual(bucket);
    expect(countsIn(window, 18_999)).toEqual(bucket);
    expect(countsIn(window, 19_600).calls).toBe(0);
  });
});
