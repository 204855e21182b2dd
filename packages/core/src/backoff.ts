/**
 * How long to wait before another try, as a formula. What plugins agree on when they take one: a retry its waits, a circuit breaker the
 * times for which it stays open.
 */
export interface Backoff {
  /**
   * The wait in milliseconds after the failure with this number, 1 for the first. `previous` is the wait before, 0 at first; `random`
   * answers a number from 0 up to 1. May throw what a function of its user throws.
   */
  delay(failure: number, previous: number, random: () => number, error?: unknown): number;
  /** The longest that the wait after the failure with this number can be, in milliseconds; `Infinity` when that is not known. */
  longest(failure: number): number;
  /** It in words, for explanations. */
  describe(): string;
}

/**
 * Whether `value` is a formula for waits.
 *
 * @example
 * ```ts
 * import { type Backoff, isBackoff } from '@sluice/core';
 *
 * const doubling: Backoff = {
 *   delay: (failure) => 100 * 2 ** failure,
 *   longest: (failure) => 100 * 2 ** failure,
 *   describe: () => 'doubling',
 * };
 * console.assert(isBackoff(doubling) && !isBackoff(() => 100));
 * ```
 */
export function isBackoff(value: unknown): value is Backoff {
  if (typeof value !== 'object' || value === null) return false;
  const { delay, longest, describe } = value as Partial<Record<keyof Backoff, unknown>>;
  return typeof delay === 'function' && typeof longest === 'function' && typeof describe === 'function';
}
