import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type VirtualClock, virtualClock } from './testing/index.ts';
import { type TimerNode, Timers, timersOf } from './timers.ts';

function node(clock: VirtualClock, patient = false): TimerNode & { fired: number[]; lags: number[] } {
  return {
    timerAt: 0,
    timerSlot: -1,
    timerOrder: 0,
    timerBefore: null,
    timerAfter: null,
    patient,
    fired: [],
    lags: [],
    expire(lagMs) {
      this.fired.push(clock.now());
      this.lags.push(lagMs);
    },
  };
}

describe('timers', () => {
  it('expire once, when they are due, in the order in which they are due', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const nodes = [30, 10, 20, 10, 0.5].map((ms) => ({ ms, timer: node(clock) }));
    const order: number[] = [];
    for (const { ms, timer } of nodes) {
      const { expire } = timer;
      timer.expire = (lag) => {
        order.push(ms);
        expire.call(timer, lag);
      };
      timers.arm(timer, ms);
    }
    await clock.runAll();
    expect(order).toEqual([0.5, 10, 10, 20, 30]);
    for (const { ms, timer } of nodes) expect(timer.fired).toEqual([ms]);
  });

  it('that are called off never expire, whether they are fresh, placed, or due', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const [fresh, placed, due] = [node(clock), node(clock), node(clock, true)];
    timers.arm(fresh, 10);
    timers.disarm(fresh);
    timers.arm(placed, 10);
    timers.arm(due, 10);
    await clock.advance(5);
    timers.disarm(placed);
    clock.schedule(5, () => timers.disarm(due));
    await clock.runAll();
    expect([fresh.fired, placed.fired, due.fired]).toEqual([[], [], []]);
    expect(clock.pending).toBe(0);
  });

  it('hold nothing open when none is armed', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const one = node(clock);
    timers.arm(one, 1_000);
    await clock.advance(1);
    expect(clock.pending).toBe(1);
    timers.disarm(one);
    expect(clock.pending).toBe(0);
  });

  it('may be armed anew, and then count from there; for ever is never', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const one = node(clock);
    timers.arm(one, 10);
    await clock.advance(5);
    timers.arm(one, 10);
    await clock.advance(9);
    expect(one.fired).toEqual([]);
    await clock.runAll();
    expect(one.fired).toEqual([15]);
    timers.arm(one, Number.POSITIVE_INFINITY);
    expect(clock.pending).toBe(0);
    expect(timers.expiry(one)).toBe(Number.POSITIVE_INFINITY);
  });

  it('say when they expire, also before they have been placed', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const one = node(clock);
    await clock.advance(7);
    timers.arm(one, 10);
    expect(timers.expiry(one)).toBe(17);
    await clock.runAll();
    expect(one.fired).toEqual([17]);
  });

  it('that are patient let everything else of their moment go first', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const order: string[] = [];
    const one = { ...node(clock, true), expire: () => void order.push('deadline') };
    timers.arm(one, 10);
    clock.schedule(10, () => Promise.resolve().then(() => order.push('work')));
    await clock.runAll();
    expect(order).toEqual(['work', 'deadline']);
  });

  it('that are patient and late by a stall wait once more, and say how late they are', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const one = node(clock, true);
    timers.arm(one, 10);
    await clock.advance(1);
    clock.block(100);
    await clock.runAll();
    expect(one.fired).toEqual([121]);
    expect(one.lags).toEqual([111]);
  });

  it('that throw do not take their turn from the others, and what they threw reaches the process', async () => {
    const clock = virtualClock();
    const timers = new Timers(clock);
    const thrown = vi.fn();
    const listeners = process.listeners('uncaughtException');
    for (const listener of listeners) process.off('uncaughtException', listener);
    process.once('uncaughtException', thrown);
    const bad = {
      ...node(clock),
      expire: () => {
        throw new Error('bad');
      },
    };
    const good = node(clock);
    timers.arm(bad, 10);
    timers.arm(good, 10);
    await clock.runAll();
    process.off('uncaughtException', thrown);
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(good.fired).toEqual([10]);
    expect(thrown).toHaveBeenCalledOnce();
  });

  it('are one structure for each clock', () => {
    const clock = virtualClock();
    expect(timersOf(clock)).toBe(timersOf(clock));
    expect(timersOf(clock)).not.toBe(timersOf(virtualClock()));
  });

  it('do what a plain list of deadlines does, whatever is armed, called off and advanced', async () => {
    const command = fc.oneof(
      fc.record({ do: fc.constant('arm' as const), which: fc.nat(19), ms: fc.integer({ min: 0, max: 100 }) }),
      fc.record({ do: fc.constant('disarm' as const), which: fc.nat(19) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const clock = virtualClock();
        const timers = new Timers(clock);
        const nodes = Array.from({ length: 20 }, () => node(clock));
        const model = new Map<number, number>();
        const expected: number[][] = nodes.map(() => []);
        for (const one of commands) {
          if (one.do === 'arm') {
            timers.arm(nodes[one.which] as TimerNode, one.ms);
            model.set(one.which, clock.now() + one.ms);
          } else if (one.do === 'disarm') {
            timers.disarm(nodes[one.which] as TimerNode);
            model.delete(one.which);
          } else {
            await clock.advance(one.ms);
            for (const [which, due] of model) {
              if (due > clock.now()) continue;
              expected[which]?.push(due);
              model.delete(which);
            }
          }
        }
        await clock.runAll();
        for (const [which, due] of model) expected[which]?.push(due);
        expect(nodes.map(({ fired }) => fired)).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
