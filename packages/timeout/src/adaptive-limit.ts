import { Problems, readDuration, readPlain } from '@sluice/core';
import { ByTarget } from './by-target.ts';
import { LearnedLimit } from './learned-limit.ts';

/** How {@link adaptiveLimit} learns. */
export interface AdaptiveLimitOptions {
  /** Which part of the calls that end well is to end within the limit, in per cent, above 0 up to 100; 99 unless set. */
  readonly percentile?: number | undefined;
  /** By how much the limit is longer than that, 1 or more; 1.5 unless set. */
  readonly factor?: number | undefined;
  /** The shortest limit, in milliseconds or as text; 10 ms unless set. */
  readonly min?: number | string | undefined;
  /** The longest limit, and the one that holds while nothing has been learned; 30 s unless set. */
  readonly max?: number | string | undefined;
  /** How many calls must have ended well before what they took is believed, 1 or more; 20 unless set. */
  readonly warmup?: number | undefined;
}

/** The fields of {@link AdaptiveLimitOptions}, checked, times in milliseconds. */
export interface AdaptiveLimitFields {
  readonly percentile: number;
  readonly factor: number;
  readonly min: number;
  readonly max: number;
  readonly warmup: number;
}

const BRAND: unique symbol = Symbol.for('sluice.adaptive-limit') as never;

/** A limit that is learned, for each target by itself. Made by {@link adaptiveLimit}. */
export class AdaptiveLimit {
  readonly fields: AdaptiveLimitFields;
  readonly #learned: ByTarget<LearnedLimit>;

  /** Use {@link adaptiveLimit}, which checks what it is given. */
  constructor(fields: AdaptiveLimitFields) {
    this.fields = fields;
    this.#learned = new ByTarget((use) => new LearnedLimit(fields, use));
  }

  /** What is learned of one target. */
  of(subject: { readonly target: string; readonly name: string }): LearnedLimit {
    return this.#learned.of(subject);
  }

  /** What it is for a target, in words, for `explain()`. */
  describe(subject: { readonly target: string; readonly name: string }): string {
    const { percentile, factor, min, max } = this.fields;
    const learned = this.#learned.known(subject);
    const now =
      learned === undefined || !learned.warm ? `${max} ms until it has learned` : `${Math.round(learned.limit)} ms now`;
    return `adaptive p${percentile} × ${factor}, ${min} to ${max} ms (${now})`;
  }
}

Object.defineProperty(AdaptiveLimit.prototype, BRAND, { value: true });

/** Whether `value` is an adaptive limit, of this or any other copy of the package. */
export function isAdaptiveLimit(value: unknown): value is AdaptiveLimit {
  try {
    return typeof value === 'object' && value !== null && (value as { readonly [BRAND]?: unknown })[BRAND] === true;
  } catch {
    return false;
  }
}

const KNOWN = ['percentile', 'factor', 'min', 'max', 'warmup'];

/**
 * A limit that learns from how long calls really take, for each stage, tool and function by itself, in fixed memory.
 *
 * It is `factor` times what `percentile` per cent of the calls that ended well took. Calls that were cut off by it say nothing about how
 * long they would have taken, and are not learned from; when as many in a row as `warmup` are cut off, what was learned no longer
 * holds, and it begins anew at `max`. What is old counts for less and less.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { adaptiveLimit, timeout } from '@sluice/timeout';
 *
 * const fetchUser = async (id: string) => ({ id });
 * const load = wrap(fetchUser, timeout({ attempt: adaptiveLimit({ percentile: 99, factor: 2, max: '10s' }) }));
 * console.assert((await load('7')).id === '7');
 * ```
 *
 * @see {@link timeout}
 */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): AdaptiveLimit {
  const problems = new Problems();
  const given = readPlain(options, 'adaptiveLimit', problems) ?? {};
  problems.unknownKeys(given, KNOWN, 'adaptiveLimit');
  const { percentile = 99, factor = 1.5, min = 10, max = 30_000, warmup = 20 } = given;
  const number = (value: unknown, field: string, expected: string, fits: (value: number) => boolean): number => {
    if (typeof value === 'number' && fits(value)) return value;
    problems.add(`adaptiveLimit.${field}`, expected, value);
    return Number.NaN;
  };
  const fields: AdaptiveLimitFields = {
    percentile: number(percentile, 'percentile', 'a percentage above 0, up to 100', (n) => n > 0 && n <= 100),
    factor: number(factor, 'factor', 'a finite number ≥ 1', (n) => n >= 1 && Number.isFinite(n)),
    min: readLimit(min, 'adaptiveLimit.min', problems),
    max: readLimit(max, 'adaptiveLimit.max', problems),
    warmup: number(warmup, 'warmup', 'an integer ≥ 1', (n) => Number.isInteger(n) && n >= 1),
  };
  if (fields.min > fields.max) problems.add('adaptiveLimit.min', `no more than max (${fields.max} ms)`, min);
  problems.throwIfAny();
  return new AdaptiveLimit(fields);
}

/** A limit that there really is: neither none nor nothing. */
function readLimit(value: unknown, path: string, problems: Problems): number {
  const ms = readDuration(value, path, problems);
  if (ms > 0 && ms < Number.POSITIVE_INFINITY) return ms;
  if (!Number.isNaN(ms)) problems.add(path, 'a limit above 0 ms', value);
  return Number.NaN;
}
