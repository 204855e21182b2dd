import { expect, it } from 'vitest';
import { nearest } from './nearest.ts';

const KNOWN = ['attempts', 'backoff', 'total', 'jitter'];

it.each([
  ['atempts', 'attempts'],
  ['attemtps', 'attempts'],
  ['ATTEMPTS', 'attempts'],
  ['Backof', 'backoff'],
  ['totla', 'total'],
  ['jitters', 'jitter'],
])('%s is taken for %s', (written, meant) => {
  expect(nearest(written, KNOWN)).toBe(meant);
});

it.each(['deadline', 'jotzzr', 'x', '', '__proto__', 'a'.repeat(10_000)])(
  '%s is too far from everything to suggest anything',
  (written) => {
    expect(nearest(written, KNOWN)).toBeUndefined();
  },
);

it('of two the nearer one is meant, of equally near ones the first', () => {
  expect(nearest('retries', ['retrying', 'retried', 'retires'])).toBe('retried');
  expect(nearest('cat', ['bat', 'hat'])).toBe('bat');
});

it('neighbouring letters that are swapped count once', () => {
  expect(nearest('ab', ['ba'])).toBe('ba');
  expect(nearest('ab', ['cd'])).toBeUndefined();
});

it('nothing is near where nothing is known', () => {
  expect(nearest('total', [])).toBeUndefined();
});
