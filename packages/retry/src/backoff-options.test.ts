import { type ConfigError, Problems } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { checkOrder, inRange, readJitter, readMax, readWait } from './backoff-options.ts';

/** What `read` answers, and what it says is wrong. */
function reading<T>(read: (problems: Problems) => T): { value: T; wrong: string[] } {
  const problems = new Problems();
  const value = read(problems);
  try {
    problems.throwIfAny();
  } catch (error) {
    return { value, wrong: (error as ConfigError).issues.map((issue) => issue.message) };
  }
  return { value, wrong: [] };
}

describe('the longest wait', () => {
  it.each([
    [undefined, 20_000],
    [0, 0],
    ['1m', 60_000],
    ['none', Number.MAX_VALUE],
    [Number.POSITIVE_INFINITY, Number.MAX_VALUE],
  ])('%s is %d ms', (given, ms) => {
    expect(reading((problems) => readMax(given, 'max', problems))).toEqual({ value: ms, wrong: [] });
  });

  it.each([-1, Number.NaN, 'soon', null])('%s is none', (given) => {
    expect(reading((problems) => readMax(given, 'max', problems)).wrong).toEqual([
      expect.stringContaining('max: expected a duration'),
    ]);
  });
});

describe('a wait', () => {
  it('is a duration that ends', () => {
    expect(reading((problems) => readWait('1.5s', 'wait', problems))).toEqual({ value: 1_500, wrong: [] });
    for (const given of ['none', Number.POSITIVE_INFINITY]) {
      const { value, wrong } = reading((problems) => readWait(given, 'wait', problems));
      expect(value).toBeNaN();
      expect(wrong).toEqual([expect.stringContaining('wait: expected a duration that ends, got')]);
    }
  });

  it('is none where it is no duration', () => {
    for (const given of [-1, Number.NaN, 'soon', undefined, null, {}]) {
      expect(reading((problems) => readWait(given, 'wait', problems)).wrong).toHaveLength(1);
    }
  });

  it('is no longer than the longest one, and is told so in the words in which it was written', () => {
    const wrong = (max: number) => reading((problems) => checkOrder(30_000, max, '30s', 'wait', problems)).wrong;
    expect(wrong(30_000)).toEqual([]);
    expect(wrong(5_000)).toEqual(['wait: expected no more than max (5000 ms), got "30s"']);
    expect(wrong(20_000)).toEqual(['wait: expected no more than max (20000 ms unless set), got "30s"']);
    expect(wrong(Number.NaN)).toEqual([]);
  });
});

describe('a jitter', () => {
  const read = (given: unknown) => reading((problems) => readJitter(given, ['none', 'full'], 'jitter', problems));

  it('is one of those that are known, the first unless set', () => {
    expect(read('full')).toEqual({ value: 'full', wrong: [] });
    expect(read(undefined)).toEqual({ value: 'none', wrong: [] });
    expect(read('equal').wrong).toEqual([`jitter: expected one of 'none', 'full', got "equal"`]);
    expect(read(true).wrong).toHaveLength(1);
  });
});

it('a range without a cap names none', () => {
  expect(inRange(200, 20_000)).toBe('200 to 20000 ms');
  expect(inRange(200, Number.MAX_VALUE)).toBe('from 200 ms, without a cap');
});
