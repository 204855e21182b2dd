import { expect, it } from 'vitest';
import { bytesLeft } from './bytes-left.ts';

it.each<[string, unknown, number]>([
  ['a text weighs its letters', 'x'.repeat(100), 108],
  ['a number weighs little', 1, 8],
  ['bytes weigh what they are', new Uint8Array(100), 108],
  ['a list weighs what is in it', ['x'.repeat(50)], 67],
  ['an object weighs its keys and values', { key: 'x'.repeat(50) }, 77],
  ['a map weighs its keys and values', new Map([['key', 1]]), 27],
  ['a set weighs what is in it, twice', new Set([1]), 24],
])('%s', (_, value, weight) => {
  const exact = 1_000_000 - bytesLeft(value, 1_000_000);
  expect(Math.abs(exact - weight)).toBeLessThanOrEqual(8);
});

it('a cycle is weighed once', () => {
  const ring: { self?: unknown } = {};
  ring.self = ring;
  expect(bytesLeft(ring, 1_000)).toBeGreaterThan(900);
});

it('what is deep is weighed without recursion', () => {
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  expect(bytesLeft(deep, 10_000_000)).toBeGreaterThan(0);
  expect(bytesLeft(deep, 1_000)).toBeLessThan(0);
});

it('what is too large is not looked at to its end', () => {
  let looked = 0;
  const get = (target: number[], key: PropertyKey): unknown => {
    looked++;
    return Reflect.get(target, key);
  };
  const large = new Proxy(
    Array.from({ length: 100_000 }, () => 1),
    { get },
  );
  expect(bytesLeft(large, 800)).toBeLessThan(0);
  expect(looked).toBeLessThan(1_000);
});
