import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gcra } from './gcra.ts';
import type { Meter } from './meter.ts';

/** When each of `count` calls that all come at `start` goes, if each waits exactly as long as it is told. */
function timesOf(meter: Meter, count: number, start = 0, cost = 1): number[] {
  let now = start;
  return Array.from({ length: count }, () => {
    now += meter.wait(cost, now);
    meter.take(cost, now);
    return now;
  });
}

interface Gone {
  readonly at: number;
  readonly cost: number;
}

/** The most that goes in any window of that length, its end not counted. */
function mostIn(windowMs: number, gone: readonly Gone[]): number {
  let most = 0;
  let sum = 0;
  let oldest = 0;
  for (const { at, cost } of gone) {
    sum += cost;
    while ((gone[oldest] as Gone).at <= at - windowMs) sum -= (gone[oldest++] as Gone).cost;
    most = Math.max(most, sum);
  }
  return most;
}

/** The same, by the definition and with all that ever went: from each of them on, no more than the burst and what time has brought. */
function naiveWait(gone: readonly Gone[], perUnitMs: number, burst: number, cost: number, now: number): number {
  let at = now;
  let sum = 0;
  for (let index = gone.length - 1; index >= 0; index--) {
    const before = gone[index] as Gone;
    sum += before.cost;
    at = Math.max(at, before.at + (sum + Math.min(cost, burst) - burst) * perUnitMs);
  }
  return at - now;
}

