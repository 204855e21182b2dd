import type { Call } from './call.ts';
import type { Problems } from './problems.ts';

/** By what state is told apart: one for all, one for each name, one for each kind, or by a key of your own. */
export type Per = 'all' | 'name' | 'kind' | ((call: Call) => string);

/**
 * Checks by what state is to be told apart.
 *
 * @example
 * ```ts
 * import { Problems, readPer } from '@sluice/core';
 *
 * const problems = new Problems();
 * readPer('nam', 'breaker.per', problems);
 * console.assert(problems.count === 1);
 * ```
 */
export function readPer(per: unknown, path: string, problems: Problems): Per | undefined {
  if (per === 'all' || per === 'name' || per === 'kind' || typeof per === 'function') return per as Per;
  problems.add(path, "'all', 'name', 'kind', or a function (call) => key", per);
  return undefined;
}

/**
 * How the key of a call is found. May throw what a function of its user throws.
 *
 * @example
 * ```ts
 * import { type Call, keyBy } from '@sluice/core';
 *
 * const call = { target: 'tool', name: 'search' } as Call;
 * console.assert(keyBy('name')(call) === 'tool:search');
 * ```
 */
export function keyBy(per: Per): (call: Call) => string {
  if (per === 'all') return () => 'all';
  if (per === 'name') return ({ target, name }) => `${target}:${name}`;
  if (per === 'kind') return ({ kind = 'none' }) => kind;
  return (call) => String(per(call));
}
