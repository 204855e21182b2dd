import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call outlived a deadline; `scope` says whose deadline it was. The timeout of an attempt is retryable, that of a whole
 * call, stage or run is not. `details` holds `timeout_seconds`, `limitMs`, `elapsedMs`, `limit` (which limit it was) and,
 * when the event loop was late, `lagMs`.
 *
 * @example
 * ```ts
 * import { TimeoutError } from '@sluice/core';
 *
 * const error = new TimeoutError('Tool "search" exceeded its total timeout of 60000 ms', { scope: 'tool:search', retryable: false });
 * console.assert(error.code === 'TIMEOUT' && error.verdict === 'timeout');
 * ```
 */
export class TimeoutError extends SluiceError {
  declare readonly code: 'TIMEOUT';

  constructor(message: string, init?: SluiceErrorInit) {
    super('TIMEOUT', message, init);
  }
}

nameError(TimeoutError, 'TimeoutError');
