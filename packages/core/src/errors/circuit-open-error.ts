import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * A call was refused because its target has been failing; `retryAfterMs` says when it is tried again. A local rejection: no
 * work was started.
 *
 * @example
 * ```ts
 * import { CircuitOpenError } from '@sluice/core';
 *
 * const error = new CircuitOpenError('The circuit of "search" is open: 6 of 10 calls failed in 10 s.');
 * console.assert(error.code === 'CIRCUIT_OPEN' && error.verdict === 'failed' && !error.retryable);
 * ```
 */
export class CircuitOpenError extends SluiceError {
  declare readonly code: 'CIRCUIT_OPEN';

  constructor(message: string, init?: SluiceErrorInit) {
    super('CIRCUIT_OPEN', message, init);
  }
}

nameError(CircuitOpenError, 'CircuitOpenError');
