import type { Clock } from './clock.ts';

/** A new id of 28 hexadecimal digits, by the chance of the clock: the same seed gives the same ids. */
export function makeId(clock: Clock): string {
  return part(clock) + part(clock) + part(clock) + part(clock);
}

/** Seven digits: what fits a small integer, which is much faster to write than a large one. */
function part(clock: Clock): string {
  return Math.floor(clock.random() * 2 ** 28)
    .toString(16)
    .padStart(7, '0');
}
