import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Two stages that do not wait for one another wrote different values under one key of the run's data.
 *
 * @example
 * ```ts
 * import { DataConflictError } from '@sluice/core';
 *
 * const error = new DataConflictError('Stages "a" and "b" both set "total".');
 * console.assert(error.code === 'DATA_CONFLICT' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class DataConflictError extends SluiceError {
  declare readonly code: 'DATA_CONFLICT';

  constructor(message: string, init?: SluiceErrorInit) {
    super('DATA_CONFLICT', message, init);
  }
}

nameError(DataConflictError, 'DataConflictError');
