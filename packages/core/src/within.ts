import { Bound } from './bound.ts';
import type { BoundOptions } from './bound-options.ts';
import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { describe } from './describe.ts';
import { driveNext } from './drive-next.ts';
import { DrivenFlow } from './driven.ts';
import { ConfigError } from './errors/config-error.ts';
import type { Handle, Observable, Sink } from './flow.ts';
import type { Next } from './interceptor.ts';
import { Limit } from './limit.ts';

/**
 * Sets a deadline around everything inside an interceptor: core's one mechanism of time, for plugins to use.
 *
 * When it passes, all that is inside is stopped in one sweep with a {@link TimeoutError} as the reason, and that error is what the
 * interceptor gets. A result that arrives in the same turn of the event loop wins. A deadline around it that passes earlier
 * stays in force, and is named in the error as its owner.
 *
 * @example
 * ```ts
 * import { defineInterceptor, isSluiceError, Place, within, wrap } from '@sluice/core';
 *
 * const brief = defineInterceptor({
 *   name: 'brief',
 *   priority: Place.attempt,
 *   intercept: (call, next) => within(call, { limit: 20, name: 'attempt', scope: 'attempt', retryable: true }, next),
 * });
 * const hang = wrap(() => new Promise<never>(() => {}), brief);
 * await hang().catch((error: unknown) => console.assert(isSluiceError(error, 'TIMEOUT')));
 * ```
 *
 * @see {@link driveWithin} for an interceptor that is driven
 */
export function within(call: Call, options: BoundOptions, next: Next): Observable<unknown> {
  const { limit } = options;
  if (!(limit >= 0)) throw new ConfigError(`within: expected a limit of 0 ms or more, got ${describe(limit)}`);
  const known = new Limit(options);
  if (!isOfUse(call as CallView, known)) return next(call);
  return new DrivenFlow('(within)', (inner, inside, sink) => driveWithin(inner, known, inside, sink), call, next);
}

/**
 * Runs what is inside an interceptor within a deadline, once: {@link within}, for an interceptor that is driven. It goes further in by way of the
 * deadline only: what it drove besides would stand in that as well.
 *
 * @example
 * ```ts
 * import { defineInterceptor, driven, driveWithin, isSluiceError, Limit, Place, wrap } from '@sluice/core';
 *
 * const soon = new Limit({ limit: 20, name: 'attempt', scope: 'attempt', retryable: true });
 * const brief = defineInterceptor({
 *   name: 'brief',
 *   priority: Place.attempt,
 *   intercept: driven({ name: 'brief' }, (call, next, sink) => driveWithin(call, soon, next, sink)),
 * });
 * const hang = wrap(() => new Promise<never>(() => {}), brief);
 * await hang().catch((error: unknown) => console.assert(isSluiceError(error, 'TIMEOUT')));
 * ```
 */
export function driveWithin(call: Call, limit: Limit, next: Next, sink: Sink): Handle | null {
  if (!isOfUse(call as CallView, limit)) return driveNext(call, next, sink);
  return new Bound(call as CallView, limit, sink).begin(next);
}

function isOfUse(view: CallView, { timed, doesMore }: Limit): boolean {
  return doesMore || (timed && view.root.environment.timeouts);
}
