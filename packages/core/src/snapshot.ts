import { bytesLeft } from './bytes-left.ts';

/** How large a partial result may be, in bytes, roughly. */
const LARGEST = 1_048_576;

/** Why something was not kept. */
export type Refusal = 'it cannot be copied' | 'it is larger than 1 MB';

/**
 * A partial result as it was when it was reported: what happens to the object later does not change it, and it is never larger than
 * 1 MB. For plugins that keep what work has achieved.
 *
 * @example
 * ```ts
 * import { Snapshot } from '@sluice/core';
 *
 * const achieved = new Snapshot();
 * const pages = [1, 2];
 * achieved.take(pages);
 * pages.push(3);
 * console.assert((achieved.value as number[]).length === 2);
 * ```
 */
export class Snapshot {
  #value: unknown = undefined;
  #good = false;

  /** Takes a copy of `value`. Where there can be none, the last good one stays; answers why. */
  take(value: unknown): Refusal | undefined {
    const taken = copyOf(value);
    if ('copy' in taken) {
      this.#value = taken.copy;
      this.#good = true;
      return undefined;
    }
    if (!this.#good) this.#value = notKept(taken.refusal);
    return taken.refusal;
  }

  /** The last copy that was taken; where there never was one, a text that says why. */
  get value(): unknown {
    return this.#value;
  }
}

/** Copies of the items of a stream, as many from the first on as are kept; what is not is said in their place. */
export function snapshotOf(items: readonly unknown[]): unknown[] {
  const copies: unknown[] = [];
  let left = LARGEST;
  for (const item of items) {
    const after = weigh(item, left);
    if (after < 0) {
      copies.push(`[${items.length - copies.length} more were not kept: they are larger than 1 MB]`);
      return copies;
    }
    left = after;
    const taken = copyOf(item);
    copies.push('copy' in taken ? taken.copy : notKept(taken.refusal));
  }
  return copies;
}

/** What is left after `item`; what cannot even be looked at weighs nothing. */
function weigh(item: unknown, left: number): number {
  try {
    return bytesLeft(item, left);
  } catch {
    return left;
  }
}

/** A copy of `value`, or why there is none. */
function copyOf(value: unknown): { readonly copy: unknown } | { readonly refusal: Refusal } {
  try {
    if (bytesLeft(value, LARGEST) < 0) return { refusal: 'it is larger than 1 MB' };
    return { copy: structuredClone(value) };
  } catch {
    return { refusal: 'it cannot be copied' };
  }
}

function notKept(refusal: Refusal): string {
  return `[not kept: ${refusal}]`;
}
