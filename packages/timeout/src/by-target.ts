/** How many targets are remembered. */
const REMEMBERED = 1_000;

/** Something for each target, by `tool:search` and the like: made when first asked for, the oldest forgotten when there are too many. */
export class ByTarget<T> {
  readonly #entries = new Map<string, T>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  of({ target, name }: { readonly target: string; readonly name: string }): T {
    const key = `${target}:${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = this.#make();
      const [oldest] = this.#entries.keys();
      if (this.#entries.size >= REMEMBERED && oldest !== undefined) this.#entries.delete(oldest);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  /** What is known, if anything is. */
  known({ target, name }: { readonly target: string; readonly name: string }): T | undefined {
    return this.#entries.get(`${target}:${name}`);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#entries.entries();
  }
}
