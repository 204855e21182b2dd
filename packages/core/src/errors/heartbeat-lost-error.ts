import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * Work was silent for longer than its heartbeat timeout. Retryable; its verdict is `timeout`.
 *
 * @example
 * ```ts
 * import { HeartbeatLostError } from '@sluice/core';
 *
 * const error = new HeartbeatLostError('The last beat of "crawl" came 10400 ms ago; its heartbeat timeout is 10000 ms.');
 * console.assert(error.code === 'HEARTBEAT_LOST' && error.verdict === 'timeout' && error.retryable);
 * ```
 */
export class HeartbeatLostError extends SluiceError {
  declare readonly code: 'HEARTBEAT_LOST';

  constructor(message: string, init?: SluiceErrorInit) {
    super('HEARTBEAT_LOST', message, init);
  }
}

nameError(HeartbeatLostError, 'HeartbeatLostError');
