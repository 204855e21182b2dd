import { expect, it } from 'vitest';
import { hasMethods } from './has-methods.ts';

it.each<[string, unknown, boolean]>([
  ['an object that has them all', { a() {}, b: () => {}, c: 1 }, true],
  ['an object that inherits them', Object.create({ a() {}, b() {} }), true],
  ['an object that lacks one', { a() {} }, false],
  ['an object of which one is no function', { a() {}, b: 1 }, false],
  ['a function', Object.assign(() => {}, { a() {}, b() {} }), false],
  ['null', null, false],
  ['nothing', undefined, false],
])('%s is known by its methods', (_, value, has) => {
  expect(hasMethods(value, ['a', 'b'])).toBe(has);
});
