import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';

type Hear = (actual: Readonly<Record<string, number>>) => void;

/**
 * Hears what a call has really cost, when its work says so by `ctx.settle`. For plugins that took what it was likely to cost beforehand; `owner`
 * tells them apart, and of each the last that asked is told.
 *
 * @example
 * ```ts
 * import { defineInterceptor, onActualCost, Place, withContext, wrap } from '@sluice/core';
 *
 * const seen: number[] = [];
 * const meter = {};
 * const metered = defineInterceptor({
 *   name: 'metered',
 *   priority: Place.rate,
 *   intercept(call, next) {
 *     onActualCost(call, meter, ({ tokens = 0 }) => seen.push(tokens));
 *     return next(call);
 *   },
 * });
 * await wrap(withContext((ctx) => ctx.settle({ tokens: 812 })), metered)();
 * console.assert(seen[0] === 812);
 * ```
 */
export function onActualCost(call: Call, owner: object, hear: Hear): void {
  (call as CallView).leave(owner, new Listener(hear));
}

class Listener {
  readonly hear: Hear;

  constructor(hear: Hear) {
    this.hear = hear;
  }
}

/** The work of a call says what it has really cost. */
export function tellActualCost(call: CallView, actual: Readonly<Record<string, number>>): void {
  const told = new Set<object>();
  for (let { locals } = call; locals !== null; locals = locals.next) {
    const { owner, value } = locals;
    if (!(value instanceof Listener) || told.has(owner)) continue;
    told.add(owner);
    value.hear(actual);
  }
}
