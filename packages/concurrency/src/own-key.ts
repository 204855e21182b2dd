import type { Call, PolicySource } from '@sluice/core';

/** What something is said of. */
export interface Subject {
  readonly target: string;
  readonly name: string;
  readonly kind?: string | undefined;
}

/** What is said there is said of everything. */
export const OUTER: ReadonlySet<PolicySource> = new Set<PolicySource>(['default', 'plugin']);

/** The key of the limit that something said of a target opens inside the shared one. */
export function ownKey(source: PolicySource, subject: Subject): (call: Call) => string {
  const key = lastingKey(source, subject);
  return key === undefined ? ({ runId }) => `own/run:${runId}` : () => key;
}

/** The same, where it is one for all calls; undefined for what is said of a run, or of a pipeline: of all of that together. */
export function lastingKey(source: PolicySource, { target, name, kind }: Subject): string | undefined {
  if (source === 'run' || source === 'pipeline') return undefined;
  // Not the key that the same name has in a limit by name.
  return source === 'kind' ? `own/kind:${kind}` : `own/${target}:${name}`;
}

/** Whether a key is that of a limit inside a shared one. */
export function isOwn(key: string): boolean {
  return key.startsWith('own/');
}
