import type { Aftermath } from '@sluice/core';
import type { Remembered } from './by-target.ts';

/** What became of the heartbeats of one target. */
export interface HeartbeatStats {
  /** Heartbeats that counted. */
  readonly beats: number;
  /** Heartbeats that came after the verdict, or from an orphan. */
  readonly ignored: number;
  /** Attempts that were silent for too long. */
  readonly lost: number;
  /** Values and errors of work that had been silent for too long before. */
  readonly late: number;
  /** Works that had been silent for too long and are past their grace, and go on. */
  readonly orphans: number;
}

/** The counts of one target. */
export class HeartbeatRecord implements Remembered {
  usedAt = 0;
  #beats = 0;
  ignored = 0;
  lost = 0;
  readonly #use: () => number;
  #late = 0;
  #orphans = 0;

  /** @param use - counts the uses of all */
  constructor(use: () => number = () => 0) {
    this.#use = use;
  }

  /** A heartbeat that counts. */
  beat(): void {
    this.usedAt = this.#use();
    this.#beats++;
  }

  after(what: Aftermath): void {
    if (what === 'late') this.#late++;
    else this.#orphans += what === 'orphan' ? 1 : -1;
  }

  stats(): HeartbeatStats {
    const { ignored, lost } = this;
    const beats = this.#beats;
    return { beats, ignored, lost, late: this.#late, orphans: this.#orphans };
  }
}