describe('a rate that is spread evenly', () => {
  it('of 10/s lets 50 calls through one each 100 ms, and 10 in any second', () => {
    const times = timesOf(new Gcra({ limit: 10, perMs: 1_000 }), 50);
    expect(times).toEqual(Array.from({ length: 50 }, (_, index) => index * 100));
    const gone = times.map((at) => ({ at, cost: 1 }));
    expect(mostIn(1_000, gone)).toBe(10);
  });

  it('of 10/s with a burst of 10 lets 10 of 50 calls go at once, and then one each 100 ms', () => {
    const times = timesOf(new Gcra({ limit: 10, perMs: 1_000 }, 10), 50);
    expect(times.slice(0, 12)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200]);
    expect(times.at(-1)).toBe(4_000);
  });

  it.each([
    [1, 0],
    [5, 0],
    [10, 0],
    [11, 1_000],
    [20, 10_000],
    [30, 20_000],
  ])('of 60/min with a burst of 10 lets the last of %d calls go after %d ms', (count, last) => {
    const times = timesOf(new Gcra({ limit: 60, perMs: 60_000 }, 10), count);
    expect(times.at(-1)).toBe(last);
    expect(times.filter((at) => at === 0)).toHaveLength(Math.min(count, 10));
  });

  it.each([
    [5, 0],
    [6, 12_000],
  ])('of 5/min with a burst of 5 lets the last of %d calls go after %d ms', (count, last) => {
    expect(timesOf(new Gcra({ limit: 5, perMs: 60_000 }, 5), count).at(-1)).toBe(last);
  });

  it('of 60/min with a burst of 20 lets 20 calls go at once, and the next a second later', () => {
    const meter = new Gcra({ limit: 60, perMs: 60_000 }, 20);
    expect(timesOf(meter, 20)).toEqual(Array.from({ length: 20 }, () => 0));
    expect(meter.wait(1, 0)).toBe(1_000);
  });

  it('of 10/10 s with a burst of 10 lets 10 of 20 calls go at once, and the others one each second', () => {
    const times = timesOf(new Gcra({ limit: 10, perMs: 10_000 }, 10), 20);
    expect(times.filter((at) => at === 0)).toHaveLength(10);
    expect(times.slice(10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((second) => second * 1_000));
  });

  it.each([
    [1_000, 1_000],
    [5_000, 1_000],
    [1_000, 5_000],
    [5_000, 5_000],
  ])('lets %d calls at %d/min go at exactly that rate, however they are rounded', (count, limit) => {
    const start = 1e9 / 7;
    const times = timesOf(new Gcra({ limit, perMs: 60_000 }), count, start);
    const spent = (times.at(-1) as number) - start;
    expect(Math.abs(spent - ((count - 1) * 60_000) / limit)).toBeLessThan(1e-6);
    const gone = times.map((at) => ({ at, cost: 1 }));
    expect(mostIn(60_000 - 1e-6, gone)).toBeLessThanOrEqual(limit);
  });

  it('does not drift by what is rounded, however many wait for one another', () => {
    const start = 1e12 / 7;
    const times = timesOf(new Gcra({ limit: 7, perMs: 60 }), 20_000, start);
    const spent = (times.at(-1) as number) - start;
    expect(Math.abs(spent - (19_999 * 60) / 7)).toBeLessThan(1e-4);
  });

  it('lets a cost of several, and of a part, wait for what it costs', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 4);
    meter.take(3, 0);
    expect(meter.wait(1, 0)).toBe(0);
    expect(meter.wait(1.5, 0)).toBe(50);
    expect(meter.wait(4, 0)).toBe(300);
    const three = new Gcra({ limit: 10, perMs: 1_000 }, 0.3);
    expect(timesOf(three, 3, 0, 0.1)).toEqual([0, 0, 0]);
    const tenths = new Gcra({ limit: 10, perMs: 1_000 });
    expect(timesOf(tenths, 10, 0, 0.1)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(tenths.wait(0.1, 0)).toBeCloseTo(10, 6);
  });

  it('lets through what costs more than the burst when all of it is free, and others wait for the rest', () => {
    const meter = new Gcra({ limit: 90_000, perMs: 60_000 }, 1_000);
    expect(meter.wait(3_000, 0)).toBe(0);
    meter.take(3_000, 0);
    expect(meter.wait(1_000, 0)).toBe(2_000);
    expect(meter.wait(3_000, 0)).toBe(2_000);
    expect(meter.wait(1, 0)).toBeCloseTo(1_334, 0);
    expect(meter.stats(0).remaining).toBe(-2_000);
    expect(timesOf(new Gcra({ limit: 10, perMs: 1_000 }), 4, 0, 25)).toEqual([0, 2_500, 5_000, 7_500]);
  });

  it('lets what costs nothing, or no finite amount, through without a trace', () => {
    const meter = new Gcra({ limit: 1, perMs: 1_000 });
    meter.take(100, 0);
    for (const cost of [0, -5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(meter.wait(cost, 0)).toBe(0);
      meter.take(cost, 0);
      meter.giveBack(cost, 0);
    }
    expect(meter.stats(0).remaining).toBe(-99);
  });

  it('lets no more than the burst go while the clock stands still, and after it has jumped', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 3);
    const goAt = (now: number): number => {
      let count = 0;
      for (; count < 100 && meter.wait(1, now) === 0; count++) meter.take(1, now);
      return count;
    };
    expect([goAt(0), goAt(0), goAt(1e9), goAt(1e9), goAt(1e9 + 100)]).toEqual([3, 0, 3, 0, 1]);
  });

  it('has a wait that is never too short, whatever the clock reads', () => {
    // Here the difference, added to the time, is rounded to less than the moment that it was taken from.
    const thirds = new Gcra({ limit: 3, perMs: 2_000 });
    thirds.take(1, 0);
    expect(8.012 + (2_000 / 3 - 8.012)).toBeLessThan(2_000 / 3);
    expect(thirds.wait(1, 8.012 + thirds.wait(1, 8.012))).toBe(0);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        (limit, perMs, burst, start) => {
          const meter = new Gcra({ limit, perMs }, burst);
          let now = start;
          for (let count = 0; count < 30; count++) {
            now += meter.wait(1, now);
            expect(meter.wait(1, now)).toBe(0);
            meter.take(1, now);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does what its definition says of all that ever went, to the millisecond, whatever comes when', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(
          fc.record({
            // A clock that stands still, goes on, and jumps.
            after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 100_000 })),
            cost: fc.integer({ min: 1, max: 15 }),
            patient: fc.boolean(),
          }),
          { maxLength: 80 },
        ),
        (perUnitMs, burst, calls) => {
          const limit = 10;
          const meter = new Gcra({ limit, perMs: limit * perUnitMs }, burst);
          const gone: Gone[] = [];
          let now = 0;
          for (const { after, cost, patient } of calls) {
            now += after;
            const ms = meter.wait(cost, now);
            expect(ms).toBe(naiveWait(gone, perUnitMs, burst, cost, now));
            if (ms > 0) {
              expect(meter.wait(cost, now + ms - 1)).toBe(1);
              expect(meter.wait(cost, now + ms)).toBe(0);
              if (!patient) continue;
              now += ms;
            }
            meter.take(cost, now);
            gone.push({ at: now, cost });
          }
          const highest = Math.max(burst, ...gone.map(({ cost }) => cost));
          expect(mostIn(limit * perUnitMs, gone)).toBeLessThan(limit + highest);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what is given back to a rate that is spread evenly', () => {
  it('at once is as if it had never been taken', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ after: fc.nat(500), cost: fc.integer({ min: 1, max: 5 }) }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        (calls, cost, said) => {
          const [meter, other] = [new Gcra({ limit: 10, perMs: 1_000 }, 5), new Gcra({ limit: 10, perMs: 1_000 }, 5)];
          let now = 0;
          for (const { after, cost: each } of calls) {
            now += after;
            meter.take(each, now);
            other.take(each, now);
          }
          meter.take(cost, now);
          meter.giveBack(cost, now, said ? now : undefined);
          expect(meter.stats(now).remaining).toBeCloseTo(other.stats(now).remaining, 9);
          expect(meter.wait(5, now)).toBeCloseTo(other.wait(5, now), 9);
        },
      ),
    );
  });

  it('never makes it more than full', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 5);
    meter.take(2, 0);
    meter.giveBack(2, 0);
    meter.giveBack(2, 0);
    expect(meter.stats(0).remaining).toBe(5);
    meter.take(5, 0);
    expect(meter.wait(1, 0)).toBe(100);
  });

  it('after it was worked off brings nothing', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 5);
    meter.take(5, 0);
    meter.take(5, 1_000);
    meter.giveBack(5, 1_000, 0);
    expect(meter.wait(1, 1_000)).toBe(100);
    meter.giveBack(5, 1_000, 1_000);
    expect(meter.wait(5, 1_000)).toBe(0);
  });

  it('comes on top of the limit in no window by more than what was given back in it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(
          fc.record({ after: fc.nat(300), cost: fc.integer({ min: 1, max: 6 }), keep: fc.boolean(), late: fc.nat(5) }),
          { maxLength: 80 },
        ),
        (burst, calls) => {
          const meter = new Gcra({ limit: 10, perMs: 1_000 }, burst);
          const gone: Gone[] = [];
          const returned: Gone[] = [];
          const held: { at: number; cost: number; until: number }[] = [];
          let now = 0;
          for (const [index, { after, cost, keep, late }] of calls.entries()) {
            now += after;
            for (const one of held.filter(({ until }) => until === index)) {
              meter.giveBack(one.cost, now, one.at);
              returned.push({ at: now, cost: one.cost });
            }
            if (meter.wait(cost, now) > 0) continue;
            meter.take(cost, now);
            if (keep) gone.push({ at: now, cost });
            else held.push({ at: now, cost, until: index + 1 + late });
          }
          for (const { at: from } of gone) {
            const within = (list: readonly Gone[]) =>
              list.reduce((sum, { at, cost }) => (at >= from && at < from + 1_000 ? sum + cost : sum), 0);
            expect(within(gone)).toBeLessThan(10 + Math.max(6, burst) + within(returned));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('what a service says to a rate that is spread evenly', () => {
  it('holds until it is reset, and the rate alone holds from then on', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    meter.correct(2, 5_000, 0);
    expect(meter.stats(0).remaining).toBe(2);
    meter.take(2, 0);
    expect(meter.wait(1, 0)).toBe(5_000);
    expect(meter.wait(1, 4_999)).toBe(1);
    expect(meter.wait(10, 5_000)).toBe(0);
    expect([meter.idle(4_999), meter.idle(5_000)]).toEqual([false, true]);
  });

  it('never lets more through than the rate does', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 });
    meter.take(1, 0);
    meter.correct(1_000, 1, 0);
    expect(meter.wait(1, 0)).toBe(100);
  });

  it('counts parts, and does not lose the last of them to a rounding', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    meter.correct(0.3, 5_000, 0);
    expect(timesOf(meter, 3, 0, 0.1)).toEqual([0, 0, 0]);
    expect(meter.wait(0.1, 0)).toBe(5_000);
  });

  it('late, or out of order, gives nothing back that is gone', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    meter.correct(3, 5_000, 0);
    meter.take(1, 0);
    meter.correct(9, 4_900, 100);
    expect(meter.stats(100).remaining).toBe(2);
    meter.correct(0, 1_000, 200);
    expect(meter.wait(1, 200)).toBe(1_000);
    meter.correct(5, 60_000, 300);
    expect(meter.wait(1, 300)).toBe(900);
    meter.correct(5, 60_000, 1_300);
    expect(meter.wait(6, 1_300)).toBe(60_000);
  });

  it('is not heard when it makes no sense', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    for (const [remaining, resetMs] of [
      [0, 0],
      [0, -1],
      [0, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
      [Number.NaN, 1_000],
      [Number.POSITIVE_INFINITY, 1_000],
    ] as const) {
      meter.correct(remaining, resetMs, 0);
      expect(meter.wait(10, 0)).toBe(0);
    }
    meter.correct(-5, 1_000, 0);
    expect(meter.wait(1, 0)).toBe(1_000);
    expect(meter.stats(0).remaining).toBe(0);
  });

  it('is restored by what was taken after it spoke and did not go, and never by more than it said', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    meter.take(5, 0);
    meter.correct(3, 5_000, 100);
    meter.take(2, 200);
    meter.giveBack(5, 200, 0);
    expect(meter.stats(200).remaining).toBe(1);
    meter.giveBack(2, 200, 200);
    meter.giveBack(2, 200, 200);
    expect(meter.stats(200).remaining).toBe(3);
  });
});

describe('a rate that is spread evenly', () => {
  it('is as good as new when all is worked off', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 10);
    expect(meter.idle(0)).toBe(true);
    meter.take(3, 0);
    expect([meter.idle(0), meter.idle(299), meter.idle(300)]).toEqual([false, false, true]);
  });

  it('says what it allows and what is left of it', () => {
    const meter = new Gcra({ limit: 10, perMs: 1_000 }, 5);
    expect(meter.stats(0)).toEqual({ limit: 10, perMs: 1_000, burst: 5, remaining: 5 });
    meter.take(4, 0);
    expect([meter.stats(0).remaining, meter.stats(150).remaining, meter.stats(9_999).remaining]).toEqual([1, 2.5, 5]);
  });
});
