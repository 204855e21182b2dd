/** How many targets are remembered. */
const REMEMBERED = 1_000;
/** How many are looked at for one to be forgotten. */
const LOOKED_AT = 16;

/** What is remembered of a target. */
export interface Remembered {
  /** When it was last of use, in the order of all uses. */
  readonly usedAt: number;
}

/**
 * Something for each target, by `tool:search` and the like: made when first asked for. When there are too many, one is forgotten that has not
 * been of use for long.
 */
export class ByTarget<T extends Remembered> {
  readonly #entries = new Map<string, T>();
  readonly #make: (use: () => number) => T;
  #uses = 0;
  #sweep: IterableIterator<[string, T]> | undefined;

  /** @param make - gets what counts the uses */
  constructor(make: (use: () => number) => T) {
    this.#make = make;
  }

  of({ target, name }: { readonly target: string; readonly name: string }): T {
    const key = `${target}:${name}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= REMEMBERED) this.#forget();
    const made = this.#make(() => ++this.#uses);
    this.#entries.set(key, made);
    return made;
  }

  /** What is known, if anything is. */
  known({ target, name }: { readonly target: string; readonly name: string }): T | undefined {
    return this.#entries.get(`${target}:${name}`);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#entries.entries();
  }

  /** Of a few, that which has been of no use for longest; the next time the ones after them are looked at. */
  #forget(): void {
    let oldest: string | undefined;
    let usedAt = Number.POSITIVE_INFINITY;
    for (let looks = 0; looks < LOOKED_AT; ) {
      this.#sweep ??= this.#entries.entries();
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        continue;
      }
      looks++;
      if (value[1].usedAt >= usedAt) continue;
      [oldest] = value;
      usedAt = value[1].usedAt;
    }
    this.#entries.delete(oldest as string);
  }
}
