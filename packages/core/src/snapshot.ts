import { describe } from './describe.ts';

/** A partial result as it was when it was reported: what happens to the object later does not change it. */
export class Snapshot {
  #value: unknown = undefined;
  #refused: string | undefined;

  /** Takes a copy of `value`. One that cannot be copied leaves the last good copy in place; answers whether it was taken. */
  take(value: unknown): boolean {
    try {
      this.#value = structuredClone(value);
      this.#refused = undefined;
      return true;
    } catch {
      this.#refused = describe(value);
      return false;
    }
  }

  /** The last copy that was taken. */
  get value(): unknown {
    return this.#value;
  }

  /** What was reported last, in words, if it could not be copied. */
  get refused(): string | undefined {
    return this.#refused;
  }
}
