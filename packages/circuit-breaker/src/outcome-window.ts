import type { WindowSnapshot } from './window-snapshot.ts';

/**
 * What it remembers of the latest calls, as plain state: it reads no clock and owns no timer, it is told the time, in milliseconds on a
 * clock that never goes back.
 *
 * A call brings two pieces of news, each of which counts once, when it is known: its outcome, when it ends, and its pace, which is slow as
 * soon as the call has run for too long, and fast when it ends before. So a slow call counts as slow while it still runs, and later its
 * outcome comes on top: nothing has to be found again and corrected, and nothing counts twice. How a call ended says nothing about
 * whether it was slow: what is cancelled after it was slow stays slow.
 */
export interface OutcomeWindow {
  /** Calls whose outcome it remembers. */
  readonly calls: number;
  /** How many of them failed. */
  readonly failures: number;
  /** Calls whose pace it remembers. */
  readonly paced: number;
  /** How many of them were slow. */
  readonly slow: number;
  /**
   * How far behind the time may be that {@link ended} is told of a success: the length of what it forgets at once. `Infinity` when it
   * does not look at the time.
   */
  readonly resolutionMs: number;
  /** A call that never was slow has ended. */
  ended(failed: boolean, now: number): void;
  /** A call has become slow, and runs on. */
  slowed(now: number): void;
  /** A call that {@link slowed} was told of has ended. */
  endedSlow(failed: boolean, now: number): void;
  /** Forgets what is over by now. What it counts is as of the time that it was told last. */
  advance(now: number): void;
  /** Forgets everything. */
  clear(): void;
  /** All that it remembers, as JSON; times are spans before `now`. */
  snapshot(now: number): WindowSnapshot;
  /** Remembers what a snapshot of this kind of window does, as far as it has room, and nothing else. */
  restore(snapshot: WindowSnapshot, now: number): void;
}
