import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Work threw something that is no Error; what it threw is in `cause`, unchanged.
 *
 * @example
 * ```ts
 * import { NonErrorThrownError } from '@sluice/core';
 *
 * const error = new NonErrorThrownError('Tool "search" threw "boom", which is no Error.');
 * console.assert(error.code === 'NON_ERROR' && error.verdict === 'failed' && error.retryable);
 * ```
 */
export class NonErrorThrownError extends SluiceError {
  declare readonly code: 'NON_ERROR';

  constructor(message: string, init?: SluiceErrorInit) {
    super('NON_ERROR', message, init);
  }
}

nameError(NonErrorThrownError, 'NonErrorThrownError');
