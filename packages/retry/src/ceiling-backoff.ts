import type { Backoff } from '@sluice/core';
import { type CeilingJitter, JITTERS } from './jitter.ts';

/** A backoff whose longest wait depends on the number of the failure alone, and whose waits are spread below that. */
export class CeilingBackoff implements Backoff {
  readonly #ceiling: (failure: number) => number;
  readonly #jitter: CeilingJitter;
  readonly #words: string;

  /** `ceiling` answers a finite number of milliseconds, 0 or more, and never less for a later failure. */
  constructor(ceiling: (failure: number) => number, jitter: CeilingJitter, words: string) {
    this.#ceiling = ceiling;
    this.#jitter = jitter;
    this.#words = words;
  }

  delay(failure: number, _previous: number, random: () => number): number {
    return JITTERS[this.#jitter](this.#ceiling(failure), random);
  }

  longest(failure: number): number {
    return this.#ceiling(failure);
  }

  describe(): string {
    return this.#jitter === 'none' ? this.#words : `${this.#words}, ${this.#jitter} jitter`;
  }
}
