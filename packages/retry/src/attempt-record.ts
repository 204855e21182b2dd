/** One attempt that failed. */
export interface FailedAttempt {
  /** Which one it was, counted from 1. */
  readonly attempt: number;
  /** What it failed with. */
  readonly error: unknown;
  /** When it failed, in milliseconds since the call began. */
  readonly atMs: number;
  /** How long was waited after it, in milliseconds; undefined for the last one. */
  readonly delayMs?: number | undefined;
  /** What it had achieved. */
  readonly partial?: unknown;
}
