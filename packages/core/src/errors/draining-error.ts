import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call was refused because its runner is shutting down. A local rejection: no work was started.
 *
 * @example
 * ```ts
 * import { DrainingError } from '@sluice/core';
 *
 * const error = new DrainingError('Runner "api" is draining.');
 * console.assert(error.code === 'DRAINING' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class DrainingError extends SluiceError {
  declare readonly code: 'DRAINING';

  constructor(message: string, init?: SluiceErrorInit) {
    super('DRAINING', message, init);
  }
}

nameError(DrainingError, 'DrainingError');
