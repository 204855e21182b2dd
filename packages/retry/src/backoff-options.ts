import { type Problems, readDuration } from '@sluice/core';
import type { Jitter } from './jitter.ts';

/** The longest wait unless a user sets it: 20 s. */
const MAX = 20_000;

/** What stands for no longest wait: so long that nobody waits for it, and still a number to reckon with. */
const UNCAPPED: number = Number.MAX_VALUE;

/** The longest wait in milliseconds, always finite; 20 s unless set. `'none'` and `Infinity` are none. */
export function readMax(value: unknown, path: string, problems: Problems): number {
  if (value === undefined) return MAX;
  if (value === 'none' || value === Number.POSITIVE_INFINITY) return UNCAPPED;
  return readDuration(value, path, problems);
}

/** A wait in milliseconds that is not for ever; NaN, and noted, for what is none. */
export function readWait(value: unknown, path: string, problems: Problems): number {
  if (value !== 'none' && value !== Number.POSITIVE_INFINITY) return readDuration(value, path, problems);
  problems.add(path, 'a duration that ends', value);
  return Number.NaN;
}

/** Notes that the first wait, given as `value`, is longer than the longest one. */
export function checkOrder(wait: number, max: number, value: unknown, path: string, problems: Problems): void {
  if (wait > max) problems.add(path, `no more than max (${max} ms${max === MAX ? ' unless set' : ''})`, value);
}

/** One of the jitters that are `known`, or the first of them where nothing is set. */
export function readJitter<J extends Jitter>(
  value: unknown,
  known: readonly [J, ...J[]],
  path: string,
  problems: Problems,
): J {
  if (value === undefined) return known[0];
  const jitter = known.find((one) => one === value);
  if (jitter === undefined) problems.add(path, `one of ${known.map((one) => `'${one}'`).join(', ')}`, value);
  return jitter ?? known[0];
}

/** From where to where waits go, in words. */
export function inRange(from: number, max: number): string {
  return max === UNCAPPED ? `from ${from} ms, without a cap` : `${from} to ${max} ms`;
}
