import { type Call, retryAfterMs, workHasBegun } from '@sluice/core';
import { classify, isLocalRejection } from './classify.ts';
import type { GiveUp } from './give-up.ts';
import { nothingSent } from './nothing-sent.ts';
import type { RetryFields } from './retry-options.ts';
import { givenUpInside } from './retry-record.ts';

/** What is known when an attempt has failed. */
export interface Failure {
  readonly error: unknown;
  /** Which attempt it was, counted from 1. */
  readonly attempt: number;
  /** The wait before it, in milliseconds; 0 for the first. */
  readonly previousMs: number;
  /** Whether items of it have been handed on. */
  readonly emitted: boolean;
}

/** What follows: a wait, and then another attempt; or nothing, and why. */
export type NextStep =
  | { readonly delayMs: number }
  | { readonly because: GiveUp; readonly reason: string; readonly cause?: unknown };

/** Decides what follows a failed attempt, but for the budget, which is asked last of all. Never throws. */
export function nextStep(call: Call, rules: RetryFields, failure: Failure): NextStep {
  const { error, attempt } = failure;
  try {
    const known = classify(error, call, rules.retryOn);
    if (!known.again) return { because: 'error', reason: known.because };
  } catch (cause) {
    return { because: 'fault', reason: 'retryOn threw', cause };
  }
  if (failure.emitted && !rules.restartable) {
    return { because: 'emitted', reason: 'items of the stream have been handed on; set restartable to begin anew' };
  }
  if (givenUpInside(error, call) && !rules.retryOn.names('RETRY_EXHAUSTED')) {
    return { because: 'nested', reason: 'a retry further in has given up on it' };
  }
  if (!(rules.idempotent ?? call.idempotent) && workHasBegun(call) && !nothingSent(error)) {
    return { because: 'not-idempotent', reason: 'the work has begun, and is marked idempotent: false' };
  }
  if (attempt >= rules.attempts) return { because: 'attempts', reason: `it failed ${times(attempt)}` };
  return waitFor(call, rules, failure);
}

function waitFor(call: Call, rules: RetryFields, { error, attempt, previousMs }: Failure): NextStep {
  const asked = askedFor(error, rules);
  if (asked !== undefined && asked > longest(error, rules)) {
    return { because: 'retry-after', reason: `it asks to be called again in ${whole(asked)} ms, which is too long` };
  }
  let delayMs = asked ?? 0;
  if (asked === undefined) {
    try {
      delayMs = rules.backoff.delay(attempt, previousMs, () => call.clock.random(), error);
      if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY)) throw new TypeError(`it answered ${String(delayMs)}`);
    } catch (cause) {
      return { because: 'fault', reason: 'the backoff threw', cause };
    }
  }
  const leftMs = call.deadline.remaining();
  if (delayMs < leftMs) return { delayMs };
  const why = asked === undefined ? 'the next attempt is due' : 'it asks to be called again';
  return { because: 'deadline', reason: `${why} in ${whole(delayMs)} ms, and the deadline is in ${whole(leftMs)} ms` };
}

/** What this process refused says when it would not: that is always waited for. */
function askedFor(error: unknown, { respectRetryAfter }: RetryFields): number | undefined {
  if (respectRetryAfter < 0 && !isLocalRejection(error)) return undefined;
  const asked = retryAfterMs(error);
  // Services that name no time to wait, or one that is over by a clock that is not theirs, do not mean to be called without end.
  return asked === 0 && !saysNow(error) ? undefined : asked;
}

/** Work that says so itself knows better. */
function saysNow(error: unknown): boolean {
  return (error as { readonly retryAfterMs?: unknown }).retryAfterMs === 0;
}

function longest(error: unknown, { respectRetryAfter }: RetryFields): number {
  return isLocalRejection(error) ? Number.POSITIVE_INFINITY : respectRetryAfter;
}

/** Times for people: no fractions. */
export function whole(ms: number): number {
  return Math.round(ms);
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
