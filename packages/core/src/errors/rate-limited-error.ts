import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call would exceed a rate limit; `retryAfterMs` says when it would not. A local rejection: no work was started.
 *
 * @example
 * ```ts
 * import { RateLimitedError } from '@sluice/core';
 *
 * const error = new RateLimitedError('"search" is limited to 60 requests a minute.');
 * console.assert(error.code === 'RATE_LIMITED' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class RateLimitedError extends SluiceError {
  declare readonly code: 'RATE_LIMITED';

  constructor(message: string, init?: SluiceErrorInit) {
    super('RATE_LIMITED', message, init);
  }
}

nameError(RateLimitedError, 'RateLimitedError');
