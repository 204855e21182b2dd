import { describe, expect, it } from 'vitest';
import { CountWindow } from './count-window.ts';

describe('a window over the last calls', () => {
  it('holds so many outcomes, whenever they were', () => {
    const window = new CountWindow(3);
    for (const failed of [true, true, false, false]) window.ended(failed);
    expect([window.calls, window.failures]).toEqual([3, 1]);
    window.ended(false);
    expect([window.calls, window.failures]).toEqual([3, 0]);
  });

  it('does not lose a pace for an outcome, nor the other way round', () => {
    const window = new CountWindow(2);
    window.slowed();
    for (let count = 0; count < 5; count++) window.endedSlow(true);
    expect([window.calls, window.paced, window.slow]).toEqual([2, 1, 1]);
  });

  it('of one call knows the last', () => {
    const window = new CountWindow(1);
    window.ended(true);
    expect(window.failures).toBe(1);
    window.ended(false);
    expect([window.calls, window.failures]).toEqual([1, 0]);
  });

  it('restores the newest that it has room for', () => {
    const large = new CountWindow(5);
    for (const failed of [true, true, false, false, true]) large.ended(failed);
    const small = new CountWindow(3);
    small.restore(large.snapshot());
    expect(small.snapshot()).toEqual({ type: 'count', failed: '001', slow: '000' });
  });

  it('does not look at the time', () => {
    expect(new CountWindow(3).resolutionMs).toBe(Number.POSITIVE_INFINITY);
  });
});
