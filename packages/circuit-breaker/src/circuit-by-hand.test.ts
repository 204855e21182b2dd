import { describe, expect, it } from 'vitest';
import { calls, numberOf, probeOf, refusalOf, watched } from './circuit.test-kit.ts';

describe('a circuit that is driven by hand', () => {
  it('is open once it is tripped, for as long as it is its turn or as is said', () => {
    const { circuit, changes } = watched();
    circuit.trip(0);
    expect([circuit.state(0), circuit.nextChangeAt]).toEqual(['open', 100]);
    circuit.trip(50, 5_000);
    expect([circuit.nextChangeAt, circuit.stats(50).totals.opened]).toEqual([5_050, 2]);
    circuit.trip(60, Number.POSITIVE_INFINITY);
    expect(refusalOf(circuit, 1e12).retryAfterMs(1e12)).toBe(Number.POSITIVE_INFINITY);
    expect(changes).toEqual(
      ['closed > open', 'open > open', 'open > open'].map(
        (change, index) => `${change}: tripped by hand @ ${[0, 50, 60][index]}`,
      ),
    );
  });

  it('tripped for a time of somebody does not grow the next one', () => {
    const { circuit } = watched();
    circuit.trip(0, 10);
    circuit.report(probeOf(circuit, 10), 'failure', 10);
    expect(circuit.nextChangeAt).toBe(110);
  });

  it('refuses everything while it is isolated, whatever comes, until it is reset', () => {
    const { circuit, changes } = watched();
    const early = numberOf(circuit, 0);
    circuit.isolate(1);
    circuit.isolate(2);
    circuit.trip(3);
    circuit.report(early, 'success', 4);
    circuit.tick(1e12);
    const refusal = refusalOf(circuit, 1e12);
    expect([refusal.state, refusal.because, refusal.retryAfterMs(1e12)]).toEqual([
      'isolated',
      'isolated by hand',
      undefined,
    ]);
    expect([circuit.state(1e12), circuit.nextChangeAt, circuit.idle(1e12)]).toEqual(['isolated', undefined, false]);
    circuit.reset(1e12);
    expect(circuit.permit(1e12)).toBe(circuit.free);
    expect(changes).toEqual(['closed > isolated: isolated by hand @ 1', `isolated > closed: reset by hand @ ${1e12}`]);
  });

  it('is as good as new once it is reset, from any state, and without a ramp', () => {
    const { circuit } = watched({ rampMs: 1_000 });
    calls(circuit, 3, 'failure', 0);
    circuit.report(probeOf(circuit, 100), 'failure', 100);
    const probe = probeOf(circuit, 300);
    circuit.reset(300);
    circuit.report(probe, 'failure', 300);
    expect([circuit.permit(300), circuit.idle(300), circuit.stats(300).window.calls]).toEqual([circuit.free, true, 0]);
    calls(circuit, 3, 'failure', 300);
    expect(circuit.nextChangeAt).toBe(400);
  });

  it('forgets what it counted, and what is under way, when it is reset while closed', () => {
    const { circuit, changes } = watched();
    calls(circuit, 2, 'failure', 0);
    const early = numberOf(circuit, 0);
    circuit.reset(1);
    circuit.report(early, 'failure', 1);
    expect(circuit.stats(1).window.calls).toBe(0);
    expect(changes).toEqual(['closed > closed: reset by hand @ 1']);
  });

  it('may be used by whoever is told of a change', () => {
    const made = watched({ probes: 1 });
    made.afterwards = (to) => {
      if (to === 'half-open') made.circuit.reset(100);
    };
    made.circuit.trip(0);
    expect(made.circuit.permit(100)).toBe(made.circuit.free);
    made.afterwards = (to) => {
      if (to === 'open') made.circuit.isolate(200);
    };
    calls(made.circuit, 3, 'failure', 200);
    expect(made.circuit.state(200)).toBe('isolated');
    expect(made.changes.slice(-2)).toEqual([
      'closed > open: 3 of 3 calls failed @ 200',
      'open > isolated: isolated by hand @ 200',
    ]);
  });
});

describe('a circuit whose host lets go what is refused', () => {
  it('does the same as if it did not: what was refused reports nothing', () => {
    const [shadow, real] = [watched(), watched()];
    for (const { circuit } of [shadow, real]) {
      calls(circuit, 3, 'failure', 0);
      for (let count = 0; count < 50; count++) circuit.permit(50);
      for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 100), 'success', 120);
      circuit.permit(130);
    }
    expect(shadow.circuit.stats(130)).toEqual(real.circuit.stats(130));
    expect(shadow.circuit.stats(130).totals).toMatchObject({ calls: 6, refused: 50 });
  });
});
