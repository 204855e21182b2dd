import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { InterceptorError } from './errors/interceptor-error.ts';

/**
 * Says, once, what went wrong in an interceptor beside a call, where the call itself goes on: to the log, as an event, or as a process warning.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, reportFault, wrap } from '@sluice/core';
 *
 * const careful = defineInterceptor({
 *   name: 'careful',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     if (call.name === '') reportFault(call, 'careful', 'met a call without a name');
 *     return next(call);
 *   },
 * });
 * console.assert((await wrap(async () => 42, careful)()) === 42);
 * ```
 */
export function reportFault(call: Call, interceptor: string, fault: string, cause?: unknown): void {
  const error = new InterceptorError(interceptor, fault, cause === undefined ? {} : { cause });
  (call as CallView).root.environment.report(error);
}
