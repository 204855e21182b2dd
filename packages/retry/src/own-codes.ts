import {
  CancelledError,
  CircuitOpenError,
  ConfigError,
  DataConflictError,
  DrainingError,
  type ErrorCode,
  IdempotencyMismatchError,
  InterceptorError,
  InvalidInputError,
  InvalidOutputError,
  MaxDepthError,
  QueueFullError,
  QueueTimeoutError,
  RateLimitedError,
  RetryExhaustedError,
  SkippedError,
  UnknownToolError,
} from '@sluice/core';

/** What this process refuses before any work is started, and will not refuse for ever. */
export const LOCAL_CODES: readonly ErrorCode[] = ['QUEUE_FULL', 'QUEUE_TIMEOUT', 'RATE_LIMITED', 'CIRCUIT_OPEN'];

/** Errors of Sluice that are repeated only for who asks for them. */
const ASKED: ReadonlyMap<string, unknown> = new Map<ErrorCode, unknown>([
  ['QUEUE_FULL', QueueFullError],
  ['QUEUE_TIMEOUT', QueueTimeoutError],
  ['RATE_LIMITED', RateLimitedError],
  ['CIRCUIT_OPEN', CircuitOpenError],
  ['RETRY_EXHAUSTED', RetryExhaustedError],
  // A model may answer in another form when it is asked again; a function that answers wrongly will do so again.
  ['INVALID_OUTPUT', InvalidOutputError],
]);

/** Errors of Sluice that are never repeated, whoever asks. */
const NEVER: ReadonlyMap<string, unknown> = new Map<ErrorCode, unknown>([
  ['CANCELLED', CancelledError],
  ['SKIPPED', SkippedError],
  ['CONFIG', ConfigError],
  // Nothing that a runner lets in while it shuts down would be let in a moment later.
  ['DRAINING', DrainingError],
  ['INVALID_INPUT', InvalidInputError],
  ['UNKNOWN_TOOL', UnknownToolError],
  ['MAX_DEPTH', MaxDepthError],
  ['DATA_CONFLICT', DataConflictError],
  ['IDEMPOTENCY_MISMATCH', IdempotencyMismatchError],
  ['INTERCEPTOR', InterceptorError],
]);

/** Whether errors of Sluice with this code are repeated only for who asks for them. */
export function isAsked(code: string): boolean {
  return ASKED.has(code);
}

/** Whether the code, or the class, is one whose errors are never repeated: to ask for them would do nothing. */
export function isNever(codeOrClass: unknown): boolean {
  return typeof codeOrClass === 'string' ? NEVER.has(codeOrClass) : [...NEVER.values()].includes(codeOrClass);
}

/** The code whose errors are of just this class, and are repeated only for who asks. */
export function askedCodeOf(errorClass: unknown): string | undefined {
  for (const [code, known] of ASKED) if (known === errorClass) return code;
  return undefined;
}
