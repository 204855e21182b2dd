/** The one outcome of a call. Decided once; nothing that happens later changes it. */
export type Verdict = 'ok' | 'failed' | 'timeout' | 'cancelled' | 'skipped';

/** How a call, or one attempt of it, ended. */
export interface Outcome {
  /** The verdict: `ok`, `failed`, `timeout`, `cancelled` or `skipped`. */
  readonly status: Verdict;
  /** What ended it, unless it is `ok`. */
  readonly error?: unknown;
  /** From start to end in milliseconds, on the monotonic clock. */
  readonly durationMs: number;
}
