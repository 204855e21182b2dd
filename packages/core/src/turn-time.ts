import type { Clock } from './clock.ts';
import { timersOf } from './timers.ts';

/**
 * Tells the time as of the present turn of the event loop: where a deadline was armed in it, the moment of the first, which costs a tenth of a
 * look at the clock; else the clock is asked. It never goes back, and is behind by no more than the turn has taken. For what counts calls by
 * the second, rather than for what measures them.
 *
 * @example
 * ```ts
 * import { systemClock, turnTime } from '@sluice/core';
 *
 * const time = turnTime(systemClock);
 * console.assert(time() <= systemClock.now());
 * ```
 */
export function turnTime(clock: Clock): () => number {
  const timers = timersOf(clock);
  return () => timers.turnTime;
}
