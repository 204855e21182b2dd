import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { makeId } from './ids.ts';

const chance = (...numbers: number[]): typeof systemClock => ({ ...systemClock, random: () => numbers.shift() ?? 0 });

it('an id has 28 hexadecimal digits, whatever chance says', () => {
  expect(makeId(chance(0, 0, 0, 0))).toBe('0'.repeat(28));
  const most = 1 - 2 ** -53;
  expect(makeId(chance(most, most, most, most))).toBe('f'.repeat(28));
  expect(makeId(chance(0.5, 0, 0, 2 ** -28))).toBe(`8${'0'.repeat(26)}1`);
});

it('ids differ', () => {
  const ids = Array.from({ length: 1_000 }, () => makeId(systemClock));
  expect(new Set(ids).size).toBe(1_000);
});
