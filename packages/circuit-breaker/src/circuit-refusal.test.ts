import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitRefusal } from './circuit-refusal.ts';

describe('a refusal', () => {
  it('says for how long it holds', () => {
    const refusal = new CircuitRefusal('open', '6 of 10 calls failed', 1_000);
    expect([refusal.state, refusal.because]).toEqual(['open', '6 of 10 calls failed']);
    expect([0, 400, 1_000, 2_000].map((now) => refusal.retryAfterMs(now))).toEqual([1_000, 600, 0, 0]);
  });

  it('says nothing of a time when time changes nothing', () => {
    expect(new CircuitRefusal('isolated', 'isolated by hand').retryAfterMs(5)).toBeUndefined();
  });

  it('never says too early, whatever the clock reads', () => {
    // Here the difference, added to the time, is rounded to less than the moment that it was taken from.
    expect(8.012 + (2_000 / 3 - 8.012)).toBeLessThan(2_000 / 3);
    const time = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.oneof(fc.constant(2_000 / 3), time), fc.oneof(fc.constant(8.012), time), (at, now) => {
        const ms = new CircuitRefusal('open', '', at).retryAfterMs(now) as number;
        expect(now + ms).toBeGreaterThanOrEqual(at);
      }),
      { examples: [[2_000 / 3, 8.012]] },
    );
  });
});
