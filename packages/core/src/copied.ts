import { Snapshot } from './snapshot.ts';

/** A copy of `value`, bounded, where it can be copied; else a few words. For what somebody goes on to change. */
export function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const snapshot = new Snapshot();
  snapshot.take(value);
  return snapshot.value;
}
