import { ConfigError } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calls, numberOf, probeOf, refusalOf, type Watched, watched } from './circuit.test-kit.ts';
import type { CircuitSettings } from './circuit-settings.ts';

/** One that goes on where the other is, on a clock that reads something else. */
function carriedOver({ circuit }: Watched, now: number, at: number, some: Partial<CircuitSettings> = {}): Watched {
  const made = watched(some);
  made.circuit.restore(JSON.parse(JSON.stringify(circuit.snapshot(now))), at);
  return made;
}

/** What is wrong with a snapshot. */
function wrongWith(snapshot: unknown): string {
  const { circuit, changes } = watched();
  calls(circuit, 2, 'failure', 0);
  const before = [circuit.snapshot(0), circuit.free];
  try {
    circuit.restore(snapshot, 0, 'saved');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect([circuit.snapshot(0), circuit.free]).toEqual(before);
    expect(changes).toEqual([]);
    return (error as ConfigError).message;
  }
  return 'nothing';
}

const good = () => {
  const { circuit } = watched();
  calls(circuit, 3, 'failure', 0);
  return JSON.parse(JSON.stringify(circuit.snapshot(40)));
};

describe('a circuit that is carried over', () => {
  it('is open for as long as it still was, for the same reason', () => {
    expect(good()).toEqual({
      version: 1,
      phase: { state: 'open', leftMs: 60 },
      because: '3 of 3 calls failed',
      openTimes: { openings: 1, lastMs: 100, followsMs: null },
      window: { type: 'count', failed: '111', slow: '000' },
      totals: { calls: 3, failures: 3, slow: 0, refused: 0, opened: 1 },
    });
    const one = watched();
    calls(one.circuit, 3, 'failure', 0);
    const { circuit, changes } = carriedOver(one, 40, 9_000);
    expect([circuit.state(9_059), circuit.state(9_060)]).toEqual(['open', 'half-open']);
    expect(refusalOf(circuit, 9_000).because).toBe('3 of 3 calls failed');
    expect(changes).toEqual(['closed > open: 3 of 3 calls failed @ 9000']);
    circuit.report(probeOf(circuit, 9_060), 'failure', 9_060);
    expect(circuit.nextChangeAt).toBe(9_260);
  });

  it('goes on counting while it is closed', () => {
    const one = watched();
    calls(one.circuit, 2, 'failure', 0);
    const { circuit } = carriedOver(one, 0, 5);
    expect(circuit.permit(5)).toBe(circuit.free);
    calls(circuit, 1, 'failure', 5);
    expect(circuit.stats(5)).toMatchObject({ state: 'open', because: '3 of 3 calls failed', totals: { calls: 3 } });
  });

  it('has all places for probes while it is half-open', () => {
    const one = watched();
    one.circuit.trip(0);
    one.circuit.report(probeOf(one.circuit, 100), 'success', 100);
    const under = probeOf(one.circuit, 100);
    const { circuit } = carriedOver(one, 100, 50);
    circuit.report(under, 'failure', 50);
    for (let count = 0; count < 3; count++) circuit.report(probeOf(circuit, 50), 'success', 50);
    expect([circuit.state(50), one.circuit.state(100)]).toEqual(['closed', 'half-open']);
  });

  it('stays isolated, and goes on in its ramp, which is no longer than it is set now', () => {
    const one = watched();
    one.circuit.isolate(0);
    expect(refusalOf(carriedOver(one, 0, 5).circuit, 1e9).because).toBe('isolated by hand');
    const two = watched({ rampMs: 1_000, probes: 1 });
    two.circuit.trip(0);
    two.circuit.report(probeOf(two.circuit, 100), 'success', 100);
    const same = carriedOver(two, 600, 0, { rampMs: 1_000 });
    same.chance = 0.54;
    expect(typeof same.circuit.permit(0)).toBe('number');
    same.chance = 0.56;
    refusalOf(same.circuit, 0);
    expect(typeof same.circuit.permit(500)).toBe('number');
    expect(carriedOver(two, 600, 0).circuit.free).toBeGreaterThan(0);
  });

  it('does not hear what was permitted before', () => {
    const { circuit } = watched();
    const early = numberOf(circuit, 0);
    circuit.restore(circuit.snapshot(0), 0);
    circuit.report(early, 'failure', 0);
    expect(circuit.stats(0).window.calls).toBe(0);
  });
});

