import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.ts';

/** Structured data of all kinds that say themselves what they are. */
const data = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(0, -0, 1, Number.NaN, '', '0', '1', null, true, false, 'a:b;', 0n, 1n),
    fc.string(),
    fc.double(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 4 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('any'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(fc.string({ maxLength: 2 }), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(fc.string({ maxLength: 2 }), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).any;

/** The same data, with its keys the other way round, and nothing shared. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value instanceof Map) return new Map([...value].reverse().map(([key, one]) => [key, reversed(one)]));
  if (value instanceof Set) return new Set([...value].reverse());
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]) => [key, reversed(one)]),
  );
}

describe('a fingerprint', () => {
  it('is equal for equal data, in whatever order its keys are', () => {
    fc.assert(fc.property(data, (value) => fingerprint(reversed(value)) === fingerprint(value)));
  });

  it('differs for data that differ', () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        expect(fingerprint(one) === fingerprint(other)).toBe(isDeepStrictEqual(one, other));
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not tell what is shared from what is there twice', () => {
    fc.assert(
      fc.property(data, (value) => {
        const copy = structuredClone(value);
        return (
          fingerprint([value, { again: value }, value]) ===
          fingerprint([copy, { again: value }, structuredClone(value)])
        );
      }),
    );
  });

  it('is short, and costs what is there, however often that is shared', () => {
    let value: unknown = ['leaf'];
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(fingerprint(value)).toHaveLength(43);
  });
});

class Point {
  readonly x: number;
  constructor(x: number) {
    this.x = x;
  }
}
class Secret {
  readonly #held: number;
  constructor(held: number) {
    this.#held = held;
  }
  get held(): number {
    return this.#held;
  }
}
const circle = (size: number, extra: object = {}): object => {
  const nodes: Record<string, unknown>[] = Array.from({ length: size }, (_, index) => ({ index }));
  for (const [index, node] of nodes.entries()) node['next'] = nodes[(index + 1) % size];
  return Object.assign(nodes[0] as object, extra);
};
const symbol = Symbol('s');
const same = () => {};
const secret = new Secret(1);

it.each<[string, unknown, unknown]>([
  ['a field that is undefined and none', { a: 1, b: undefined }, { a: 1 }],
  ['an object without a prototype and a plain one', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['instances of one class with the same fields', new Point(1), new Point(1)],
  ['not-a-numbers', Number.NaN, Number.NaN],
  ['dates of one moment', new Date(5), new Date(5)],
  ['buffers', Buffer.from('abc'), Buffer.from('abc')],
  ['views of different buffers', new Uint8Array([1, 2]).subarray(1), new Uint8Array([2])],
  ['array buffers', new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
  ['expressions', /a/g, /a/g],
  ['URLs', new URL('http://a/b'), new URL('http://a/b')],
  ['search parameters', new URLSearchParams('a=1'), new URLSearchParams('a=1')],
  ['boxed numbers', Object(5), Object(5)],
  ['errors', new Error('no', { cause: 1 }), new Error('no', { cause: 1 })],
  ['signals, which say nothing of what is asked for', new AbortController().signal, AbortSignal.abort()],
  ['symbols of the registry', Symbol.for('a'), Symbol.for('a')],
  ['one symbol', [symbol], [symbol]],
  ['one function', same, same],
  ['one object that keeps all to itself', { secret }, { secret }],
  ['circles', circle(3), circle(3)],
  ['circles that are shared, and there twice', ((one) => [one, one])(circle(2)), [circle(2), circle(2)]],
  ['maps with objects for keys', new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1]])],
  ['holes and undefined', new Array(2), [undefined, undefined]],
])('%s read the same', (_, one, other) => {
  expect(fingerprint(one)).toBe(fingerprint(other));
});

it.each<[string, unknown, unknown]>([
  ['zero and minus zero', 0, -0],
  ['a number and its text', 1, '1'],
  ['a number and a bigint', 1, 1n],
  ['null and undefined', null, undefined],
  ['a list with undefined and without', [undefined], []],
  ['a text in one and in two', ['ab'], ['a', 'b']],
  ['a list and an object of its members', ['a'], { 0: 'a' }],
  ['a class and plain data', new Point(1), { x: 1 }],
  ['an Error and plain data', new Error('x'), { message: 'x' }],
  ['errors of different causes', new Error('x', { cause: 1 }), new Error('x', { cause: 2 })],
  ['a date and its text', new Date(5), new Date(5).toJSON()],
  ['dates', new Date(5), new Date(6)],
  ['bytes of different kinds', new Uint8Array([1, 0]), new Uint16Array([1])],
  ['bytes', new Uint8Array([1]), new Uint8Array([2])],
  ['search parameters', new URLSearchParams('a=1'), new URLSearchParams('a=2')],
  ['boxed numbers', Object(5), Object(6)],
  ['two symbols of one name', Symbol('a'), Symbol('a')],
  ['a symbol and one of the registry', Symbol('a'), Symbol.for('a')],
  ['two functions', () => {}, () => {}],
  ['two that keep all to themselves', new Secret(1), new Secret(2)],
  ['circles of different sizes', circle(2), circle(3)],
  ['a circle, and one with more in it', circle(2), circle(2, { more: 1 })],
  ['a Map and a Set', new Map([['a', 'b']]), new Set([['a', 'b']])],
  ['a Map and its entries turned round', new Map([['a', 'b']]), new Map([['b', 'a']])],
  ['expressions with different flags', /a/g, /a/i],
  ['two places for one part', { a: { x: 1 }, b: {} }, { a: {}, b: { x: 1 } }],
])('%s read differently', (_, one, other) => {
  expect(fingerprint(one)).not.toBe(fingerprint(other));
});

it('long parts are told apart, and are the same wherever they are', () => {
  const long = (end: string) => ({ text: 'x'.repeat(10_000) + end });
  expect(fingerprint([long('a'), 1])).toBe(fingerprint([long('a'), 1]));
  expect(fingerprint([long('a'), 1])).not.toBe(fingerprint([long('b'), 1]));
});

it('two nodes that know each other and their parent are read to the end', () => {
  const family = (name: string) => {
    const parent: Record<string, unknown> = { name };
    const child = { parent };
    parent['children'] = [child, child];
    return parent;
  };
  expect(fingerprint(family('a'))).toBe(fingerprint(family('a')));
  expect(fingerprint(family('a'))).not.toBe(fingerprint(family('b')));
  const all: Record<string, unknown>[] = Array.from({ length: 40 }, (_, index) => ({ index }));
  for (const one of all) one['all'] = all;
  expect(fingerprint(all)).toHaveLength(43);
});

it('what leads back is told by where it leads', () => {
  const one: Record<string, unknown> = {};
  one['part'] = { leaf: { up: one } };
  one['rest'] = { part: one['part'] };
  const other: Record<string, unknown> = {};
  const deep: Record<string, unknown> = {};
  other['part'] = { leaf: { up: other } };
  other['rest'] = deep;
  deep['part'] = { leaf: { up: deep } };
  expect(fingerprint(one)).not.toBe(fingerprint(other));
});

it('what cannot be read throws what reading it throws', () => {
  const hostile = {
    get field(): never {
      throw new Error('no');
    },
  };
  expect(() => fingerprint({ hostile })).toThrow('no');
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(() => fingerprint(proxy)).toThrow(TypeError);
});
