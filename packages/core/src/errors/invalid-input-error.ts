import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A tool's input does not fit its schema: the tool did not run. `details.issues` lists each path and what is wrong there.
 *
 * @example
 * ```ts
 * import { InvalidInputError } from '@sluice/core';
 *
 * const error = new InvalidInputError('Tool "search" was given an invalid input: q: expected a string.');
 * console.assert(error.code === 'INVALID_INPUT' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class InvalidInputError extends SluiceError {
  declare readonly code: 'INVALID_INPUT';

  constructor(message: string, init?: SluiceErrorInit) {
    super('INVALID_INPUT', message, init);
  }
}

nameError(InvalidInputError, 'InvalidInputError');
