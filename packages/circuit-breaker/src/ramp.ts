/** Which part of the calls is let in when it begins. */
const FIRST_SHARE = 0.1;

/** A time in which calls are let in gradually: a tenth of them at first, evenly more and more, and all of them at its end. */
export class Ramp {
  /** When it ends. */
  readonly until: number;
  readonly #lengthMs: number;

  /** One that is `lengthMs` long in all. */
  constructor(until: number, lengthMs: number) {
    this.until = until;
    this.#lengthMs = lengthMs;
  }

  /** Which part of the calls is let in at that time, from 0 to 1. */
  share(now: number): number {
    return now >= this.until ? 1 : 1 - ((1 - FIRST_SHARE) * (this.until - now)) / this.#lengthMs;
  }
}
