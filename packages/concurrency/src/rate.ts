import { type Duration, type Problems, readDuration, readPlain } from '@sluice/core';

type Unit = 'ms' | 's' | 'm' | 'h' | 'd';

/** How much may go in how long, as a user writes it: `'60/m'`, `'10/s'`, `'5/500ms'`, or `{ limit: 10, per: '1s' }`. */
export type RateInput =
  | `${number}/${Unit}`
  | `${number}/${number}${Unit}`
  | {
      /** How much may go in that time, above 0. */
      readonly limit: number;
      /** The time, in milliseconds or as text, above 0. */
      readonly per: Exclude<Duration, 'none'>;
    };

/** How much may go in how long, checked. */
export interface Rate {
  /** How much may go in {@link perMs}: a finite number above 0. */
  readonly limit: number;
  /** The time, in milliseconds: a finite number above 0. */
  readonly perMs: number;
}

const TEXT = /^(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)?(ms|s|m|h|d)$/;

const EXPECTED = "a rate: text such as '60/m', '10/s', '5/500ms', '1000/d', or { limit, per }, both above 0";

const FIELDS = ['limit', 'per'];

/** Turns what was written at `path` into a {@link Rate}; notes what is wrong, and then some field of the answer is NaN. */
export function readRate(value: unknown, path: string, problems: Problems): Rate {
  if (typeof value === 'string') return readText(value, path, problems);
  if (typeof value !== 'object') {
    problems.add(path, EXPECTED, value);
    return { limit: Number.NaN, perMs: Number.NaN };
  }
  const given = readPlain(value, path, problems, EXPECTED);
  if (given === undefined) return { limit: Number.NaN, perMs: Number.NaN };
  problems.unknownKeys(given, FIELDS, path);
  return { limit: readAmount(given['limit'], `${path}.limit`, problems), perMs: readPer(given['per'], path, problems) };
}

function readText(text: string, path: string, problems: Problems): Rate {
  const match = TEXT.exec(text);
  const limit = match ? Number(match[1]) : Number.NaN;
  // Checked apart, so that what is wrong with a text is told in the words of a rate.
  const perMs = match ? readDuration(`${match[2] ?? 1}${match[3]}`, path, problems) : Number.NaN;
  if (match && Number.isNaN(perMs)) return { limit, perMs };
  if (limit > 0 && Number.isFinite(limit) && perMs > 0) return { limit, perMs };
  problems.add(path, EXPECTED, text);
  return { limit: Number.NaN, perMs: Number.NaN };
}

function readAmount(value: unknown, path: string, problems: Problems): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  problems.add(path, 'a finite number above 0', value);
  return Number.NaN;
}

function readPer(value: unknown, path: string, problems: Problems): number {
  const perMs = readDuration(value, `${path}.per`, problems);
  if (perMs > 0 && perMs < Number.POSITIVE_INFINITY) return perMs;
  if (!Number.isNaN(perMs)) problems.add(`${path}.per`, 'a time above 0 ms, and not for ever', value);
  return Number.NaN;
}
