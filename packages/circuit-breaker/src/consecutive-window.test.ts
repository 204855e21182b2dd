import { describe, expect, it } from 'vitest';
import { ConsecutiveWindow } from './consecutive-window.ts';

describe('a window over calls in a row', () => {
  it('counts failures until one does not fail', () => {
    const window = new ConsecutiveWindow();
    for (let count = 0; count < 3; count++) window.ended(true);
    expect([window.calls, window.failures]).toEqual([3, 3]);
    window.endedSlow(true);
    expect(window.failures).toBe(4);
    window.ended(false);
    expect([window.calls, window.failures]).toEqual([0, 0]);
  });

  it('counts slow calls until one is fast, whether that failed or not', () => {
    const window = new ConsecutiveWindow();
    window.slowed();
    window.slowed();
    window.endedSlow(false);
    expect([window.paced, window.slow]).toEqual([2, 2]);
    window.ended(true);
    expect([window.paced, window.slow]).toEqual([0, 0]);
  });
});
