import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

function bucket({ size = 3, earn = 0.1, refill = 0.1 } = {}) {
  const made = new TokenBucket({ size, earn, refill }, 0);
  const takeAll = (now: number): number => {
    let taken = 0;
    for (; made.has(now); taken++) made.take(now);
    return taken;
  };
  return { made, takeAll };
}

describe('a bucket of tokens', () => {
  it('has as many as its size to begin with, and none beyond them', () => {
    const { made, takeAll } = bucket({ size: 100 });
    expect(takeAll(0)).toBe(100);
    expect(made.stats(0)).toEqual({ tokens: 0, size: 100, granted: 100, denied: 1, refunded: 0 });
  });

  it('is not changed by the question whether it has one', () => {
    const { made } = bucket();
    for (let n = 0; n < 10; n++) expect(made.has(0)).toBe(true);
    expect(made.stats(0)).toMatchObject({ tokens: 3, granted: 0, denied: 0 });
  });

  it('has a token again when the attempt that took it succeeded', () => {
    const { made, takeAll } = bucket();
    takeAll(0);
    made.refund(0);
    expect(takeAll(0)).toBe(1);
    expect(made.stats(0)).toMatchObject({ granted: 4, refunded: 1 });
  });

  it('has a token after ten successes that bring a tenth each, though ten tenths are not quite one', () => {
    const { made, takeAll } = bucket();
    takeAll(0);
    for (let n = 0; n < 9; n++) made.earn();
    expect(made.has(0)).toBe(false);
    made.earn();
    expect(takeAll(0)).toBe(1);
    expect(made.stats(0).tokens).toBe(0);
  });

  it('is refilled as time passes, by the millisecond', () => {
    const { made, takeAll } = bucket();
    takeAll(0);
    expect(made.has(9_999)).toBe(false);
    expect(made.stats(9_999).tokens).toBeCloseTo(0.9999, 9);
    expect(takeAll(10_000)).toBe(1);
    expect(takeAll(3_600_000)).toBe(3);
  });

  it('never has more than its size, whatever comes back', () => {
    const { made } = bucket();
    made.take(0);
    for (let n = 0; n < 100; n++) made.earn();
    made.refund(0);
    expect(made.stats(1_000_000).tokens).toBe(3);
  });

  it('makes no tokens of what is given back twice', () => {
    const { made, takeAll } = bucket({ refill: 0 });
    takeAll(0);
    for (let n = 0; n < 3; n++) made.refund(0);
    takeAll(0);
    for (let n = 0; n < 10; n++) made.refund(0);
    expect(made.stats(0)).toMatchObject({ granted: 6, refunded: 6, tokens: 3 });
    const { made: fresh } = bucket();
    fresh.refund(0);
    expect(fresh.stats(0).refunded).toBe(0);
  });

  it('is full only when a new one would be as good', () => {
    const { made } = bucket();
    expect(made.full(0)).toBe(true);
    made.take(0);
    expect(made.full(9_999)).toBe(false);
    expect(made.full(10_000)).toBe(true);
    made.refund(0);
    expect(made.full(0)).toBe(true);
  });

  it('that nothing refills stays empty', () => {
    const { made, takeAll } = bucket({ earn: 0, refill: 0 });
    takeAll(0);
    made.earn();
    expect(made.has(Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});
