/** How many turns must have been seen before one is predicted. */
const ENOUGH = 20;
/** How much the latest counts. */
const WEIGHT = 0.1;

/** How fast a queue moves, from when turns come while it is never empty: what a wait would be is said only when that is known. */
export class Turns {
  #last: number | undefined;
  #meanMs = 0;
  #seen = 0;

  /** A turn came. */
  came(now: number): void {
    if (this.#last !== undefined) {
      const interval = now - this.#last;
      this.#meanMs = this.#seen === 0 ? interval : this.#meanMs + WEIGHT * (interval - this.#meanMs);
      this.#seen++;
    }
    this.#last = now;
  }

  /** Nobody waits any more: how fast turns came says nothing of how fast they will. */
  pause(): void {
    this.#seen = 0;
    this.#last = undefined;
  }

  /** How long one would wait with so many before it, in milliseconds; undefined where that cannot be said. */
  waitFor(ahead: number): number | undefined {
    return this.#seen < ENOUGH ? undefined : (ahead + 1) * this.#meanMs;
  }
}
