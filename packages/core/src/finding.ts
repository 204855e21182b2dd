/** Every finding that the order check can make. */
export type FindingCode =
  | 'duplicate-stateful'
  | 'attempt-over-total-in-one'
  | 'attempt-not-under-total'
  | 'backoff-over-total'
  | 'idle-not-under-attempt'
  | 'soft-not-under-hard'
  | 'retry-inside-breaker'
  | 'limit-outside-retry'
  | 'queue-inside-attempt'
  | 'retry-without-deadline'
  | 'retry-without-limit'
  | 'unclaimed-policy'
  | 'fallback-inside'
  | 'breaker-window-short'
  | 'local-rejections-counted'
  | 'retry-not-idempotent'
  | 'retries-multiply';

/** One thing that the order check has to say about a stack. */
export interface Finding {
  /** What it is, as one of a fixed set of codes: what `acknowledge` takes. */
  readonly code: FindingCode;
  /** Errors keep a stack from being built; warnings are logged once, unless acknowledged. */
  readonly level: 'error' | 'warning';
  /** One sentence: what is so, and what follows from it. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}
