import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LimitFinder } from './limit-finder.ts';
import {
  BUSY,
  capacityDrift,
  degradationCurve,
  jittered,
  latencyDrift,
  lowTraffic,
  type Moment,
  mildOverload,
  type Plant,
  runPlant,
  type Scene,
  step,
  type Trace,
  twoSorts,
} from './plants.test-kit.ts';

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
const finder = (): LimitFinder => new LimitFinder({ min: 1, max: 1000, initial: 10 });
const run = (seed: number, scene: Scene, limiter = finder()): Trace => runPlant({ seed, limiter, ...scene });
const plant = (capacity: number, more: Partial<Plant> = {}): Plant => ({
  capacity: () => capacity,
  service: (_at, random) => jittered(random, 20),
  ...more,
});
const isNear = ({ limit, capacity }: Moment): boolean => Math.abs(limit / capacity - 1) <= 0.2;

/** The moments more than 30 windows after a beginning, or after one of the given times, that are not within 20 %. */
function strays(trace: Trace, changes: readonly number[] = []): string[] {
  const found: string[] = [];
  let since = 0;
  trace.moments.forEach((moment, index) => {
    const before = trace.moments[index - 1]?.at ?? 0;
    if (changes.some((at) => before < at && moment.at >= at)) since = index;
    if (index - since >= 30 && !isNear(moment)) {
      found.push(`window ${index - since}: ${moment.limit} of ${moment.capacity}`);
    }
  });
  return found;
}

describe('a limit finder comes within 20 % of the true capacity in 30 windows and stays there', () => {
  it.each(SEEDS)('when the capacity halves and doubles at once (seed %i)', (seed) => {
    const trace = run(seed, step);
    expect(trace.moments.length).toBeGreaterThan(200);
    expect(strays(trace, [30_000, 60_000])).toEqual([]);
  });

  it.each(SEEDS)('when the capacity drifts, and when the latency does (seed %i)', (seed) => {
    expect(strays(run(seed, capacityDrift))).toEqual([]);
    expect(strays(run(seed, latencyDrift))).toEqual([]);
  });

  it.each(SEEDS)('when one call of ten takes twenty times as long as the others (seed %i)', (seed) => {
    const trace = run(seed, twoSorts);
    expect(trace.moments.length).toBeGreaterThan(40);
    expect(strays(trace)).toEqual([]);
  });

  it.each(SEEDS)('and keeps it while nearly nobody calls (seed %i)', (seed) => {
    const trace = run(seed, lowTraffic);
    expect(trace.moments.some(({ inFlight }) => inFlight <= 5)).toBe(true);
    expect(strays(trace)).toEqual([]);
  });
});

describe('the limit that a finder finds', () => {
  it.each(SEEDS)('does not creep up under mild overload (seed %i)', (seed) => {
    const trace = run(seed, mildOverload);
    expect(trace.moments.length).toBeGreaterThan(300);
    expect(strays(trace)).toEqual([]);
  });

  it.each(SEEDS)('stays where it began while the demand does not use it (seed %i)', (seed) => {
    const trace = run(seed, { plant: plant(60), demand: { rate: () => 150 }, until: 60_000 });
    expect(trace.moments.length).toBeGreaterThan(20);
    expect(trace).toMatchObject({ lowest: 10, highest: 10 });
  });

  it.each(SEEDS)('is not moved by calls that take a hundred times as long as the others (seed %i)', (seed) => {
    const service: Plant['service'] = (_at, random) => (random() < 0.003 ? 2_000 : jittered(random, 20));
    expect(strays(run(seed, { plant: plant(60, { service }), demand: BUSY, until: 30_000 }))).toEqual([]);
  });

  it.each(SEEDS)(
    'falls to the bottom while every call is dropped, and recovers in 30 windows after that (seed %i)',
    (seed) => {
      const outcome: Plant['outcome'] = (at) => (at >= 10_000 && at < 20_000 ? 'dropped' : 'success');
      const trace = run(seed, { plant: plant(60, { outcome }), demand: BUSY, until: 50_000 });
      const during = trace.moments.filter(({ at }) => at >= 10_000 && at < 20_000);
      expect(Math.min(...during.map(({ limit }) => limit))).toBeLessThan(40);
      const after = trace.moments.filter(({ at }) => at >= 20_000);
      expect(after.slice(30).filter((moment) => !isNear(moment))).toEqual([]);
    },
  );

  it.each(SEEDS)('recovers when calls took ten times as long for a while (seed %i)', (seed) => {
    const service: Plant['service'] = (at, random) => jittered(random, at >= 10_000 && at < 25_000 ? 200 : 20);
    const trace = run(seed, { plant: plant(60, { service }), demand: BUSY, until: 50_000 });
    const after = trace.moments.filter(({ at }) => at >= 25_000);
    expect(after.slice(30).filter((moment) => !isNear(moment))).toEqual([]);
  });

  it.each(SEEDS)('comes to where a downstream begins to refuse calls (seed %i)', (seed) => {
    const trace = run(seed, { plant: plant(1_000, { refusesAt: 60 }), demand: BUSY, until: 40_000 });
    const late = trace.moments.slice(30);
    expect(late.filter(({ limit }) => limit < 48 || limit > 72)).toEqual([]);
  });

  it.each(SEEDS)('is not held down by drops that no limit avoids (seed %i)', (seed) => {
    const outcome: Plant['outcome'] = (_at, random) => (random() < 0.1 ? 'dropped' : 'success');
    const { moments } = run(seed, { plant: plant(60, { outcome }), demand: BUSY, until: 50_000 });
    const late = moments.slice(-50);
    expect(late.filter(isNear).length).toBeGreaterThan(40);
  });
});

