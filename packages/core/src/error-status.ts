/**
 * The status that a service answered with, as errors of HTTP clients carry it: in `status`, `statusCode`, the same of its `response`, or
 * `$metadata.httpStatusCode`; undefined where there is none. Does not follow `cause`. Never throws, whatever it is handed.
 *
 * @example
 * ```ts
 * import { errorStatus } from '@sluice/core';
 *
 * console.assert(errorStatus(Object.assign(new Error('slow down'), { status: 429 })) === 429);
 * console.assert(errorStatus(new Error('no idea')) === undefined);
 * ```
 */
export function errorStatus(error: unknown): number | undefined {
  try {
    if (typeof error !== 'object' || error === null) return undefined;
    const { status, statusCode, response, $metadata: metadata } = error as Readonly<Record<string, Fields | undefined>>;
    return (
      statusOf(status) ??
      statusOf(statusCode) ??
      statusOf(response?.status) ??
      statusOf(response?.statusCode) ??
      statusOf(metadata?.httpStatusCode)
    );
  } catch {
    return undefined;
  }
}

/** What errors of clients carry their status in. */
interface Fields {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly httpStatusCode?: unknown;
}

function statusOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 100 && value < 600 ? value : undefined;
}
