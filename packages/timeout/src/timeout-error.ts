import { type BoundFacts, callInfo, type SluiceError, TimeoutError, title } from '@sluice/core';

/** Which of the limits of `timeout` has passed. */
export type LimitName = 'total' | 'attempt' | 'queue';

/** The error of a limit: what was exceeded, whose it was, how far the work had come, and what can be done. */
export function timeoutErrorOf(limit: LimitName, retryable: boolean, facts: BoundFacts): SluiceError {
  const { call, scope, limitMs, partial, details, attempt } = facts;
  return new TimeoutError(`${title(call)} ${exceeded(limit)} of ${limitMs} ms`, {
    call: { ...callInfo(call), attempt },
    scope,
    retryable,
    ...(partial === undefined ? {} : { partial }),
    remediation: remediation(limit, facts),
    details,
  });
}

function exceeded(limit: LimitName): string {
  return limit === 'queue' ? 'waited longer than its queue timeout' : `exceeded its ${limit} timeout`;
}

/** What can be done, as far as what is known of this case says so. */
function remediation(limit: LimitName, facts: BoundFacts): string {
  const { call, limitMs, running, started, lagMs } = facts;
  const option = `timeout.${limit} for "${call.name}"`;
  if (limitMs === 0) return `Raise ${option}: at 0 it never starts.`;
  if (limit === 'queue')
    return `Raise ${option}, or let more run at once; it had not started when its time to wait was over.`;
  if (!running) {
    const waited = started ? 'it waited to begin again' : 'its work had not begun';
    return `Raise ${option}, or shorten what it waits for; ${waited} when the limit passed.`;
  }
  const late = lagMs > NOTABLE ? `; the event loop was ${ms(lagMs)} late, so look for what blocks it` : '';
  return `Raise ${option} or split its work; ${signsOfLife(facts)}${late}.`;
}

const NOTABLE = 20;

function signsOfLife({ progress, lastSignMs, elapsedMs, partial }: BoundFacts): string {
  const heard = lastSignMs === undefined ? '' : `it was last heard from ${ms(lastSignMs)} before the deadline`;
  if (progress !== undefined && progress > 0 && progress < 1) {
    const needed = `at ${Math.round(progress * 100)} % after ${ms(elapsedMs)} it would have needed about ${ms(elapsedMs / progress)}`;
    return heard === '' ? needed : `${heard}, and ${needed}`;
  }
  if (heard !== '') return heard;
  if (partial !== undefined) return 'it had achieved something, which is attached';
  return 'it gave no sign of life: ctx.heartbeat() or ctx.progress() would tell slow from stuck';
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
