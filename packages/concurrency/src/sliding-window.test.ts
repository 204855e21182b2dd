import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingWindow } from './sliding-window.ts';

const SECOND = { limit: 10, perMs: 1_000 };

interface Gone {
  readonly at: number;
  readonly cost: number;
}

/** When each of `count` calls that all come at `start` goes, if each waits exactly as long as it is told. */
function timesOf(meter: SlidingWindow, count: number, start = 0): number[] {
  let now = start;
  return Array.from({ length: count }, () => {
    now += meter.wait(1, now);
    meter.take(1, now);
    return now;
  });
}

/** The most that goes in any window of that length, its end not counted. */
function mostIn(windowMs: number, gone: readonly Gone[]): number {
  let most = 0;
  let sum = 0;
  let oldest = 0;
  for (const { at, cost } of gone) {
    sum += cost;
    while ((gone[oldest] as Gone).at + windowMs <= at) sum -= (gone[oldest++] as Gone).cost;
    most = Math.max(most, sum);
  }
  return most;
}

/** The same from all that ever went: tries every moment at which something leaves the window. */
function naiveWait(gone: readonly Gone[], cost: number, now: number): number {
  const moments = [now, ...gone.map(({ at }) => at + SECOND.perMs).filter((at) => at > now)].sort((a, b) => a - b);
  for (const moment of moments) {
    const within = gone.reduce((sum, one) => (one.at + SECOND.perMs > moment ? sum + one.cost : sum), 0);
    if (within + Math.min(cost, SECOND.limit) <= SECOND.limit) return moment - now;
  }
  return Number.POSITIVE_INFINITY;
}

/** Pauses of a clock that stands still, goes on, and jumps. */
const AFTER = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 100_000 }));

describe('a sliding window', () => {
  it('of 10/s lets 10 of 50 calls go at once, and the next 10 each a second later', () => {
    const times = timesOf(new SlidingWindow(SECOND), 50);
    expect(times).toEqual(Array.from({ length: 50 }, (_, index) => Math.floor(index / 10) * 1_000));
  });

  it('of 10/10 s lets 10 of 20 calls go at once, and the others 10 s later', () => {
    const times = timesOf(new SlidingWindow({ limit: 10, perMs: 10_000 }), 20);
    expect([times[9], times[10], times[19]]).toEqual([0, 10_000, 10_000]);
  });

  it.each([
    [5, 0],
    [6, 60_000],
  ])('of 5/min lets the last of %d calls go after %d ms', (count, last) => {
    expect(timesOf(new SlidingWindow({ limit: 5, perMs: 60_000 }), count).at(-1)).toBe(last);
  });

  it('is not fooled by calls on both sides of a minute', () => {
    const meter = new SlidingWindow(SECOND);
    for (let count = 0; count < 10; count++) meter.take(1, 990);
    expect(meter.wait(1, 1_010)).toBe(980);
    expect(meter.wait(1, 1_989)).toBe(1);
    expect(meter.wait(10, 1_990)).toBe(0);
  });

  it('does what its definition says of all that ever went, to the millisecond, and never exceeds its limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ after: AFTER, cost: fc.integer({ min: 1, max: 10 }), patient: fc.boolean() }), {
          maxLength: 80,
        }),
        (calls) => {
          const meter = new SlidingWindow(SECOND);
          const gone: Gone[] = [];
          let now = 0;
          for (const { after, cost, patient } of calls) {
            now += after;
            const ms = meter.wait(cost, now);
            expect(ms).toBe(naiveWait(gone, cost, now));
            if (ms > 0) {
              if (!patient) continue;
              expect(meter.wait(cost, now + ms - 1)).toBe(1);
              now += ms;
              expect(meter.wait(cost, now)).toBe(0);
            }
            meter.take(cost, now);
            gone.push({ at: now, cost });
          }
          expect(mostIn(SECOND.perMs, gone)).toBeLessThanOrEqual(SECOND.limit);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has a wait that is never too short, and never exceeds its limit, whatever the clock reads', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0.1, max: 100_000, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 50_000, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        (limit, perMs, pauses, start) => {
          const meter = new SlidingWindow({ limit, perMs });
          const gone: Gone[] = [];
          let now = start;
          for (const pause of pauses) {
            now += pause;
            now += meter.wait(1, now);
            expect(meter.wait(1, now)).toBe(0);
            meter.take(1, now);
            gone.push({ at: now, cost: 1 });
          }
          expect(mostIn(perMs, gone)).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts parts, and does not lose the last of them to a rounding', () => {
    const meter = new SlidingWindow({ limit: 1, perMs: 1_000 });
    for (let count = 0; count < 10; count++) {
      expect(meter.wait(0.1, count)).toBe(0);
      meter.take(0.1, count);
    }
    expect(meter.wait(0.1, 10)).toBe(990);
    const three = new SlidingWindow({ limit: 0.3, perMs: 1_000 });
    for (let count = 0; count < 3; count++) {
      expect(three.wait(0.1, 0)).toBe(0);
      three.take(0.1, 0);
    }
    expect(three.wait(0.1, 0)).toBe(1_000);
  });

  it('lets through what costs more than its limit when nothing is in it, for as many windows as it needs', () => {
    const meter = new SlidingWindow(SECOND);
    expect(meter.wait(25, 0)).toBe(0);
    meter.take(1, 0);
    expect(meter.wait(25, 0)).toBe(1_000);
    meter.take(25, 1_000);
    expect(meter.wait(1, 1_000)).toBe(3_000);
    expect(meter.stats(1_000).remaining).toBe(-15);
    expect(meter.wait(10, 4_000)).toBe(0);
    const slow = new SlidingWindow({ limit: 0.5, perMs: 1_000 });
    expect(timesOf(slow, 3)).toEqual([0, 2_000, 4_000]);
  });

  it('lets what is owed count where it might have gone, so that the rate holds in the long run', () => {
    const meter = new SlidingWindow(SECOND);
    meter.take(10, 0);
    meter.take(5, 100);
    expect(meter.wait(1, 100)).toBe(900);
    expect(meter.stats(1_000).remaining).toBe(5);
    meter.take(5, 1_000);
    expect(meter.wait(1, 1_000)).toBe(1_000);
    let now = 0;
    let spent = 0;
    const debtor = new SlidingWindow(SECOND);
    for (let count = 0; count < 100; count++) {
      now += debtor.wait(1, now);
      debtor.take(1, now);
      debtor.take(7, now);
      spent += 8;
    }
    expect(spent / (now / 1_000 + 1)).toBeLessThan(11);
  });

  it('lets what costs nothing, or no finite amount, through without a trace', () => {
    const meter = new SlidingWindow(SECOND);
    for (const cost of [0, -5, Number.NaN, Number.POSITIVE_INFINITY]) {
      meter.take(cost, 0);
      meter.giveBack(cost, 0);
      expect(meter.wait(cost, 0)).toBe(0);
    }
    meter.take(10, 0);
    expect(meter.wait(0, 0)).toBe(0);
    expect(meter.stats(0).remaining).toBe(0);
  });

  it('is as good as new when all has left it, and says what is left of it', () => {
    const meter = new SlidingWindow(SECOND);
    expect(meter.idle(0)).toBe(true);
    meter.take(3, 0);
    expect(meter.stats(0)).toEqual({ limit: 10, perMs: 1_000, burst: 10, remaining: 7 });
    expect([meter.idle(0), meter.idle(999), meter.idle(1_000)]).toEqual([false, false, true]);
    expect(meter.size).toBe(0);
  });
});

