import { type Backoff, type Duration, Problems, readPlain } from '@sluice/core';
import { checkOrder, inRange, readMax, readWait } from './backoff-options.ts';
import { grown } from './growth.ts';
import { decorrelatedJitter } from './jitter.ts';

/** What {@link decorrelated} takes. */
export interface DecorrelatedOptions {
  /** The shortest wait, in milliseconds or as text, up to `max`; 200 ms unless set. `0` never waits. */
  readonly base?: Exclude<Duration, 'none'> | undefined;
  /** The longest wait, in milliseconds or as text; 20 s unless set, `'none'` or `Infinity` for no cap. */
  readonly max?: Duration | undefined;
}

/** The shortest wait in milliseconds unless a user sets it. */
export const BASE = 200;

/** How many times the last wait the next one may be. */
export const DECORRELATED_FACTOR = 3;

const KNOWN = ['base', 'max'];

/** Waits from a base up to some times the last wait. */
export class Decorrelated implements Backoff {
  readonly #base: number;
  readonly #factor: number;
  readonly #max: number;

  /** Use {@link decorrelated}, which checks what it is given. */
  constructor(base: number, factor: number, max: number) {
    this.#base = base;
    this.#factor = factor;
    this.#max = max;
  }

  delay(failure: number, previous: number, random: () => number): number {
    // The last wait may have been none of ours: a service may have asked for an hour. What we wait grows by our own waits only.
    const last = previous > this.#base ? Math.min(previous, this.#longest(failure - 1)) : this.#base;
    return decorrelatedJitter(this.#base, last, this.#factor, this.#longest(failure), random);
  }

  longest(failure: number): number {
    return this.#longest(failure);
  }

  describe(): string {
    return `decorrelated × ${this.#factor}, ${inRange(this.#base, this.#max)}`;
  }

  /** After no failure, the base. */
  #longest(failures: number): number {
    return grown(this.#base, this.#factor, failures, this.#max);
  }
}

/**
 * Waits anything from `base` up to three times the last wait, and never longer than `max`.
 *
 * Use it where many callers fail together and no wait may be shorter than `base`. Waits that reach `max` are exactly `max`: let it be at
 * least three times `base`, so that the first of them are spread.
 *
 * @example
 * ```ts
 * import { decorrelated } from '@sluice/retry';
 *
 * const backoff = decorrelated({ base: 100, max: '5s' });
 * const first = backoff.delay(1, 0, Math.random);
 * const second = backoff.delay(2, first, Math.random);
 * console.assert(first >= 100 && first <= 300);
 * console.assert(second >= 100 && second <= 3 * first);
 * ```
 *
 * @see {@link exponential}
 */
export function decorrelated(options: DecorrelatedOptions = {}): Backoff {
  const problems = new Problems();
  const given = readPlain(options, 'decorrelated', problems) ?? {};
  problems.unknownKeys(given, KNOWN, 'decorrelated');
  const { base: wait = BASE } = given;
  const base = readWait(wait, 'decorrelated.base', problems);
  const max = readMax(given['max'], 'decorrelated.max', problems);
  checkOrder(base, max, wait, 'decorrelated.base', problems);
  problems.throwIfAny();
  return new Decorrelated(base, DECORRELATED_FACTOR, max);
}
