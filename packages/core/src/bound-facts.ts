import type { Bound } from './bound.ts';
import type { BoundFacts, BoundOptions } from './bound-options.ts';
import { type CallView, callInfo, title } from './call-view.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';

/** From this lateness on it is said how late the loop was. */
const NOTABLE = 20;

/** The time of a limit that has passed. */
export interface Spent {
  readonly elapsedMs: number;
  readonly pausedMs: number;
  readonly lagMs: number;
}

/** Puts together what is known when a limit has passed. */
export function boundFacts(
  bound: Bound,
  scope: string,
  { limit: limitMs, name }: BoundOptions,
  { elapsedMs, pausedMs, lagMs }: Spent,
): BoundFacts & { readonly details: Record<string, unknown> } {
  const { view } = bound;
  const { root } = view;
  const vitals = root.vitals;
  const works = root.worksWithin(bound);
  const sinceSign = vitals === undefined ? Number.POSITIVE_INFINITY : view.clock.now() - vitals.at;
  const lastSignMs = sinceSign <= elapsedMs ? sinceSign : undefined;
  const running = works.length > 0;
  const started = root.begun > 0;
  const attempt = works[0]?.call.attempt ?? Math.max(view.attempt, root.begun);
  // What an earlier attempt said is that one's.
  const heartbeat = lastSignMs === undefined ? undefined : vitals?.said;
  const details: Record<string, unknown> = {
    timeout_seconds: limitMs / 1000,
    limit: name,
    limitMs,
    elapsedMs,
    started,
  };
  details['settled'] = root.unsettledWithin(bound).length === 0;
  if (lagMs > NOTABLE) details['lagMs'] = lagMs;
  if (pausedMs > 0) details['pausedMs'] = pausedMs;
  if (lastSignMs !== undefined) details['lastSignMs'] = lastSignMs;
  if (vitals?.progress !== undefined) details['progress'] = vitals.progress;
  if (heartbeat !== undefined) details['heartbeat'] = heartbeat;
  const idleMs = works[0]?.call.idleLimit(bound) ?? Number.POSITIVE_INFINITY;
  if (idleMs !== Number.POSITIVE_INFINITY) {
    details['idle'] = { limitMs: idleMs, silentMs: lastSignMs ?? elapsedMs };
  }
  const hard = view.deadlineAround(bound);
  if (hard.at !== Number.POSITIVE_INFINITY) {
    details['hard'] = { scope: hard.scope, leftMs: hard.remaining() };
  }
  return {
    call: view,
    scope,
    limitMs,
    elapsedMs,
    pausedMs,
    lagMs,
    partial: root.partial,
    progress: vitals?.progress,
    lastSignMs,
    heartbeat,
    attempt,
    started,
    running,
    details,
  };
}

/** The error of a limit that nobody has words of his own for. */
export function timeoutError({ name, retryable = false }: BoundOptions, facts: BoundFacts): SluiceError {
  const { call, scope, limitMs, partial, details, attempt } = facts;
  const what = name === 'deadline' ? 'deadline' : `${name} timeout`;
  return new TimeoutError(`${title(call)} exceeded its ${what} of ${limitMs} ms`, {
    call: { ...callInfo(call), attempt },
    scope,
    retryable,
    partial,
    remediation: `Raise the ${what} of "${call.name}" (${limitMs} ms) or split its work.`,
    details,
  });
}

/** What work is warned with. */
export function softTimeout(view: CallView, scope: string, softMs: number, limitMs: number): TimeoutError {
  return new TimeoutError(`${title(view)} has taken ${softMs} ms, its soft timeout`, {
    call: callInfo(view),
    scope,
    retryable: false,
    remediation: 'Come to an end, or report what was achieved: the hard limit is near.',
    details: { timeout_seconds: softMs / 1000, limit: 'soft', limitMs: softMs, hardMs: limitMs },
  });
}
