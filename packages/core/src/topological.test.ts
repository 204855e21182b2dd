import { describe, expect, it } from 'vitest';
import { seededRandom } from './testing/index.ts';
import { type Ordered, topological } from './topological.ts';

function order(things: readonly Ordered[]): string[] {
  return topological(things).order.map((index) => (things[index] as Ordered).name);
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** Things that come before nothing that comes before them, in any order. */
function acyclic(random: () => number): Ordered[] {
  const count = Math.floor(random() * 15);
  const density = random();
  const names = shuffled(
    Array.from({ length: count }, (_, index) => `t${index}`),
    random,
  );
  const things = names.map((name, index) => ({
    name,
    before: shuffled(
      names.slice(0, index).filter(() => random() < density),
      random,
    ),
  }));
  return shuffled(things, random);
}

/** Things that come after one another in any way whatever, themselves excepted. */
function anything(random: () => number): Ordered[] {
  const count = Math.floor(random() * 12);
  const density = random() * 0.4;
  const names = Array.from({ length: count }, (_, index) => `t${index}`);
  return names.map((name) => ({ name, before: names.filter((other) => other !== name && random() < density) }));
}

/** Whether there is a circle, by taking away what has nothing left before it until nothing can be taken away. */
function hasCircle(things: readonly Ordered[]): boolean {
  let left = [...things];
  for (;;) {
    const names = new Set(left.map(({ name }) => name));
    const next = left.filter(({ before }) => before.some((name) => names.has(name)));
    if (next.length === left.length) return left.length > 0;
    left = next;
  }
}

/** `count` things, each after the one that is given next; the last one after the first, for a ring. */
function row(count: number, ring: boolean): Ordered[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `t${index}`,
    before: index + 1 < count ? [`t${index + 1}`] : ring ? ['t0'] : [],
  }));
}

describe('topological', () => {
  it('leaves an order that is right already as it is', () => {
    const things = [
      { name: 'b', before: [] },
      { name: 'a', before: [] },
      { name: 'd', before: ['b'] },
      { name: 'c', before: ['a', 'd'] },
    ];
    expect(topological(things)).toEqual({ order: [0, 1, 2, 3], cycles: [], more: 0 });
  });

  it('puts what stands before a thing right before it, and leaves the rest as given', () => {
    const things = [
      { name: 'total', before: ['b', 'a'] },
      { name: 'other', before: [] },
      { name: 'a', before: [] },
      { name: 'b', before: ['a'] },
    ];
    expect(order(things)).toEqual(['a', 'b', 'total', 'other']);
  });

  it('prints a circle as the names along it, each after the next', () => {
    const things = [
      { name: 'a', before: ['b'] },
      { name: 'b', before: ['c'] },
      { name: 'c', before: ['b', 'd'] },
      { name: 'd', before: [] },
    ];
    expect(topological(things).cycles).toEqual([{ shown: ['b', 'c'], length: 2 }]);
  });

  it('finds each of several circles that have nothing to do with one another', () => {
    const things = [
      { name: 'a', before: ['b'] },
      { name: 'b', before: ['a'] },
      { name: 'c', before: [] },
      { name: 'd', before: ['e', 'c'] },
      { name: 'e', before: ['f'] },
      { name: 'f', before: ['d'] },
    ];
    expect(topological(things).cycles).toEqual([
      { shown: ['a', 'b'], length: 2 },
      { shown: ['d', 'e', 'f'], length: 3 },
    ]);
  });

  it('finds a valid order of 2,000 random graphs, and keeps one that is valid as it is', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const things = acyclic(seededRandom(seed));
      const { order, cycles, more } = topological(things);
      expect([cycles, more], `seed ${seed}`).toEqual([[], 0]);
      expect(
        [...order].sort((a, b) => a - b),
        `seed ${seed}`,
      ).toEqual(things.map((_, index) => index));
      const sorted = order.map((index) => things[index] as Ordered);
      sorted.forEach(({ before }, index) => {
        const earlier = new Set(sorted.slice(0, index).map(({ name }) => name));
        for (const name of before) expect(earlier.has(name), `seed ${seed}`).toBe(true);
      });
      expect(topological(sorted).order, `seed ${seed}`).toEqual(sorted.map((_, index) => index));
    }
  });

  it('finds a circle in a random graph if and only if there is one, and prints none that is not there', () => {
    let circles = 0;
    for (let seed = 1; seed <= 3_000; seed++) {
      const things = anything(seededRandom(seed));
      const { cycles } = topological(things);
      expect(cycles.length > 0, `seed ${seed}`).toBe(hasCircle(things));
      for (const cycle of cycles) {
        circles++;
        const { shown, length } = cycle;
        expect([shown.length, new Set(shown).size], `seed ${seed}`).toEqual([length, length]);
        shown.forEach((name, index) => {
          const next = shown[(index + 1) % length] as string;
          expect(things.find((thing) => thing.name === name)?.before, `seed ${seed}`).toContain(next);
        });
      }
    }
    expect(circles).toBeGreaterThan(1_000);
  });

  it('orders a hundred thousand in a row without recursion', () => {
    const { order, cycles } = topological(row(100_000, false));
    expect(cycles).toEqual([]);
    expect(order[0]).toBe(99_999);
    expect(order).toHaveLength(100_000);
  });

  it('finds a ring of a hundred thousand without recursion', () => {
    const { cycles, more } = topological(row(100_000, true));
    expect([cycles.length, more]).toEqual([1, 0]);
    expect(cycles[0]?.length).toBe(100_000);
  });

  it('shows the first twenty names of a circle, and says how many it has', () => {
    for (const count of [1, 19, 20, 21, 500]) {
      const first = Array.from({ length: Math.min(count, 20) }, (_, index) => `t${index}`);
      expect(topological(row(count, true)).cycles).toEqual([{ shown: first, length: count }]);
    }
  });

  it('tells twenty circles, and of the others how many there are', () => {
    for (const count of [1, 20, 21, 3_000]) {
      const pairs = Array.from({ length: count }, (_, index) => [
        { name: `a${index}`, before: [`b${index}`] },
        { name: `b${index}`, before: [`a${index}`] },
      ]).flat();
      const { order, cycles, more } = topological(pairs);
      const told = Math.min(count, 20);
      expect(cycles).toEqual(
        Array.from({ length: told }, (_, index) => ({ shown: [`a${index}`, `b${index}`], length: 2 })),
      );
      expect([more, order.length]).toEqual([count - told, 2 * count]);
    }
  });

  it('says no more where one thing closes as many circles as there are things', () => {
    const count = 50_000;
    const things = row(count, true);
    const all = things.map(({ name }) => name);
    const { cycles, more } = topological([...things.slice(0, -1), { name: `t${count - 1}`, before: all.slice(0, -1) }]);
    expect(cycles.map(({ shown }) => shown.length)).toEqual(new Array(20).fill(20));
    expect(cycles.map(({ length }) => length)).toEqual(Array.from({ length: 20 }, (_, index) => count - index));
    expect(more).toBe(count - 1 - 20);
  });
});
