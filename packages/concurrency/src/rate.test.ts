import { ConfigError, Problems } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Rate, readRate } from './rate.ts';

const EXPECTED = "a rate: text such as '60/m', '10/s', '5/500ms', '1000/d', or { limit, per }, both above 0";

function read(value: unknown): Rate {
  const problems = new Problems();
  const rate = readRate(value, 'rateLimit.requests', problems);
  problems.throwIfAny();
  return rate;
}

function issuesOf(value: unknown): readonly string[] {
  try {
    read(value);
  } catch (error) {
    return (error as ConfigError).issues.map(({ message }) => message);
  }
  return [];
}

describe('a rate', () => {
  it.each([
    ['60/m', 60, 60_000],
    ['10/s', 10, 1_000],
    ['1000/d', 1_000, 86_400_000],
    ['5/500ms', 5, 500],
    ['90000/m', 90_000, 60_000],
    ['3/h', 3, 3_600_000],
    ['1/ms', 1, 1],
    ['0.5/s', 0.5, 1_000],
    ['10/1.5s', 10, 1_500],
    [{ limit: 10, per: '1s' }, 10, 1_000],
    [{ limit: 0.1, per: 250 }, 0.1, 250],
    [{ limit: 1e9, per: '1d' }, 1e9, 86_400_000],
  ])('of %j is %d in %d ms', (value, limit, perMs) => {
    expect(read(value)).toEqual({ limit, perMs });
  });

  it.each([
    ['often', '"often"'],
    ['', '""'],
    ['60', '"60"'],
    ['60/', '"60/"'],
    ['/m', '"/m"'],
    ['60/min', '"60/min"'],
    ['60 / m', '"60 / m"'],
    ['-1/s', '"-1/s"'],
    ['0/s', '"0/s"'],
    ['5/0s', '"5/0s"'],
    ['1e3/s', '"1e3/s"'],
    ['10/none', '"10/none"'],
    ['10/s\n', '"10/s\\n"'],
    ['٣/s', '"٣/s"'],
    [60, '60'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[10, '1s'], 'an array of 2'],
  ])('is not %j: the problem names the path, the value and what is allowed', (value, shown) => {
    expect(issuesOf(value)).toEqual([`rateLimit.requests: expected ${EXPECTED}, got ${shown}`]);
  });

  it('is no number and no time that overflows', () => {
    expect(issuesOf(`${'9'.repeat(400)}/s`)).toHaveLength(1);
    expect(issuesOf(`1/${'9'.repeat(400)}d`)).toHaveLength(1);
  });

  it.each([
    [{ limit: 0, per: '1s' }, ['rateLimit.requests.limit: expected a finite number above 0, got 0']],
    [{ limit: '10', per: '1s' }, ['rateLimit.requests.limit: expected a finite number above 0, got "10"']],
    [
      { limit: Number.POSITIVE_INFINITY, per: '1s' },
      ['rateLimit.requests.limit: expected a finite number above 0, got Infinity'],
    ],
    [{ limit: 10, per: 0 }, ['rateLimit.requests.per: expected a time above 0 ms, and not for ever, got 0']],
    [{ limit: 10, per: 'none' }, ['rateLimit.requests.per: expected a time above 0 ms, and not for ever, got "none"']],
    [{ limit: 10, per: '1s', burst: 5 }, ['rateLimit.requests.burst: unknown option; known: limit, per']],
    [{ limitt: 10, limit: 10, per: '1s' }, ['rateLimit.requests.limitt: unknown option; did you mean "limit"?']],
  ])('is not %j: the problem names the field', (value, messages) => {
    expect(issuesOf(value)).toEqual(messages);
  });

  it('that is wrong in several ways is told all of them at once', () => {
    const problems = new Problems();
    expect(readRate({ limit: -1, per: 'soon' }, 'a', problems)).toEqual({ limit: Number.NaN, perMs: Number.NaN });
    readRate('x', 'b', problems);
    expect(problems.count).toBe(3);
    expect(() => problems.throwIfAny()).toThrow(ConfigError);
  });

  it('of anything at all is either good or a problem, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ limit: fc.anything(), per: fc.anything() })), (value) => {
        const problems = new Problems();
        const { limit, perMs } = readRate(value, 'rate', problems);
        const good = limit > 0 && perMs > 0 && Number.isFinite(limit) && Number.isFinite(perMs);
        expect(good || problems.count > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
