import type { TimeoutError } from './errors/timeout-error.ts';

/** The course of a limit that does not simply run down: it was warned of, put off, or stands still. */
export class Course {
  /** When it began, on the clock. */
  readonly began: number;
  /** What the work was warned with. */
  warning: TimeoutError | undefined = undefined;
  /** For how long it has stood still, in milliseconds, up to the last pause that is over. */
  pausedMs = 0;
  #pauses = 0;
  #pausedAt = 0;
  #leftMs = 0;

  constructor(began: number) {
    this.began = began;
  }

  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** One more reason to stand still. Answers whether it is the first. */
  pause(now: number, leftMs: number): boolean {
    if (this.#pauses++ > 0) return false;
    this.#pausedAt = now;
    this.#leftMs = leftMs;
    return true;
  }

  /** One reason less. Answers how many milliseconds are left once there is none; undefined while there are others. */
  resume(now: number): number | undefined {
    if (--this.#pauses > 0) return undefined;
    this.pausedMs += now - this.#pausedAt;
    return this.#leftMs;
  }
}
