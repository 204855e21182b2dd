import type { Kind } from './call.ts';
import { policiesOf } from './call-options.ts';
import type { Environment } from './environment.ts';
import { checkFunctionOptions, functionTarget } from './function-target.ts';
import type { Plugin, SubstituteOf } from './interceptor.ts';
import { Invocation } from './invocation.ts';
import { readPlain } from './plain-object.ts';
import type { Policies } from './policies.ts';
import { Problems } from './problems.ts';
import type { ResultOf } from './result.ts';
import { stack } from './stack.ts';
import { contextFunction } from './with-context.ts';

/** What may be said about a function that is wrapped, beside the policies of plugins. */
export interface WrapOptions extends Policies {
  /** What it is called in errors and events; the function's own name unless set. */
  readonly name?: string | undefined;
  /** A label that policies can address. */
  readonly kind?: Kind | undefined;
  /** False when it must not be repeated; true unless set. */
  readonly idempotent?: boolean | undefined;
}

/** A function with a stack around it: the same arguments, a promise of the result. */
export type Wrapped<T, A extends unknown[], R, S = never> = (this: T, ...args: A) => Promise<ResultOf<R> | S>;

/**
 * Puts interceptors around one function and gives it back: the same arguments, a promise of the result. It rejects with the
 * function's own error, unchanged, unless an interceptor decided. Nothing is ever added to the arguments: a function that wants its
 * signal asks for it by {@link withContext}.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, wrap } from '@sluice/core';
 *
 * const calls: string[] = [];
 * const log = defineInterceptor({
 *   name: 'log',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     call.onEnd(({ status }) => calls.push(`${call.name}: ${status}`));
 *     return next(call);
 *   },
 * });
 * const half = wrap(async function half(n: number) { return n / 2; }, log);
 * console.assert((await half(84)) === 42 && calls[0] === 'half: ok');
 * ```
 */
export function wrap<T, A extends unknown[], R, const P extends readonly Plugin[]>(
  fn: (this: T, ...args: A) => R,
  ...plugins: P
): Wrapped<T, A, R, SubstituteOf<P[number]>> {
  return wrapIn(stack(plugins).environment, fn, {});
}

const OWN: readonly string[] = ['name', 'kind', 'idempotent'];

/** Puts the stack of `environment` around `fn`. */
export function wrapIn<T, A extends unknown[], R>(
  environment: Environment,
  fn: (this: T, ...args: A) => R,
  options: WrapOptions,
): Wrapped<T, A, R> {
  const problems = new Problems();
  if (typeof fn !== 'function') problems.add('wrap', 'a function', fn);
  const given = readPlain(options, 'wrap: options', problems) ?? {};
  checkFunctionOptions(given, 'wrap', OWN, problems);
  problems.throwIfAny();
  const { name = fn.name === '' ? 'function' : fn.name, kind, idempotent } = given as WrapOptions;
  const contextual = contextFunction(fn) as ((...args: unknown[]) => unknown) | undefined;
  const target = functionTarget(
    name,
    { kind, idempotent, policies: policiesOf(given, OWN) },
    contextual === undefined
      ? ({ call: { root } }) => fn.apply(root.receiver as T, root.input as A)
      : (work) => contextual.apply(work.call.root.receiver, [work.context, ...(work.call.root.input as A)]),
  );
  let chain = environment.compile(target);
  const { stack } = environment;
  let { version } = stack;
  const wrapped = function (this: T, ...args: A): Promise<ResultOf<R>> {
    if (version !== stack.version) {
      chain = environment.compile(target);
      version = stack.version;
    }
    return new Invocation(chain, args, null, undefined, this).run() as Promise<ResultOf<R>>;
  };
  Object.defineProperty(wrapped, 'name', { value: name, configurable: true });
  return wrapped;
}
