import type { Aftermath, BoundOptions } from './bound-options.ts';
import type { Clock } from './clock.ts';
import type { Execution } from './execution.ts';

/** Hears what becomes of a work that was stopped, after its outcome. */
export interface Follower {
  heard(what: Aftermath): void;
  /** It has really ended. */
  settled(): void;
}

/** Keeps the details of a timeout true after it was told: whether the work has ended by now, and by how much it missed. */
export class Aftercare implements Follower {
  readonly #details: Record<string, unknown>;
  readonly #options: BoundOptions;
  readonly #clock: Clock;
  readonly #overAt: number;
  readonly #report: (thrown: unknown) => void;
  #open = 0;

  /** @param overAt - when the limit was */
  constructor(
    details: Record<string, unknown>,
    options: BoundOptions,
    clock: Clock,
    overAt: number,
    report: (thrown: unknown) => void,
  ) {
    this.#report = report;
    this.#details = details;
    this.#options = options;
    this.#clock = clock;
    this.#overAt = overAt;
  }

  /** Follows the works inside a limit that have not ended when it passes, those of earlier attempts included. */
  follow(unsettled: readonly Execution[], stopped: readonly Execution[] = unsettled): void {
    for (const work of unsettled) {
      // What an earlier limit has stopped, that one tells of.
      const follower = stopped.includes(work) ? this : { heard: () => {}, settled: () => this.settled() };
      if (work.followedBy(follower)) this.#open++;
    }
    this.#details['settled'] = this.#open === 0;
  }

  heard(what: Aftermath): void {
    if (what === 'late') this.#details['lateMs'] = this.#clock.now() - this.#overAt;
    try {
      this.#options.after?.(what);
    } catch (thrown) {
      this.#report(thrown);
    }
  }

  settled(): void {
    this.#open--;
    if (this.#open === 0) this.#details['settled'] = true;
  }
}
