import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * An idempotency key was used again with another input.
 *
 * @example
 * ```ts
 * import { IdempotencyMismatchError } from '@sluice/core';
 *
 * const error = new IdempotencyMismatchError('Key "order-7" was first used with another input.');
 * console.assert(error.code === 'IDEMPOTENCY_MISMATCH' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class IdempotencyMismatchError extends SluiceError {
  declare readonly code: 'IDEMPOTENCY_MISMATCH';

  constructor(message: string, init?: SluiceErrorInit) {
    super('IDEMPOTENCY_MISMATCH', message, init);
  }
}

nameError(IdempotencyMismatchError, 'IdempotencyMismatchError');
