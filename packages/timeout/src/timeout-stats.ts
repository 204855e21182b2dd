import type { Aftermath, Verdict } from '@sluice/core';
import type { Remembered } from './by-target.ts';
import { Histogram } from './histogram.ts';

/** What became of the calls of one target, or of their attempts where only these are limited. */
export interface TimeoutStats {
  readonly ok: number;
  readonly failed: number;
  readonly timeout: number;
  readonly cancelled: number;
  readonly skipped: number;
  /** Attempts that passed their own limit, also where another attempt then ended well. */
  readonly attemptTimeouts: number;
  /** Values and errors of work that had timed out before. */
  readonly late: number;
  /** Works that had timed out and are past their grace, and go on. */
  readonly orphans: number;
  /** How long calls that ended well took, in milliseconds, within about 6 %; what ended within its turn of the event loop took 0. */
  readonly durationMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** The limits that hold, in milliseconds; that of an attempt as it has been learned, if it is. */
  readonly limits: { readonly total?: number; readonly attempt?: number };
}

/** The counts of one target. */
export class TimeoutRecord implements Remembered {
  usedAt = 0;
  attemptTimeouts = 0;
  readonly #ended: Record<Verdict, number> = { ok: 0, failed: 0, timeout: 0, cancelled: 0, skipped: 0 };
  readonly #use: () => number;
  #late = 0;
  #orphans = 0;
  #longest = 0;
  #durations: Histogram | undefined;
  /** Says which limits hold. */
  limits: () => TimeoutStats['limits'] = () => ({});

  /** @param use - counts the uses of all */
  constructor(use: () => number = () => 0) {
    this.#use = use;
  }

  ended(status: Verdict, durationMs: number): void {
    this.usedAt = this.#use();
    this.#ended[status]++;
    if (status !== 'ok') return;
    this.#durations ??= new Histogram();
    this.#durations.add(durationMs);
    if (durationMs > this.#longest) this.#longest = durationMs;
  }

  after(what: Aftermath): void {
    if (what === 'late') this.#late++;
    else this.#orphans += what === 'orphan' ? 1 : -1;
  }

  stats(): TimeoutStats {
    const at = (percentile: number): number => Math.min(this.#durations?.at(percentile) ?? 0, this.#longest);
    return {
      ...this.#ended,
      attemptTimeouts: this.attemptTimeouts,
      late: this.#late,
      orphans: this.#orphans,
      durationMs: { p50: at(50), p90: at(90), p99: at(99), max: this.#longest },
      limits: this.limits(),
    };
  }
}
