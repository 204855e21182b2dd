import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Work said, by `ctx.skip()`, that there is nothing for it to do. Neither a success nor a failure: nothing counts or repeats it.
 *
 * @example
 * ```ts
 * import { SkippedError } from '@sluice/core';
 *
 * const error = new SkippedError('Stage "translate" was skipped: it is in English already');
 * console.assert(error.code === 'SKIPPED' && error.verdict === 'skipped' && !error.retryable);
 * ```
 */
export class SkippedError extends SluiceError {
  declare readonly code: 'SKIPPED';

  constructor(message: string, init?: SluiceErrorInit) {
    super('SKIPPED', message, init);
  }
}

nameError(SkippedError, 'SkippedError');
