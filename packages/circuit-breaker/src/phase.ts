import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { PhaseSnapshot } from './circuit-snapshot.ts';
import { Probes } from './probes.ts';
import { Ramp } from './ramp.ts';

/** What a circuit does, with just what it needs for that. */
export type Phase =
  | { readonly state: 'closed'; readonly ramp: Ramp | undefined }
  | { readonly state: 'open'; readonly until: number; readonly refusal: CircuitRefusal }
  | { readonly state: 'half-open'; readonly probes: Probes }
  | { readonly state: 'isolated'; readonly refusal: CircuitRefusal };

/** Lets calls through, all of them after a ramp that lasts so many milliseconds more. */
export function closedPhase(leftMs: number, { rampMs }: CircuitSettings, now: number): Phase {
  return { state: 'closed', ramp: leftMs > 0 ? new Ramp(now + leftMs, rampMs) : undefined };
}

/** Refuses calls for that reason, until then. */
export function openPhase(because: string, until: number): Phase {
  return { state: 'open', until, refusal: new CircuitRefusal('open', because, until) };
}

/** Lets probes through. */
export function halfOpenPhase({ probes, probeTimeoutMs }: CircuitSettings): Phase {
  return { state: 'half-open', probes: new Probes(probes, probeTimeoutMs) };
}

/** Refuses calls for that reason. */
export function isolatedPhase(because: string): Phase {
  return { state: 'isolated', refusal: new CircuitRefusal('isolated', because) };
}

/** It as JSON. */
export function phaseToJson(phase: Phase, now: number): PhaseSnapshot {
  switch (phase.state) {
    case 'closed':
      return { state: 'closed', rampMs: Math.max(0, (phase.ramp?.until ?? now) - now) };
    case 'open':
      return { state: 'open', leftMs: Math.max(0, phase.until - now) };
    default:
      return { state: phase.state };
  }
}

/** The phase that a snapshot tells of; a ramp is never longer than it is set now. */
export function phaseFromJson(snapshot: PhaseSnapshot, because: string, settings: CircuitSettings, now: number): Phase {
  switch (snapshot.state) {
    case 'closed':
      return closedPhase(Math.min(snapshot.rampMs, settings.rampMs), settings, now);
    case 'open':
      return openPhase(because, now + snapshot.leftMs);
    case 'half-open':
      return halfOpenPhase(settings);
    case 'isolated':
      return isolatedPhase(because);
  }
}
