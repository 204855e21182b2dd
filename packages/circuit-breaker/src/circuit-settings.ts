import type { Backoff } from '@sluice/core';
import type { CircuitState } from './circuit-state.ts';
import type { WindowSpec } from './window-spec.ts';

/** When a circuit opens, and how it closes again. They are checked already. */
export interface CircuitSettings {
  readonly window: WindowSpec;
  /** It opens when this part of the calls in the window fails: above 0, up to 1. */
  readonly failureRate: number;
  /** It opens, too, when this part of the calls in the window takes longer than that; undefined when no call is slow. */
  readonly slowCall: { readonly afterMs: number; readonly rate: number } | undefined;
  /** How long it stays open. */
  readonly openFor: Backoff;
  /** How many calls must succeed before it closes, at least 1; no more are let through until then. */
  readonly probes: number;
  /** After how many milliseconds a probe that has not ended gives its place to another call. */
  readonly probeTimeoutMs: number;
  /** For how many milliseconds after closing calls are let in gradually; 0 lets all of them in at once. */
  readonly rampMs: number;
}

/** What a circuit needs from outside. */
export interface CircuitHost {
  /** A number from 0 up to, but not including, 1. */
  random(): number;
  /**
   * A circuit has begun anew what it does: results of what was permitted before do not count. `from` and `to` are the same when an open one was
   * tripped, or a closed one reset. All of it has happened: it may be used here. Must not throw.
   */
  changed(from: CircuitState, to: CircuitState, because: string, at: number): void;
  /** A formula for open times has failed, and the usual time stood in. Must not throw. */
  fault(error: unknown): void;
}
