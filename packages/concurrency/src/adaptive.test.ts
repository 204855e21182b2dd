import { ConfigError } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { AdaptiveConcurrency, adaptive, isAdaptiveConcurrency } from './adaptive.ts';

const issuesOf = (options: unknown): readonly string[] => {
  try {
    adaptive(options as object);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => issue.message);
    throw error;
  }
  return [];
};

describe('adaptive', () => {
  it('searches from 1 to 1000, and begins with 10, unless told otherwise', () => {
    expect(adaptive().fields).toEqual({ min: 1, max: 1000, initial: 10 });
  });

  it('begins with what is nearest to 10 between the limits it is given', () => {
    expect(adaptive({ min: 20, max: 50 }).fields.initial).toBe(20);
    expect(adaptive({ max: 4 }).fields).toEqual({ min: 1, max: 4, initial: 4 });
    expect(adaptive({ min: 5000 }).fields).toEqual({ min: 5000, max: 5000, initial: 5000 });
  });

  it('takes a field that is undefined for one that is not set', () => {
    expect(adaptive({ min: undefined, max: undefined, initial: undefined }).fields).toEqual(adaptive().fields);
  });

  it('makes a finder that begins with the initial limit, a new one for each pool', () => {
    const limit = adaptive({ min: 2, max: 9, initial: 3 });
    const finder = limit.finder();
    expect(finder.limit).toBe(3);
    expect(limit.finder()).not.toBe(finder);
  });

  it('says in words between what it searches', () => {
    expect(adaptive({ max: 200 }).describe()).toBe('adaptive, 1 to 200');
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10', null, {}])(
    'refuses %s for each field, all at once',
    (bad) => {
      const issues = issuesOf({ min: bad, max: bad, initial: bad });
      expect(issues.map((issue) => issue.split(',')[0])).toEqual([
        'adaptive.min: expected an integer ≥ 1',
        'adaptive.max: expected an integer ≥ 1',
        'adaptive.initial: expected an integer ≥ 1',
      ]);
    },
  );

  it('refuses limits that are the wrong way round, and a beginning outside of them', () => {
    expect(issuesOf({ min: 20, max: 10 })).toEqual(['adaptive.min: expected no more than max (10), got 20']);
    const outside = 'adaptive.initial: expected an integer from min to max (2 to 10), got';
    expect(issuesOf({ min: 2, max: 10, initial: 1 })).toEqual([`${outside} 1`]);
    expect(issuesOf({ min: 2, max: 10, initial: 11 })).toEqual([`${outside} 11`]);
  });

  it('names the option that an unknown one was meant to be', () => {
    expect(issuesOf({ inital: 5 })).toEqual([expect.stringMatching(/adaptive\.inital: unknown option.*initial/)]);
  });

  it.each([null, 5, 'fast', [], new Map()])('refuses %s where options were wanted', (bad) => {
    expect(issuesOf(bad)).toHaveLength(1);
  });

  it('is known by its brand, also when another copy of the package made it', () => {
    expect(isAdaptiveConcurrency(adaptive())).toBe(true);
    expect(isAdaptiveConcurrency({ [Symbol.for('sluice.adaptive-concurrency')]: true })).toBe(true);
    for (const other of [null, undefined, 10, {}, adaptive, AdaptiveConcurrency]) {
      expect(isAdaptiveConcurrency(other)).toBe(false);
    }
  });
});
