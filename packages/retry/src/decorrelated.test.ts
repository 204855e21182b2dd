import { seededRandom } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { HUGE, refusals, waits } from './backoffs.test-kit.ts';
import { decorrelated } from './decorrelated.ts';

const half = () => 0.5;

describe('decorrelated', () => {
  it('waits from 200 ms up to three times the last wait, and no longer than 20 s, unless set', () => {
    const backoff = decorrelated();
    expect(waits(backoff, 4, half)).toEqual([400, 700, 1_150, 1_825]);
    expect(backoff.delay(2, 300, () => 0)).toBe(200);
    expect(backoff.delay(20, 19_000, half)).toBe(20_000);
    expect(backoff.describe()).toBe('decorrelated × 3, 200 to 20000 ms');
  });

  it('takes base and max, as numbers or text', () => {
    const backoff = decorrelated({ base: '1s', max: '5s' });
    expect(waits(backoff, 4, half)).toEqual([2_000, 3_500, 5_000, 5_000]);
  });

  it('takes the base for the last wait where there was none, or a shorter one', () => {
    const backoff = decorrelated({ base: 100 });
    for (const previous of [0, 50, 100, Number.NaN]) expect(backoff.delay(2, previous, half)).toBe(200);
  });

  it('grows by its own waits only, however long a service has asked it to wait', () => {
    const backoff = decorrelated({ base: 100 });
    for (const asked of [301, 3_600_000, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      expect(backoff.delay(1, asked, half)).toBe(200);
      expect(backoff.delay(2, asked, half)).toBe(500);
    }
  });

  it('says how long each wait can be, and draws up to that', () => {
    const backoff = decorrelated({ base: 100, max: '2s' });
    const longest = [1, 2, 3, 4].map((failure) => backoff.longest(failure));
    expect(longest).toEqual([300, 900, 2_000, 2_000]);
    const most = waits(backoff, 4, () => 1 - Number.EPSILON);
    for (const [index, wait] of most.entries()) expect(wait).toBeCloseTo(longest[index] as number, 6);
  });

  it('is a number from base to max after any number of failures', () => {
    const random = seededRandom(3);
    for (const max of [20_000, 'none', Number.POSITIVE_INFINITY] as const) {
      const backoff = decorrelated({ max });
      for (const failure of HUGE) {
        for (const previous of [0, 20_000, Number.MAX_VALUE]) {
          for (const chance of [() => 0, random]) {
            const wait = backoff.delay(failure, previous, chance);
            expect(wait).toBeGreaterThanOrEqual(200);
            expect(wait).toBeLessThanOrEqual(max === 20_000 ? max : Number.MAX_VALUE);
          }
        }
      }
    }
  });

  it('never waits with a base of 0', () => {
    for (const failure of [1, ...HUGE]) expect(decorrelated({ base: 0 }).delay(failure, 0, half)).toBe(0);
  });
});

describe('decorrelated refuses', () => {
  it.each([
    [{ base: 'none' }, 'decorrelated.base: expected a duration that ends, got "none"'],
    [{ base: 500, max: 400 }, 'decorrelated.base: expected no more than max (400 ms), got 500'],
    [{ factor: 3 }, 'decorrelated.factor: unknown option; known: base, max'],
    [[], 'decorrelated: expected a plain object, got an array of 0'],
  ])('%j', (given, message) => {
    expect(refusals(() => decorrelated(given as never))).toEqual([message]);
  });

  it('all that is wrong at once', () => {
    expect(refusals(() => decorrelated({ base: -1, max: Number.NaN, x: 1 } as never))).toHaveLength(3);
  });
});