describe('what is given back to a sliding window', () => {
  it('at once is as if it had never been taken', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ after: fc.nat(500), cost: fc.integer({ min: 1, max: 12 }) }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 25 }),
        (calls, cost) => {
          const [meter, other] = [new SlidingWindow(SECOND), new SlidingWindow(SECOND)];
          let now = 0;
          for (const { after, cost: each } of calls) {
            now += after;
            if (other.wait(each, now) > 0) continue;
            meter.take(each, now);
            other.take(each, now);
          }
          now += other.wait(cost, now);
          meter.take(cost, now);
          meter.giveBack(cost, now, now);
          expect(meter.stats(now)).toEqual(other.stats(now));
          for (let each = 1; each <= 10; each++) expect(meter.wait(each, now)).toBe(other.wait(each, now));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never lets any window exceed its limit, however late it comes, and is never lost', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            after: fc.oneof(fc.constant(0), fc.nat(150), fc.nat(1_500)),
            cost: fc.integer({ min: 1, max: 6 }),
            keep: fc.boolean(),
            late: fc.nat(8),
          }),
          { maxLength: 80 },
        ),
        (calls) => {
          const meter = new SlidingWindow(SECOND);
          let gone: Gone[] = [];
          const held: { one: Gone; until: number }[] = [];
          let now = 0;
          for (const [index, { after, cost, keep, late }] of calls.entries()) {
            now += after;
            for (const { one } of held.filter(({ until }) => until === index)) {
              const before = meter.stats(now).remaining;
              meter.giveBack(one.cost, now, one.at);
              gone = gone.filter((other) => other !== one);
              const back = meter.stats(now).remaining - before;
              expect(back).toBe(one.at + 1_000 <= now ? 0 : one.cost);
            }
            const ms = meter.wait(cost, now);
            expect(ms).toBeGreaterThanOrEqual(naiveWait(gone, cost, now));
            if (ms > 0) continue;
            const one = { at: now, cost };
            meter.take(cost, now);
            gone.push(one);
            if (!keep) held.push({ one, until: index + 1 + late });
          }
          expect(mostIn(1_000, gone)).toBeLessThanOrEqual(10);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('by one that does not say when it was taken frees as much, and lets no window exceed its limit', () => {
    const meter = new SlidingWindow(SECOND);
    for (let at = 0; at < 1_000; at += 100) meter.take(1, at);
    meter.giveBack(1, 900);
    expect(meter.wait(1, 900)).toBe(0);
    meter.take(1, 900);
    expect(meter.wait(1, 900)).toBe(200);
  });

  it('never makes it more than full', () => {
    const meter = new SlidingWindow(SECOND);
    meter.take(2, 0);
    for (const takenAt of [0, 0, undefined]) meter.giveBack(2, 0, takenAt);
    expect(meter.stats(0).remaining).toBe(10);
    expect(meter.size).toBe(0);
  });

  it('is taken off what is still owed, when it has long left the window', () => {
    const meter = new SlidingWindow(SECOND);
    meter.take(100, 0);
    meter.giveBack(80, 5_000, 0);
    expect(meter.wait(10, 5_000)).toBe(5_000);
    meter.giveBack(20, 5_000, 0);
    expect(meter.wait(10, 5_000)).toBe(0);
  });
});

