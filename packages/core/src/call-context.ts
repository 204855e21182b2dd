import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';

/**
 * Remembers the caller's AsyncLocalStorage context for a call that is going to wait. For {@link inCallContext}: what goes on by a timer, or
 * when somebody else has ended, goes on in it.
 *
 * @example
 * ```ts
 * import { AsyncLocalStorage } from 'node:async_hooks';
 * import { defineInterceptor, inCallContext, keepCallContext, Place, wrap } from '@sluice/core';
 * import { Observable } from 'rxjs';
 *
 * const user = new AsyncLocalStorage<string>();
 * const later = defineInterceptor({
 *   name: 'later',
 *   priority: Place.rate,
 *   intercept(call, next) {
 *     keepCallContext(call);
 *     return new Observable((to) => void setImmediate(() => inCallContext(call, () => next(call).subscribe(to))));
 *   },
 * });
 * const whoAmI = wrap(() => user.getStore(), later);
 * console.assert((await user.run('ada', () => whoAmI())) === 'ada');
 * ```
 */
export function keepCallContext(call: Call): void {
  (call as CallView).root.keepContext();
}

/**
 * Runs `fn` in the context that {@link keepCallContext} has remembered.
 *
 * @example
 * ```ts
 * import { defineInterceptor, inCallContext, keepCallContext, Place, wrap } from '@sluice/core';
 *
 * let ran = false;
 * const here = defineInterceptor({
 *   name: 'here',
 *   priority: Place.rate,
 *   intercept(call, next) {
 *     keepCallContext(call);
 *     inCallContext(call, () => { ran = true; });
 *     return next(call);
 *   },
 * });
 * await wrap(async () => 1, here)();
 * console.assert(ran);
 * ```
 */
export function inCallContext(call: Call, fn: () => void): void {
  (call as CallView).root.inContext(fn);
}
