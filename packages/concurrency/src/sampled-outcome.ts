import { errorStatus, isSluiceError, type Verdict } from '@sluice/core';

/** What the end of a call says of the capacity of what was called. */
export type SampledOutcome = 'success' | 'ignored' | 'dropped';

/** Statuses by which a service says that it has too much to do. */
const OVERLOADED: ReadonlySet<number | undefined> = new Set([429, 503, 529]);

/** A call that was stopped, or never sent, says nothing; one that timed out, or was turned away, that it was too much. */
export function sampledOutcome(status: Verdict, error: unknown): SampledOutcome {
  if (status === 'ok') return 'success';
  if (status === 'timeout') return 'dropped';
  if (status !== 'failed' || isSluiceError(error)) return 'ignored';
  return OVERLOADED.has(errorStatus(error)) ? 'dropped' : 'ignored';
}
