/** A copy of `value`, where it can be copied; else a few words. For what somebody goes on to change. */
export function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  try {
    return structuredClone(value);
  } catch {
    return '[it cannot be copied]';
  }
}
