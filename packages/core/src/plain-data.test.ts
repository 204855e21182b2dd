import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { plainData } from './plain-data.ts';
import { Problems } from './problems.ts';

function read(value: unknown, name = 'it'): { copy: unknown; said: readonly string[]; paths: readonly string[] } {
  const problems = new Problems();
  const copy = plainData(value, name, problems);
  try {
    problems.throwIfAny();
  } catch (error) {
    const { issues } = error as ConfigError;
    expect(error).toBeInstanceOf(ConfigError);
    return { copy, said: issues.map(({ message }) => message), paths: issues.map((issue) => issue.path) };
  }
  return { copy, said: [], paths: [] };
}

const nested = (levels: number, leaf: unknown, wrap: (inner: unknown) => unknown): unknown => {
  let value = leaf;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};

describe('plain data', () => {
  it.each<[unknown]>([
    [null],
    [true],
    [0],
    [-1.5],
    ['text'],
    [''],
    [[]],
    [{}],
    [[1, [2, { a: null }]]],
    [{ a: { b: [{ c: 'd' }] }, toString: 1, hasOwnProperty: 2, length: 3 }],
    [JSON.parse('{ "a.b": [1], "": {}, "0": 1, "then": 2 }')],
  ])('such as %j is copied as it is', (value) => {
    expect(read(value)).toEqual({ copy: value, said: [], paths: [] });
  });

  it('is copied: nothing of the copy is shared with what was given', () => {
    const value = { list: [{ a: 1 }] };
    const { copy } = read(value);
    (value.list[0] as { a: number }).a = 2;
    value.list.push({ a: 3 });
    expect(copy).toEqual({ list: [{ a: 1 }] });
  });

  it('loses what is undefined in objects, as JSON does', () => {
    expect(Object.keys(read({ a: undefined, b: 1 }).copy as object)).toEqual(['b']);
  });

  it('gets ordinary objects, whatever it was made of', () => {
    const { copy } = read(Object.assign(Object.create(null), { a: Object.freeze({ b: 1 }) }));
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.isFrozen((copy as { a: object }).a)).toBe(false);
  });

  it('may use one object in many places', () => {
    const shared = { a: 1 };
    expect(read([shared, shared, { shared }])).toMatchObject({ copy: [shared, shared, { shared }], said: [] });
  });

  it('leaves numbers that JSON does not have to whoever reads them', () => {
    const { copy, said } = read([Number.NaN, Number.POSITIVE_INFINITY, -0]);
    expect(copy).toEqual([Number.NaN, Number.POSITIVE_INFINITY, -0]);
    expect(said).toEqual([]);
  });
});

describe('plain data is bounded', () => {
  it('to 16 levels', () => {
    const inObject = (inner: unknown): unknown => ({ a: inner });
    const inList = (inner: unknown): unknown => [inner];
    for (const [wrap, path] of [
      [inObject, Array(16).fill('a').join('.')],
      [inList, '[0]'.repeat(16)],
    ] as const) {
      expect(read(nested(16, 1, wrap)).said).toEqual([]);
      expect(read(nested(17, 1, wrap)).said).toEqual([`${path}: is nested more than 16 deep`]);
      expect(read(nested(10_000, 1, wrap)).said).toHaveLength(1);
    }
  });

  it('to 10,000 values', () => {
    const list = (length: number): unknown[] => Array.from({ length }, () => 1);
    expect(read(list(9_999)).said).toEqual([]);
    expect(read(list(10_000)).said).toEqual(['it: a list of 10000 is too long']);
    const fields = (length: number): object => Object.fromEntries(list(length).map((_, index) => [`k${index}`, 1]));
    expect(read(fields(9_999)).said).toEqual([]);
    expect(read(fields(10_000)).said).toEqual(['k9999: there are more than 10000 values; a configuration is smaller']);
    expect(read([list(5_000), list(5_000)]).said).toHaveLength(1);
  });

  it('also where one object is used so often that there are billions of values', () => {
    const wide = nested(15, 1, (inner) => [inner, inner, inner, inner]);
    expect(read(wide).said.length).toBeGreaterThan(0);
    const objects = nested(15, 1, (inner) => ({ a: inner, b: inner, c: inner, d: inner }));
    expect(read(objects).said.length).toBeGreaterThan(0);
  });

  it('in a list of 4,000,000,000, which is not walked', () => {
    expect(read(new Array(4e9)).said).toEqual(['it: a list of 4000000000 is too long']);
    expect(read({ a: new Array(2 ** 32 - 1) }).paths).toEqual(['a']);
  });

  it('to texts of 10,000 characters, which are not repeated in what is said', () => {
    expect(read('x'.repeat(10_000)).said).toEqual([]);
    expect(read({ a: 'x'.repeat(10_001) }).said).toEqual(['a: a text of 10001 characters is too long']);
    expect(read(['x'.repeat(1e7)]).said).toEqual(['[0]: a text of 10000000 characters is too long']);
  });

  it('to keys that can be read: a longer one is cut in what is said', () => {
    const { said } = read({ ['k'.repeat(1_000_000)]: () => 1 });
    expect(said.length).toBeGreaterThan(0);
    expect(said.join('').length).toBeLessThan(50_000);
  });

  it('in what is said of it', () => {
    const getters = Object.defineProperties(
      {},
      Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`k${n}`, { get: () => 1, enumerable: true }])),
    );
    expect(read(getters).said.length).toBeLessThan(10_100);
  });
});

describe('what is no plain data', () => {
  it('is refused where it stands, all of it at once', () => {
    const { paths } = read({ a: () => 1, b: [1n, Symbol('s')], c: { d: new Date() }, e: 1 });
    expect(paths).toEqual(['a', 'b[0]', 'b[1]', 'c.d']);
  });

  it('is a list with holes, getters, or more than members', () => {
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested
    expect(read([1, , 3]).said).toEqual(['[1]: is missing or computed']);
    expect(read(new Array(3)).said).toHaveLength(3);
    const computed = Object.defineProperty([1], 0, { get: () => 1 });
    expect(read(computed).said).toEqual(['[0]: is missing or computed']);
  });

  it('is a list with fields of its own, or of a class', () => {
    expect(read(Object.assign([1], { evil: () => 1 })).said).toHaveLength(1);
    expect(read(Object.defineProperty([1], '__proto__', { value: {}, enumerable: true })).said).toHaveLength(1);
    expect(read(new (class Own extends Array<number> {})()).said).toHaveLength(1);
  });

  it('is a list that says something else of its own length or iteration: its members count', () => {
    const list = Object.defineProperty([1, 2], Symbol.iterator, {
      value: () => {
        throw new Error('trap');
      },
    });
    const { copy, said } = read(list);
    expect(said.length > 0 || (copy as unknown[]).length === 2).toBe(true);
  });

  it('is a field that is not enumerable and hostile', () => {
    expect(read(Object.defineProperty({}, '__proto__', { value: {}, enumerable: false })).said).toHaveLength(1);
  });

  it('at the root is told in a sentence', () => {
    expect(read(() => 1).said).toEqual(['it: expected plain data, as JSON has it, got a function']);
  });

  it('of another realm than ours does no harm', async () => {
    const { runInNewContext } = await import('node:vm');
    const { copy, said } = read(runInNewContext('({ a: [1] })'));
    if (said.length === 0) expect(copy).toEqual({ a: [1] });
    else expect(said).toEqual(['it: expected plain data, as JSON has it, got an object']);
  });

  it('pollutes nothing', () => {
    read(JSON.parse('{ "__proto__": { "polluted": 1 }, "a": { "constructor": { "prototype": { "polluted": 1 } } } }'));
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
