import type { OutcomeWindow } from './outcome-window.ts';
import type { ConsecutiveSnapshot, WindowSnapshot } from './window-snapshot.ts';

/** Remembers how many calls failed in a row, and how many were slow in a row: one that did not fail, or was fast, ends the row. */
export class ConsecutiveWindow implements OutcomeWindow {
  readonly resolutionMs: number = Number.POSITIVE_INFINITY;
  #failures = 0;
  #slow = 0;

  get calls(): number {
    return this.#failures;
  }

  get failures(): number {
    return this.#failures;
  }

  get paced(): number {
    return this.#slow;
  }

  get slow(): number {
    return this.#slow;
  }

  ended(failed: boolean): void {
    this.#slow = 0;
    this.endedSlow(failed);
  }

  slowed(): void {
    this.#slow++;
  }

  endedSlow(failed: boolean): void {
    this.#failures = failed ? this.#failures + 1 : 0;
  }

  advance(): void {}

  clear(): void {
    this.#failures = this.#slow = 0;
  }

  snapshot(): ConsecutiveSnapshot {
    return { type: 'consecutive', failures: this.#failures, slow: this.#slow };
  }

  restore(snapshot: WindowSnapshot): void {
    this.clear();
    if (snapshot.type !== 'consecutive') return;
    this.#failures = snapshot.failures;
    this.#slow = snapshot.slow;
  }
}
