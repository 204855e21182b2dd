import { describe, expect, it } from 'vitest';
import { HUGE, refusals, waits } from './backoffs.test-kit.ts';
import { constant } from './constant.ts';

const half = () => 0.5;

describe('constant', () => {
  it('waits the same each time, exactly, and asks chance for nothing', () => {
    expect(waits(constant('1s'), 3, () => expect.unreachable())).toEqual([1_000, 1_000, 1_000]);
    for (const failure of HUGE) expect(constant(250).delay(failure, 0, half)).toBe(250);
    expect(constant(250).longest(7)).toBe(250);
    expect(constant('1s').describe()).toBe('constant 1000 ms');
  });

  it('does not wait at all where it is 0', () => {
    expect(waits(constant(0), 3, half)).toEqual([0, 0, 0]);
  });

  it('has no cap but what a number can say', () => {
    expect(constant('30d').delay(1, 0, half)).toBe(2_592_000_000);
    expect(constant(Number.MAX_VALUE, { jitter: 'equal' }).delay(1, 0, half)).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('is spread where it is given a jitter', () => {
    expect(constant(100, { jitter: 'full' }).delay(1, 0, half)).toBe(50);
    expect(constant(100, { jitter: 'equal' }).delay(1, 0, half)).toBe(75);
    expect(constant(100, { jitter: 'none' }).delay(1, 0, half)).toBe(100);
    expect(constant(100, { jitter: 'equal' }).describe()).toBe('constant 100 ms, equal jitter');
  });
});

describe('constant refuses', () => {
  it.each(['none', Number.POSITIVE_INFINITY])('%s: nobody waits for ever', (given) => {
    expect(refusals(() => constant(given as never))).toEqual([
      expect.stringContaining('constant.delay: expected a duration that ends, got '),
    ]);
  });

  it.each([-1, Number.NaN, 'soon', null, undefined, {}])('%j', (given) => {
    expect(refusals(() => constant(given as never))).toEqual([
      expect.stringContaining('constant.delay: expected a duration'),
    ]);
  });

  it.each([
    [{ jitter: 'decorrelated' }, `constant.jitter: expected one of 'none', 'full', 'equal', got "decorrelated"`],
    [{ jiter: 'full' }, 'constant.jiter: unknown option; did you mean "jitter"?'],
    ['full', 'constant: options: expected a plain object, got "full"'],
  ])('the options %j', (given, message) => {
    expect(refusals(() => constant(100, given as never))).toEqual([message]);
  });

  it('all that is wrong at once', () => {
    expect(refusals(() => constant(-1, { jitter: 'x', y: 1 } as never))).toHaveLength(3);
  });
});
