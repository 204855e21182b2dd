import type { Clock } from './clock.ts';
import { type TimerNode, timersOf } from './timers.ts';

/**
 * Calls `ring` once when `delayMs` have passed, on the timer that everything with the same clock shares: cheap however many there are,
 * good for any delay, never early. Like a deadline it lets what arrives in the same turn go first. Answers how to call it off.
 *
 * @param ring - hears how late it is, in milliseconds
 *
 * @example
 * ```ts
 * import { alarm, systemClock } from '@sluice/core';
 *
 * const cancel = alarm(systemClock, 20, (lagMs) => console.assert(lagMs >= 0));
 * cancel();
 * ```
 */
export function alarm(clock: Clock, delayMs: number, ring: (lagMs: number) => void): () => void {
  const timers = timersOf(clock);
  const node = new Alarm(ring);
  timers.arm(node, delayMs);
  return () => timers.disarm(node);
}

class Alarm implements TimerNode {
  timerAt = 0;
  timerSlot = -1;
  timerOrder = 0;
  timerBefore: TimerNode | null = null;
  timerAfter: TimerNode | null = null;
  readonly patient: boolean = true;
  readonly #ring: (lagMs: number) => void;

  constructor(ring: (lagMs: number) => void) {
    this.#ring = ring;
  }

  expire(lagMs: number): void {
    this.#ring(lagMs);
  }
}
