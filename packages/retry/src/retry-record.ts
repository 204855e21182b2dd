import { type Call, madeIn } from '@sluice/core';
import type { FailedAttempt } from './attempt-record.ts';
import { ErrorNote } from './error-note.ts';
import type { GiveUp } from './give-up.ts';

/** How a retry came to give up on an error. */
export interface RetryRecord {
  /** Why no further attempt was made. */
  readonly because: GiveUp;
  /** The same in words. */
  readonly reason: string;
  /** All attempts, in order. */
  readonly attempts: readonly FailedAttempt[];
}

/** A record, and the call around which the retry stands: the same error may be thrown by the next call as well. */
interface Kept {
  readonly call: Call;
  readonly record: RetryRecord;
}

/** Notes that the retry around `call` has given up on `error`. */
export function keepRecord(error: unknown, call: Call, record: RetryRecord): void {
  if (typeof error === 'object' && error !== null) ErrorNote.put(error, { call, record } satisfies Kept);
}

function keptOf(error: object): Kept | undefined {
  return ErrorNote.of(error) as Kept | undefined;
}

/**
 * How the innermost retry came to give up on an error: why, and all of its attempts. Undefined for an error on which none has. The error
 * itself stays as it was thrown.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { retry, retryRecord } from '@sluice/retry';
 *
 * const save = wrap(
 *   async () => { throw Object.assign(new Error('busy'), { status: 503 }); },
 *   retry({ attempts: 2, backoff: 1 }),
 * );
 * const record = await save().catch(retryRecord);
 * console.assert(record?.because === 'attempts' && record.attempts.length === 2);
 * ```
 */
export function retryRecord(error: unknown): RetryRecord | undefined {
  try {
    return typeof error === 'object' && error !== null ? keptOf(error)?.record : undefined;
  } catch {
    return undefined;
  }
}

/** How many causes are looked at. */
const DEPTH = 10;

/** Whether a retry around a call that was made in `call` has given up on `error`, or on one of its causes: attempts do not multiply. */
export function givenUpInside(error: unknown, call: Call): boolean {
  let current = error;
  for (let depth = 0; depth < DEPTH && typeof current === 'object' && current !== null; depth++) {
    try {
      const known = keptOf(current);
      if (known !== undefined && hasRepeated(known.record) && madeIn(known.call, call)) return true;
      current = (current as { readonly cause?: unknown }).cause;
    } catch {
      return false;
    }
  }
  return false;
}

/** One that may make a single attempt has multiplied nothing: it leaves it to those around it, as `'none'` does. */
function hasRepeated({ because, attempts }: RetryRecord): boolean {
  return because !== 'attempts' || attempts.length > 1;
}
