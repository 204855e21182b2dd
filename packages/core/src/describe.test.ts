import { expect, it } from 'vitest';
import { describe } from './describe.ts';

const fail = (): never => {
  throw new Error('touched');
};
const traps = { get: fail, getPrototypeOf: fail, ownKeys: fail, apply: fail, has: fail };

it.each<[string, unknown]>([
  ['"text"', 'text'],
  ['"line\\nbreak"', 'line\nbreak'],
  [`"${'x'.repeat(60)}"`, 'x'.repeat(60)],
  [`"${'x'.repeat(57)}..."`, 'x'.repeat(61)],
  ['7', 7],
  ['-0', -0],
  ['NaN', Number.NaN],
  ['10n', 10n],
  ['true', true],
  ['undefined', undefined],
  ['null', null],
  ['Symbol(s)', Symbol('s')],
  ['a function', fail],
  ['an array of 2', [1, 2]],
  ['an Error', new TypeError('x')],
  ['a Promise', Promise.resolve()],
  ['an object', { a: 1 }],
  ['an object', Object.create(null)],
])('a value is described as %s', (words, value) => {
  expect(describe(value)).toBe(words);
});

it.each<[string, unknown]>([
  ['a Proxy', new Proxy({}, traps)],
  ['a Proxy', new Proxy([], traps)],
  ['a Proxy', new Proxy(fail, traps)],
  ['an object', { toString: fail, toJSON: fail, [Symbol.toPrimitive]: fail }],
  ['an object', Object.defineProperty({}, Symbol.toStringTag, { get: fail })],
])('a hostile value is described as %s without touching it', (words, value) => {
  expect(describe(value)).toBe(words);
});
