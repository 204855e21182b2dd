import { CODES, type CodeFacts } from './codes.ts';
import { isSluiceError } from './sluice-error.ts';

/**
 * The HTTP status that tells a client what happened: 504 for a timeout, 429 for a full queue, 503 for an open circuit, 499 for
 * a cancellation, and 500 for any error that is not of Sluice. Never throws, whatever it is handed.
 *
 * @example
 * ```ts
 * import { httpStatus, TimeoutError } from '@sluice/core';
 *
 * console.assert(httpStatus(new TimeoutError('too slow')) === 504);
 * console.assert(httpStatus(new Error('who knows')) === 500);
 * ```
 */
export function httpStatus(error: unknown): number {
  let current = error;
  // A cause may lead back to itself; no honest chain is longer than this.
  for (let depth = 0; depth < 16 && isSluiceError(current); depth++) {
    try {
      const facts: CodeFacts | undefined = CODES[current.code];
      if (facts?.http !== undefined) return facts.http;
      current = current.cause;
    } catch {
      // What carries the brand but cannot be read says nothing.
      break;
    }
  }
  return 500;
}
