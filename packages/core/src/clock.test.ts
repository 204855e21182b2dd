import { describe, expect, it } from 'vitest';
import { isoTime, systemClock } from './clock.ts';

describe('the system clock', () => {
  it('counts on from the start of the process, whatever the wall clock does', () => {
    const before = systemClock.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(before).toBeLessThan(Date.now());
  });

  it('gives chance from 0 up to, but not including, 1', () => {
    for (let n = 0; n < 1_000; n++) {
      const chance = systemClock.random();
      expect(chance).toBeGreaterThanOrEqual(0);
      expect(chance).toBeLessThan(1);
    }
  });

  it('schedules 0 after everything that is ready', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.schedule(0, () => {
        order.push('scheduled');
        resolve();
      });
      queueMicrotask(() => order.push('microtask'));
      process.nextTick(() => order.push('tick'));
    });
    expect(order).toHaveLength(3);
    expect(order.at(-1)).toBe('scheduled');
  });

  it('never calls what is called off, and never what is scheduled for ever', async () => {
    const called: string[] = [];
    systemClock.schedule(0, () => called.push('now'))();
    systemClock.schedule(1, () => called.push('soon'))();
    systemClock.schedule(Number.POSITIVE_INFINITY, () => called.push('never'))();
    await new Promise((resolve) => setImmediate(resolve));
    expect(called).toEqual([]);
  });

  it('refuses a delay that is no number', () => {
    expect(() => systemClock.schedule(Number.NaN, () => {})).toThrow('NaN');
  });

  it('tells the time of day for people', () => {
    expect(isoTime()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});
