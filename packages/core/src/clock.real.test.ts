import { describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

describe('real: the system clock', () => {
  it('is never early, not by a fraction of a millisecond', async () => {
    const early = await Promise.all(
      Array.from({ length: 300 }, (_, n) => {
        const delay = 1 + n / 30;
        const from = performance.now();
        return new Promise<number>((resolve) =>
          systemClock.schedule(delay, () => resolve(performance.now() - from - delay)),
        );
      }),
    );
    expect(Math.min(...early)).toBeGreaterThanOrEqual(0);
  });

  it('waits for delays that Node cannot hold, instead of firing at once', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const days = 30 * 86_400_000;
      const fired = vi.fn();
      systemClock.schedule(days, fired);
      vi.advanceTimersByTime(days - 1);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(fired).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });
});
