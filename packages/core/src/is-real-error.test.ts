import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { isRealError } from './is-real-error.ts';

const fail = (): never => {
  throw new Error('touched');
};

it.each<[string, unknown]>([
  ['an Error', new Error('x')],
  ['a frozen Error', Object.freeze(new TypeError('x'))],
  ['an Error of another realm', runInNewContext('new RangeError("x")')],
  ['a DOMException', new DOMException('x', 'AbortError')],
  ['what only inherits from Error', Object.create(Error.prototype)],
])('%s is a real error', (_, value) => {
  expect(isRealError(value)).toBe(true);
});

it.each<[string, unknown]>([
  ['a text', 'x'],
  ['undefined', undefined],
  ['null', null],
  ['a look-alike', { name: 'Error', message: 'x', stack: '' }],
  ['a function', Error],
  ['a Proxy of an Error', new Proxy(new Error('x'), { get: fail, getPrototypeOf: fail })],
])('%s is none', (_, value) => {
  expect(isRealError(value)).toBe(false);
});
