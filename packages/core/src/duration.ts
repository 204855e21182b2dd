import { Problems } from './problems.ts';

/**
 * A span of time: a number of milliseconds, text with a unit, or `'none'` for no limit at all.
 *
 * `0` means "already over": a call limited to `0` times out before it starts.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | 'none';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

const EXPECTED = "a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";

/**
 * Turns a duration into milliseconds, `Infinity` standing for `'none'`.
 *
 * Use it in a plugin's factory, with the path that a user would look for: a value that is no duration becomes a
 * {@link ConfigError} that names the path, the value and what is allowed.
 *
 * @param value - what the user wrote
 * @param path - where they wrote it, such as `'timeout.total'`
 *
 * @example
 * ```ts
 * import { parseDuration } from '@sluice/core';
 *
 * console.assert(parseDuration('1.5s', 'timeout.total') === 1500);
 * console.assert(parseDuration('none', 'timeout.total') === Infinity);
 * ```
 */
export function parseDuration(value: unknown, path: string): number {
  const problems = new Problems();
  const ms = readDuration(value, path, problems);
  problems.throwIfAny();
  return ms;
}

/**
 * Like {@link parseDuration}, but notes what is wrong instead of throwing; the answer is then NaN. For a factory that checks
 * several options and says all that is wrong with them at once.
 *
 * @example
 * ```ts
 * import { Problems, readDuration } from '@sluice/core';
 *
 * const problems = new Problems();
 * console.assert(readDuration('2m', 'timeout.total', problems) === 120_000);
 * console.assert(Number.isNaN(readDuration('soon', 'timeout.attempt', problems)) && problems.count === 1);
 * ```
 */
export function readDuration(value: unknown, path: string, problems: Problems): number {
  if (value === 'none') return Number.POSITIVE_INFINITY;
  if (value === Number.POSITIVE_INFINITY) {
    problems.add(path, "a finite duration; write 'none' for no limit", value);
    return Number.NaN;
  }
  if (typeof value === 'number' && value >= 0) return value;
  if (typeof value === 'string') {
    const match = TEXT.exec(value);
    const ms = match ? Number(match[1]) * (UNITS.get(match[2] as string) as number) : Number.NaN;
    if (Number.isFinite(ms)) return ms;
  }
  problems.add(path, EXPECTED, value);
  return Number.NaN;
}
