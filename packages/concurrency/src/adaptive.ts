import { Problems, readPlain } from '@sluice/core';
import { LimitFinder } from './limit-finder.ts';

/** Between which limits {@link adaptive} searches. */
export interface AdaptiveOptions {
  /** The lowest limit, an integer ≥ 1; 1 unless set. */
  readonly min?: number | undefined;
  /** The highest limit, an integer from `min` on; 1,000 unless set, or `min` when that is more. */
  readonly max?: number | undefined;
  /** The limit to begin with, an integer from `min` to `max`; 10 unless set, or what of `min` and `max` is nearest to it. */
  readonly initial?: number | undefined;
}

/** The fields of {@link AdaptiveOptions}, checked and complete. */
export interface AdaptiveFields {
  /** The lowest limit. */
  readonly min: number;
  /** The highest limit. */
  readonly max: number;
  /** The limit to begin with. */
  readonly initial: number;
}

const BRAND: unique symbol = Symbol.for('sluice.adaptive-concurrency') as never;

/** A concurrency limit that is found, for each pool by itself. Made by {@link adaptive}. */
export class AdaptiveConcurrency {
  /** Between which limits it searches. */
  readonly fields: AdaptiveFields;

  /** Use {@link adaptive}, which checks what it is given. */
  constructor(fields: AdaptiveFields) {
    this.fields = fields;
  }

  /** A new finder, for one pool: it knows nothing yet. */
  finder(): LimitFinder {
    return new LimitFinder(this.fields);
  }

  /** What it is in words, for `explain()`. */
  describe(): string {
    return `adaptive, ${this.fields.min} to ${this.fields.max}`;
  }
}

Object.defineProperty(AdaptiveConcurrency.prototype, BRAND, { value: true });

/** Whether `value` is an adaptive concurrency limit, of this or any other copy of the package. */
export function isAdaptiveConcurrency(value: unknown): value is AdaptiveConcurrency {
  return typeof value === 'object' && value !== null && (value as { readonly [BRAND]?: unknown })[BRAND] === true;
}

const KNOWN = ['min', 'max', 'initial'];

/**
 * A concurrency limit that finds what the downstream can take, from the latency and the throughput of the calls, for each pool by itself.
 *
 * Use it where nobody knows the right number, or where it changes. It grows only while more concurrency buys more throughput and the
 * demand uses it, backs off when calls are dropped, and never leaves `min` to `max`. In a settled pool the limit moves up and
 * down by about a tenth: so it sees changes.
 *
 * @example
 * ```ts
 * import { adaptive } from '@sluice/concurrency';
 *
 * const limit = adaptive({ min: 2, max: 200, initial: 20 });
 * console.assert(limit.describe() === 'adaptive, 2 to 200');
 * ```
 *
 * @see {@link LimitFinder}
 */
export function adaptive(options: AdaptiveOptions = {}): AdaptiveConcurrency {
  const problems = new Problems();
  const given = readPlain(options, 'adaptive', problems) ?? {};
  problems.unknownKeys(given, KNOWN, 'adaptive');
  const count = (field: string, fallback: number): number => {
    const value = given[field] === undefined ? fallback : given[field];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
    problems.add(`adaptive.${field}`, 'an integer ≥ 1', value);
    return Number.NaN;
  };
  const min = count('min', 1);
  const max = count('max', Math.max(1_000, min || 1));
  const initial = count('initial', Math.min(max || 10, Math.max(min || 1, 10)));
  if (min > max) problems.add('adaptive.min', `no more than max (${max})`, min);
  else if (initial < min || initial > max) {
    problems.add('adaptive.initial', `an integer from min to max (${min} to ${max})`, initial);
  }
  problems.throwIfAny();
  return new AdaptiveConcurrency({ min, max, initial });
}
