import { expect, it } from 'vitest';
import { Snapshot } from './snapshot.ts';

it('a snapshot stays as it was when it was taken', () => {
  const snapshot = new Snapshot();
  expect(snapshot.value).toBeUndefined();
  const rows = [1];
  expect(snapshot.take({ rows })).toBe(true);
  rows.push(2);
  expect(snapshot.value).toEqual({ rows: [1] });
});

it('the latest snapshot counts', () => {
  const snapshot = new Snapshot();
  snapshot.take(1);
  snapshot.take(2);
  expect(snapshot.value).toBe(2);
});

it.each<[string, unknown, string]>([
  ['a function', () => {}, 'a function'],
  ['an object with a function', { run: () => {} }, 'an object'],
  [
    'a hostile getter',
    {
      get bad(): never {
        throw new Error('no');
      },
    },
    'an object',
  ],
  ['a Proxy', new Proxy({}, {}), 'a Proxy'],
])('%s cannot be copied: the last good copy stays', (_, value, words) => {
  const snapshot = new Snapshot();
  snapshot.take('good');
  expect(snapshot.take(value)).toBe(false);
  expect(snapshot.value).toBe('good');
  expect(snapshot.refused).toBe(words);
  snapshot.take('better');
  expect(snapshot.refused).toBeUndefined();
});
