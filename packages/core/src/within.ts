import { Bound } from './bound.ts';
import type { BoundOptions } from './bound-options.ts';
import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Flow, type Handle, type Observable, type Sink } from './flow.ts';
import type { Next } from './interceptor.ts';

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
 */
export function within(call: Call, options: BoundOptions, next: Next): Observable<unknown> {
  const view = call as CallView;
  const { limit, soft } = options;
  if (!(limit >= 0)) throw new ConfigError(`within: expected a limit of 0 ms or more, got ${describe(limit)}`);
  const timed = limit !== Number.POSITIVE_INFINITY || soft !== undefined;
  if ((!timed || !view.root.environment.timeouts) && !doesMore(options)) return next(call);
  return new BoundFlow(view, options, next);
}

/** Whether it is of use also where there is no limit. */
function doesMore({ sign, grace, cleanup, partial }: BoundOptions): boolean {
  return sign !== undefined || grace !== undefined || cleanup !== undefined || partial === 'resolve';
}

/** The level of a view that has gone on inside a deadline, as another view. A small integer: others cost each view a box on the heap. */
const INSIDE = 2 ** 30;

class BoundFlow extends Flow {
  private readonly view: CallView;
  private readonly options: BoundOptions;
  private readonly next: Next;

  constructor(view: CallView, options: BoundOptions, next: Next) {
    super();
    this.view = view;
    this.options = options;
    this.next = next;
  }

  drive(sink: Sink): Handle | null {
    const { view } = this;
    // What has been inside a deadline before is there for another attempt.
    const fresh = view.reached === INSIDE ? view.again({ error: view.root.lastError }) : view;
    fresh.reached = INSIDE;
    return new Bound(fresh, this.options, sink).begin(this.next);
  }

  teardownThrew(error: unknown): void {
    this.view.root.environment.report(
      new InterceptorError('(within)', 'threw while it was torn down', { cause: error }),
    );
  }
}
