import { describe, expect, it } from 'vitest';
import { computed } from './computed-backoff.ts';

const half = () => 0.5;

describe('a computed backoff', () => {
  it('waits what the function says, from the number of the attempt and its error', () => {
    const asked: unknown[] = [];
    const backoff = computed((attempt, error) => {
      asked.push([attempt, error]);
      return attempt * 10;
    });
    const error = new Error('busy');
    expect(backoff.delay(1, 0, half, error)).toBe(10);
    expect(backoff.delay(2, 10, half)).toBe(20);
    expect(asked).toEqual([
      [1, error],
      [2, undefined],
    ]);
  });

  it.each([0, 0.5, Number.MAX_VALUE])('takes an answer of %d', (answer) => {
    expect(computed(() => answer).delay(1, 0, half)).toBe(answer);
  });

  it('calls the function without a this', () => {
    let seen: unknown = 'nothing';
    const fn = function (this: unknown): number {
      seen = this;
      return 0;
    };
    computed(fn).delay(1, 0, half);
    expect(seen).toBeUndefined();
  });

  it.each([
    [Number.NaN, 'NaN'],
    [-1, '-1'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [undefined, 'undefined'],
    [null, 'null'],
    [10n, '10'],
    [true, 'true'],
    ['1s', 'a text'],
    [Promise.resolve(10), 'a promise'],
    [Symbol('s'), 'a symbol'],
    [() => 10, 'a function'],
    [{ valueOf: () => 10, toString: () => expect.unreachable() }, 'an object'],
  ])('throws a TypeError that says what it answered (case %#)', (answer, words) => {
    const backoff = computed(() => answer as never);
    expect(() => backoff.delay(3, 0, half)).toThrow(
      new TypeError(
        `The backoff function answered ${words} after attempt 3; expected a finite number of milliseconds ≥ 0`,
      ),
    );
  });

  it('throws what the function throws, as it is', () => {
    const thrown = new RangeError('no idea');
    const backoff = computed(() => {
      throw thrown;
    });
    let caught: unknown;
    try {
      backoff.delay(1, 0, half);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(thrown);
  });

  it('cannot say how long its waits can be', () => {
    const backoff = computed(() => 1);
    expect(backoff.longest(1)).toBe(Number.POSITIVE_INFINITY);
    expect(backoff.describe()).toBe('computed');
  });
});
