import {
  type Backoff,
  type Duration,
  type Per,
  type PluginOptions,
  type PolicyFields,
  type PolicyLayers,
  type Problems,
  readDuration,
  readPer,
  readPlain,
} from '@sluice/core';
import { spanInWords } from './because.ts';
import type { CircuitState } from './circuit-state.ts';
import type { Counts } from './counts.ts';
import { growingOpenTime, readOpenFor } from './open-times.ts';
import { readWindow } from './read-window.ts';
import { type CircuitStore, isCircuitStore } from './store.ts';
import type { WindowSpec } from './window-spec.ts';

/** Which calls are judged together. */
export type WindowOptions =
  /** Those of the last `size`, such as `'30s'`; none are judged while they are fewer than `minimum`, 20 unless set. */
  | { readonly type: 'time'; readonly size: Duration; readonly minimum?: number | undefined }
  /** The last `size`, up to a million; none are judged while they are fewer than `minimum`: 20 unless set, or `size` if that is less. */
  | { readonly type: 'count'; readonly size: number; readonly minimum?: number | undefined }
  /** `size` in a row, each of which has to be bad. */
  | { readonly type: 'consecutive'; readonly size: number };

/** When a call is slow, and how many may be. */
export interface SlowCallOptions {
  /** A call that has been running for so long is slow, although it still runs. Above 0. */
  readonly duration: Duration;
  /** A circuit opens when this part of its calls is slow: above 0, up to 1; 0.5 unless set. */
  readonly rate?: number | undefined;
}

/** What may be said of circuits, for everything, by kind, per stage, tool, function and run. */
export interface CircuitRules {
  /** Which calls are judged together: those of the last 30 s, if there are 20 at least, unless set. */
  readonly window?: WindowOptions | undefined;
  /** A circuit opens when this part of its calls fails: above 0, up to 1; 0.5 unless set. In a row of calls each has to fail. */
  readonly failureRate?: number | undefined;
  /** When calls are too slow; no call is unless set, nor for `'none'`. */
  readonly slowCall?: SlowCallOptions | 'none' | undefined;
  /** How long it stays open; 30 s, growing with jitter up to 5 min, unless set. */
  readonly openFor?: Duration | Backoff | undefined;
  /** How many calls are let through to see whether its target works again, all of which must succeed: 1 or more; 3 unless set. */
  readonly probes?: number | undefined;
  /** After how long a probe that has not ended gives its place to another call; 30 s unless set. */
  readonly probeTimeout?: Duration | undefined;
  /** For how long after closing calls are let in gradually; all at once unless set, or for `'none'`. */
  readonly ramp?: Duration | undefined;
  /** What counts as a failure; see the README for what does unless set. */
  readonly counts?: Counts | undefined;
  /** Whether calls are refused (`'enforce'`, the default), or it is only counted and told that they would have been (`'shadow'`). */
  readonly mode?: 'enforce' | 'shadow' | undefined;
}

/** What is said in one place: the rules one by one; `'none'` for no circuit. */
export type CircuitPolicy = 'none' | CircuitRules;

/** What {@link circuitBreaker} takes. */
export interface CircuitBreakerOptions extends CircuitRules, PolicyLayers<CircuitPolicy>, PluginOptions {
  /** By what circuits are told apart; one for each target by name unless set. */
  readonly per?: Per | undefined;
  /** Where circuits are kept; in this process unless set. */
  readonly store?: CircuitStore | undefined;
}

/** {@link CircuitRules}, checked. Times in milliseconds, `Infinity` for none. */
export interface CircuitFields {
  readonly window: WindowSpec;
  readonly failureRate: number;
  readonly slowCall: { readonly afterMs: number; readonly rate: number } | 'none';
  readonly openFor: Backoff;
  readonly probes: number;
  readonly probeTimeout: number;
  readonly ramp: number;
  readonly counts: Counts | undefined;
  readonly mode: 'enforce' | 'shadow';
}

/** What is told when a circuit does something else. */
interface CircuitEvent {
  /** Its key. */
  readonly circuit: string;
  readonly from: CircuitState;
  /** In words, why. */
  readonly because: string;
}

declare module '@sluice/core' {
  interface Policies {
    /** When calls are refused because what they call has been failing. */
    readonly circuitBreaker?: CircuitPolicy | undefined;
  }
  interface CallEvents {
    /** A circuit refuses calls from now on: until its time is over, or, if `state` is `isolated`, until it is reset. */
    'circuit.open': CircuitEvent & { readonly state: 'open' | 'isolated'; readonly retryAfterMs?: number };
    /** Its time is over: it lets probes through. */
    'circuit.half-open': CircuitEvent & { readonly state: 'half-open' };
    /** It lets calls through again. */
    'circuit.close': CircuitEvent & { readonly state: 'closed' };
    /** A call was refused; in `shadow` mode it would have been, and goes on. */
    'circuit.reject': {
      readonly circuit: string;
      readonly state: CircuitState;
      readonly because: string;
      readonly retryAfterMs?: number;
      readonly mode: 'enforce' | 'shadow';
    };
  }
}

