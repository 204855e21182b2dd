import type { Problems } from '@sluice/core';

/** A status, all of a hundred such as `'5xx'`, or a range such as `'500-504'`, both ends in it. */
export type StatusPattern = number | '4xx' | '5xx' | `${number}-${number}`;

const EXPECTED = "a status from 400 to 599, '4xx', '5xx', or a range such as '500-504'";
const RANGE = /^(\d{3})-(\d{3})$/;

/** The statuses that the patterns stand for; what stands for none is noted. */
export function readStatuses(patterns: readonly unknown[], path: string, problems: Problems): ReadonlySet<number> {
  const statuses = new Set<number>();
  for (const [index, pattern] of patterns.entries()) {
    const [from, to] = endsOf(pattern);
    if (!(from >= 400 && from <= to && to <= 599)) problems.add(`${path}[${index}]`, EXPECTED, pattern);
    else for (let status = from; status <= to; status++) statuses.add(status);
  }
  return statuses;
}

function endsOf(pattern: unknown): readonly [number, number] {
  if (typeof pattern === 'number' && Number.isInteger(pattern)) return [pattern, pattern];
  if (pattern === '4xx') return [400, 499];
  if (pattern === '5xx') return [500, 599];
  const range = typeof pattern === 'string' ? RANGE.exec(pattern) : null;
  return range === null ? [Number.NaN, Number.NaN] : [Number(range[1]), Number(range[2])];
}
