import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * What a tool returned does not fit its output schema; the output is kept in `details.output`.
 *
 * @example
 * ```ts
 * import { InvalidOutputError } from '@sluice/core';
 *
 * const error = new InvalidOutputError('Tool "search" returned an invalid output: hits: expected an array.');
 * console.assert(error.code === 'INVALID_OUTPUT' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class InvalidOutputError extends SluiceError {
  declare readonly code: 'INVALID_OUTPUT';

  constructor(message: string, init?: SluiceErrorInit) {
    super('INVALID_OUTPUT', message, init);
  }
}

nameError(InvalidOutputError, 'InvalidOutputError');