/** The names of the options that say how a circuit goes about it: they are one circuit's, not one call's. */
export const CIRCUIT_SHAPE: readonly (keyof CircuitFields)[] = [
  'window',
  'failureRate',
  'slowCall',
  'openFor',
  'probes',
  'probeTimeout',
  'ramp',
];

/** What they are called elsewhere. */
export const CIRCUIT_ELSEWHERE: Readonly<Record<string, string>> = {
  resetTimeout: '"openFor"',
  halfOpenAfter: '"openFor"',
  openStateDelay: '"openFor"',
  failureThreshold: '"failureRate", or window: { type: \'consecutive\', size },',
  failureRateThreshold: '"failureRate", from 0 to 1,',
  errorThresholdPercentage: '"failureRate", from 0 to 1,',
  volumeThreshold: '"window.minimum"',
  slidingWindowSize: '"window.size"',
};

/** The names of the options. */
export const CIRCUIT_OPTIONS: readonly string[] = [...CIRCUIT_SHAPE, 'counts', 'mode', 'per', 'store'];

/** What holds where nobody says anything. */
export const CIRCUIT_DEFAULTS: PolicyFields = {
  window: readWindow({ type: 'time', size: 30_000 }, 'window'),
  failureRate: 0.5,
  slowCall: 'none',
  openFor: growingOpenTime,
  probes: 3,
  probeTimeout: 30_000,
  ramp: 0,
  mode: 'enforce',
};

type Read = (value: unknown, path: string, problems: Problems) => unknown;

const READERS: Readonly<Record<string, Read>> = {
  window: readWindow,
  failureRate: readRate,
  slowCall: readSlowCall,
  openFor: readOpenFor,
  probes: readProbes,
  probeTimeout: readProbeTimeout,
  ramp: readRamp,
  counts: readCounts,
  mode: readMode,
  per: readPer,
  store: readStore,
};

/** Turns what was written at `path` into fields of {@link CircuitFields}, noting all that is wrong. */
export function readCircuit(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object' || written === null) {
    problems.add(path, "a plain object of options, or 'none'", written);
    return {};
  }
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(written)) {
    if (value !== undefined) fields[name] = READERS[name]?.(value, `${path}.${name}`, problems);
  }
  return fields;
}

function readRate(value: unknown, path: string, problems: Problems): unknown {
  if (!(typeof value === 'number' && value > 0 && value <= 1)) {
    problems.add(path, 'a part of all calls: a number above 0, up to 1', value);
  }
  return value;
}

function readSlowCall(value: unknown, path: string, problems: Problems): CircuitFields['slowCall'] {
  if (value === 'none') return value;
  const given = readPlain(value, path, problems, "{ duration, rate }, or 'none'");
  if (given === undefined) return 'none';
  problems.unknownKeys(given, ['duration', 'rate'], path);
  const { duration, rate = 0.5 } = given;
  const afterMs = readDuration(duration, `${path}.duration`, problems);
  if (afterMs === 0 || afterMs === Number.POSITIVE_INFINITY) {
    problems.add(`${path}.duration`, `a duration above 0 ms; ${path}: 'none' if no call is slow`, duration);
  }
  const part = readRate(rate, `${path}.rate`, problems) as number;
  const slow = { afterMs, rate: part, describe: () => `${part} of the calls longer than ${spanInWords(afterMs)}` };
  return slow;
}

/** A place for each is looked at; nobody needs more to see whether something works. */
const MOST_PROBES = 10_000;

function readProbes(value: unknown, path: string, problems: Problems): unknown {
  if (!(Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_PROBES)) {
    problems.add(path, `an integer from 1 to ${MOST_PROBES}`, value);
  }
  return value;
}

function readProbeTimeout(value: unknown, path: string, problems: Problems): number {
  const ms = readDuration(value, path, problems);
  if (ms === 0 || ms === Number.POSITIVE_INFINITY) {
    problems.add(path, 'a duration above 0 ms that ends: a probe that hangs must not keep its place', value);
  }
  return ms;
}

function readRamp(value: unknown, path: string, problems: Problems): number {
  return value === 'none' ? 0 : readDuration(value, path, problems);
}

function readCounts(value: unknown, path: string, problems: Problems): unknown {
  if (typeof value !== 'function') {
    problems.add(path, "a function (outcome) => true, false or 'neutral', or a classifier of errors", value);
  }
  return value;
}

function readMode(value: unknown, path: string, problems: Problems): unknown {
  if (value !== 'enforce' && value !== 'shadow') problems.add(path, "'enforce' or 'shadow'", value);
  return value;
}

function readStore(value: unknown, path: string, problems: Problems): unknown {
  if (!isCircuitStore(value)) problems.add(path, 'a store of circuits', value);
  return value;
}
