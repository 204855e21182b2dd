import { describe, expect, it } from 'vitest';
import { CircuitOpenError, httpStatus, RateLimitedError, RetryExhaustedError, TimeoutError } from '../index.ts';

const BRAND = Symbol.for('sluice.error');
const fail = (): never => {
  throw new Error('touched');
};

describe('the HTTP status', () => {
  it.each([
    [504, new TimeoutError('x')],
    [429, new RateLimitedError('x')],
    [503, new CircuitOpenError('x')],
    [500, new Error('plain')],
    [500, new RetryExhaustedError('x')],
  ])('of retries that gave up is that of their cause: %d', (status, cause) => {
    expect(httpStatus(new RetryExhaustedError('x', { cause }))).toBe(status);
    expect(httpStatus(new RetryExhaustedError('x', { cause: new RetryExhaustedError('y', { cause }) }))).toBe(status);
  });

  it('of a cause that leads back to itself is 500', () => {
    const one = new RetryExhaustedError('one');
    const other = new RetryExhaustedError('other', { cause: one });
    one.cause = other;
    expect(httpStatus(one)).toBe(500);
    one.cause = one;
    expect(httpStatus(one)).toBe(500);
  });

  it.each<[string, unknown, number]>([
    ['a frozen error', Object.freeze(new TimeoutError('x')), 504],
    ['an error of another copy of the package', { [BRAND]: true, code: 'QUEUE_FULL' }, 429],
    ['one with a code from the future', { [BRAND]: true, code: 'NEW' }, 500],
    ['one with a code that every object has', { [BRAND]: true, code: '__proto__' }, 500],
    [
      'one that cannot be read',
      {
        [BRAND]: true,
        get code() {
          return fail();
        },
      },
      500,
    ],
    ['a Proxy that throws', new Proxy(new TimeoutError('x'), { get: fail, getPrototypeOf: fail }), 500],
    ['what only looks like one', { code: 'TIMEOUT' }, 500],
    ['nothing', undefined, 500],
  ])('of %s never throws', (_, error, status) => {
    expect(httpStatus(error)).toBe(status);
  });
});
