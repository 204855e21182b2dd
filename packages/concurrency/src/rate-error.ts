import { type Call, callInfo, RateLimitedError, type SluiceError, scopeOf, title } from '@sluice/core';
import { PAUSED } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';

/** A call may not go yet: which rate says so, and when it may. `leftMs` is what its deadline leaves, if that was too little. */
export function rateLimited(
  call: Call,
  pool: string,
  { rates }: RateFields,
  dimension: string,
  waitMs: number,
  leftMs: number | undefined,
): SluiceError {
  const rate = rates[dimension];
  const what =
    dimension === PAUSED
      ? `would go while everybody waits, as the service has asked`
      : `would exceed ${rate?.limit} ${dimension} per ${rate?.perMs} ms`;
  const when = `it may go in ${Math.ceil(waitMs)} ms`;
  const why = leftMs === undefined ? '' : `, and its deadline is in ${Math.round(leftMs)} ms`;
  return new RateLimitedError(`${title(call)} ${what} of "${pool}"; ${when}${why}`, {
    call: callInfo(call),
    scope: scopeOf(call),
    retryAfterMs: Math.ceil(waitMs),
    details: { pool, dimension, waitMs, ...(rate === undefined ? {} : { limit: rate.limit, perMs: rate.perMs }) },
    remediation: 'Wait for retryAfterMs, send less, or raise the rate limit.',
  });
}
