import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { ConfigError } from './errors/config-error.ts';
import { readList, readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';

/** What was answered, and all that was said to be wrong. */
function told<T>(read: (problems: Problems) => T): { readonly answer: T; readonly said: readonly string[] } {
  const problems = new Problems();
  const answer = read(problems);
  try {
    problems.throwIfAny();
  } catch (error) {
    return { answer, said: (error as ConfigError).issues.map(({ message }) => message) };
  }
  return { answer, said: [] };
}
const plain = (value: unknown, path = 'here') => told((problems) => readPlain(value, path, problems));
const list = (value: unknown) => told((problems) => readList(value, 'here', problems, 'an array of names'));

const trap = (): never => {
  throw new Error('trap');
};
function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}
class Options {
  readonly own = 1;
}

describe('a plain object', () => {
  it.each<[string, object]>([
    ['an object literal', { a: 1, b: undefined, c: null }],
    ['an empty one', {}],
    ['one without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['a frozen one', Object.freeze({ a: 1 })],
    ['one of another realm', runInNewContext('({ a: 1, b: 2 })') as object],
    ['one of another realm without a prototype', runInNewContext('Object.assign(Object.create(null), { a: 1 })')],
    ['one that says that it is something else', { constructor: Map, [Symbol.toStringTag]: 'Map', then: () => {} }],
    ['a Proxy that answers', new Proxy({ a: 1 }, {})],
    ['a Proxy of a Proxy', new Proxy(new Proxy({ a: 1 }, {}), {})],
  ])('may be %s, and is read into an object of its own', (_, value) => {
    const { answer, said } = plain(value);
    expect(said).toEqual([]);
    expect(answer).not.toBe(value);
    expect(Object.entries(answer ?? {})).toEqual(Object.entries(value));
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'a', '"a"'],
    ['a number', 5, '5'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a function', () => 1, 'a function'],
    ['a class', Options, 'a function'],
    ['an array', ['a'], 'an array of 1'],
    ['an array of another realm', runInNewContext('[1, 2]'), 'an array of 2'],
    ['a Map', new Map([['a', 1]]), 'a Map'],
    ['a Set', new Set(['a']), 'a Set'],
    ['a Map of another realm', runInNewContext('new Map()'), 'a Map'],
    ['a date', new Date(0), 'a Date'],
    ['a pattern', /a/, 'an object'],
    ['an error', new Error('a'), 'an Error'],
    ['a promise', Promise.resolve({}), 'a Promise'],
    ['an array of bytes', new Uint8Array(2), 'an object'],
    ['a text as an object', Object('a'), 'an object'],
    ['an instance of a class', new Options(), 'an object'],
    ['an instance of a class of a class', new (class extends Options {})(), 'an object'],
    ['an object that inherits what it says', Object.create({ a: 1 }), 'an object'],
    ['a generator', (function* () {})(), 'an object'],
    ['a Proxy of an array', new Proxy([], {}), 'a Proxy'],
    ['a Proxy of a Map', new Proxy(new Map(), {}), 'a Proxy'],
    ['a Proxy of a function', new Proxy(() => {}, {}), 'a Proxy'],
  ])('cannot be %s', (_, value, got) => {
    expect(plain(value)).toEqual({ answer: undefined, said: [`here: expected a plain object, got ${got}`] });
  });

  it('that is none is told in the words of who asks', () => {
    const { said } = told((problems) => readPlain(5, 'here', problems, 'a stage { name, use }'));
    expect(said).toEqual(['here: expected a stage { name, use }, got 5']);
  });

  it('that has no path is called options where it is none, or cannot be read', () => {
    expect(plain(5, '').said).toEqual(['options: expected a plain object, got 5']);
    expect(plain(revoked({}), '').said).toEqual([expect.stringMatching(/^options: could not be read: ./)]);
    expect(plain(new Proxy({}, { ownKeys: trap }), '').said).toEqual(['options: could not be read: trap']);
  });

  it('has the fields that it has itself, in their order, and those alone that can be listed and have a text for a name', () => {
    const value = Object.defineProperty({ b: 1, a: 2, [Symbol('s')]: 3 }, 'hidden', { value: 4, enumerable: false });
    expect(Object.entries(plain(value).answer ?? {})).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
  });

  it('has each of its fields read once', () => {
    const read: string[] = [];
    const value = new Proxy(
      { a: 1, b: 2 },
      {
        get(target, key, receiver) {
          read.push(String(key));
          return Reflect.get(target, key, receiver);
        },
      },
    );
    const { answer } = plain(value);
    expect(read).toEqual(['a', 'b']);
    expect([answer?.['a'], answer?.['a'], read.length]).toEqual([1, 1, 2]);
  });

  it('may have a field called __proto__, which is only a field', () => {
    const { answer, said } = plain(JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"a":3}'));
    expect(said).toEqual([]);
    expect(Object.entries(answer ?? {})).toEqual([
      ['__proto__', { polluted: 1 }],
      ['constructor', 2],
      ['a', 3],
    ]);
    expect(Object.getPrototypeOf(answer)).toBe(Object.prototype);
    expect(answer?.['polluted']).toBeUndefined();
    expect('polluted' in {}).toBe(false);
  });

  it('is told by name of each field that throws when it is read, and has the others', () => {
    const value = Object.defineProperties(
      { a: 1 },
      {
        b: { get: trap, enumerable: true },
        c: { value: 3, enumerable: true },
        d: { get: trap, enumerable: true },
      },
    );
    const { answer, said } = plain(value);
    expect(said).toEqual(['here.b: could not be read: trap', 'here.d: could not be read: trap']);
    expect(answer).toEqual({ a: 1, c: 3 });
    expect(plain(value, '').said).toEqual(['b: could not be read: trap', 'd: could not be read: trap']);
  });

  it.each<[unknown, string]>([
    ['trap', '"trap"'],
    [undefined, 'undefined'],
    [new Proxy(new Error('a'), { get: trap, getPrototypeOf: trap }), 'a Proxy'],
    [{ message: trap }, 'an object'],
  ])('with a field that throws what is no error is told with what that is', (thrown, said) => {
    const value = {
      get a(): unknown {
        throw thrown;
      },
    };
    expect(plain(value).said).toEqual([`here.a: could not be read: ${said}`]);
  });

  it.each<[string, unknown]>([
    ['that is revoked', revoked({})],
    ['that will not say what it is', new Proxy({}, { getPrototypeOf: trap })],
  ])('that is a Proxy %s is told, and is none', (_, value) => {
    const { answer, said } = plain(value);
    expect(answer).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/^here: could not be read: ./)]);
  });

  it.each<[string, ProxyHandler<object>]>([
    ['its fields', { ownKeys: trap }],
    ['what its fields are', { getOwnPropertyDescriptor: trap }],
  ])('that is a Proxy that will not say %s is told, and has none', (_, handler) => {
    expect(plain(new Proxy({ a: 1 }, handler))).toEqual({ answer: {}, said: ['here: could not be read: trap'] });
  });
});

