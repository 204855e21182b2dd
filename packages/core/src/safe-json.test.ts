import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { safeJson } from './safe-json.ts';

const fail = (): never => {
  throw new Error('touched');
};

describe('safe JSON', () => {
  it('leaves plain data as it is, in a copy of its own', () => {
    const data = { text: 'a', number: 1.5, yes: true, nothing: null, list: [1, [2]], deep: { er: {} } };
    expect(safeJson(data)).toEqual(data);
    expect(safeJson(data)).not.toBe(data);
    expect(safeJson(undefined)).toBeUndefined();
  });

  it.each<[string, unknown, unknown]>([
    ['a bigint', 10n, '10n'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a function', fail, '[function]'],
    ['NaN', Number.NaN, 'NaN'],
    ['Infinity', Number.POSITIVE_INFINITY, 'Infinity'],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a date that is none', new Date(Number.NaN), 'Invalid Date'],
    ['a map', new Map([['k', { v: 1 }]]), [['k', { v: 1 }]]],
    ['a set', new Set([1, 2]), [1, 2]],
    ['bytes', new Uint8Array(3), '[3 bytes]'],
    ['a buffer', new ArrayBuffer(4), '[4 bytes]'],
    [
      'an instance',
      new (class Point {
        x = 1;
      })(),
      { x: 1 },
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['an object of another realm', runInNewContext('({ when: new Date(0) })'), { when: '1970-01-01T00:00:00.000Z' }],
  ])('says %s in plain data', (_, value, plain) => {
    expect(safeJson(value)).toEqual(plain);
  });

  it('tells an error by its name, code, message, status and cause, without its stack', () => {
    const error = Object.assign(new TypeError('bad', { cause: new Error('worse') }), { code: 'E_BAD', secret: 1 });
    expect(safeJson(error)).toEqual({
      name: 'TypeError',
      code: 'E_BAD',
      message: 'bad',
      cause: { name: 'Error', message: 'worse' },
    });
  });

  it('marks a cycle, and only a cycle', () => {
    const shared = { x: 1 };
    const loop: Record<string, unknown> = { a: shared, b: [shared] };
    loop['self'] = loop;
    (loop['b'] as unknown[]).push(loop);
    expect(safeJson(loop)).toEqual({ a: { x: 1 }, b: [{ x: 1 }, '[circular]'], self: '[circular]' });
    const error = new Error('round');
    error.cause = error;
    expect(safeJson(error)).toEqual({ name: 'Error', message: 'round', cause: '[circular]' });
  });

  it.each<[string, unknown, unknown]>([
    ['a Proxy', new Proxy({}, { get: fail, ownKeys: fail, getPrototypeOf: fail }), '[Proxy]'],
    ['a revoked Proxy', revoked(), '[Proxy]'],
    [
      'a getter',
      {
        get bad() {
          return fail();
        },
        good: 1,
      },
      { bad: '[unreadable]', good: 1 },
    ],
    ['a getter in a list', Object.defineProperty([1, 2], 0, { get: fail }), ['[unreadable]', 2]],
    ['a toJSON', { toJSON: fail, a: 1 }, { toJSON: '[function]', a: 1 }],
    ['a map that throws', Object.assign(new Map([[1, 2]]), { entries: fail, [Symbol.iterator]: fail }), [[1, 2]]],
    ['a set that throws', Object.assign(new Set([1]), { values: fail, [Symbol.iterator]: fail }), [1]],
    [
      'a date that answers nonsense',
      Object.assign(new Date(0), { toISOString: fail, getTime: () => Number.NaN }),
      '1970-01-01T00:00:00.000Z',
    ],
    ['bytes that throw', Object.defineProperty(new Uint8Array(1), 'byteLength', { get: fail }), '[unreadable]'],
  ])('does not trip over %s', (_, value, plain) => {
    expect(safeJson(value)).toEqual(plain);
    expect(() => JSON.stringify(safeJson(value))).not.toThrow();
  });

  it('keeps a member called __proto__ as a member', () => {
    const plain = safeJson(JSON.parse('{"__proto__":{"admin":true},"constructor":1}')) as Record<string, unknown>;
    expect(JSON.stringify(plain)).toBe('{"__proto__":{"admin":true},"constructor":1}');
    expect(plain['admin']).toBeUndefined();
  });

  it('cuts what is too deep, too much or too long, and says so', () => {
    expect(safeJson({ a: { b: { c: 1 }, d: [1] } }, { depth: 2 })).toEqual({ a: { b: '[object]', d: '[array]' } });
    expect(safeJson([1, 2, 3, 4], { values: 3 })).toEqual([1, 2, '[2 more]']);
    expect(safeJson({ a: 1, b: 2, c: 3 }, { values: 3 })).toEqual({ a: 1, b: 2, '[truncated]': true });
    expect(safeJson('abcdef', { text: 4 })).toBe('abcd[truncated 2]');
    expect(safeJson('abcd', { text: 4 })).toBe('abcd');
  });

  it('is bounded without being told to', () => {
    let nested: unknown = 'core';
    for (let level = 0; level < 100_000; level++) nested = { nested };
    expect(JSON.stringify(safeJson(nested)).match(/nested/g)).toHaveLength(12);
    expect(safeJson(Array.from({ length: 20_000 }, () => 0))).toHaveLength(10_000);
    expect(safeJson('x'.repeat(100_001))).toBe(`${'x'.repeat(100_000)}[truncated 1]`);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
