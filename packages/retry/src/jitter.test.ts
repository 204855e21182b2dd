import { seededRandom } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { decorrelatedJitter, equalJitter, fullJitter, JITTERS, noJitter } from './jitter.ts';

const always = (value: number) => () => value;
/** The largest number that chance answers. */
const MOST = 1 - Number.EPSILON / 2;

/** The smallest, the largest and the mean of 100,000 draws. */
function drawn(draw: (random: () => number) => number): { least: number; most: number; mean: number } {
  const random = seededRandom(7);
  let [least, most, sum] = [Number.POSITIVE_INFINITY, 0, 0];
  for (let index = 0; index < 100_000; index++) {
    const value = draw(random);
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
  }
  return { least, most, mean: sum / 100_000 };
}

describe('each jitter is its formula', () => {
  it('full goes from 0 to the ceiling', () => {
    expect([0, 0.25, 0.5].map((value) => fullJitter(800, always(value)))).toEqual([0, 200, 400]);
    expect(fullJitter(800, always(MOST))).toBeCloseTo(800, 9);
  });

  it('equal goes from half of the ceiling to all of it', () => {
    expect([0, 0.25, 0.5].map((value) => equalJitter(800, always(value)))).toEqual([400, 500, 600]);
    expect(equalJitter(800, always(MOST))).toBeCloseTo(800, 9);
  });

  it('none is the ceiling, and asks chance for nothing', () => {
    expect(noJitter(800)).toBe(800);
    expect(JITTERS.none(800, () => expect.unreachable())).toBe(800);
  });

  it('decorrelated goes from the base to some times the last wait, but not beyond max', () => {
    const wait = (value: number, last: number) => decorrelatedJitter(100, last, 3, 1_000, always(value));
    expect([0, 0.25, 0.5].map((value) => wait(value, 100))).toEqual([100, 150, 200]);
    expect([0, 0.25, 0.5].map((value) => wait(value, 300))).toEqual([100, 300, 500]);
    expect([0, 0.5].map((value) => wait(value, 1_000))).toEqual([100, 1_000]);
  });

  it('decorrelated stays a number where three times the last wait would be none', () => {
    const wait = (value: number) => decorrelatedJitter(1, Number.MAX_VALUE, 3, Number.MAX_VALUE, always(value));
    expect(wait(0)).toBe(1);
    expect(wait(0.5)).toBeLessThan(Number.MAX_VALUE);
    expect(wait(MOST)).toBeLessThanOrEqual(Number.MAX_VALUE);
  });
});

describe('each jitter is uniform', () => {
  // A mean of 100,000 strays by 0.3 % of the width at most once in a thousand; the seed is fixed besides.
  const near = (mean: number, wanted: number) => expect(Math.abs(mean - wanted)).toBeLessThan(3);

  it('the mean of full is half of the ceiling', () => {
    const { least, most, mean } = drawn((random) => fullJitter(1_000, random));
    expect(least).toBeLessThan(1);
    expect(most).toBeGreaterThan(999);
    near(mean, 500);
  });

  it('the mean of equal is three quarters of it', () => {
    const { least, most, mean } = drawn((random) => equalJitter(1_000, random));
    expect(least).toBeLessThan(501);
    expect(most).toBeGreaterThan(999);
    near(mean, 750);
  });

  it('the mean of decorrelated, far from its cap, is half of base and three times the last wait', () => {
    const { least, most, mean } = drawn((random) => decorrelatedJitter(100, 300, 3, 20_000, random));
    expect(least).toBeLessThan(101);
    expect(most).toBeGreaterThan(899);
    near(mean, 500);
  });
});