describe('a finder', () => {
  const call = fc.record({
    ms: fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(0)),
    inFlight: fc.integer({ min: 1, max: 2_000 }),
    outcome: fc.constantFrom<'success' | 'ignored' | 'dropped'>('success', 'success', 'success', 'ignored', 'dropped'),
    gap: fc.double({ min: 0, max: 1e4, noNaN: true }),
  });

  it('never leaves min to max, and always answers a whole number', () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(300), fc.nat(300));
    fc.assert(
      fc.property(bounds, fc.array(call, { minLength: 1, maxLength: 20 }), ([min, more, first], calls) => {
        const max = min + more;
        const found = new LimitFinder({ min, max, initial: Math.min(max, min + first) });
        let now = 0;
        for (let round = 0; round < 120; round++) {
          for (const { ms, inFlight, outcome, gap } of calls) {
            now += gap;
            found.sample(ms, inFlight, outcome, now);
            if (!Number.isInteger(found.limit) || found.limit < min || found.limit > max) return false;
          }
        }
        return Object.values(found.stats()).every(Number.isFinite);
      }),
      { numRuns: 200 },
    );
  });

  it('never moves where min and max are the same', () => {
    const trace = run(
      1,
      { plant: plant(60), demand: BUSY, until: 20_000 },
      new LimitFinder({ min: 7, max: 7, initial: 7 }),
    );
    expect(trace).toMatchObject({ lowest: 7, highest: 7 });
  });

  it('learns nothing from calls that are to be ignored', () => {
    const found = finder();
    for (let at = 1; at <= 5_000; at++) found.sample(10_000, 10, 'ignored', at);
    expect(found.stats()).toEqual(finder().stats());
  });

  it('backs off by a tenth once for all calls that were dropped together', () => {
    const found = new LimitFinder({ min: 1, max: 1000, initial: 100 });
    for (let call = 0; call < 100; call++) found.sample(50, 100 - call, 'dropped', 60);
    expect(found.limit).toBe(90);
  });

  it('says what it found: the latency without a queue, the throughput, the centre', () => {
    const found = finder();
    run(1, { plant: plant(60), demand: BUSY, until: 20_000 }, found);
    const stats = found.stats();
    expect(stats.limit).toBe(found.limit);
    expect(stats.baselineMs).toBeGreaterThan(17);
    expect(stats.baselineMs).toBeLessThan(23);
    expect(stats.throughput).toBeGreaterThan(2_300);
    expect(Math.abs(stats.centre / 60 - 1)).toBeLessThan(0.15);
  });

  it('finds the knee of a tool that gets slower the more calls it has, and keeps its best throughput at its best latency', () => {
    const { points, found } = degradationCurve(1, finder());
    const best = Math.max(...points.map(({ throughput }) => throughput));
    const unloaded = points[0];
    expect(Math.abs(found.concurrency / 50 - 1)).toBeLessThan(0.2);
    expect(found.throughput).toBeGreaterThan(0.9 * best);
    expect(found.p50).toBeLessThan(1.5 * (unloaded?.p50 ?? 0));
    expect(points.at(-1)?.p99).toBeGreaterThan(5 * found.p99);
  });
});
