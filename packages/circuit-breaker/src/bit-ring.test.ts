import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitRing } from './bit-ring.ts';

const naive = (all: readonly boolean[], size: number): string =>
  all
    .slice(-size)
    .map((yes) => (yes ? '1' : '0'))
    .join('');

describe('a ring of bits', () => {
  it('holds the last so many, and knows how many of them are yes, whatever its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.boolean(), { maxLength: 300 }), (size, all) => {
        const ring = new BitRing(size);
        for (const [index, yes] of all.entries()) {
          ring.add(yes);
          const expected = naive(all.slice(0, index + 1), size);
          expect(ring.length).toBe(expected.length);
          expect(ring.ones).toBe(expected.replaceAll('0', '').length);
        }
        expect(ring.toString()).toBe(naive(all, size));
      }),
    );
  });

  it.each([1, 31, 32, 33, 64])('of %d goes around as often as it likes', (size) => {
    const ring = new BitRing(size);
    for (let count = 0; count < 10 * size; count++) ring.add(true);
    expect([ring.length, ring.ones]).toEqual([size, size]);
    for (let count = 0; count < size; count++) ring.add(false);
    expect([ring.length, ring.ones]).toEqual([size, 0]);
  });

  it('holds what a text says, the newest of it, and nothing else', () => {
    const ring = new BitRing(4);
    for (let count = 0; count < 6; count++) ring.add(true);
    ring.restore('110010');
    expect([ring.toString(), ring.length, ring.ones]).toEqual(['0010', 4, 1]);
    ring.add(true);
    expect(ring.toString()).toBe('0101');
    ring.restore('');
    expect([ring.toString(), ring.length, ring.ones]).toEqual(['', 0, 0]);
  });
});
