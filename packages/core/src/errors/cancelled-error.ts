import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call was stopped on purpose: by its caller's signal, by `cancel()`, or because what it belonged to ended. `cause` is the
 * reason, unchanged. Never retried, and never counted as a failure.
 *
 * @example
 * ```ts
 * import { CancelledError } from '@sluice/core';
 *
 * const error = new CancelledError('Tool "search" was cancelled.');
 * console.assert(error.code === 'CANCELLED' && error.verdict === 'cancelled' && !error.retryable);
 * ```
 */
export class CancelledError extends SluiceError {
  declare readonly code: 'CANCELLED';

  constructor(message: string, init?: SluiceErrorInit) {
    super('CANCELLED', message, init);
  }
}

nameError(CancelledError, 'CancelledError');
