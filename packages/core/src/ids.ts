import type { Clock } from './clock.ts';

/**
 * A new id of 28 hexadecimal digits, by the chance of the clock: the same seed gives the same ids. Those of one clock have their beginning in
 * common, which is drawn, and are counted: drawing each anew would cost four times as much.
 */
export function makeId(clock: Clock): string {
  let source = sources.get(clock);
  if (source === undefined || source.count === COUNTED) {
    source = { prefix: part(clock) + part(clock) + part(clock), count: FIRST };
    sources.set(clock, source);
  }
  return source.prefix + (source.count++).toString(16);
}

/** Where the ids of a clock come from. */
const sources = new WeakMap<Clock, { readonly prefix: string; count: number }>();

/** From here to there all numbers have seven digits. */
const FIRST = 2 ** 24;
const COUNTED = 2 ** 28;

/** Seven digits: what fits a small integer, which is much faster to write than a large one. */
function part(clock: Clock): string {
  return Math.floor(clock.random() * COUNTED)
    .toString(16)
    .padStart(7, '0');
}
