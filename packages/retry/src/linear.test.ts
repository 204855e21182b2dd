import { describe, expect, it } from 'vitest';
import { HUGE, refusals, waits } from './backoffs.test-kit.ts';
import { linear } from './linear.ts';

const half = () => 0.5;

describe('linear', () => {
  it('waits a step longer after each failure, exactly, up to max, and asks chance for nothing', () => {
    const backoff = linear(500, '2s');
    expect(waits(backoff, 6, () => expect.unreachable())).toEqual([500, 1_000, 1_500, 2_000, 2_000, 2_000]);
    expect(backoff.longest(3)).toBe(1_500);
    expect(backoff.describe()).toBe('linear + 500 ms, 500 to 2000 ms');
  });

  it('has a cap of 20 s unless set', () => {
    expect(linear('1s').delay(19, 0, half)).toBe(19_000);
    for (const failure of [20, 21, ...HUGE.slice(1)]) expect(linear('1s').delay(failure, 0, half)).toBe(20_000);
  });

  it('is still a number without a cap', () => {
    for (const max of ['none', Number.POSITIVE_INFINITY] as const) {
      expect(linear('1s', max).delay(1_000, 0, half)).toBe(1_000_000);
      for (const failure of HUGE) {
        expect(linear(1e300, max).delay(failure, 0, half)).toBeLessThan(Number.POSITIVE_INFINITY);
      }
      expect(linear(500, max).describe()).toBe('linear + 500 ms, from 500 ms, without a cap');
    }
  });

  it('never waits where its step is 0', () => {
    for (const failure of [1, ...HUGE]) expect(linear(0, 'none').delay(failure, 0, half)).toBe(0);
  });

  it('is spread where it is given a jitter', () => {
    expect(waits(linear(100, undefined, { jitter: 'full' }), 3, half)).toEqual([50, 100, 150]);
    expect(waits(linear(100, '150ms', { jitter: 'equal' }), 3, half)).toEqual([75, 112.5, 112.5]);
    expect(linear(100, '1s', { jitter: 'full' }).describe()).toBe('linear + 100 ms, 100 to 1000 ms, full jitter');
  });
});

describe('linear refuses', () => {
  it.each([
    [['none'], 'linear.step: expected a duration that ends, got "none"'],
    [['30s'], 'linear.step: expected no more than max (20000 ms unless set), got "30s"'],
    [[500, 400], 'linear.step: expected no more than max (400 ms), got 500'],
    [
      [500, 600, { jitter: 'decorrelated' }],
      `linear.jitter: expected one of 'none', 'full', 'equal', got "decorrelated"`,
    ],
    [[500, 600, { jiter: 'full' }], 'linear.jiter: unknown option; did you mean "jitter"?'],
    [[500, 600, null], 'linear: options: expected a plain object, got null'],
  ])('%j', (given, message) => {
    expect(refusals(() => linear(...(given as [never])))).toEqual([message]);
  });

  it.each([-1, Number.NaN, 'soon', null, {}])('%j for a time', (value) => {
    expect(refusals(() => linear(value as never))).toEqual([
      expect.stringContaining('linear.step: expected a duration'),
    ]);
    expect(refusals(() => linear(1, value as never))).toEqual([
      expect.stringContaining('linear.max: expected a duration'),
    ]);
  });

  it('all that is wrong at once', () => {
    expect(refusals(() => linear(-1, Number.NaN, { jitter: 'x', y: 1 } as never))).toHaveLength(4);
  });
});
