import { describe, expect, it } from 'vitest';
import { HUGE, refusals, waits } from './backoffs.test-kit.ts';
import { decorrelated } from './decorrelated.ts';
import { exponential } from './exponential.ts';

const half = () => 0.5;

describe('exponential', () => {
  it('doubles its ceiling from 200 ms to 20 s with full jitter, unless set', () => {
    const backoff = exponential();
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((failure) => backoff.longest(failure));
    expect(ceilings).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000]);
    expect(waits(backoff, 4, half)).toEqual([100, 200, 400, 800]);
    expect(backoff.describe()).toBe('exponential × 2, 200 to 20000 ms, full jitter');
  });

  it('takes base, factor and max, as numbers or text', () => {
    const backoff = exponential({ base: '1s', factor: 3, max: '10s', jitter: 'none' });
    expect(waits(backoff, 4, half)).toEqual([1_000, 3_000, 9_000, 10_000]);
    expect(backoff.describe()).toBe('exponential × 3, 1000 to 10000 ms');
  });

  it('takes each jitter', () => {
    const waitsWith = (jitter: 'full' | 'equal' | 'none') => waits(exponential({ base: 100, jitter }), 3, half);
    expect(waitsWith('full')).toEqual([50, 100, 200]);
    expect(waitsWith('equal')).toEqual([75, 150, 300]);
    expect(waitsWith('none')).toEqual([100, 200, 400]);
  });

  it('with decorrelated jitter is decorrelated(), and its factor is how many times the last wait the next may be', () => {
    const [one, other] = [exponential({ jitter: 'decorrelated' }), decorrelated()];
    expect(waits(one, 10, half)).toEqual(waits(other, 10, half));
    expect(one.describe()).toBe(other.describe());
    const twice = exponential({ base: 100, factor: 2, jitter: 'decorrelated' });
    expect([1, 2, 3].map((failure) => twice.longest(failure))).toEqual([200, 400, 800]);
    expect(waits(twice, 3, half)).toEqual([150, 200, 250]);
    expect(twice.describe()).toBe('decorrelated × 2, 100 to 20000 ms');
  });

  it('is at its cap after any number of failures', () => {
    for (const failure of HUGE) {
      expect(exponential({ jitter: 'none' }).delay(failure, 0, half)).toBe(20_000);
      expect(exponential().delay(failure, 0, half)).toBe(10_000);
    }
  });

  it('is still a number without a cap', () => {
    for (const max of ['none', Number.POSITIVE_INFINITY] as const) {
      const backoff = exponential({ max, jitter: 'none' });
      expect(backoff.delay(21, 0, half)).toBe(200 * 2 ** 20);
      for (const failure of HUGE) expect(backoff.delay(failure, 0, half)).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(backoff.describe()).toBe('exponential × 2, from 200 ms, without a cap');
    }
  });

  it('never grows with a factor of 1, and never waits with a base of 0', () => {
    for (const failure of [1, ...HUGE]) {
      expect(exponential({ factor: 1, jitter: 'none' }).delay(failure, 0, half)).toBe(200);
      expect(exponential({ base: 0, max: 'none' }).delay(failure, 0, half)).toBe(0);
      expect(exponential({ base: 0, jitter: 'decorrelated' }).delay(failure, 0, half)).toBe(0);
    }
  });

  it('takes what is undefined as not set', () => {
    const unset = { base: undefined, factor: undefined, max: undefined, jitter: undefined };
    expect(exponential(unset).describe()).toBe(exponential().describe());
  });

  it('takes a base that is its max', () => {
    expect(exponential({ base: '30s', max: '30s' }).longest(1)).toBe(30_000);
  });
});

describe('exponential refuses', () => {
  it.each([
    [{ base: 'none' }, 'exponential.base: expected a duration that ends, got "none"'],
    [{ base: '30s' }, 'exponential.base: expected no more than max (20000 ms unless set), got "30s"'],
    [{ base: 500, max: 400 }, 'exponential.base: expected no more than max (400 ms), got 500'],
    [{ max: 100 }, 'exponential.base: expected no more than max (100 ms), got 200'],
    [{ factor: 0.5 }, 'exponential.factor: expected a finite number ≥ 1, got 0.5'],
    [{ factor: Number.NaN }, 'exponential.factor: expected a finite number ≥ 1, got NaN'],
    [{ factor: Number.POSITIVE_INFINITY }, 'exponential.factor: expected a finite number ≥ 1, got Infinity'],
    [{ factor: '2' }, 'exponential.factor: expected a finite number ≥ 1, got "2"'],
    [{ jitter: 'ful' }, `exponential.jitter: expected one of 'full', 'equal', 'decorrelated', 'none', got "ful"`],
    [{ factr: 2 }, 'exponential.factr: unknown option; did you mean "factor"?'],
    [200, 'exponential: expected a plain object, got 200'],
    [null, 'exponential: expected a plain object, got null'],
  ])('%j', (given, message) => {
    expect(refusals(() => exponential(given as never))).toEqual([message]);
  });

  it.each([-1, Number.NaN, 'soon', null, {}])('%j for a time', (value) => {
    for (const field of ['base', 'max']) {
      const said = refusals(() => exponential({ [field]: value } as never));
      expect(said).toEqual([expect.stringContaining(`exponential.${field}: expected a duration`)]);
    }
  });

  it('all that is wrong at once', () => {
    const said = refusals(() => exponential({ base: -1, max: 'x', factor: 0, jitter: 'y', extra: 1 } as never));
    expect(said).toHaveLength(5);
  });
});
