/**
 * Keeps one decision from being overtaken by what it sets off. While a verdict is being given, and told, code of users runs:
 * listeners, cleanup. What they would decide in turn waits until that is done: whoever was first stays first.
 */
export class Decisions {
  #depth = 0;
  readonly #waiting: (() => void)[] = [];

  /** Takes a decision, with all that belongs to it. */
  during(decide: () => void): void {
    this.#depth++;
    try {
      decide();
    } finally {
      this.#depth--;
    }
    while (this.#depth === 0 && this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  /** Does something that may decide: at once, or after the decision that is being taken. */
  after(act: () => void): void {
    if (this.#depth === 0) act();
    else this.#waiting.push(act);
  }
}
