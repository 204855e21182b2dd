/** What a pool tells at a glance. */
export interface PoolStats {
  /** How many calls may go on at once, as it is now. */
  readonly limit: number;
  /** Permits that are taken, orphans included: how many calls go on, apart from those that wait for calls in them. */
  readonly active: number;
  readonly queued: number;
  /** For how long the one that has waited longest does, in milliseconds. */
  readonly oldestWaitMs: number;
  /** Calls that were refused because too many waited, or because their turn would have come after their deadline. */
  readonly rejected: number;
  /** Calls that waited for longer than they may. */
  readonly timedOut: number;
  /** Calls that have their verdict, and whose work goes on and holds its permit. */
  readonly orphans: number;
}
