import { type Backoff, ConfigError, Problems } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { exponential } from './exponential.ts';
import { readBackoff } from './read-backoff.ts';

const half = () => 0.5;

/** What is read, where nothing is wrong with it. */
function read(value: unknown): Backoff {
  const problems = new Problems();
  const backoff = readBackoff(value, 'retry.backoff', problems);
  problems.throwIfAny();
  return backoff ?? expect.unreachable('nothing was noted');
}

describe('a backoff is read from', () => {
  it('one, which stays as it is', () => {
    const backoff = exponential();
    expect(read(backoff)).toBe(backoff);
    const strange: Backoff = { delay: () => 1, longest: () => 1, describe: () => 'strange' };
    expect(read(strange)).toBe(strange);
  });

  it('a function, which says each wait', () => {
    const backoff = read((attempt: number) => attempt * 7);
    expect(backoff.delay(3, 0, half)).toBe(21);
    expect(backoff.describe()).toBe('computed');
  });

  it('a duration, which is waited each time, exactly', () => {
    for (const [given, ms] of [
      [250, 250],
      ['1s', 1_000],
      [0, 0],
    ] as const) {
      expect(read(given).delay(5, 0, half)).toBe(ms);
      expect(read(given).describe()).toBe(`constant ${ms} ms`);
    }
  });

  it("'none', which does not wait", () => {
    expect(read('none').delay(5, 0, half)).toBe(0);
  });
});

describe('a backoff is not read from', () => {
  const throwing = {
    get delay(): never {
      throw new Error('not for you');
    },
  };

  it.each([
    ['soon', '"soon"'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [undefined, 'undefined'],
    [null, 'null'],
    [true, 'true'],
    [{ base: 100 }, 'an object'],
    [[100], 'an array of 1'],
  ])('%j: it is noted, with its path and what is allowed', (given, words) => {
    refused(given, words);
  });

  it('what throws when it is looked at', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    refused(throwing, 'an object');
    refused(revoked.proxy, 'a Proxy');
  });

  function refused(given: unknown, words: string): void {
    const problems = new Problems();
    expect(readBackoff(given, 'retry.backoff', problems)).toBeUndefined();
    expect(problems.count).toBe(1);
    expect(() => problems.throwIfAny()).toThrow(ConfigError);
    expect(() => problems.throwIfAny()).toThrow(
      `retry.backoff: expected a backoff such as exponential(), a duration, or a function (attempt, error) => ms, got ${words}`,
    );
  }
});