describe('a sliding window', () => {
  it.each([
    [1_000, 1_000],
    [5_000, 1_000],
    [1_000, 5_000],
    [5_000, 5_000],
  ])('lets %d calls at %d/min go in under 50 MB, with a record each at most', (count, limit) => {
    const before = process.memoryUsage();
    const meter = new SlidingWindow({ limit, perMs: 60_000 });
    let now = 0;
    let largest = 0;
    for (let index = 0; index < count; index++) {
      now += meter.wait(1, now);
      meter.take(1, now);
      now += 0.25;
      largest = Math.max(largest, meter.size);
    }
    expect(largest).toBe(Math.min(count, limit));
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.external - before.heapUsed - before.external;
    expect(grown).toBeLessThan(50 * 2 ** 20);
  });

  it('is exact, window after window, while it holds up to 8,192', () => {
    const [limit, perMs] = [8_192, 60_000];
    const meter = new SlidingWindow({ limit, perMs });
    const times: number[] = [];
    let now = 0;
    let off = 0;
    for (let count = 0; count < 100_000; count++) {
      const ms = meter.wait(1, now);
      const free = times.length < limit ? 0 : (times[times.length - limit] as number) + perMs;
      if (now + ms !== Math.max(now, free)) off++;
      now += ms;
      meter.take(1, now);
      times.push(now);
      now += count % 14;
    }
    expect(off).toBe(0);
    expect(times.at(-1)).toBeGreaterThan(perMs * 11);
  });

  it('that holds more than it has room for is never too early, and late by an 8,192nd of the window at most', () => {
    const [limit, perMs] = [50_000, 60_000];
    const meter = new SlidingWindow({ limit, perMs });
    const times: number[] = [];
    let now = 0;
    let [earliest, latest, largest] = [0, 0, 0];
    for (let count = 0; count < 200_000; count++) {
      const free = times.length < limit ? 0 : (times[times.length - limit] as number) + perMs;
      const at = now + meter.wait(1, now);
      const late = at - Math.max(now, free);
      earliest = Math.min(earliest, late);
      latest = Math.max(latest, late);
      now = at;
      meter.take(1, now);
      times.push(now);
      largest = Math.max(largest, meter.size);
      now += (count % 7) / 5;
    }
    expect(earliest).toBe(0);
    expect(latest).toBeGreaterThan(0);
    expect(latest).toBeLessThanOrEqual(perMs / 8_192);
    expect(largest).toBe(16_384);
    expect(times.at(-1)).toBeLessThan(perMs * 4.1);
  });

  it('keeps to its room while ever so many debts are recorded ahead', () => {
    const meter = new SlidingWindow({ limit: 1, perMs: 1_000 });
    for (let count = 0; count < 40_000; count++) meter.take(1, count / 1_000);
    expect(meter.size).toBeLessThanOrEqual(16_384);
    expect(meter.stats(40).remaining).toBe(-39_999);
    expect(meter.wait(1, 40)).toBe(39_999_960);
  });

  it('holds nothing longer than a window, however long it goes on', () => {
    const meter = new SlidingWindow(SECOND);
    let now = 0;
    let largest = 0;
    for (let count = 0; count < 100_000; count++) {
      now += meter.wait(1, now);
      meter.take(1, now);
      now += count % 13;
      largest = Math.max(largest, meter.size);
    }
    expect(largest).toBeLessThanOrEqual(10);
    expect(meter.stats(now + 1_000).remaining).toBe(10);
  });
});

describe('what a service says to a sliding window', () => {
  it('holds until it is reset, and the window alone holds from then on', () => {
    const meter = new SlidingWindow(SECOND);
    meter.correct(2, 5_000, 0);
    expect(meter.stats(0).remaining).toBe(2);
    meter.take(2, 0);
    expect([meter.wait(1, 0), meter.wait(1, 4_999), meter.wait(10, 5_000)]).toEqual([5_000, 1, 0]);
    expect([meter.idle(4_999), meter.idle(5_000)]).toEqual([false, true]);
  });

  it('never lets more through than the window does', () => {
    const meter = new SlidingWindow(SECOND);
    meter.take(10, 0);
    meter.correct(1_000, 1, 0);
    expect(meter.wait(1, 0)).toBe(1_000);
  });

  it('is restored by what did not go', () => {
    const meter = new SlidingWindow(SECOND);
    meter.correct(2, 5_000, 0);
    meter.take(2, 100);
    meter.giveBack(1, 200, 100);
    expect(meter.stats(200).remaining).toBe(1);
  });
});
