import { type Duration, Problems, readDuration, readPlain } from '@sluice/core';

/** How {@link retryLater} asks. */
export interface RetryLaterOptions {
  /** How long to wait at least, in milliseconds or as text; as the backoff says unless set. */
  readonly after?: Exclude<Duration, 'none'> | undefined;
  /** Why, for messages. */
  readonly reason?: string | undefined;
}

/** What work throws to be tried again. Made by {@link retryLater}. */
class RetryLaterError extends Error {
  declare readonly name: 'RetryLaterError';
  readonly retryable: true = true;
  declare readonly retryAfterMs?: number;

  constructor(message: string, retryAfterMs: number | undefined) {
    super(message);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

Object.defineProperty(RetryLaterError.prototype, 'name', {
  value: 'RetryLaterError',
  configurable: true,
  writable: true,
});

/**
 * An error that asks for another attempt, for work to throw when it knows better than its stack: no sooner than `after`, if that is said.
 *
 * It says `retryable: true`, and `after` in `retryAfterMs`. How many attempts there are, and by when, is for the stack to say.
 *
 * @example
 * ```ts
 * import { retryAfterMs } from '@sluice/core';
 * import { retryLater, retryOn } from '@sluice/retry';
 *
 * const error = retryLater({ after: '2s', reason: 'the report is not ready' });
 * console.assert(retryOn.defaults(error) && retryAfterMs(error) === 2_000);
 * ```
 */
export function retryLater(options: RetryLaterOptions = {}): Error {
  const problems = new Problems();
  const given = readPlain(options, 'retryLater', problems) ?? {};
  problems.unknownKeys(given, ['after', 'reason'], 'retryLater');
  const { after, reason } = given;
  const ms = after === undefined ? undefined : readDuration(after, 'retryLater.after', problems);
  if (ms === Number.POSITIVE_INFINITY)
    problems.add('retryLater.after', 'how long to wait, which is not for ever', after);
  if (reason !== undefined && typeof reason !== 'string') problems.add('retryLater.reason', 'text', reason);
  problems.throwIfAny();
  const wait = ms === undefined ? '' : ` in ${ms} ms`;
  return new RetryLaterError((reason as string | undefined) ?? `It asks to be tried again${wait}`, ms);
}