describe('a list', () => {
  it.each<[string, unknown, readonly unknown[]]>([
    ['an array', ['a', 'b'], ['a', 'b']],
    ['an empty one', [], []],
    ['a frozen one', Object.freeze(['a']), ['a']],
    ['one of another realm', runInNewContext('[1, 2]'), [1, 2]],
    ['one of a class of its own', new (class extends Array<unknown> {})('a', 'b'), ['a', 'b']],
    ['a Proxy that answers', new Proxy(['a', 'b'], {}), ['a', 'b']],
  ])('may be %s, and is read into one of its own', (_, value, members) => {
    const { answer, said } = list(value);
    expect(said).toEqual([]);
    expect(answer).not.toBe(value);
    expect(answer).toEqual(members);
  });

  it('has undefined for each of its holes', () => {
    const value = new Array<unknown>(3);
    value[1] = 'a';
    const { answer } = list(value);
    expect(answer).toStrictEqual([undefined, 'a', undefined]);
    const seen: unknown[] = [];
    answer?.forEach((member) => void seen.push(member));
    expect(seen).toHaveLength(3);
  });

  it('has each of its members read once', () => {
    let read = 0;
    const value = Object.defineProperty(['a', 'b'], 1, { get: () => `read ${++read}`, enumerable: true });
    const { answer } = list(value);
    expect([answer?.[1], answer?.[1], read]).toEqual(['read 1', 'read 1', 1]);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'abc', '"abc"'],
    ['a Set', new Set(['a']), 'a Set'],
    ['what looks like an array', { length: 1, 0: 'a' }, 'an object'],
    ['bytes', new Uint8Array(2), 'an object'],
    ['an object that inherits from an array', Object.create([]), 'an object'],
  ])('cannot be %s', (_, value, got) => {
    expect(list(value)).toEqual({ answer: undefined, said: [`here: expected an array of names, got ${got}`] });
  });

  it.each<[string, unknown]>([
    ['a member that throws when it is read', Object.defineProperty(['a'], 0, { get: trap })],
    ['a Proxy that throws', new Proxy([], { get: trap })],
    ['a Proxy that is revoked', revoked([])],
  ])('that is, or holds, %s is told, and is none', (_, value) => {
    const { answer, said } = list(value);
    expect(answer).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/^here: could not be read: ./)]);
  });
});
