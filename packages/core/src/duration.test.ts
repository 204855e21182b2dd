import { describe, expect, it } from 'vitest';
import { parseDuration, readDuration } from './duration.ts';
import { ConfigError } from './errors/config-error.ts';
import { Problems } from './problems.ts';

describe('a duration', () => {
  it.each([
    [0, 0],
    [250, 250],
    [0.5, 0.5],
    [2 ** 40, 2 ** 40],
    ['0ms', 0],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['none', Number.POSITIVE_INFINITY],
  ])('of %j is %d ms', (value, ms) => {
    expect(parseDuration(value, 'timeout')).toBe(ms);
  });

  it.each([
    ['soon', '"soon"'],
    ['', '""'],
    ['5', '"5"'],
    ['-5s', '"-5s"'],
    ['5 s', '"5 s"'],
    ['5sec', '"5sec"'],
    ['1e3ms', '"1e3ms"'],
    ['٣s', '"٣s"'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [10n, '10n'],
    [{}, 'an object'],
    [[5], 'an array of 1'],
  ])('is not %s: the error names the path, the value and what is allowed', (value, shown) => {
    expect(() => parseDuration(value, 'timeout.total')).toThrow(
      `timeout.total: expected a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none', got ${shown}`,
    );
    expect(() => parseDuration(value, 'timeout.total')).toThrow(ConfigError);
  });

  it('of Infinity is refused in favour of none', () => {
    expect(() => parseDuration(Number.POSITIVE_INFINITY, 'grace')).toThrow(
      "grace: expected a finite duration; write 'none' for no limit, got Infinity",
    );
  });

  it('that overflows is refused', () => {
    expect(() => parseDuration(`${'9'.repeat(400)}d`, 'grace')).toThrow(ConfigError);
  });

  it('is read among others, and all that is wrong is gathered', () => {
    const problems = new Problems();
    expect(readDuration('1s', 'a', problems)).toBe(1_000);
    expect(readDuration('x', 'b', problems)).toBeNaN();
    expect(readDuration(Number.POSITIVE_INFINITY, 'c', problems)).toBeNaN();
    expect(problems.count).toBe(2);
  });
});
