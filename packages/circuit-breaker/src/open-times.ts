import { type Backoff, isBackoff, type Problems, readDuration } from '@sluice/core';
import { spanInWords } from './because.ts';

const FIRST_MS = 30_000;
const LONGEST_MS = 300_000;

/**
 * How long a circuit stays open unless it is told: 30 s at first. The second time is between 30 s and a minute, the third between one and
 * two, and so on, up to 5 min: at random, so that those who depend on one target do not all probe it at once.
 */
export const growingOpenTime: Backoff = Object.freeze({
  delay(opening: number, _previous: number, random: () => number): number {
    const longest = this.longest(opening);
    return opening <= 1 ? longest : (longest / 2) * (1 + random());
  },
  longest: (opening: number): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** (Math.max(1, opening) - 1)),
  describe: () => '30 s, growing with jitter to 300 s',
});

/** The times that an option says a circuit stays open: always the same, or a formula. What is neither is noted. */
export function readOpenFor(value: unknown, path: string, problems: Problems): Backoff {
  if (value === undefined) return growingOpenTime;
  if (isBackoff(value)) return value;
  const ms = readDuration(value, path, problems);
  // A circuit that never probes is isolated.
  if (ms === Number.POSITIVE_INFINITY) problems.add(path, 'a time that ends; isolate() keeps it open', value);
  return { delay: () => ms, longest: () => ms, describe: () => spanInWords(ms) };
}

/** The openings so far, as JSON. */
export interface OpenTimesSnapshot {
  /** How many openings the next one follows on. */
  readonly openings: number;
  /** How long the last of them was to be. */
  readonly lastMs: number;
  /** For how long the next one still follows on them; null while it is not closed. */
  readonly followsMs: number | null;
}

/**
 * How long a circuit stays open, one opening after the other. Closing ends the row of openings only when it lasts: an opening within
 * twice the time for which it was open before follows on that, for it has closed too early.
 */
export class OpenTimes {
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #fault: (error: unknown) => void;
  #openings = 0;
  #lastMs = 0;
  #followsUntil = Number.POSITIVE_INFINITY;

  constructor(backoff: Backoff, random: () => number, fault: (error: unknown) => void) {
    this.#backoff = backoff;
    this.#random = random;
    this.#fault = fault;
  }

  /** It opens: for so many milliseconds. A formula that fails is told of, and the usual time stands in. */
  opened(now: number): number {
    if (this.#isOver(now)) this.forget();
    this.#openings++;
    this.#followsUntil = Number.POSITIVE_INFINITY;
    this.#lastMs = this.#next();
    return this.#lastMs;
  }

  /** It has closed. */
  closed(now: number): void {
    // It may have been opened by hand, long after.
    if (this.#isOver(now)) this.forget();
    this.#followsUntil = now + 2 * this.#lastMs;
  }

  /** The next opening is the first. */
  forget(): void {
    this.#openings = this.#lastMs = 0;
    this.#followsUntil = Number.POSITIVE_INFINITY;
  }

  /** Whether the next opening is the first. */
  fresh(now: number): boolean {
    return this.#openings === 0 || this.#isOver(now);
  }

  snapshot(now: number): OpenTimesSnapshot {
    if (this.fresh(now)) return { openings: 0, lastMs: 0, followsMs: null };
    const followsMs = this.#followsUntil === Number.POSITIVE_INFINITY ? null : this.#followsUntil - now;
    return { openings: this.#openings, lastMs: this.#lastMs, followsMs };
  }

  restore({ openings, lastMs, followsMs }: OpenTimesSnapshot, now: number): void {
    this.#openings = openings;
    this.#lastMs = lastMs;
    this.#followsUntil = followsMs === null ? Number.POSITIVE_INFINITY : now + followsMs;
  }

  #isOver(now: number): boolean {
    return now > this.#followsUntil;
  }

  #next(): number {
    try {
      const ms: unknown = this.#backoff.delay(this.#openings, this.#lastMs, this.#random);
      if (typeof ms === 'number' && Number.isFinite(ms)) return Math.max(0, ms);
      this.#fault(new RangeError(`A time to stay open must be a finite number of milliseconds, not ${String(ms)}`));
    } catch (error) {
      this.#fault(error);
    }
    return growingOpenTime.delay(this.#openings, this.#lastMs, this.#random);
  }
}
