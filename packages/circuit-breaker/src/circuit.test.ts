import { describe, expect, it } from 'vitest';
import { calls, numberOf, probeOf, refusalOf, watched } from './circuit.test-kit.ts';

describe('a closed circuit', () => {
  it('lets everything through with one and the same number', () => {
    const { circuit, changes } = watched();
    expect(circuit.free).toBeGreaterThan(0);
    for (let now = 0; now < 10; now++) expect(circuit.permit(now)).toBe(circuit.free);
    expect([circuit.state(0), circuit.nextChangeAt, changes]).toEqual(['closed', undefined, []]);
  });

  it('opens at the failure that reaches the rate, and says why', () => {
    const { circuit, changes } = watched();
    calls(circuit, 2, 'failure', 5);
    expect(circuit.state(5)).toBe('closed');
    calls(circuit, 1, 'failure', 6);
    expect(circuit.state(6)).toBe('open');
    expect(changes).toEqual(['closed > open: 3 of 3 calls failed @ 6']);
    expect(circuit.free).toBe(0);
  });

  it('never opens at a success', () => {
    const { circuit } = watched();
    calls(circuit, 2, 'failure', 0);
    calls(circuit, 2, 'success', 0);
    expect(circuit.stats(0)).toMatchObject({ state: 'closed', window: { calls: 4, failures: 2 } });
    calls(circuit, 1, 'failure', 0);
    expect(circuit.state(0)).toBe('open');
  });

  it('says how many of how many failed in how long, or in a row', () => {
    const time = watched({ window: { type: 'time', sizeMs: 10_000, minimum: 10 } });
    calls(time.circuit, 4, 'success', 0);
    calls(time.circuit, 6, 'failure', 3_000);
    expect(time.changes).toEqual(['closed > open: 6 of 10 calls failed in 10 s @ 3000']);
    const row = watched({ window: { type: 'consecutive', size: 3 }, failureRate: 0.9 });
    calls(row.circuit, 2, 'failure', 0);
    calls(row.circuit, 1, 'success', 0);
    calls(row.circuit, 3, 'failure', 1);
    expect(row.changes).toEqual(['closed > open: 3 calls in a row failed @ 1']);
  });

  it('counts nothing of a call that says nothing', () => {
    const { circuit } = watched();
    for (let count = 0; count < 10; count++) circuit.report(numberOf(circuit, 0), 'neutral', 0);
    expect(circuit.stats(0)).toMatchObject({ window: { calls: 0, paced: 0 }, totals: { calls: 0 } });
  });

  it('opens on slow calls while they still run', () => {
    const { circuit, changes } = watched();
    const permits = [0, 1, 2].map((now) => numberOf(circuit, now));
    for (const [index, permit] of permits.entries()) circuit.crossedSlow(permit, 2_000 + index);
    expect(changes).toEqual(['closed > open: 3 of 3 calls took longer than 2 s @ 2002']);
    expect(circuit.stats(2_002).totals).toMatchObject({ calls: 0, slow: 3 });
  });

  it('counts a slow call once as slow, and once by how it ends', () => {
    const { circuit } = watched({ window: { type: 'count', size: 10, minimum: 10 } });
    const once = circuit.crossedSlow(circuit.permit(0) as number, 2_000);
    expect(once).toBeLessThan(0);
    expect(circuit.crossedSlow(once, 2_100)).toBe(once);
    expect(circuit.stats(2_100).window).toEqual({ calls: 0, failures: 0, paced: 1, slow: 1 });
    circuit.report(once, 'failure', 9_000);
    const cancelled = circuit.crossedSlow(circuit.permit(0) as number, 9_000);
    circuit.report(cancelled, 'neutral', 9_001);
    calls(circuit, 1, 'success', 9_002);
    expect(circuit.stats(9_002).window).toEqual({ calls: 2, failures: 1, paced: 3, slow: 2 });
    expect(circuit.stats(9_002).totals).toEqual({ calls: 2, failures: 1, slow: 2, refused: 0, opened: 0 });
  });

  it('has no slow calls when none are set', () => {
    const { circuit } = watched({ slowCall: undefined });
    const permit = numberOf(circuit, 0);
    expect(circuit.crossedSlow(permit, 9_000)).toBe(permit);
    circuit.trip(0);
    circuit.crossedSlow(probeOf(circuit, 100), 9_000);
    expect(circuit.stats(9_000)).toMatchObject({ window: { slow: 0 }, totals: { slow: 0 } });
  });

  it('does not hear results of an earlier generation', () => {
    const { circuit } = watched();
    const early = Array.from({ length: 20 }, () => numberOf(circuit, 0));
    const slow = circuit.crossedSlow(early.pop() as number, 0);
    calls(circuit, 3, 'failure', 0);
    for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 100), 'success', 100);
    expect(circuit.state(100)).toBe('closed');
    const before = circuit.stats(100);
    for (const permit of [...early, slow]) {
      circuit.crossedSlow(permit, 100);
      circuit.report(permit, 'failure', 100);
    }
    expect(circuit.stats(100)).toEqual(before);
  });

  it('is idle when there is nothing bad to remember', () => {
    const { circuit } = watched({
      window: { type: 'time', sizeMs: 1_000, minimum: 2 },
      openFor: { delay: () => 400, longest: () => 400, describe: () => '' },
    });
    calls(circuit, 5, 'success', 0);
    expect(circuit.idle(0)).toBe(true);
    calls(circuit, 1, 'failure', 0);
    expect([circuit.idle(0), circuit.idle(1_000)]).toEqual([false, true]);
    circuit.crossedSlow(circuit.permit(1_000) as number, 1_000);
    expect([circuit.idle(1_000), circuit.idle(2_000)]).toEqual([false, true]);
    circuit.trip(2_000);
    expect(circuit.idle(2_000)).toBe(false);
    for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 2_400), 'success', 2_400);
    expect([circuit.idle(2_400), circuit.idle(3_200), circuit.idle(3_201)]).toEqual([false, false, true]);
  });
});

