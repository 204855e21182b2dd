import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call waited for a permit for longer than its queue timeout. A local rejection: no work was started.
 *
 * @example
 * ```ts
 * import { QueueTimeoutError } from '@sluice/core';
 *
 * const error = new QueueTimeoutError('"search" waited for a permit for 2000 ms.');
 * console.assert(error.code === 'QUEUE_TIMEOUT' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class QueueTimeoutError extends SluiceError {
  declare readonly code: 'QUEUE_TIMEOUT';

  constructor(message: string, init?: SluiceErrorInit) {
    super('QUEUE_TIMEOUT', message, init);
  }
}

nameError(QueueTimeoutError, 'QueueTimeoutError');
