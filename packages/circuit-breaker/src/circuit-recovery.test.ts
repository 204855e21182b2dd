import { describe, expect, it } from 'vitest';
import { calls, probeOf, refusalOf, watched } from './circuit.test-kit.ts';
import { CircuitRefusal } from './circuit-refusal.ts';

describe('a half-open circuit', () => {
  const halfOpen = (some: Parameters<typeof watched>[0] = {}) => {
    const made = watched(some);
    calls(made.circuit, 3, 'failure', 0);
    made.changes.length = 0;
    return made;
  };

  it('admits exactly so many of 1,000 callers that come at the moment when it is', () => {
    const { circuit, changes } = halfOpen();
    const answers = Array.from({ length: 1_000 }, () => circuit.permit(100));
    const refusals = answers.filter((answer) => answer instanceof CircuitRefusal);
    expect(refusals).toHaveLength(997);
    expect(changes).toHaveLength(1);
    const [refusal] = refusals as [CircuitRefusal];
    expect([refusal.state, refusal.because, refusal.retryAfterMs(100)]).toEqual([
      'half-open',
      '3 of 3 calls failed',
      1_000,
    ]);
    expect(refusalOf(circuit, 1_000).retryAfterMs(1_000)).toBe(100);
    expect(circuit.stats(100)).toMatchObject({ probing: 3, totals: { refused: 998 } });
  });

  it('closes when all probes have succeeded, with nothing in its window', () => {
    const { circuit, changes } = halfOpen();
    const probes = [100, 101, 102].map((now) => probeOf(circuit, now));
    for (const probe of probes) circuit.report(probe, 'success', 110);
    expect(changes.slice(1)).toEqual(['half-open > closed: all 3 probes succeeded @ 110']);
    expect(circuit.stats(110)).toMatchObject({
      state: 'closed',
      window: { calls: 0 },
      totals: { calls: 6, failures: 3 },
    });
    expect(circuit.permit(110)).toBe(circuit.free);
    const single = halfOpen({ probes: 1 });
    single.circuit.report(probeOf(single.circuit, 100), 'success', 100);
    expect(single.changes.at(-1)).toBe('half-open > closed: the probe succeeded @ 100');
  });

  it('opens when one fails, and does not hear the others', () => {
    const { circuit, changes } = halfOpen();
    const [first, second, third] = [100, 100, 100].map((now) => probeOf(circuit, now));
    circuit.report(first as never, 'success', 101);
    circuit.report(second as never, 'failure', 102);
    circuit.report(third as never, 'failure', 103);
    circuit.crossedSlow(third as never, 103);
    expect(changes.slice(1)).toEqual(['half-open > open: a probe failed @ 102']);
    expect(circuit.stats(103).totals).toMatchObject({ calls: 5, failures: 4, opened: 2 });
  });

  it('may be forgotten when nobody has come for an hour since it would let probes through, or since it has', () => {
    const { circuit } = watched();
    circuit.trip(0);
    expect([circuit.idle(3_600_099), circuit.idle(3_600_100)]).toEqual([false, true]);
    circuit.report(probeOf(circuit, 5_000), 'neutral', 6_000);
    expect(circuit.state(6_000)).toBe('half-open');
    expect([circuit.idle(3_604_999), circuit.idle(3_605_000)]).toEqual([false, true]);
  });

  it('gives the place of a probe that says nothing to the next caller', () => {
    const { circuit } = halfOpen({ probes: 1 });
    const probe = probeOf(circuit, 100);
    refusalOf(circuit, 100);
    circuit.report(probe, 'neutral', 101);
    circuit.report(probe, 'failure', 102);
    expect(circuit.state(102)).toBe('half-open');
    circuit.report(probeOf(circuit, 102), 'success', 103);
    expect(circuit.state(103)).toBe('closed');
  });

  it('is not stuck on a probe that hangs for longer than its lease', () => {
    const { circuit } = halfOpen({ probes: 1 });
    const hung = probeOf(circuit, 100);
    refusalOf(circuit, 1_099);
    const next = probeOf(circuit, 1_100);
    circuit.report(hung, 'success', 1_150);
    expect(circuit.stats(1_150)).toMatchObject({ state: 'half-open', probing: 1, totals: { calls: 3 } });
    circuit.report(next, 'success', 1_200);
    expect(circuit.state(1_200)).toBe('closed');
  });

  it('opens when a probe fails after its lease', () => {
    const { circuit, changes } = halfOpen({ probes: 1 });
    const hung = probeOf(circuit, 100);
    probeOf(circuit, 1_100);
    circuit.report(hung, 'failure', 1_200);
    expect(changes.at(-1)).toBe('half-open > open: a probe failed @ 1200');
  });

  it('opens when so many probes are slow that they reach the slow rate, while they still run', () => {
    const { circuit, changes } = halfOpen();
    const [first, second] = [100, 100, 100].map((now) => probeOf(circuit, now)) as [never, never];
    expect(circuit.crossedSlow(first, 150)).toBe(first);
    circuit.crossedSlow(first, 150);
    expect(circuit.state(150)).toBe('half-open');
    circuit.crossedSlow(second, 160);
    expect(changes.at(-1)).toBe('half-open > open: 2 of 3 probes took longer than 2 s @ 160');
  });

  it('closes on probes of which too few were slow', () => {
    const { circuit } = halfOpen();
    const probes = [100, 100, 100].map((now) => probeOf(circuit, now));
    circuit.crossedSlow(probes[0] as never, 150);
    for (const probe of probes) circuit.report(probe, 'success', 160);
    expect(circuit.state(160)).toBe('closed');
  });
});

describe('a circuit with a ramp', () => {
  const ramping = () => {
    const made = watched({ rampMs: 1_000, probes: 1 });
    calls(made.circuit, 3, 'failure', 0);
    made.circuit.report(probeOf(made.circuit, 100), 'success', 100);
    return made;
  };

  it('lets calls in gradually once it has closed, and all of them at the end', () => {
    const made = ramping();
    const admitted = (chance: number, now: number): boolean => {
      made.chance = chance;
      return typeof made.circuit.permit(now) === 'number';
    };
    expect(made.circuit.free).toBe(0);
    expect([admitted(0.09, 100), admitted(0.11, 100)]).toEqual([true, false]);
    expect([admitted(0.54, 600), admitted(0.56, 600)]).toEqual([true, false]);
    expect([made.circuit.idle(1_099), made.circuit.idle(1_101)]).toEqual([false, true]);
    expect([admitted(0.999, 1_100), made.circuit.free > 0]).toEqual([true, true]);
    expect(made.circuit.stats(1_100).totals.refused).toBe(2);
  });

  it('refuses for a short while, and says why', () => {
    const made = ramping();
    made.chance = 0.99;
    const refusal = refusalOf(made.circuit, 200);
    expect([refusal.state, refusal.retryAfterMs(200)]).toEqual(['closed', 900]);
    expect(refusal.because).toBe('it has just closed, and lets calls in gradually');
  });

  it('opens as ever, and for longer than before', () => {
    const made = ramping();
    calls(made.circuit, 2, 'failure', 200);
    expect(made.circuit.state(200)).toBe('closed');
    calls(made.circuit, 1, 'failure', 200);
    expect([made.circuit.state(200), made.circuit.nextChangeAt]).toEqual(['open', 400]);
  });
});
