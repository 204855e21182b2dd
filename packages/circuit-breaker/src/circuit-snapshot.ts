import { type Problems, readPlain } from '@sluice/core';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitTotals } from './circuit-stats.ts';
import { Fields } from './fields.ts';
import type { OpenTimesSnapshot } from './open-times.ts';
import { readWindowSnapshot, type WindowSnapshot, type WindowType } from './window-snapshot.ts';

/** What a circuit does, as JSON: times are how long they still last. */
export type PhaseSnapshot =
  | { readonly state: 'closed'; readonly rampMs: number }
  | { readonly state: 'open'; readonly leftMs: number }
  /** The probes that are under way are nobody's after a restart: all places are free. */
  | { readonly state: 'half-open' }
  | { readonly state: 'isolated' };

/** All that a circuit knows, as JSON: no time of day, and nothing of the clock of its process. */
export interface CircuitSnapshot {
  readonly version: 1;
  readonly phase: PhaseSnapshot;
  /** In words, why it does that. */
  readonly because: string;
  readonly openTimes: OpenTimesSnapshot;
  readonly window: WindowSnapshot;
  readonly totals: CircuitTotals;
}

const LONGEST_REASON = 1_000;

/** The snapshot that `value` is, for a circuit with that type of window; undefined, and all that is wrong noted, when it is none. */
export function readCircuitSnapshot(
  value: unknown,
  window: WindowType,
  path: string,
  problems: Problems,
): CircuitSnapshot | undefined {
  const before = problems.count;
  const plain = readPlain(value, path, problems, 'the snapshot of a circuit');
  if (plain === undefined) return undefined;
  if (plain['version'] !== 1) {
    problems.add(`${path}.version`, '1, the version of snapshots that is known here', plain['version']);
    return undefined;
  }
  const fields = new Fields(plain, path, problems);
  const snapshot = {
    version: 1 as const,
    phase: phaseOf(fields.inner('phase')),
    because: fields.text('because', LONGEST_REASON),
    openTimes: openTimesOf(fields.inner('openTimes')),
    window: readWindowSnapshot(plain['window'], window, `${path}.window`, problems),
    totals: totalsOf(fields.inner('totals')),
  };
  return problems.count > before ? undefined : (snapshot as CircuitSnapshot);
}

function phaseOf(fields: Fields | undefined): PhaseSnapshot | undefined {
  const state = fields?.text('state', 20) as CircuitState | undefined;
  switch (state) {
    case 'closed':
      return { state, rampMs: fields?.span('rampMs') ?? 0 };
    case 'open':
      return { state, leftMs: fields?.span('leftMs') ?? 0 };
    case 'half-open':
    case 'isolated':
      return { state };
    default:
      return fields?.expected('state', '"closed", "open", "half-open" or "isolated"');
  }
}

function openTimesOf(fields: Fields | undefined): OpenTimesSnapshot | undefined {
  return (
    fields && {
      openings: fields.count('openings'),
      lastMs: fields.span('lastMs'),
      followsMs: fields.has('followsMs') ? fields.span('followsMs') : null,
    }
  );
}

function totalsOf(fields: Fields | undefined): CircuitTotals | undefined {
  return (
    fields && {
      calls: fields.count('calls'),
      failures: fields.count('failures'),
      slow: fields.count('slow'),
      refused: fields.count('refused'),
      opened: fields.count('opened'),
    }
  );
}
