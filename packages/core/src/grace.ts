import type { Follower } from './aftercare.ts';
import type { TimerNode } from './timers.ts';

/** Time for something to unwind: the timer's node, made only when something does not end at once. */
export class Grace implements TimerNode {
  timerAt = 0;
  timerSlot = -1;
  timerOrder = 0;
  timerBefore: TimerNode | null = null;
  timerAfter: TimerNode | null = null;
  readonly patient: boolean = false;
  /** Since when what it was given to is an orphan; NaN while it is none. */
  orphanedAt: number = Number.NaN;
  /** True once whoever it was given to has taken note that it is over. */
  over = false;
  /** Who wants to hear what becomes of it. */
  followers: Follower[] | null = null;
  readonly #onOver: () => void;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  expire(): void {
    this.#onOver();
  }
}
