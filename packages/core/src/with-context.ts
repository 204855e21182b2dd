import type { Context } from './context.ts';
import { ConfigError } from './errors/config-error.ts';

const TAKES_CONTEXT = new WeakMap<object, (context: Context, ...args: never) => unknown>();

/**
 * Marks a function that wants its context: inside a stack it gets it before its own arguments. Callers never see it.
 *
 * What it returns is made to be wrapped; called bare it throws a {@link ConfigError}, for there is no context to give.
 *
 * @example
 * ```ts
 * import { withContext, wrap } from '@sluice/core';
 *
 * const load = wrap(withContext(async (ctx, id: string) => (ctx.signal.aborted ? 'stopped' : `loaded ${id}`)));
 * console.assert((await load('7')) === 'loaded 7');
 * ```
 *
 * @see {@link wrap}
 */
export function withContext<A extends unknown[], R>(fn: (context: Context, ...args: A) => R): (...args: A) => R {
  if (typeof fn !== 'function') throw new ConfigError('withContext: expected a function (context, ...args) => result');
  const marked = (): R => {
    throw new ConfigError(`withContext: "${fn.name || 'this function'}" must be wrapped before it is called`);
  };
  Object.defineProperty(marked, 'name', { value: fn.name, configurable: true });
  TAKES_CONTEXT.set(marked, fn);
  return marked;
}

/** The function behind a marked one; undefined for any other. */
export function contextFunction(fn: object): ((context: Context, ...args: never) => unknown) | undefined {
  return TAKES_CONTEXT.get(fn);
}