describe('a snapshot that is none', () => {
  it.each([
    [null, 'saved: expected the snapshot of a circuit, got null'],
    ['{}', 'saved: expected the snapshot of a circuit, got "{}"'],
    [{}, 'saved.version: expected 1, the version of snapshots that is known here, got undefined'],
    [{ ...good(), version: 2 }, 'saved.version: expected 1, the version of snapshots that is known here, got 2'],
    [{ ...good(), phase: 'open' }, 'saved.phase: expected a plain object, got "open"'],
    [
      { ...good(), phase: { state: 'ajar' } },
      'saved.phase.state: expected "closed", "open", "half-open" or "isolated", got "ajar"',
    ],
    [
      { ...good(), phase: { state: 'open' } },
      'saved.phase.leftMs: expected a number of milliseconds ≥ 0, got undefined',
    ],
    [{ ...good(), because: 'x'.repeat(1_001) }, 'saved.because: expected a text of at most 1000 characters'],
    [
      { ...good(), window: { type: 'time', buckets: [] } },
      'saved.window.type: expected "count", for that is what the window is now, got "time"',
    ],
    [
      { ...good(), window: { type: 'count', failed: '012', slow: '' } },
      'saved.window.failed: expected a text of 0 and 1, got "012"',
    ],
    [
      { ...good(), openTimes: { openings: -1, lastMs: 0, followsMs: null } },
      'saved.openTimes.openings: expected an integer ≥ 0, as a count is, got -1',
    ],
    [
      { ...good(), totals: { ...good().totals, calls: 1.5 } },
      'saved.totals.calls: expected an integer ≥ 0, as a count is, got 1.5',
    ],
  ])('is refused and changes nothing: case %#', (snapshot, message) => {
    expect(wrongWith(snapshot)).toContain(message);
  });

  it('is told all that is wrong with it at once', () => {
    const message = wrongWith({ version: 1, phase: 5, window: [], totals: { calls: -1 } });
    expect(message.split('\n').length).toBeGreaterThanOrEqual(8);
  });

  it('of a window over a time is looked at bucket by bucket', () => {
    const { circuit } = watched({ window: { type: 'time', sizeMs: 100, minimum: 1 } });
    const bucket = { agoMs: 0, calls: 1, failures: 2, paced: 0, slow: 1 };
    const window = { type: 'time', buckets: [bucket, 7] };
    expect(() => circuit.restore({ ...good(), window }, 0)).toThrow(
      'snapshot.window.buckets[1]: expected a plain object, got 7\n' +
        'snapshot.window.buckets[0].failures: expected no more than there are calls, got 2\n' +
        'snapshot.window.buckets[0].slow: expected no more than there are calls with a pace, got 1',
    );
    const many = { type: 'time', buckets: Array.from({ length: 101 }, () => ({ ...bucket, failures: 0, slow: 0 })) };
    expect(() => circuit.restore({ ...good(), window: many }, 0)).toThrow('expected a list of at most 100');
  });

  it('never makes a circuit do what it cannot, whatever part of it is replaced by what', () => {
    const paths = [
      'version',
      'phase',
      'because',
      'openTimes',
      'window',
      'totals',
      'phase.state',
      'phase.leftMs',
      'window.failed',
      'openTimes.lastMs',
      'openTimes.followsMs',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const snapshot = good();
        const [outer, inner] = path.split('.') as [string, string | undefined];
        if (inner === undefined) snapshot[outer] = value;
        else snapshot[outer][inner] = value;
        const { circuit } = watched();
        try {
          circuit.restore(snapshot, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(circuit.free).toBe(1);
          return;
        }
        expect(['closed', 'open', 'half-open', 'isolated']).toContain(circuit.state(0));
        circuit.reset(0);
        expect(circuit.permit(0)).toBe(circuit.free);
      }),
      { numRuns: 300 },
    );
  });
});
