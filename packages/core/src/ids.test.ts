import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { makeId } from './ids.ts';
import { virtualClock } from './testing/index.ts';

const chance = (...numbers: number[]): typeof systemClock => ({ ...systemClock, random: () => numbers.shift() ?? 0 });

it('an id has 28 hexadecimal digits, whatever chance says', () => {
  expect(makeId(chance(0, 0, 0))).toBe(`${'0'.repeat(21)}1${'0'.repeat(6)}`);
  const most = 1 - 2 ** -53;
  expect(makeId(chance(most, most, most))).toBe(`${'f'.repeat(21)}1${'0'.repeat(6)}`);
  expect(makeId(chance(0.5, 0, 2 ** -28))).toBe(`8${'0'.repeat(19)}11${'0'.repeat(6)}`);
});

it('ids differ', () => {
  const ids = Array.from({ length: 1_000 }, () => makeId(systemClock));
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => /^[0-9a-f]{28}$/.test(id))).toBe(true);
});

it('ids of two clocks have nothing in common but by chance, and those of one seed are the same', () => {
  const idsOf = (seed: number): string[] => {
    const clock = virtualClock({ seed });
    return [makeId(clock), makeId(clock)];
  };
  expect(idsOf(1)).toEqual(idsOf(1));
  expect(idsOf(1)[0]?.slice(0, 21)).not.toBe(idsOf(2)[0]?.slice(0, 21));
});
