import { nameError, SluiceError, type SluiceErrorInit } from './sluice-error.ts';

/**
 * An interceptor broke its contract: it threw, returned no Observable, or swallowed a value. It names the interceptor, and
 * `cause` is what it threw.
 *
 * @example
 * ```ts
 * import { InterceptorError } from '@sluice/core';
 *
 * const error = new InterceptorError('audit', 'threw', { cause: new TypeError('x is not a function') });
 * console.assert(error.code === 'INTERCEPTOR' && error.interceptor === 'audit');
 * ```
 */
export class InterceptorError extends SluiceError {
  declare readonly code: 'INTERCEPTOR';
  /** The name of the interceptor at fault. */
  readonly interceptor: string;

  constructor(interceptor: string, fault: string, init: SluiceErrorInit = {}) {
    super('INTERCEPTOR', `Interceptor "${interceptor}" ${fault}`, {
      ...init,
      details: { interceptor, ...init.details },
    });
    this.interceptor = interceptor;
  }
}

nameError(InterceptorError, 'InterceptorError');
