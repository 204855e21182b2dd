import { isBackoff } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { CeilingBackoff } from './ceiling-backoff.ts';

describe('a backoff below a ceiling', () => {
  const tenTimes = (failure: number) => 10 * failure;

  it('waits what its jitter makes of the ceiling of the failure, whatever was waited before', () => {
    const waits = (jitter: 'full' | 'equal' | 'none') => {
      const backoff = new CeilingBackoff(tenTimes, jitter, 'words');
      return [1, 2, 3].map((failure) => backoff.delay(failure, failure * 1_000, () => 0.5));
    };
    expect(waits('full')).toEqual([5, 10, 15]);
    expect(waits('equal')).toEqual([7.5, 15, 22.5]);
    expect(waits('none')).toEqual([10, 20, 30]);
  });

  it('waits at longest its ceiling', () => {
    expect(new CeilingBackoff(tenTimes, 'full', 'words').longest(7)).toBe(70);
  });

  it('names its jitter where it has one', () => {
    expect(new CeilingBackoff(tenTimes, 'full', 'words').describe()).toBe('words, full jitter');
    expect(new CeilingBackoff(tenTimes, 'none', 'words').describe()).toBe('words');
  });

  it('is one to core', () => {
    expect(isBackoff(new CeilingBackoff(tenTimes, 'none', 'words'))).toBe(true);
  });
});
