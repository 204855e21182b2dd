import type { CircuitState } from './circuit-state.ts';

/** How much has gone through a circuit since there is one. */
export interface CircuitTotals {
  /** Calls whose outcome counted. */
  readonly calls: number;
  /** How many of those failed. */
  readonly failures: number;
  /** Calls that took too long, as far as that counted. */
  readonly slow: number;
  /** Calls that were refused. */
  readonly refused: number;
  /** How often it opened. */
  readonly opened: number;
}

/** What a circuit says of itself. */
export interface CircuitStats {
  readonly state: CircuitState;
  /** In words, why it does that. */
  readonly because: string;
  /** When it changes by time alone; undefined when it does not. */
  readonly nextChangeAt: number | undefined;
  /** How many probes are under way within their lease. */
  readonly probing: number;
  /** What the window holds: calls with an outcome, those with a pace, and the bad ones among them. */
  readonly window: {
    readonly calls: number;
    readonly failures: number;
    readonly paced: number;
    readonly slow: number;
  };
  readonly totals: CircuitTotals;
}
