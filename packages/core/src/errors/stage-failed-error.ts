import { isSluiceError, nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A stage failed with an error of its own; `cause` is that error, unchanged. As retryable as its cause.
 *
 * @example
 * ```ts
 * import { StageFailedError } from '@sluice/core';
 *
 * const error = new StageFailedError('Stage "fetch" failed: no route to host', { cause: new Error('no route to host') });
 * console.assert(error.code === 'STAGE_FAILED' && error.cause instanceof Error);
 * ```
 */
export class StageFailedError extends SluiceError {
  declare readonly code: 'STAGE_FAILED';

  constructor(message: string, init: SluiceErrorInit = {}) {
    const { cause } = init;
    super('STAGE_FAILED', message, { ...init, retryable: init.retryable ?? (isSluiceError(cause) && cause.retryable) });
  }
}

nameError(StageFailedError, 'StageFailedError');
