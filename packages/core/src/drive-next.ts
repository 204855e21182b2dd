import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { type Handle, isFlow, PlainInlet, type Sink } from './flow.ts';
import type { Next } from './interceptor.ts';

/** A `next` of the chain's own: it is driven without a flow in between. */
export interface Inwards extends Next {
  readonly inwards: (call: Call, sink: Sink) => Handle | null;
}

/**
 * Runs what is inside an interceptor once, and delivers to `sink`: what a flow of your own drives, whatever `next` returns. Answers how to
 * stop it, or null when it has ended already. What `next` itself throws is delivered as an error.
 *
 * @example
 * ```ts
 * import { defineInterceptor, driveNext, Flow, Place, wrap } from '@sluice/core';
 *
 * const through = defineInterceptor({
 *   name: 'through',
 *   priority: Place.observe,
 *   intercept: (call, next) =>
 *     new (class extends Flow {
 *       drive = (sink: Parameters<Flow['drive']>[0]) => driveNext(call, next, sink);
 *       teardownThrew(error: unknown): void {
 *         console.error(error);
 *       }
 *     })(),
 * });
 * console.assert((await wrap(async () => 42, through)()) === 42);
 * ```
 */
export function driveNext(call: Call, next: Next, sink: Sink): Handle | null {
  const { inwards } = next as Partial<Inwards>;
  if (inwards !== undefined) return inwards(call, sink);
  let inside: ReturnType<Next>;
  try {
    inside = next(call);
  } catch (error) {
    sink.error(error);
    return null;
  }
  if (isFlow(inside)) return inside.drive(sink);
  return new PlainInlet(sink, (call as CallView).root.environment.report).begin(inside);
}
