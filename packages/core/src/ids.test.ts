import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { makeId } from './ids.ts';

const chance = (...numbers: number[]): typeof systemClock => ({ ...systemClock, random: () => numbers.shift() ?? 0 });

it('an id has 26 hexadecimal digits, whatever chance says', () => {
  expect(makeId(chance(0, 0))).toBe('0'.repeat(26));
  expect(makeId(chance(1 - 2 ** -53, 1 - 2 ** -53))).toBe('f'.repeat(26));
  expect(makeId(chance(0.5, 2 ** -52))).toBe(`8${'0'.repeat(24)}1`);
});

it('ids differ', () => {
  const ids = Array.from({ length: 1_000 }, () => makeId(systemClock));
  expect(new Set(ids).size).toBe(1_000);
});
