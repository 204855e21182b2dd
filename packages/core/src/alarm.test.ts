import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alarm } from './alarm.ts';
import { leakLedger, virtualClock } from './testing/index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

describe('an alarm', () => {
  it.each([0.5, 1, 100, 2 ** 31 - 1, 2 ** 31, 30 * 86_400_000])(
    'for %d ms rings once, after just that',
    async (delay) => {
      const clock = virtualClock();
      const rung: number[] = [];
      alarm(clock, delay, (lagMs) => rung.push(clock.now(), lagMs));
      await clock.runAll();
      expect(rung).toEqual([delay, 0]);
    },
  );

  it('that is called off never rings, and holds nothing; to call it off again, or after it rang, does nothing', async () => {
    const clock = virtualClock();
    let rung = 0;
    const cancel = alarm(clock, 10, () => rung++);
    cancel();
    cancel();
    await clock.runAll();
    expect([rung, clock.pending]).toEqual([0, 0]);
    const late = alarm(clock, 10, () => rung++);
    await clock.runAll();
    late();
    expect([rung, clock.pending]).toEqual([1, 0]);
  });

  it('of Infinity never rings, and holds nothing', async () => {
    const clock = virtualClock();
    alarm(clock, Number.POSITIVE_INFINITY, () => expect.unreachable());
    await clock.runAll();
    expect(clock.pending).toBe(0);
  });

  it('of 0 rings in this turn, after what has called for it', async () => {
    const clock = virtualClock();
    const order: string[] = [];
    alarm(clock, 0, () => order.push('rung'));
    order.push('called for');
    await clock.runAll();
    expect(order).toEqual(['called for', 'rung']);
    expect(clock.now()).toBe(0);
  });

  it('lets what arrives in the same turn go first', async () => {
    const clock = virtualClock();
    const order: string[] = [];
    alarm(clock, 10, () => order.push('alarm'));
    clock.schedule(10, () => order.push('arrived'));
    clock.schedule(10, () => void Promise.resolve().then(() => order.push('and what followed')));
    await clock.runAll();
    expect(order).toEqual(['arrived', 'and what followed', 'alarm']);
  });

  it('says how late it is when the loop was blocked', async () => {
    const clock = virtualClock();
    const lags: number[] = [];
    alarm(clock, 10, (lagMs) => lags.push(lagMs));
    await clock.advance(5);
    clock.block(15);
    await clock.runAll();
    expect(lags).toEqual([10]);
  });

  it('shares one timer with all others on its clock', async () => {
    const clock = virtualClock();
    const rung: number[] = [];
    for (let n = 1; n <= 1_000; n++) alarm(clock, n, () => rung.push(n));
    await clock.advance(0);
    expect(clock.pending).toBe(1);
    await clock.runAll();
    expect(rung).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  });
});
