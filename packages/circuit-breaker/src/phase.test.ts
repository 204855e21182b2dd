import { describe, expect, it } from 'vitest';
import { settings } from './circuit.test-kit.ts';
import {
  closedPhase,
  halfOpenPhase,
  isolatedPhase,
  openPhase,
  type Phase,
  phaseFromJson,
  phaseToJson,
} from './phase.ts';

const ramping = settings({ rampMs: 1_000 });
const phases: readonly [Phase, object][] = [
  [closedPhase(0, ramping, 100), { state: 'closed', rampMs: 0 }],
  [closedPhase(400, ramping, 100), { state: 'closed', rampMs: 300 }],
  [openPhase('why', 250), { state: 'open', leftMs: 50 }],
  [openPhase('why', 150), { state: 'open', leftMs: 0 }],
  [halfOpenPhase(ramping), { state: 'half-open' }],
  [isolatedPhase('why'), { state: 'isolated' }],
];

describe('what a circuit does', () => {
  it.each(phases)('is written as how long it still lasts, and read at another time: case %#', (phase, json) => {
    const written = phaseToJson(phase, 200);
    expect(written).toEqual(json);
    const read = phaseFromJson(written, 'why', ramping, 9_000);
    expect(phaseToJson(read, 9_000)).toEqual(json);
    if (read.state === 'open' || read.state === 'isolated') expect(read.refusal.because).toBe('why');
  });

  it('has a ramp only where one is set, and for no longer', () => {
    expect(phaseFromJson({ state: 'closed', rampMs: 500 }, '', settings(), 0)).toEqual({
      state: 'closed',
      ramp: undefined,
    });
    expect(phaseFromJson({ state: 'closed', rampMs: 5_000 }, '', ramping, 0)).toMatchObject({ ramp: { until: 1_000 } });
  });
});
