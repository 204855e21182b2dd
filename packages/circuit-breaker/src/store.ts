import type { TrialResult } from './circuit.ts';
import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitSnapshot } from './circuit-snapshot.ts';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitStats } from './circuit-stats.ts';

/** A circuit has begun anew what it does. */
export interface CircuitChange {
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** In words, why. */
  readonly because: string;
}

/** What a store needs from outside. */
export interface CircuitStoreHost {
  /** A number from 0 up to, but not including, 1. */
  random(): number;
  /** Something went wrong that no call has to suffer for. Never throws. */
  fault(error: unknown): void;
}

/** What a call is let through with: nobody but its store looks into it. To be reported once. */
export type CallPermit = number | object;

/**
 * The circuit of one key. What it is asked it answers at once, or later; what it is told it may pass on in its own time, and tells its host
 * of what went wrong. `now` is the time on the clock of whoever asks; one with a clock of its own may know better.
 */
export interface StoredCircuit {
  /** What {@link permit} answers whatever the time is; 0 where it has to be asked. */
  readonly free: number;
  /** How far behind the time may be that a success is reported with, of a call that {@link free} let through; 0 where it may not. */
  readonly resolutionMs: number;
  /** When it changes by time alone, as far as is known here; undefined when it does not. */
  readonly nextChangeAt: number | undefined;
  /** What it does, as far as is known here. */
  state(now: number): CircuitState;
  /** Does what time alone brings. */
  tick(now: number): void;
  /** Lets a call through, or refuses it. */
  permit(now: number): CallPermit | CircuitRefusal | PromiseLike<CallPermit | CircuitRefusal>;
  /** The call has been running for too long. Answers what it is to be reported with from now on. */
  crossedSlow(permit: CallPermit, now: number): CallPermit;
  /** The call has ended, be it without having begun. */
  report(permit: CallPermit, result: TrialResult, now: number): void | PromiseLike<void>;
  /** Opens it by hand, for so many milliseconds or as long as it is its turn. */
  trip(now: number, forMs?: number): void | PromiseLike<void>;
  /** Refuses everything until it is reset. */
  isolate(now: number): void | PromiseLike<void>;
  /** Closes it, as good as new. */
  reset(now: number): void | PromiseLike<void>;
  /** Goes by other settings from now on. */
  configure(settings: CircuitSettings, now: number): void;
  /** Whether it may be forgotten here. */
  idle(now: number): boolean;
  stats(now: number): CircuitStats;
  snapshot(now: number): CircuitSnapshot;
  /** Goes on where a snapshot left off. */
  restore(snapshot: CircuitSnapshot, now: number): void | PromiseLike<void>;
  /** Calls `listener` after each change, whoever caused it. Answers how to stop that. */
  changes(listener: (change: CircuitChange) => void): () => void;
  /** Nobody here needs it any more. */
  close(): void;
}

/**
 * Where circuits are kept. The one in memory is for one process; another one can share them between processes.
 *
 * @see {@link memoryCircuits}
 */
export interface CircuitStore {
  /** The circuit of one key. Asked once for each key that is in use. */
  circuit(key: string, settings: CircuitSettings, host: CircuitStoreHost): StoredCircuit;
}

/** Whether `value` can keep circuits. */
export function isCircuitStore(value: unknown): value is CircuitStore {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Readonly<Record<string, unknown>>)['circuit'] === 'function'
  );
}

/** Whether an answer comes later. */
export function isLater<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    !(answer instanceof CircuitRefusal) &&
    typeof (answer as Readonly<Record<string, unknown>>)['then'] === 'function'
  );
}
