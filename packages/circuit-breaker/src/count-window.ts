import { BitRing } from './bit-ring.ts';
import type { OutcomeWindow } from './outcome-window.ts';
import type { CountSnapshot, WindowSnapshot } from './window-snapshot.ts';

/**
 * Remembers the last `size` outcomes, and the pace of the last `size` calls of which it is known, however long ago they were. It holds two
 * bits for each.
 */
export class CountWindow implements OutcomeWindow {
  readonly resolutionMs: number = Number.POSITIVE_INFINITY;
  readonly #failed: BitRing;
  readonly #slow: BitRing;

  constructor(size: number) {
    this.#failed = new BitRing(size);
    this.#slow = new BitRing(size);
  }

  get calls(): number {
    return this.#failed.length;
  }

  get failures(): number {
    return this.#failed.ones;
  }

  get paced(): number {
    return this.#slow.length;
  }

  get slow(): number {
    return this.#slow.ones;
  }

  ended(failed: boolean): void {
    this.#failed.add(failed);
    this.#slow.add(false);
  }

  slowed(): void {
    this.#slow.add(true);
  }

  endedSlow(failed: boolean): void {
    this.#failed.add(failed);
  }

  advance(): void {}

  clear(): void {
    this.#failed.clear();
    this.#slow.clear();
  }

  snapshot(): CountSnapshot {
    return { type: 'count', failed: this.#failed.toString(), slow: this.#slow.toString() };
  }

  restore(snapshot: WindowSnapshot): void {
    this.clear();
    if (snapshot.type !== 'count') return;
    this.#failed.restore(snapshot.failed);
    this.#slow.restore(snapshot.slow);
  }
}
