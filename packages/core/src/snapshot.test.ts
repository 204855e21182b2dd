import { expect, it } from 'vitest';
import { Snapshot, snapshotOf } from './snapshot.ts';

it('a snapshot stays as it was when it was taken', () => {
  const snapshot = new Snapshot();
  expect(snapshot.value).toBeUndefined();
  const rows = [1];
  expect(snapshot.take({ rows })).toBeUndefined();
  rows.push(2);
  expect(snapshot.value).toEqual({ rows: [1] });
});

it('the latest snapshot counts', () => {
  const snapshot = new Snapshot();
  snapshot.take(1);
  snapshot.take(2);
  expect(snapshot.value).toBe(2);
});

const MB = 1_048_576;

it.each<[string, unknown]>([
  ['a function', () => {}],
  ['an object with a function', { run: () => {} }],
  [
    'a hostile getter',
    {
      get bad(): never {
        throw new Error('no');
      },
    },
  ],
  ['a Proxy', new Proxy({}, {})],
])('%s cannot be copied: the last good copy stays', (_, value) => {
  const snapshot = new Snapshot();
  expect(snapshot.take(value)).toBe('it cannot be copied');
  expect(snapshot.value).toBe('[not kept: it cannot be copied]');
  snapshot.take('good');
  expect(snapshot.take(value)).toBe('it cannot be copied');
  expect(snapshot.value).toBe('good');
});

it.each<[string, unknown]>([
  ['a text', 'x'.repeat(MB)],
  ['bytes', { rows: [new Uint8Array(MB)] }],
  ['many small things', Array.from({ length: MB / 8 }, (_, index) => index)],
  ['a map', new Map([['k', 'x'.repeat(MB)]])],
])('%s of more than 1 MB is not kept: the last good copy stays', (_, value) => {
  const snapshot = new Snapshot();
  expect(snapshot.take(value)).toBe('it is larger than 1 MB');
  expect(snapshot.value).toBe('[not kept: it is larger than 1 MB]');
  snapshot.take('good');
  snapshot.take(value);
  expect(snapshot.value).toBe('good');
});

it('of the items of a stream copies are kept, and what is not kept is said in its place', () => {
  const item = { n: 1 };
  const copies = snapshotOf([item, () => {}, 'b']);
  item.n = 2;
  expect(copies).toEqual([{ n: 1 }, '[not kept: it cannot be copied]', 'b']);
});

it('of the items of a stream as many are kept from the first on as 1 MB holds', () => {
  const half = 'x'.repeat(MB / 2 - 100);
  const copies = snapshotOf([half, half, 'y'.repeat(1_000), 'z']);
  expect(copies).toEqual([half, half, '[2 more were not kept: they are larger than 1 MB]']);
});
