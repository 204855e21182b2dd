import { describe, expect, it } from 'vitest';
import { leakLedger } from './leak-ledger.ts';
import { virtualClock } from './virtual-clock.ts';

describe('virtualClock', () => {
  it('lets time pass only when it is told to, in order, with all that follows at once', async () => {
    const clock = virtualClock();
    const order: string[] = [];
    clock.schedule(20, () => order.push('b'));
    clock.schedule(10, () => {
      order.push('a');
      Promise.resolve()
        .then(() => null)
        .then(() => order.push('after a'));
    });
    clock.schedule(20, () => order.push('c'));
    expect(clock.now()).toBe(0);
    await clock.advance(15);
    expect(order).toEqual(['a', 'after a']);
    expect(clock.now()).toBe(15);
    await clock.runAll();
    expect(order).toEqual(['a', 'after a', 'b', 'c']);
    expect(clock.now()).toBe(20);
  });

  it('puts what is scheduled for 0 after everything else of its moment', async () => {
    const clock = virtualClock();
    const order: string[] = [];
    clock.schedule(5, () => {
      clock.schedule(0, () => order.push('last'));
      order.push('first');
    });
    clock.schedule(5, () => order.push('second'));
    await clock.runAll();
    expect(order).toEqual(['first', 'second', 'last']);
  });

  it('counts what is scheduled, and forgets what is called off', async () => {
    const clock = virtualClock();
    const ledger = leakLedger();
    const cancel = clock.schedule(5, () => expect.unreachable());
    clock.schedule(Number.POSITIVE_INFINITY, () => expect.unreachable());
    expect(clock.pending).toBe(1);
    expect(() => ledger.assertEmpty()).toThrow('1 things scheduled');
    cancel();
    cancel();
    expect(clock.pending).toBe(0);
    await clock.runAll();
    ledger.assertEmpty();
    expect(clock.now()).toBe(0);
  });

  it('jumps until a promise has settled, and says when it never will', async () => {
    const clock = virtualClock();
    const slow = new Promise((resolve) => clock.schedule(86_400_000, () => resolve('a day later')));
    await expect(clock.until(slow)).resolves.toBe('a day later');
    await expect(clock.until(Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(clock.until(new Promise(() => {}))).rejects.toThrow('it never will');
  });

  it('does not run in circles for ever', async () => {
    const clock = virtualClock();
    const again = (): void => void clock.schedule(1, again);
    const cancelled = clock.schedule(0, again);
    cancelled();
    const error = new Error('stop');
    let steps = 0;
    const bounded = (): void => {
      if (++steps > 100) throw error;
      clock.schedule(1, bounded);
    };
    clock.schedule(1, bounded);
    await expect(clock.runAll()).rejects.toBe(error);
  });

  it('passes time over everything that is due while the loop is blocked', async () => {
    const clock = virtualClock();
    const fired: number[] = [];
    clock.schedule(10, () => fired.push(clock.now()));
    clock.block(100);
    expect(fired).toEqual([]);
    await clock.advance(0);
    expect(fired).toEqual([100]);
  });

  it('gives the same chance for the same seed', () => {
    const draw = (seed: number): number[] => {
      const clock = virtualClock({ seed });
      return Array.from({ length: 5 }, () => clock.random());
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it('refuses a delay that is no number', () => {
    expect(() => virtualClock().schedule(Number.NaN, () => {})).toThrow('NaN');
  });
});
