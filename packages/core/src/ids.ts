import type { Clock } from './clock.ts';

/** A new id of 26 hexadecimal digits, by the chance of the clock: the same seed gives the same ids. */
export function makeId(clock: Clock): string {
  return part(clock) + part(clock);
}

function part(clock: Clock): string {
  return Math.floor(clock.random() * 2 ** 52)
    .toString(16)
    .padStart(13, '0');
}
