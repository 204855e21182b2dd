import { describe } from '../describe.ts';
import { safeJson } from '../safe-json.ts';
import type { Verdict } from '../verdict.ts';
import { CODES, type ErrorCode } from './codes.ts';

const BRAND: unique symbol = Symbol.for('sluice.error') as never;

/** The call that an error is about. */
export interface CallInfo {
  readonly target: 'stage' | 'tool' | 'function';
  readonly name: string;
  readonly attempt: number;
  readonly runId: string;
}

/** What a {@link SluiceError} is made of; what is left out is taken from the table of codes. */
export interface SluiceErrorInit {
  /** The call that it is about. */
  readonly call?: CallInfo | undefined;
  /** Whose limit or cancellation it was: `'run'`, `'stage:fetch'`, `'tool:search'`, `'attempt'`. */
  readonly scope?: string | undefined;
  readonly verdict?: Verdict | undefined;
  readonly retryable?: boolean | undefined;
  /** When repeating may help, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** What a person can do about it. Never empty. */
  readonly remediation?: string | undefined;
  /** What the work had achieved by then. */
  readonly partial?: unknown;
  /** Facts for programs, by name. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/**
 * The one family of errors that Sluice itself throws.
 *
 * Tell them apart by `code`, and recognise them with {@link isSluiceError}, which also holds for errors of another copy
 * of the package. `toJSON()` is safe on cycles and hostile values and holds no stack unless asked for.
 *
 * @example
 * ```ts
 * import { CircuitOpenError, isSluiceError } from '@sluice/core';
 *
 * const error: unknown = new CircuitOpenError('The circuit of "search" is open.', { retryAfterMs: 1200 });
 * if (isSluiceError(error, 'CIRCUIT_OPEN')) console.assert(error.retryAfterMs === 1200);
 * ```
 *
 * @see {@link toResponse} for the envelope of an HTTP API
 */
export abstract class SluiceError extends Error {
  /** What happened, as one of a fixed set of codes. */
  declare readonly code: ErrorCode;
  /** The verdict of the call that it ends. */
  declare readonly verdict: Verdict;
  /** Whether repeating the same call may help. */
  declare readonly retryable: boolean;
  /** What a person can do about it. Never empty. */
  declare readonly remediation: string;
  /** Facts for programs, by name. */
  declare readonly details: Readonly<Record<string, unknown>>;
  /** The call that it is about. */
  declare readonly call?: CallInfo;
  /** Whose limit or cancellation it was. */
  declare readonly scope?: string;
  /** When repeating may help, in milliseconds from now. */
  declare readonly retryAfterMs?: number;
  /** What the work had achieved by then. */
  declare readonly partial?: unknown;

  constructor(code: ErrorCode, message: string, init: SluiceErrorInit = {}) {
    const facts = CODES[code];
    const frames = Error.stackTraceLimit;
    if (!facts.stack) limitStack(0);
    super(message, 'cause' in init ? { cause: init.cause } : undefined);
    if (!facts.stack) limitStack(frames);
    this.code = code;
    this.verdict = init.verdict ?? facts.verdict ?? 'failed';
    this.retryable = init.retryable ?? facts.retryable;
    this.remediation = init.remediation || facts.remediation;
    this.details = init.details ?? {};
    if (init.call !== undefined) this.call = init.call;
    if (init.scope !== undefined) this.scope = init.scope;
    if (init.retryAfterMs !== undefined) this.retryAfterMs = init.retryAfterMs;
    if (init.partial !== undefined) this.partial = init.partial;
  }

  /** The error as plain data: bounded, without cycles, and without its stack unless `{ stack: true }` asks for it. */
  toJSON(options?: { readonly stack?: boolean }): Record<string, unknown> {
    const json: Record<string, unknown> = {
      name: this.name,
      code: this.code,
      message: this.message,
      verdict: this.verdict,
    };
    for (const key of ['call', 'scope', 'retryable', 'retryAfterMs', 'remediation', 'partial', 'details'] as const) {
      if (this[key] !== undefined) json[key] = safeJson(this[key]);
    }
    if (this.cause !== undefined) json['cause'] = causeJson(this.cause);
    // JSON.stringify passes a key where a caller passes options.
    if (typeof options === 'object' && options?.stack === true) json['stack'] = this.stack;
    return json;
  }

  get [Symbol.toStringTag](): string {
    return 'SluiceError';
  }
}

/** A stack costs microseconds; one that was taken in a timer or in a refusal says nothing that the fields do not. */
function limitStack(frames: number): void {
  try {
    Error.stackTraceLimit = frames;
  } catch {
    // Frozen intrinsics: stacks are captured as the host wants them.
  }
}

/** Gives a class of errors its name, on the prototype: no field per error, and the stack's first line is right. */
export function nameError(errorClass: { readonly prototype: SluiceError }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true });
}

Object.defineProperty(SluiceError.prototype, BRAND, { value: true });

function causeJson(cause: unknown): unknown {
  return typeof cause === 'function' ? describe(cause) : safeJson(cause);
}

/**
 * True for an error of Sluice, of this or any other copy of the package, and of the given code if one is given. Never
 * throws, whatever it is handed.
 *
 * @example
 * ```ts
 * import { CancelledError, isSluiceError } from '@sluice/core';
 *
 * console.assert(isSluiceError(new CancelledError('stopped'), 'CANCELLED'));
 * console.assert(!isSluiceError(new Error('no')));
 * ```
 */
export function isSluiceError<C extends ErrorCode = ErrorCode>(
  value: unknown,
  code?: C,
): value is SluiceError & { readonly code: C } {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const error = value as Partial<SluiceError> & { readonly [BRAND]?: unknown };
    return error[BRAND] === true && (code === undefined || error.code === code);
  } catch {
    return false;
  }
}
