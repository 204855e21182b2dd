import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A tool was asked for by a name that the registry does not know; the message names the nearest one.
 *
 * @example
 * ```ts
 * import { UnknownToolError } from '@sluice/core';
 *
 * const error = new UnknownToolError('There is no tool "serach"; did you mean "search"?');
 * console.assert(error.code === 'UNKNOWN_TOOL' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class UnknownToolError extends SluiceError {
  declare readonly code: 'UNKNOWN_TOOL';

  constructor(message: string, init?: SluiceErrorInit) {
    super('UNKNOWN_TOOL', message, init);
  }
}

nameError(UnknownToolError, 'UnknownToolError');
