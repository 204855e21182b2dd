/** What one value counts besides what is in it. */
const OVERHEAD = 8;

/**
 * What is left of `limit` when `value`, roughly, is taken from it; below 0 when it is too large. Looks no further than the limit,
 * however large the value is; a loop over a list of its own, however deep.
 */
export function bytesLeft(value: unknown, limit: number): number {
  let left = limit;
  const open: unknown[] = [value];
  const seen = new Set<object>();
  while (open.length > 0) {
    const one = open.pop();
    left -= OVERHEAD;
    if (typeof one === 'string') left -= one.length;
    else if (typeof one === 'object' && one !== null && !seen.has(one)) {
      seen.add(one);
      left -= ownBytes(one);
      // Each member counts something: what is past the limit need not be listed.
      if (left >= 0) for (const member of membersOf(one, left / OVERHEAD + 1)) open.push(member);
    }
    if (left < 0) return left;
  }
  return left;
}

function ownBytes(value: object): number {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (value instanceof Blob) return value.size;
  return 0;
}

function* membersOf(value: object, most: number): Generator<unknown, void, undefined> {
  if (ArrayBuffer.isView(value)) return;
  let count = 0;
  if (value instanceof Map || value instanceof Set) {
    for (const entry of value.entries()) {
      if (count++ > most) return;
      yield* entry;
    }
    return;
  }
  for (const key in value) {
    if (count++ > most) return;
    if (!Object.hasOwn(value, key)) continue;
    yield key;
    yield (value as Record<string, unknown>)[key];
  }
}
