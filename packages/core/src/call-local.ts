import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';

/** Something that an interceptor has left with a call, as a list through themselves. */
export interface Local {
  readonly owner: object;
  /** The level of the interceptor that left it. */
  readonly level: number;
  readonly value: unknown;
  readonly next: Local | null;
}

/**
 * Leaves something with a call, for the calls that its work makes: each attempt has its own. For plugins that must know what a call
 * around another one holds.
 *
 * @example
 * ```ts
 * import { CallLocal, createRunner, defineInterceptor, Place, tool } from '@sluice/core';
 *
 * const depth = new CallLocal<number>();
 * const deepest: number[] = [];
 * const counting = defineInterceptor({
 *   name: 'counting',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     const here = (depth.around(call) ?? 0) + 1;
 *     depth.set(call, here);
 *     deepest.push(here);
 *     return next(call);
 *   },
 * });
 * const inner = tool('inner', {}, async () => 'done');
 * const outer = tool('outer', {}, (_: undefined, ctx) => ctx.call(inner));
 * await createRunner({ use: [counting] }).call(outer);
 * console.assert(deepest.join() === '1,2');
 * ```
 */
export class CallLocal<T> {
  /** Leaves `value` with `call`, for the calls made in this attempt of it. */
  set(call: Call, value: T): void {
    (call as CallView).leave(this, value);
  }

  /** What was left last with `call` itself; undefined when nothing was. */
  on(call: Call): T | undefined {
    return this.#with(call as CallView);
  }

  /** What was left with the nearest call around `call`; undefined when nothing was. */
  around(call: Call): T | undefined {
    for (let { caller } = (call as CallView).root; caller !== null; ) {
      const view: CallView | null = caller.call;
      if (view === null) return undefined;
      const found = this.#with(view);
      if (found !== undefined) return found;
      caller = view.root.caller;
    }
    return undefined;
  }

  #with(inner: CallView): T | undefined {
    for (let { locals } = inner; locals !== null; locals = locals.next) {
      if (locals.owner === this) return locals.value as T;
    }
    return undefined;
  }
}
