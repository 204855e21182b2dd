import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call was refused at once because the queue for a permit is full. A local rejection: no work was started.
 *
 * @example
 * ```ts
 * import { QueueFullError } from '@sluice/core';
 *
 * const error = new QueueFullError('The queue of "search" is full: 100 calls wait.');
 * console.assert(error.code === 'QUEUE_FULL' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class QueueFullError extends SluiceError {
  declare readonly code: 'QUEUE_FULL';

  constructor(message: string, init?: SluiceErrorInit) {
    super('QUEUE_FULL', message, init);
  }
}

nameError(QueueFullError, 'QueueFullError');
