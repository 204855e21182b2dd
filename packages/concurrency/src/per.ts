import type { Call, Problems } from '@sluice/core';

/** By what limits are told apart: one for all, one for each name, one for each kind, or by a key of your own. */
export type Per = 'all' | 'name' | 'kind' | ((call: Call) => string);

/** Checks by what limits are to be told apart. */
export function readPer(per: unknown, path: string, problems: Problems): Per | undefined {
  if (per === 'all' || per === 'name' || per === 'kind' || typeof per === 'function') return per as Per;
  problems.add(path, "'all', 'name', 'kind', or a function (call) => key", per);
  return undefined;
}

/** How a call's limit is found. May throw what a function of its user throws. */
export function keyOf(per: Per): (call: Call) => string {
  if (per === 'all') return () => 'all';
  if (per === 'name') return ({ target, name }) => `${target}:${name}`;
  if (per === 'kind') return ({ kind = 'none' }) => kind;
  return (call) => String(per(call));
}