describe('an open circuit', () => {
  it('refuses at once, with one and the same refusal, and counts that', () => {
    const { circuit } = watched();
    calls(circuit, 3, 'failure', 0);
    const refusal = refusalOf(circuit, 1);
    expect([refusal.state, refusal.because, refusal.retryAfterMs(1)]).toEqual(['open', '3 of 3 calls failed', 99]);
    expect(circuit.permit(99.9)).toBe(refusal);
    expect(circuit.stats(0).totals.refused).toBe(2);
  });

  it('is half-open as soon as its time is over, and says so when somebody comes, or it is asked to', () => {
    const { circuit, changes } = watched();
    calls(circuit, 3, 'failure', 0);
    expect([circuit.nextChangeAt, circuit.state(99), circuit.state(100)]).toEqual([100, 'open', 'half-open']);
    circuit.tick(99);
    expect(changes).toHaveLength(1);
    circuit.tick(100);
    expect(changes.slice(1)).toEqual(['open > half-open: its time was over @ 100']);
    expect([circuit.nextChangeAt, circuit.stats(100).because]).toEqual([undefined, '3 of 3 calls failed']);
    circuit.tick(200);
    expect(changes).toHaveLength(2);
  });

  it('is open longer each time that a probe fails, and as long as at first after it was closed for long', () => {
    const { circuit } = watched();
    calls(circuit, 3, 'failure', 0);
    const ends: (number | undefined)[] = [];
    for (const now of [100, 300, 600]) {
      circuit.report(probeOf(circuit, now), 'failure', now);
      ends.push(circuit.nextChangeAt);
    }
    expect(ends).toEqual([300, 600, 1_000]);
    for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 1_000), 'success', 1_000);
    calls(circuit, 3, 'failure', 1_800);
    expect(circuit.nextChangeAt).toBe(2_300);
    for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 2_300), 'success', 2_300);
    calls(circuit, 3, 'failure', 3_301);
    expect(circuit.nextChangeAt).toBe(3_401);
  });

  it('whose formula fails is open for the usual time', () => {
    const failing = { delay: () => Number.NaN, longest: () => 0, describe: () => '' };
    const { circuit, faults } = watched({ openFor: failing });
    calls(circuit, 3, 'failure', 0);
    expect([circuit.nextChangeAt, faults.length]).toEqual([30_000, 1]);
  });
});
