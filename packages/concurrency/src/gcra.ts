import { Allowance, counts, type Meter, type MeterStats, msUntil } from './meter.ts';
import type { Rate } from './rate.ts';

/** Sums of fractions are off by a little: so much too much counts as none. */
const ROUNDING = 1e-9;

/**
 * The generic cell rate algorithm: calls are spread evenly, one each `perMs / limit` milliseconds, after a burst that may go at once.
 * It holds four numbers, whatever goes through it, and knows exactly when the next call may go.
 *
 * The burst is 1 unless set: `10/s` lets one go each 100 ms, and never more than 10 in any second. With a burst of 5 up to 5 go at once,
 * and never more than 10 + 4 in any second: in any window of the rate's length, from its beginning up to but not including its end, less
 * than `limit` + `burst` goes.
 *
 * What costs more than the burst goes as if it cost the burst, so when all of that is free, and leaves the rest as a debt, for which
 * those that come later wait: it neither waits for ever nor raises the rate, but a window may then hold nearly as much as
 * `limit` and that one cost.
 *
 * What is given back may go at once, up to the burst. It was missing from the window in which it was taken, and may come on top in the one in
 * which it is given back.
 */
export class Gcra implements Meter {
  readonly #limit: number;
  readonly #perMs: number;
  readonly #burst: number;
  /** Since when it has had something to work off. What went since then is summed up apart, so that no rounding adds up. */
  #since = Number.NEGATIVE_INFINITY;
  #used = 0;
  #allowance: Allowance | undefined;

  constructor({ limit, perMs }: Rate, burst = 1) {
    this.#limit = limit;
    this.#perMs = perMs;
    this.#burst = burst;
  }

  wait(cost: number, now: number): number {
    if (!counts(cost)) return 0;
    const over = this.#used + Math.min(cost, this.#burst) - this.#burst;
    const ms = over > ROUNDING ? msUntil(this.#workedOffAt(over), now) : 0;
    return this.#allowance === undefined ? ms : Math.max(ms, msUntil(this.#allowance.freeAt(cost, now), now));
  }

  take(cost: number, now: number): void {
    if (!counts(cost)) return;
    this.#allowance?.take(cost);
    if (this.#workedOffAt(this.#used) < now) {
      this.#since = now;
      this.#used = 0;
    }
    this.#used += cost;
  }

  giveBack(cost: number, _now: number, takenAt: number = Number.POSITIVE_INFINITY): void {
    if (!counts(cost)) return;
    this.#allowance?.giveBack(cost, takenAt);
    // What was taken before has been worked off.
    if (takenAt >= this.#since) this.#used -= cost;
  }

  correct(remaining: number, resetMs: number, now: number): void {
    this.#allowance ??= new Allowance();
    this.#allowance.say(remaining, resetMs, now);
  }

  idle(now: number): boolean {
    return this.#workedOffAt(this.#used) <= now && this.#left(now) === Number.POSITIVE_INFINITY;
  }

  stats(now: number): MeterStats {
    const ms = msUntil(this.#workedOffAt(this.#used), now);
    const remaining = Math.min(this.#burst - (ms * this.#limit) / this.#perMs, this.#left(now));
    return { limit: this.#limit, perMs: this.#perMs, burst: this.#burst, remaining };
  }

  #workedOffAt(amount: number): number {
    return this.#since + (amount * this.#perMs) / this.#limit;
  }

  #left(now: number): number {
    return this.#allowance === undefined ? Number.POSITIVE_INFINITY : this.#allowance.left(now);
  }
}
