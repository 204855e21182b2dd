import { isoTime } from '../clock.ts';
import { messageOf } from '../message-of.ts';
import { safeJson } from '../safe-json.ts';
import { CODES, type CodeFacts } from './codes.ts';
import { isSluiceError, type SluiceError } from './sluice-error.ts';

/** What to do about an error that says nothing of it. */
const UNKNOWN = 'Look for this request in the log of the service.';

/** What a caller of {@link toResponse} knows about the request. */
export interface ResponseMetadata {
  /** The request's id, as the client knows it. */
  readonly requestId?: string;
  /** When the answer was made, as ISO 8601; now unless given. */
  readonly timestamp?: string;
  /** How long the request took, in milliseconds. */
  readonly durationMs?: number;
  /** The version of the API that answers; `'v1'` unless given. */
  readonly apiVersion?: string;
}

/** The answer of a task API to a request that ended with an error. */
export interface ErrorEnvelope {
  readonly status: 'error';
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
    readonly remediation: string;
  };
  readonly metadata: {
    readonly request_id?: string;
    readonly timestamp: string;
    readonly duration_ms?: number;
    readonly api_version: string;
  };
}

/**
 * Turns any error into the envelope of a task API: safe to serialise, without a stack, with a remediation that is never empty.
 * Details of errors that are not of Sluice stay inside: a client sees their message only.
 *
 * @example
 * ```ts
 * import { TimeoutError, toResponse } from '@sluice/core';
 *
 * const error = new TimeoutError('Stage "fetch" exceeded its total timeout of 60000 ms', {
 *   scope: 'stage:fetch',
 *   details: { timeout_seconds: 60 },
 *   partial: { items_processed: 50 },
 * });
 * const { details } = toResponse(error, { requestId: 'r1', durationMs: 60005.2 }).error;
 * console.assert(details['timeout_seconds'] === 60 && details['scope'] === 'stage:fetch');
 * ```
 *
 * @see {@link httpStatus} for the status to send it with
 */
export function toResponse(error: unknown, metadata: ResponseMetadata = {}): ErrorEnvelope {
  return {
    status: 'error',
    error: errorBody(error),
    metadata: {
      ...(metadata.requestId === undefined ? {} : { request_id: metadata.requestId }),
      timestamp: metadata.timestamp ?? isoTime(),
      ...(metadata.durationMs === undefined ? {} : { duration_ms: metadata.durationMs }),
      api_version: metadata.apiVersion ?? 'v1',
    },
  };
}

function errorBody(error: unknown): ErrorEnvelope['error'] {
  if (isSluiceError(error)) {
    try {
      return sluiceBody(error);
    } catch {
      // It carries the brand but cannot be read: it is as strange as any other.
    }
  }
  return { code: 'INTERNAL', message: messageOf(error), details: {}, remediation: UNKNOWN };
}

/** How a timeout came about: what the service wants to know, and no client can use. */
const INTERNAL: ReadonlySet<string> = new Set(
  (
    'limit limitMs elapsedMs started settled lagMs lateMs pausedMs lastSignMs progress heartbeat idle hard running ' +
    'attempts beats silentMs'
  ).split(' '),
);

/** What a client can use. */
function publicDetails({ code, details }: SluiceError): Record<string, unknown> {
  const plain = safeJson(details);
  if (typeof plain !== 'object' || plain === null) return {};
  if (code !== 'TIMEOUT' && code !== 'HEARTBEAT_LOST') return { ...plain };
  return Object.fromEntries(Object.entries(plain).filter(([key]) => !INTERNAL.has(key)));
}

/** An error of another copy of the package may lack what this one's always have. */
function sluiceBody(error: SluiceError): ErrorEnvelope['error'] {
  const facts: CodeFacts | undefined = CODES[error.code];
  const details = publicDetails(error);
  if (error.scope !== undefined) details['scope'] = safeJson(error.scope);
  if (error.retryAfterMs !== undefined) details['retry_after_ms'] = safeJson(error.retryAfterMs);
  if (error.partial !== undefined) details['partial_result'] = safeJson(error.partial);
  return {
    code: String(error.code),
    message: messageOf(error),
    details,
    remediation: error.remediation || facts?.remediation || UNKNOWN,
  };
}
