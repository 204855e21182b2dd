import { ConfigError } from './errors/config-error.ts';

/**
 * Where all time and all chance come from. A runner has one; tests give it a virtual one.
 *
 * @see `virtualClock` of `@sluice/core/testing`
 */
export interface Clock {
  /** Milliseconds since some fixed moment, fractions included. Never goes back; the wall clock does not move it. */
  now(): number;
  /**
   * Calls `fire` once when `delayMs` have passed, and never earlier. `0` means: when everything that is ready now has had its
   * turn. Answers a function that calls it off.
   */
  schedule(delayMs: number, fire: () => void): () => void;
  /** A number from 0 up to, but not including, 1. */
  random(): number;
}

/** Node's timers take no more than this; what is longer fires at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * The real clock: monotonic, never early, good for any delay.
 *
 * @example
 * ```ts
 * import { systemClock } from '@sluice/core';
 *
 * const before = systemClock.now();
 * systemClock.schedule(10, () => console.assert(systemClock.now() - before >= 10));
 * ```
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  schedule(delayMs, fire) {
    if (Number.isNaN(delayMs)) throw new ConfigError('schedule: expected a delay in milliseconds, got NaN');
    if (delayMs <= 0) {
      const immediate = setImmediate(fire);
      return () => clearImmediate(immediate);
    }
    if (delayMs === Number.POSITIVE_INFINITY) return () => {};
    return scheduleLater(delayMs, fire);
  },
};

/** Node fires up to a millisecond early, and at once past 2^31-1 ms: whatever is left is waited for again. */
function scheduleLater(delayMs: number, fire: () => void): () => void {
  const due = performance.now() + delayMs;
  let timer = setTimeout(check, Math.min(Math.ceil(delayMs), LONGEST));
  function check(): void {
    const left = due - performance.now();
    if (left > 0) timer = setTimeout(check, Math.min(Math.ceil(left), LONGEST));
    else fire();
  }
  return () => clearTimeout(timer);
}

/** The wall clock's time as ISO 8601, for people; nothing is measured with it. */
export function isoTime(): string {
  return new Date().toISOString();
}

/** The wall clock, in milliseconds: for dates that others name, and for nothing else. */
export function wallClock(): number {
  return Date.now();
}
