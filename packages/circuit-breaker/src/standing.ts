import { type ErrorCode, errorStatus, isSluiceError, type Verdict } from '@sluice/core';
import type { TrialResult } from './circuit.ts';

/** How a call counts where nobody says anything, and why. */
export interface Standing {
  readonly result: TrialResult;
  /** What it was told by. */
  readonly why: 'cancelled' | 'local' | 'error';
  /** The code or status that it was told by, if it was by one. */
  readonly mark?: string | number;
}

/** What this process refuses before any work is started. */
export const LOCAL_CODES: readonly ErrorCode[] = [
  'CIRCUIT_OPEN',
  'QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'RATE_LIMITED',
  'DRAINING',
];

/** Mistakes of whoever calls, and of how it is set up: what is called was not even asked. */
const NOT_ASKED: readonly ErrorCode[] = [
  'INVALID_INPUT',
  'CONFIG',
  'UNKNOWN_TOOL',
  'MAX_DEPTH',
  'DATA_CONFLICT',
  'IDEMPOTENCY_MISMATCH',
  'INTERCEPTOR',
];

const SUCCESS: Standing = { result: 'success', why: 'error' };
const FAILURE: Standing = { result: 'failure', why: 'error' };
const CANCELLED: Standing = { result: 'neutral', why: 'cancelled' };

const CODES: ReadonlyMap<unknown, Standing> = new Map<unknown, Standing>([
  ['CANCELLED', CANCELLED],
  ['SKIPPED', CANCELLED],
  ['TIMEOUT', FAILURE],
  ['HEARTBEAT_LOST', FAILURE],
  ['INVALID_OUTPUT', FAILURE],
  ...LOCAL_CODES.map((code) => [code, { result: 'neutral', why: 'local', mark: code }] as const),
  ...NOT_ASKED.map((code) => [code, { result: 'neutral', why: 'error', mark: code }] as const),
]);

/** What clients call it when they were stopped on purpose. */
const STOPPED: ReadonlySet<unknown> = new Set(['AbortError', 'CanceledError', 'ABORT_ERR', 'ERR_CANCELED']);

const TOO_MANY: Standing = { result: 'neutral', why: 'error', mark: 429 };

/** How many causes deep an error is looked into: chains that lead back to themselves have no end. */
const DEPTH = 10;

/**
 * How a call counts that ended so. Timeouts and errors are failures. A cancellation says nothing, nor does what this process itself refused,
 * nor a 429: what answers "not so much" works. Other 4xx are answers, and so successes, but for a 408. Of an error and its causes, the outermost
 * that says anything of that kind is believed. Never throws.
 */
export function standingOf(status: Verdict, error: unknown): Standing {
  switch (status) {
    case 'ok':
      return SUCCESS;
    case 'timeout':
      return FAILURE;
    case 'cancelled':
    case 'skipped':
      return CANCELLED;
    case 'failed':
      return hear(error);
  }
}

function hear(error: unknown): Standing {
  let current = error;
  for (let depth = 0; depth < DEPTH && typeof current === 'object' && current !== null; depth++) {
    try {
      const said = isSluiceError(current) ? CODES.get(current.code) : hearStranger(current);
      if (said !== undefined) return said;
      current = (current as { readonly cause?: unknown }).cause;
    } catch {
      return FAILURE;
    }
  }
  return FAILURE;
}

function hearStranger(error: object): Standing | undefined {
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  if (STOPPED.has(name) || STOPPED.has(code)) return CANCELLED;
  const status = errorStatus(error);
  if (status === undefined) return undefined;
  if (status === 429) return TOO_MANY;
  return status >= 400 && status < 500 && status !== 408 ? SUCCESS : FAILURE;
}
