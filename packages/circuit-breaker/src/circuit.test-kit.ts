import type { Backoff } from '@sluice/core';
import { Circuit } from './circuit.ts';
import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitState } from './circuit-state.ts';
import type { Probe } from './probes.ts';

/** Opens for 100 ms, then 200, and so on, up to 500. */
export const hundreds: Backoff = {
  delay: (opening) => Math.min(500, 100 * opening),
  longest: () => 500,
  describe: () => 'hundreds',
};

/** Opens after 3 of the last 10 calls at least, half of which failed or took longer than 2 s. */
export function settings(some: Partial<CircuitSettings> = {}): CircuitSettings {
  return {
    window: { type: 'count', size: 10, minimum: 3 },
    failureRate: 0.5,
    slowCall: { afterMs: 2_000, rate: 0.5 },
    openFor: hundreds,
    probes: 3,
    probeTimeoutMs: 1_000,
    rampMs: 0,
    ...some,
  };
}

/** A circuit whose changes are written down. */
export interface Watched {
  readonly circuit: Circuit;
  /** Each as `from > to: because @ time`. */
  readonly changes: string[];
  readonly faults: unknown[];
  /** What it takes for chance. */
  chance: number;
  /** What happens when it tells of a change. */
  afterwards: (to: CircuitState) => void;
}

export function watched(some: Partial<CircuitSettings> = {}): Watched {
  const changes: string[] = [];
  const faults: unknown[] = [];
  const host = {
    random: () => made.chance,
    changed: (from: CircuitState, to: CircuitState, because: string, at: number) => {
      changes.push(`${from} > ${to}: ${because} @ ${at}`);
      made.afterwards(to);
    },
    fault: (error: unknown) => faults.push(error),
  };
  const made: Watched = {
    circuit: new Circuit(settings(some), host),
    changes,
    faults,
    chance: 0,
    afterwards: () => {},
  };
  return made;
}

/** So many calls that end so at that time. */
export function calls(circuit: Circuit, count: number, result: 'success' | 'failure', now: number): void {
  for (let index = 0; index < count; index++) {
    const permit = circuit.permit(now);
    if (!(permit instanceof CircuitRefusal)) circuit.report(permit, result, now);
  }
}

/** A probe, of a circuit that has a place for one. */
export function probeOf(circuit: Circuit, now: number): Probe {
  const permit = circuit.permit(now);
  if (typeof permit === 'number' || permit instanceof CircuitRefusal) throw new Error('It gave no probe.');
  return permit;
}

/** Why a call is refused, of a circuit that refuses it. */
export function refusalOf(circuit: Circuit, now: number): CircuitRefusal {
  const permit = circuit.permit(now);
  if (!(permit instanceof CircuitRefusal)) throw new Error('It did not refuse.');
  return permit;
}

/** What a call is let through with, of a circuit that is closed. */
export function numberOf(circuit: Circuit, now: number): number {
  const permit = circuit.permit(now);
  if (typeof permit !== 'number') throw new Error('It is not closed.');
  return permit;
}
