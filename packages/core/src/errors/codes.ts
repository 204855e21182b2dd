import type { Verdict } from '../verdict.ts';

/** Every code that an error of Sluice can carry. */
export type ErrorCode =
  | 'TIMEOUT'
  | 'HEARTBEAT_LOST'
  | 'CANCELLED'
  | 'SKIPPED'
  | 'QUEUE_FULL'
  | 'QUEUE_TIMEOUT'
  | 'RATE_LIMITED'
  | 'CIRCUIT_OPEN'
  | 'RETRY_EXHAUSTED'
  | 'STAGE_FAILED'
  | 'INVALID_INPUT'
  | 'INVALID_OUTPUT'
  | 'UNKNOWN_TOOL'
  | 'MAX_DEPTH'
  | 'DATA_CONFLICT'
  | 'IDEMPOTENCY_MISMATCH'
  | 'DRAINING'
  | 'CONFIG'
  | 'INTERCEPTOR'
  | 'NON_ERROR';

/** What is true of every error of one code. */
export interface CodeFacts {
  /** The verdict of a call that ends with it; `undefined`: that of its cause. */
  readonly verdict: Verdict | undefined;
  /** Whether repeating the same call may help, unless the error itself says otherwise. */
  readonly retryable: boolean;
  /** The HTTP status that tells a client the same; `undefined`: that of its cause. */
  readonly http: number | undefined;
  /** True for what this process refused before any work was started. */
  readonly local: boolean;
  /** Whether it captures a stack. What a timer or a refusal on the fast path throws does not, nor what only sums up: its cause has one. */
  readonly stack: boolean;
  /** What a person can do about it, when the error knows nothing better. */
  readonly remediation: string;
}

function facts(
  verdict: Verdict | undefined,
  retryable: boolean,
  http: number | undefined,
  remediation: string,
  kind: 'local' | 'timer' | 'fault' = 'fault',
): CodeFacts {
  return { verdict, retryable, http, remediation, local: kind === 'local', stack: kind === 'fault' };
}

/** The one table of error codes: everything that holds for a code as such stands here and nowhere else. */
export const CODES: Readonly<Record<ErrorCode, CodeFacts>> = {
  TIMEOUT: facts(
    'timeout',
    true,
    504,
    'Raise the limit that was exceeded, or split the work into smaller parts.',
    'timer',
  ),
  HEARTBEAT_LOST: facts(
    'timeout',
    true,
    504,
    'Call ctx.heartbeat() more often, or raise the heartbeat timeout.',
    'timer',
  ),
  CANCELLED: facts(
    'cancelled',
    false,
    499,
    'The call was stopped on purpose; start it again if it is still wanted.',
    'timer',
  ),
  SKIPPED: facts('skipped', false, 409, 'There was nothing to do; catch it where that may be.', 'timer'),
  QUEUE_FULL: facts('failed', false, 429, 'Send less at once, raise the limit, or make queue.max larger.', 'local'),
  QUEUE_TIMEOUT: facts('failed', false, 503, 'Raise the limit or the queue timeout, or send less at once.', 'local'),
  RATE_LIMITED: facts('failed', false, 429, 'Wait for retryAfterMs, or raise the rate limit.', 'local'),
  CIRCUIT_OPEN: facts('failed', false, 503, 'The target has been failing; wait for retryAfterMs.', 'local'),
  RETRY_EXHAUSTED: facts(undefined, false, undefined, 'Every attempt failed; mend what the cause says.', 'timer'),
  STAGE_FAILED: facts('failed', false, 500, 'Mend what the cause says.'),
  INVALID_INPUT: facts('failed', false, 400, 'Send an input that fits the schema; details.issues says what does not.'),
  INVALID_OUTPUT: facts(
    'failed',
    false,
    500,
    'Mend the work or its output schema; details.issues says what does not fit.',
  ),
  UNKNOWN_TOOL: facts('failed', false, 400, 'Use one of the names that the registry knows.'),
  MAX_DEPTH: facts('failed', false, 500, 'Look for a pipeline that runs itself, or raise maxDepth.'),
  DATA_CONFLICT: facts('failed', false, 409, 'Let one stage need the other, or use data.merge with a reducer.'),
  IDEMPOTENCY_MISMATCH: facts('failed', false, 409, 'Use a new idempotency key for a new input.'),
  DRAINING: facts('failed', false, 503, 'The runner is shutting down; send the call elsewhere.', 'local'),
  CONFIG: facts('failed', false, 500, 'Correct the configuration that the message names.'),
  INTERCEPTOR: facts('failed', false, 500, 'Mend or remove the interceptor that the message names.'),
  NON_ERROR: facts('failed', true, 500, 'Throw an Error, so that its origin and kind are known.'),
};
