import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';

/**
 * Remembers the caller's AsyncLocalStorage context for a call that is going to wait. Answers how to run something in it, for what goes on
 * by a timer, or when somebody else has ended.
 *
 * @example
 * ```ts
 * import { AsyncLocalStorage } from 'node:async_hooks';
 * import { callContext, defineInterceptor, Place, wrap } from '@sluice/core';
 * import { Observable } from 'rxjs';
 *
 * const user = new AsyncLocalStorage<string>();
 * const later = defineInterceptor({
 *   name: 'later',
 *   priority: Place.rate,
 *   intercept(call, next) {
 *     const inContext = callContext(call);
 *     return new Observable((to) => void setImmediate(() => inContext(() => next(call).subscribe(to))));
 *   },
 * });
 * const whoAmI = wrap(() => user.getStore(), later);
 * console.assert((await user.run('ada', () => whoAmI())) === 'ada');
 * ```
 */
export function callContext(call: Call): (fn: () => void) => void {
  const { root } = call as CallView;
  root.keepContext();
  return (fn) => root.inContext(fn);
}
