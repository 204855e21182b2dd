/**
 * Chance that repeats: the same seed gives the same numbers, from 0 up to, but not including, 1.
 *
 * @example
 * ```ts
 * import { seededRandom } from '@sluice/core/testing';
 *
 * console.assert(seededRandom(7)() === seededRandom(7)());
 * ```
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  // Mulberry32: small, fast, and good enough to shuffle schedules with.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
