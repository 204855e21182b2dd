/**
 * What is alive right now in this process, by kind: plain counters that every owner keeps as it takes and gives back. A test's
 * leak ledger compares them before and after.
 */
export interface Account {
  /** Runs begun and not settled. */
  runs: number;
  /** Calls begun and not settled. */
  calls: number;
  /** Works begun and not settled. */
  works: number;
  /** Timers armed. */
  timers: number;
  /** Things scheduled on virtual clocks for a later moment. */
  scheduled: number;
  /** Listeners on outer signals. */
  listeners: number;
  /** Subscriptions to Observables, of work or of interceptors, that are open. */
  subscriptions: number;
}

/** The counters of this process. */
export const account: Account = {
  runs: 0,
  calls: 0,
  works: 0,
  timers: 0,
  scheduled: 0,
  listeners: 0,
  subscriptions: 0,
};
