/** How many are kept, as far as those are idle that are too many. */
const REMEMBERED = 10_000;
/** How many are looked at when there are too many. */
const LOOKED_AT = 4;

/** What is kept by key. */
export interface Kept {
  /** Whether nothing goes on in it: it may be forgotten. */
  readonly idle: boolean;
  /** It is forgotten. */
  close(): void;
}

/**
 * Things by key: however many keys there are, not many more are kept than can be remembered, and what is in use always is.
 *
 * @example
 * ```ts
 * import { ByKey, type Kept } from '@sluice/core';
 *
 * const counts = new ByKey<Kept & { count: number }>();
 * counts.set('tool:search', { count: 1, idle: false, close() {} });
 * console.assert(counts.get('tool:search')?.count === 1);
 * ```
 */
export class ByKey<T extends Kept> {
  readonly #kept = new Map<string, T>();
  #last: { readonly key: string; readonly kept: T } | undefined;
  #sweep: IterableIterator<[string, T]> | undefined;

  get(key: string): T | undefined {
    if (this.#last?.key === key) return this.#last.kept;
    const kept = this.#kept.get(key);
    if (kept !== undefined) this.#last = { key, kept };
    return kept;
  }

  /** Keeps `kept` in place of what was there, which is closed. */
  set(key: string, kept: T): void {
    if (this.#kept.size >= REMEMBERED) this.#forget();
    this.#kept.get(key)?.close();
    this.#kept.set(key, kept);
    this.#last = { key, kept };
  }

  values(): IterableIterator<T> {
    return this.#kept.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.#kept.entries();
  }

  /** It looks on from where it stopped the last time: at a few, however many there are. */
  #forget(): void {
    this.#last = undefined;
    for (let looks = 0; looks < LOOKED_AT; looks++) {
      this.#sweep ??= this.#kept.entries();
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
      } else if (value[1].idle) {
        this.#kept.delete(value[0]);
        value[1].close();
      }
    }
  }
}
