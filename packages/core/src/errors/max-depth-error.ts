import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Pipelines were nested deeper than the runner allows, which is nearly always one that runs itself.
 *
 * @example
 * ```ts
 * import { MaxDepthError } from '@sluice/core';
 *
 * const error = new MaxDepthError('Pipeline "digest" is nested 6 deep; the limit is 5.');
 * console.assert(error.code === 'MAX_DEPTH' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class MaxDepthError extends SluiceError {
  declare readonly code: 'MAX_DEPTH';

  constructor(message: string, init?: SluiceErrorInit) {
    super('MAX_DEPTH', message, init);
  }
}

nameError(MaxDepthError, 'MaxDepthError');
