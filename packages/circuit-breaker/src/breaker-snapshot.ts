import { Problems, readPlain } from '@sluice/core';
import { type CircuitSnapshot, readCircuitSnapshot } from './circuit-snapshot.ts';
import type { WindowType } from './window-snapshot.ts';

/** Ten times as many as are remembered: what comes from outside is bounded. */
const MOST = 100_000;

/** All that the circuits of a plugin know, as JSON. */
export interface BreakerSnapshot {
  readonly version: 1;
  /** By key. */
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
}

/** The snapshots that `value` holds, by key. Throws a ConfigError with all that is wrong with it. */
export function readBreakerSnapshot(value: unknown): readonly (readonly [key: string, snapshot: CircuitSnapshot])[] {
  const problems = new Problems();
  const plain = readPlain(value, 'snapshot', problems, 'what snapshot() answered');
  if (plain !== undefined && plain['version'] !== 1) {
    problems.add('snapshot.version', '1, the version of snapshots that is known here', plain['version']);
  }
  const circuits = plain && readPlain(plain['circuits'], 'snapshot.circuits', problems, 'snapshots by key');
  const entries = Object.entries(circuits ?? {});
  if (entries.length > MOST)
    problems.say('snapshot.circuits', `holds ${entries.length}, and ${MOST} at most are taken`);
  const read = entries.slice(0, MOST).flatMap(([key, each]) => {
    const path = `snapshot.circuits[${JSON.stringify(key)}]`;
    const snapshot = readCircuitSnapshot(each, typeOf(each), path, problems);
    return snapshot === undefined ? [] : [[key, snapshot] as const];
  });
  problems.throwIfAny();
  return read;
}

/** The kind of window that it is the snapshot of, as it says itself; what is none is found wrong where it is read. */
function typeOf(snapshot: unknown): WindowType {
  const window = readPlain(readPlain(snapshot, '', new Problems())?.['window'], '', new Problems()) ?? {};
  const { type } = window;
  return type === 'count' || type === 'consecutive' ? type : 'time';
}
