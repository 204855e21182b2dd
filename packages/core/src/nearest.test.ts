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

it('a name of up to a hundred letters may be meant for another, a longer one for none', () => {
  const long = 'a'.repeat(99);
  expect(nearest(`${long}b`, [`${long}c`])).toBe(`${long}c`);
  expect(nearest(`${long}bb`, [`${long}bc`])).toBeUndefined();
  expect(nearest(`${long}bb`, [`${long}bb`])).toBeUndefined();
});

it('for a name of more than a hundred letters those that are known are not even looked at', () => {
  let looked = 0;
  const known: Iterable<string> = {
    *[Symbol.iterator]() {
      looked++;
      yield 'a';
    },
  };
  expect(nearest('a'.repeat(1_000_000), known)).toBeUndefined();
  expect(looked).toBe(0);
  nearest('a'.repeat(100), known);
  expect(looked).toBe(1);
});

it('a known name of a million letters is too far from every name', () => {
  expect(nearest('a'.repeat(100), ['a'.repeat(1_000_000), 'a'.repeat(99)])).toBe('a'.repeat(99));
  expect(nearest('a'.repeat(100), ['a'.repeat(1_000_000)])).toBeUndefined();
});
