import type { Handle } from './flow.ts';

/** A part of a call that is under way: what a deadline, or somebody's hooks, stand around. */
export interface Part extends Handle {
  partBefore: Part | null;
  partAfter: Part | null;
}

/** The parts of one call that are under way, linked through themselves. */
export class Parts {
  #head: Part | null = null;

  add(part: Part): void {
    part.partAfter = this.#head;
    if (this.#head !== null) this.#head.partBefore = part;
    this.#head = part;
  }

  remove(part: Part): void {
    const { partBefore, partAfter } = part;
    if (partBefore !== null) partBefore.partAfter = partAfter;
    else if (this.#head === part) this.#head = partAfter;
    if (partAfter !== null) partAfter.partBefore = partBefore;
    part.partBefore = null;
    part.partAfter = null;
  }

  /** Stops those that are left, because an interceptor between them did not pass the end on. Each removes itself. */
  cancel(reason: unknown): void {
    for (let part = this.#head; part !== null; part = this.#head) {
      part.cancel(reason);
      this.remove(part);
    }
  }
}
