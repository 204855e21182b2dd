import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { ErrorNote } from './error-note.ts';

it('is found on what it was put on, the last that was put there', () => {
  const error = new Error('no');
  expect(ErrorNote.of(error)).toBeUndefined();
  ErrorNote.put(error, 1);
  expect(ErrorNote.of(error)).toBe(1);
  ErrorNote.put(error, 2);
  expect(ErrorNote.of(error)).toBe(2);
  expect(ErrorNote.of(new Error('other'))).toBeUndefined();
});

it('is nowhere to be seen, and changes nothing', () => {
  const error = Object.assign(new Error('no'), { status: 404 });
  const before = [inspect(error), Reflect.ownKeys(error), JSON.stringify(error)];
  ErrorNote.put(error, 'note');
  expect([inspect(error), Reflect.ownKeys(error), JSON.stringify(error)]).toEqual(before);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(ErrorNote);
  expect(structuredClone(error).message).toBe('no');
});

it('can be put on what is frozen, and on a proxy, which keeps it for itself', () => {
  const frozen = Object.freeze(new Error('frozen'));
  const inside = new Error('inside');
  const proxy = new Proxy(inside, {});
  for (const one of [frozen, proxy]) {
    ErrorNote.put(one, 'note');
    expect(ErrorNote.of(one)).toBe('note');
  }
  expect(ErrorNote.of(inside)).toBeUndefined();
});

it('asks nothing of what throws when it is looked at', () => {
  const hostile = new Proxy(new Error('x'), {
    get() {
      throw new Error('get');
    },
    has() {
      throw new Error('has');
    },
    defineProperty() {
      throw new Error('define');
    },
  });
  ErrorNote.put(hostile, 'note');
  expect(ErrorNote.of(hostile)).toBe('note');
});
