import type { Call } from './call.ts';
import { type CallView, isCallView } from './call-view.ts';
import type { Chain } from './chain.ts';
import { type Handle, isFlow, PlainInlet, type Sink } from './flow.ts';
import type { Next } from './interceptor.ts';

/** A `next` that is driven without a flow in between. */
export interface Inwards extends Next {
  /** The chain that it leads further into, and the level to which. */
  readonly chain: Chain | null;
  readonly level: number;
  /** What it leads to otherwise. */
  readonly inwards: ((call: Call, sink: Sink) => Handle | null) | null;
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
  const { chain, level, inwards } = next as Inwards;
  if (chain !== undefined) {
    if (chain === null) return (inwards as NonNullable<typeof inwards>)(call, sink);
    if (isCallView(call)) return chain.drive(level, call, sink);
  }
  return driveFlow(call, next, sink);
}

/** Drives what somebody else's `next` returns. */
function driveFlow(call: Call, next: Next, sink: Sink): Handle | null {
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
