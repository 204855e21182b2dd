import { expect, it } from 'vitest';
import { isBackoff } from './backoff.ts';

const doubling = { delay: () => 1, longest: () => 2, describe: () => 'doubling' };

it('a backoff is what can say each wait, the longest it can be, and what it is', () => {
  expect(isBackoff(doubling)).toBe(true);
  for (const name of Object.keys(doubling)) expect(isBackoff({ ...doubling, [name]: undefined })).toBe(false);
});

it.each([[undefined], [null], [100], ['1s'], [() => 100], [{}]])('%s is no backoff', (value) => {
  expect(isBackoff(value)).toBe(false);
});
