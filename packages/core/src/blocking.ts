import { type CallView, scopeOf } from './call-view.ts';

/** From this lateness on, the loop was blocked rather than busy. */
export const BLOCKED = 20;

/** Who has blocked the event loop: known where a work did it before its first wait, while somebody listens; guessed nowhere. */
export class Blocking {
  #by: string | undefined = undefined;
  #from = 0;
  #to = 0;

  /** The first part of a work, which nothing can interrupt, went on from `from` to `to`. */
  note(call: CallView, from: number, to: number): void {
    const blockedMs = to - from;
    this.#by = scopeOf(call);
    this.#from = from;
    this.#to = to;
    const { at } = call.deadline;
    // Nothing may notice any more, if it has ended with that.
    if (at <= to) call.emit('blocked', { by: this.#by, blockedMs, lagMs: to - at });
  }

  /** A deadline of `call` has passed so late that the loop must have been blocked. */
  tell(call: CallView, lagMs: number): void {
    if (lagMs <= BLOCKED) return;
    const dueAt = call.clock.now() - lagMs;
    const known = this.#by !== undefined && this.#from <= dueAt && dueAt <= this.#to;
    if (!known) call.emit('blocked', { lagMs, blockedMs: lagMs });
    else if (this.#by !== scopeOf(call))
      call.emit('blocked', { by: this.#by, blockedMs: this.#to - this.#from, lagMs });
  }
}
