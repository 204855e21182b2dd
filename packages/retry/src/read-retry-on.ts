import type { Problems } from '@sluice/core';
import { type Classifier, isClassifier } from './classifier.ts';
import { retryOn } from './retry-on.ts';
import { readWhen } from './when.ts';

const EXPECTED = 'a classifier such as retryOn.status(503), a function (error, call) => boolean, or a list of them';

/** Turns what was written at `path` into a classifier; a list says yes where one of its members does. What is wrong is noted. */
export function readRetryOn(value: unknown, path: string, problems: Problems): Classifier | undefined {
  if (isClassifier(value)) return value;
  if (typeof value === 'function') return readWhen(value, path, problems);
  if (!isList(value) || value.length === 0) {
    problems.add(path, EXPECTED, value);
    return undefined;
  }
  const members = Array.from(value, (member, index) => readMember(member, `${path}[${index}]`, problems));
  const read = members.filter((member) => member !== undefined);
  return read.length < members.length ? undefined : retryOn.any(...read);
}

/** A list in a list is none: it could hold itself. */
function readMember(value: unknown, path: string, problems: Problems): Classifier | undefined {
  if (typeof value === 'function') return readRetryOn(value, path, problems);
  problems.add(path, 'a classifier or a function (error, call) => boolean', value);
  return undefined;
}

/** Whether it is an array. Never throws. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
