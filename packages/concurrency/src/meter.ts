import type { Rate } from './rate.ts';

/** What a meter says of itself. */
export interface MeterStats extends Rate {
  /** How much may go at once when nothing has gone for long. */
  readonly burst: number;
  /** How much may go now; below 0, so much is owed. */
  readonly remaining: number;
}

/**
 * One limit on how much may go in how long, as plain state: it reads no clock and owns no timer, it is told the time, in milliseconds
 * on a clock that never goes back. What costs nothing, or no finite amount, is not its business: it may go, and leaves no trace.
 */
export interface Meter {
  /** 0 if so much may go now, else in how many milliseconds it may, given that nothing else goes. A millisecond earlier it may not. */
  wait(cost: number, now: number): number;
  /** So much goes. Asked after {@link wait} answered 0; what goes without is owed, and those that come later wait for it. */
  take(cost: number, now: number): void;
  /**
   * So much of what was taken did not go after all. `takenAt` is when it was taken: said, what would long be over by now is not given
   * back a second time, and what was taken last is as if it had never been.
   */
  giveBack(cost: number, now: number, takenAt?: number): void;
  /**
   * The service says that so much remains, and in how many milliseconds it is reset. It can only take away: when an answer arrives, calls
   * that are under way are not in it yet. Until then no more goes than it says, whatever the meter would let pass.
   */
  correct(remaining: number, resetMs: number, now: number): void;
  /** Whether it is as good as new, so that it may be forgotten. */
  idle(now: number): boolean;
  /** What it allows, and how much of that is left. */
  stats(now: number): MeterStats;
}

/** Whether so much is to be counted. */
export function counts(cost: number): boolean {
  return cost > 0 && cost < Number.POSITIVE_INFINITY;
}

/** How many milliseconds it is from `now` to `at`, 0 when that is over: added to `now`, they never fall short by a rounding. */
export function msUntil(at: number, now: number): number {
  if (!(at > now)) return 0;
  let ms = at - now;
  while (now + ms < at) ms *= 1 + Number.EPSILON;
  return ms;
}

/** Sums of fractions are off by a little; so much less than nothing is left counts as nothing. */
const ROUNDING = 1e-9;

/** What a service has said remains, until it is reset: a second limit beside a meter's own. */
export class Allowance {
  #said = Number.POSITIVE_INFINITY;
  #left = Number.POSITIVE_INFINITY;
  #saidAt = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;

  /** The service has spoken. More than is left by what it said before is old news, for that time is not over. */
  say(remaining: number, resetMs: number, now: number): void {
    if (!(counts(resetMs) && remaining < Number.POSITIVE_INFINITY)) return;
    if (now < this.#until && remaining > this.#left) return;
    this.#said = this.#left = Math.max(0, remaining);
    this.#saidAt = now;
    this.#until = now + resetMs;
  }

  /** When so much may go; the distant past when it may. */
  freeAt(cost: number, now: number): number {
    return now < this.#until && cost > this.#left + ROUNDING ? this.#until : Number.NEGATIVE_INFINITY;
  }

  /** So much goes. */
  take(cost: number): void {
    this.#left -= cost;
  }

  /** What was taken before the service spoke is not in what it said, and did not lessen it since. */
  giveBack(cost: number, takenAt: number): void {
    if (takenAt >= this.#saidAt) this.#left = Math.min(this.#said, this.#left + cost);
  }

  /** How much is left; `Infinity` when what was said no longer holds. */
  left(now: number): number {
    return now < this.#until ? this.#left : Number.POSITIVE_INFINITY;
  }
}
