import { type Backoff, isBackoff, Problems, readDuration } from '@sluice/core';
import { computed } from './computed-backoff.ts';
import { constant } from './constant.ts';

const EXPECTED = 'a backoff such as exponential(), a duration, or a function (attempt, error) => ms';

/**
 * What was written at `path` as a backoff: one as it is, a function that says each wait, or a duration for the same wait each time,
 * `'none'` and 0 for no wait. Undefined, and noted, for anything else.
 */
export function readBackoff(value: unknown, path: string, problems: Problems): Backoff | undefined {
  if (typeof value === 'function') return computed(value as (attempt: number, error: unknown) => number);
  if (isBackoffSafely(value)) return value;
  if (value === 'none') return constant(0);
  const apart = new Problems();
  const wait = readDuration(value, path, apart);
  if (apart.count === 0) return constant(wait);
  problems.add(path, EXPECTED, value);
  return undefined;
}

/** An object that throws when it is looked at is no backoff. */
function isBackoffSafely(value: unknown): value is Backoff {
  try {
    return isBackoff(value);
  } catch {
    return false;
  }
}
