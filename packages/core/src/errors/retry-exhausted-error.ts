import { isSluiceError, nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Two or more attempts were made and all failed retryably. `cause` is the last error; the verdict, `partial` and
 * `retryAfterMs` are taken from it, and {@link httpStatus} answers for it. Never retryable itself, so that nested retries do
 * not multiply.
 *
 * @example
 * ```ts
 * import { RetryExhaustedError, TimeoutError } from '@sluice/core';
 *
 * const cause = new TimeoutError('Tool "search" exceeded its attempt timeout of 3000 ms');
 * const error = new RetryExhaustedError('Tool "search" failed 3 times.', { cause });
 * console.assert(error.verdict === 'timeout' && !error.retryable);
 * ```
 */
export class RetryExhaustedError extends SluiceError {
  declare readonly code: 'RETRY_EXHAUSTED';

  constructor(message: string, init: SluiceErrorInit = {}) {
    const { cause } = init;
    const last = isSluiceError(cause) ? cause : undefined;
    super('RETRY_EXHAUSTED', message, {
      ...init,
      verdict: init.verdict ?? last?.verdict,
      partial: init.partial ?? last?.partial,
      retryAfterMs: init.retryAfterMs ?? last?.retryAfterMs,
    });
  }
}

nameError(RetryExhaustedError, 'RetryExhaustedError');
