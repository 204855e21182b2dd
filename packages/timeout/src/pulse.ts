/** How much of the longest silence passes before another heartbeat is passed on. */
const COALESCED = 0.8;
/** How long that is where there is no limit, in milliseconds. */
const UNLIMITED = 1_000;

/** A heartbeat that is to be passed on. */
export interface Beat {
  readonly details: unknown;
}

/**
 * The heartbeats of one attempt, as plain state: whether it has been silent for too long, and which heartbeats are to be passed on. The
 * first is at once, later ones at most once in so long, and then the latest of them. It reads no clock and owns no timer: it is told
 * the time.
 */
export class Pulse {
  /** The longest silence, in milliseconds; `Infinity` for as long as it likes. */
  readonly limit: number;
  readonly #interval: number;
  #lastAt: number | undefined;
  #passedAt = Number.NEGATIVE_INFINITY;
  #pending: Beat | undefined;

  constructor(limit: number) {
    this.limit = limit;
    this.#interval = limit === Number.POSITIVE_INFINITY ? UNLIMITED : limit * COALESCED;
  }

  /** When it was last alive; undefined if it never showed that. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  /** It is alive. */
  alive(now: number): void {
    this.#lastAt = now;
  }

  /** A heartbeat. Answers it if it is to be passed on at once; else it waits, until {@link due}. */
  beat(now: number, details: unknown): Beat | undefined {
    const beat = { details };
    if (now - this.#passedAt < this.#interval) {
      this.#pending = beat;
      return undefined;
    }
    this.#passedAt = now;
    this.#pending = undefined;
    return beat;
  }

  /** In how many milliseconds the waiting heartbeat is to be passed on; `Infinity` while none waits. */
  due(now: number): number {
    return this.#pending === undefined ? Number.POSITIVE_INFINITY : this.#passedAt + this.#interval - now;
  }

  /** Takes the waiting heartbeat, if there is one. */
  take(now: number): Beat | undefined {
    const pending = this.#pending;
    if (pending !== undefined) this.#passedAt = now;
    this.#pending = undefined;
    return pending;
  }

  /** For how many milliseconds more it may be silent; 0 or less when it has been for too long. Asked when the limit has passed once. */
  left(now: number): number {
    return this.#lastAt === undefined ? 0 : this.#lastAt + this.limit - now;
  }
}
