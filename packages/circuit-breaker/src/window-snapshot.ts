import { type Problems, readPlain } from '@sluice/core';
import { Fields } from './fields.ts';

/** What a window over a number of calls remembers: a 0 or 1 each, the oldest first. */
export interface CountSnapshot {
  readonly type: 'count';
  readonly failed: string;
  readonly slow: string;
}

/** What a window over a time remembers, the oldest first. */
export interface TimeSnapshot {
  readonly type: 'time';
  readonly buckets: readonly BucketSnapshot[];
}

/** Calls at about the same time. */
export interface BucketSnapshot {
  readonly agoMs: number;
  readonly calls: number;
  readonly failures: number;
  readonly paced: number;
  readonly slow: number;
}

/** What a window over calls in a row remembers. */
export interface ConsecutiveSnapshot {
  readonly type: 'consecutive';
  readonly failures: number;
  readonly slow: number;
}

/** What a window remembers, as JSON. */
export type WindowSnapshot = CountSnapshot | TimeSnapshot | ConsecutiveSnapshot;

/** The kinds of windows. */
export type WindowType = WindowSnapshot['type'];

/** The snapshot of a window of that type that `value` is; undefined, and noted, when it is none. */
export function readWindowSnapshot(
  value: unknown,
  type: WindowType,
  path: string,
  problems: Problems,
): WindowSnapshot | undefined {
  const before = problems.count;
  const fields = readPlain(value, path, problems, 'the snapshot of a window');
  if (fields === undefined) return undefined;
  if (fields['type'] !== type) {
    problems.add(`${path}.type`, `"${type}", for that is what the window is now`, fields['type']);
    return undefined;
  }
  const snapshot = READERS[type](new Fields(fields, path, problems));
  return problems.count > before ? undefined : snapshot;
}

const READERS: Readonly<Record<WindowType, (fields: Fields) => WindowSnapshot>> = {
  count: (fields) => ({ type: 'count', failed: fields.bits('failed'), slow: fields.bits('slow') }),
  time: (fields) => ({ type: 'time', buckets: fields.list('buckets').map(bucketOf) }),
  consecutive: (fields) => ({ type: 'consecutive', failures: fields.count('failures'), slow: fields.count('slow') }),
};

function bucketOf(fields: Fields): BucketSnapshot {
  const bucket = {
    agoMs: fields.span('agoMs'),
    calls: fields.count('calls'),
    failures: fields.count('failures'),
    paced: fields.count('paced'),
    slow: fields.count('slow'),
  };
  if (bucket.failures > bucket.calls) fields.expected('failures', 'no more than there are calls');
  if (bucket.slow > bucket.paced) fields.expected('slow', 'no more than there are calls with a pace');
  return bucket;
}
