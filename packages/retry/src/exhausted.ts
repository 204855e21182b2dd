import { type Call, callInfo, messageOf, RetryExhaustedError, retryAfterMs, scopeOf, title } from '@sluice/core';
import type { FailedAttempt } from './attempt-record.ts';
import { whole } from './next-step.ts';

/** The error of a call all of whose attempts have failed. */
export function exhausted(call: Call, attempts: readonly FailedAttempt[]): RetryExhaustedError {
  const { error: cause, attempt, atMs, partial } = attempts.at(-1) as FailedAttempt;
  const message = `${title(call)} failed ${attempt} times in ${whole(atMs)} ms, the last time with: ${messageOf(cause)}`;
  return new RetryExhaustedError(message, {
    call: { ...callInfo(call), attempt },
    scope: scopeOf(call),
    cause,
    partial,
    retryAfterMs: retryAfterMs(cause),
    remediation: `Mend what the last error says; raise retry.attempts (${attempt}) only if "${call.name}" fails by chance.`,
    details: { attempts, elapsedMs: atMs },
  });
}
