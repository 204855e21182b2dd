import { describe, expect, it } from 'vitest';
import { type Probe, Probes } from './probes.ts';

/** Takes as many places as there are. */
const takeAll = (probes: Probes, now: number): Probe[] => {
  const taken: Probe[] = [];
  for (let probe = probes.take(now); probe !== undefined; probe = probes.take(now)) taken.push(probe);
  return taken;
};

describe('the places for probes', () => {
  it('are exactly as many as there should be, however many ask', () => {
    const probes = new Probes(3, 100);
    const answers = Array.from({ length: 1_000 }, () => probes.take(0));
    expect(answers.filter((probe) => probe !== undefined)).toHaveLength(3);
    expect(answers.slice(0, 3).every((probe) => probe?.state === 'held')).toBe(true);
    expect([probes.alive(0), probes.freeAt]).toEqual([3, 100]);
  });

  it('are all done when each has seen a success, which keeps its place', () => {
    const probes = new Probes(2, 100);
    const [first, second] = takeAll(probes, 0) as [Probe, Probe];
    expect([probes.succeed(first, 1), probes.done]).toEqual([true, false]);
    expect(probes.take(1)).toBeUndefined();
    expect([probes.succeed(second, 2), probes.done]).toEqual([true, true]);
  });

  it('are given again when a probe says nothing', () => {
    const probes = new Probes(2, 100);
    const [first] = takeAll(probes, 0) as [Probe, Probe];
    probes.giveBack(first);
    expect([probes.has(first), probes.alive(5)]).toEqual([false, 1]);
    const next = probes.take(5) as Probe;
    expect([next.until, probes.freeAt, probes.take(5)]).toEqual([105, 100, undefined]);
    probes.giveBack(first);
    expect(probes.take(5)).toBeUndefined();
  });

  it('are given again when the lease of a probe is over, and not a moment before', () => {
    const probes = new Probes(2, 100);
    const first = probes.take(0) as Probe;
    const second = probes.take(40) as Probe;
    expect(probes.take(99)).toBeUndefined();
    const third = probes.take(100) as Probe;
    expect([first.state, second.state, third.state]).toEqual(['expired', 'held', 'held']);
    expect([probes.take(139), probes.freeAt]).toEqual([undefined, 140]);
    expect(takeAll(probes, 500)).toHaveLength(2);
  });

  it('count a success within the lease, and none after it, whether the place was given again or not', () => {
    const [inTime, late] = [new Probes(1, 100), new Probes(1, 100)];
    expect(inTime.succeed(inTime.take(0) as Probe, 99)).toBe(true);
    expect(late.succeed(late.take(0) as Probe, 100)).toBe(false);
    expect([late.done, late.alive(100)]).toEqual([false, 0]);
    const first = late.take(100) as Probe;
    const second = late.take(200) as Probe;
    expect(late.succeed(first, 201)).toBe(false);
    expect(late.take(201)).toBeUndefined();
    expect([late.succeed(second, 202), late.done]).toEqual([true, true]);
  });

  it('know a probe of theirs until it has ended, also when it has lost its place', () => {
    const probes = new Probes(1, 100);
    const probe = probes.take(0) as Probe;
    probes.take(100);
    expect([probes.has(probe), new Probes(1, 100).has(probe)]).toEqual([true, false]);
    probes.succeed(probe, 101);
    expect(probes.has(probe)).toBe(false);
  });

  it('count a slow probe once', () => {
    const probes = new Probes(3, 100);
    const [first, second] = takeAll(probes, 0) as [Probe, Probe, Probe];
    expect([probes.slowed(first), probes.slowed(first), probes.slowed(second), probes.slow]).toEqual([
      true,
      false,
      true,
      2,
    ]);
  });
});
