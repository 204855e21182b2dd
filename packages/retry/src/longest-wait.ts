import type { Backoff } from '@sluice/core';

/** So many waits are added one by one. */
const EXACT = 1_000;

/**
 * The longest that all waits between that many attempts can be together, in milliseconds; `Infinity` where that is not known or too much
 * for a number. Exact for up to a thousand waits, and for more of a backoff that is at its cap by then; of one that still grows, or
 * shrinks, it is no less. A billion attempts cost no more than a thousand.
 */
export function longestWait(backoff: Backoff, attempts: number): number {
  const waits = attempts - 1;
  let sum = 0;
  for (let failure = 1; failure <= Math.min(waits, EXACT); failure++) sum += wait(backoff, failure);
  // Then in stretches that double, each as if all its waits were as long as the longest at its ends.
  for (let from = EXACT + 1; from <= waits; from *= 2) {
    if (from > Number.MAX_SAFE_INTEGER) return sum > 0 ? Number.POSITIVE_INFINITY : 0;
    const to = Math.min(waits, 2 * from - 1, Number.MAX_SAFE_INTEGER);
    const longest = Math.max(wait(backoff, from), wait(backoff, to));
    sum += longest * (to - from + 1);
  }
  return sum;
}

/** What says nothing sensible about its waits may wait for ever. */
function wait(backoff: Backoff, failure: number): number {
  const longest = backoff.longest(failure);
  return longest >= 0 ? longest : Number.POSITIVE_INFINITY;
}
