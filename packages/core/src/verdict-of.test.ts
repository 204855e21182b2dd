import { expect, it } from 'vitest';
import { CancelledError, QueueFullError, RetryExhaustedError, TimeoutError } from './index.ts';
import { verdictOf } from './verdict-of.ts';

const BRAND = Symbol.for('sluice.error');

it.each<[string, unknown, string]>([
  ['a timeout', new TimeoutError('x'), 'timeout'],
  ['a cancellation', new CancelledError('x'), 'cancelled'],
  ['a full queue', new QueueFullError('x'), 'failed'],
  ['retries that all timed out', new RetryExhaustedError('x', { cause: new TimeoutError('y') }), 'timeout'],
  ['an error of another copy of the package', { [BRAND]: true, verdict: 'cancelled' }, 'cancelled'],
  ['one of another copy that says nothing', { [BRAND]: true }, 'failed'],
  [
    'one of another copy that cannot be read',
    {
      [BRAND]: true,
      get verdict(): never {
        throw new Error('no');
      },
    },
    'failed',
  ],
  ['an AbortError', new DOMException('x', 'AbortError'), 'failed'],
  ['a text', 'x', 'failed'],
  ['nothing', undefined, 'failed'],
])('the verdict of %s is told by the error', (_, error, verdict) => {
  expect(verdictOf(error)).toBe(verdict);
});
