import { wallClock } from './clock.ts';

/**
 * When a service asks to be called again, in milliseconds from now; undefined where it does not say so, or says nothing that makes sense.
 *
 * Looks at `retryAfterMs` (milliseconds) and `retryAfter` (seconds, or a date) of an error, and at `retry-after-ms` and
 * `retry-after` in the `headers` or `responseHeaders` of it, of its `response`, or of its `cause`. Never throws, whatever it is handed.
 *
 * @example
 * ```ts
 * import { retryAfterMs } from '@sluice/core';
 *
 * const error = Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after': '2' } });
 * console.assert(retryAfterMs(error) === 2_000);
 * console.assert(retryAfterMs(new Error('no idea')) === undefined);
 * ```
 */
export function retryAfterMs(error: unknown): number | undefined {
  try {
    return readFrom(error, DEPTH);
  } catch {
    return undefined;
  }
}

/** How many causes are looked at. */
const DEPTH = 5;

function readFrom(error: unknown, depth: number): number | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const {
    retryAfterMs: ms,
    retryAfter,
    headers,
    responseHeaders,
    response,
    cause,
  } = error as Readonly<Record<string, unknown>>;
  return (
    spanOf(ms) ??
    readText(retryAfter) ??
    fromHeaders(headers) ??
    fromHeaders(responseHeaders) ??
    fromHeaders((response as { readonly headers?: unknown } | null | undefined)?.headers) ??
    readFrom(cause, depth - 1)
  );
}

function fromHeaders(headers: unknown): number | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  return spanOf(number(header(headers, 'retry-after-ms'))) ?? readText(header(headers, 'retry-after'));
}

function header(headers: object, name: string): unknown {
  if (typeof (headers as Partial<Headers>).get === 'function') return (headers as Headers).get(name);
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name) return Array.isArray(value) ? value[0] : value;
  }
  return undefined;
}

/** Seconds, or the date of HTTP. */
function readText(value: unknown): number | undefined {
  const seconds = number(value);
  if (seconds !== undefined) return spanOf(seconds * 1_000);
  if (typeof value !== 'string' || !DATE.test(value)) return undefined;
  const at = Date.parse(value);
  // What is over already may be done now.
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallClock());
}

/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the two forms of old; no number with a stray letter. */
const DATE = /^[A-Za-z]{3,9},? .*\d{2}:\d{2}:\d{2}/;

function number(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}

function spanOf(ms: unknown): number | undefined {
  return typeof ms === 'number' && ms >= 0 && Number.isFinite(ms) ? ms : undefined;
}
