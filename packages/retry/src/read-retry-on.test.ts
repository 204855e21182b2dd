import { Problems } from '@sluice/core';
import { expect, it } from 'vitest';
import type { Classifier } from './classifier.ts';
import { readRetryOn } from './read-retry-on.ts';
import { retryOn } from './retry-on.ts';

function read(value: unknown): { on: Classifier | undefined; paths: readonly string[] } {
  const problems = new Problems();
  const on = readRetryOn(value, 'retry.retryOn', problems);
  const found = problems.count === 0 ? [] : issuesOf(problems);
  return { on, paths: found };
}

function issuesOf(problems: Problems): readonly string[] {
  try {
    problems.throwIfAny();
  } catch (error) {
    return (error as { issues: readonly { path: string }[] }).issues.map(({ path }) => path);
  }
  return [];
}

it('takes a classifier as it is', () => {
  const on = retryOn.status(503);
  expect(read(on).on).toBe(on);
});

it('takes a function for what it answers', () => {
  const { on } = read((error: unknown) => error === 1);
  expect([on?.(1), on?.(2)]).toEqual([true, false]);
});

it('takes a list for any of its members', () => {
  const { on } = read([retryOn.status(503), (error: unknown) => error === 1]);
  expect([on?.({ status: 503 }), on?.(1), on?.(2), on?.names(503)]).toEqual([true, true, false, true]);
});

it.each<[string, unknown, readonly string[]]>([
  ['nothing', undefined, ['retry.retryOn']],
  ['a status', 503, ['retry.retryOn']],
  ['an empty list', [], ['retry.retryOn']],
  ['a list with what is none', [retryOn.defaults, 503, 'x'], ['retry.retryOn[1]', 'retry.retryOn[2]']],
  ['a list in a list', [[retryOn.defaults]], ['retry.retryOn[0]']],
  ['a list with a hole', new Array(1), ['retry.retryOn[0]']],
  ['a function that answers later', async () => true, ['retry.retryOn']],
  ['one of them in a list', [async () => true], ['retry.retryOn[0]']],
])('notes %s', (_, value, paths) => {
  expect(read(value)).toEqual({ on: undefined, paths });
});
