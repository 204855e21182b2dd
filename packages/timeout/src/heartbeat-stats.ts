import type { Aftermath } from '@sluice/core';

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
export class HeartbeatRecord {
  beats = 0;
  ignored = 0;
  lost = 0;
  #late = 0;
  #orphans = 0;

  after(what: Aftermath): void {
    if (what === 'late') this.#late++;
    else this.#orphans += what === 'orphan' ? 1 : -1;
  }

  stats(): HeartbeatStats {
    const { beats, ignored, lost } = this;
    return { beats, ignored, lost, late: this.#late, orphans: this.#orphans };
  }
}
