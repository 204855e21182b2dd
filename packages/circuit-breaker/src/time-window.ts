import type { OutcomeWindow } from './outcome-window.ts';
import type { BucketSnapshot, TimeSnapshot, WindowSnapshot } from './window-snapshot.ts';

/** In how many parts it forgets. */
const BUCKETS = 20;
/** What a bucket counts, in this order. */
const FIELDS = 4;
const CALLS = 0;
const FAILURES = 1;
const PACED = 2;
const SLOW = 3;

/**
 * Remembers the calls of the last `sizeMs` milliseconds, in 20 buckets, each of which it forgets as a whole: what is older than `sizeMs` it
 * never counts, what is younger than 95 % of that it always does. Buckets that are over are dropped when it is next told the time, at most
 * 20 of them, whatever the time that has passed and the number of calls.
 */
export class TimeWindow implements OutcomeWindow {
  readonly resolutionMs: number;
  readonly #buckets = new Float64Array(BUCKETS * FIELDS);
  /** The number of the newest bucket, counted from when the clock read 0, and when it ends. */
  #newest = Number.NEGATIVE_INFINITY;
  #endsAt = Number.NEGATIVE_INFINITY;
  /** Where the newest is. */
  #offset = 0;
  #calls = 0;
  #failures = 0;
  #paced = 0;
  #slow = 0;

  constructor(sizeMs: number) {
    this.resolutionMs = sizeMs / BUCKETS;
  }

  get calls(): number {
    return this.#calls;
  }

  get failures(): number {
    return this.#failures;
  }

  get paced(): number {
    return this.#paced;
  }

  get slow(): number {
    return this.#slow;
  }

  ended(failed: boolean, now: number): void {
    this.advance(now);
    this.#count(CALLS);
    this.#calls++;
    this.#count(PACED);
    this.#paced++;
    if (failed) this.#countFailure();
  }

  slowed(now: number): void {
    this.advance(now);
    this.#count(PACED);
    this.#paced++;
    this.#count(SLOW);
    this.#slow++;
  }

  endedSlow(failed: boolean, now: number): void {
    this.advance(now);
    this.#count(CALLS);
    this.#calls++;
    if (failed) this.#countFailure();
  }

  advance(now: number): void {
    if (now >= this.#endsAt) this.#rotate(now);
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#calls = this.#failures = this.#paced = this.#slow = 0;
  }

  snapshot(now: number): TimeSnapshot {
    this.advance(now);
    const buckets: BucketSnapshot[] = [];
    for (let age = BUCKETS - 1; age >= 0; age--) {
      const at = this.#offsetOf(age);
      const [calls = 0, failures = 0, paced = 0, slow = 0] = this.#buckets.subarray(at, at + FIELDS);
      // Of when its calls were, its middle is the best guess; that of the newest may not have come yet.
      const agoMs = Math.max(0, now - (this.#newest - age + 0.5) * this.resolutionMs);
      if (calls > 0 || paced > 0) buckets.push({ agoMs, calls, failures, paced, slow });
    }
    return { type: 'time', buckets };
  }

  restore(snapshot: WindowSnapshot, now: number): void {
    this.clear();
    if (snapshot.type !== 'time') return;
    this.#rotate(now);
    for (const { agoMs, calls, failures, paced, slow } of snapshot.buckets) {
      const age = Math.max(0, this.#newest - this.#numberOf(now - agoMs));
      if (age >= BUCKETS) continue;
      const at = this.#offsetOf(age);
      this.#add(at + CALLS, calls);
      this.#add(at + FAILURES, failures);
      this.#add(at + PACED, paced);
      this.#add(at + SLOW, slow);
      this.#calls += calls;
      this.#failures += failures;
      this.#paced += paced;
      this.#slow += slow;
    }
  }

  /** Drops the buckets that are over, and begins the one in which `now` is. */
  #rotate(now: number): void {
    const number = this.#numberOf(now);
    const steps = number - this.#newest;
    if (steps >= BUCKETS) this.clear();
    else for (let step = 0; step < steps; step++) this.#dropOldest();
    this.#newest = number;
    this.#endsAt = (number + 1) * this.resolutionMs;
  }

  #dropOldest(): void {
    const at = this.#offsetOf(-1);
    const buckets = this.#buckets;
    this.#calls -= buckets[at + CALLS] as number;
    this.#failures -= buckets[at + FAILURES] as number;
    this.#paced -= buckets[at + PACED] as number;
    this.#slow -= buckets[at + SLOW] as number;
    buckets.fill(0, at, at + FIELDS);
    this.#offset = at;
  }

  #numberOf(time: number): number {
    return Math.floor(time / this.resolutionMs);
  }

  /** Where the bucket is that is so many before the newest; that after the newest is the oldest. */
  #offsetOf(age: number): number {
    return (this.#offset + (BUCKETS - age) * FIELDS) % (BUCKETS * FIELDS);
  }

  #countFailure(): void {
    this.#count(FAILURES);
    this.#failures++;
  }

  #count(field: number): void {
    this.#add(this.#offset + field, 1);
  }

  #add(at: number, much: number): void {
    this.#buckets[at] = (this.#buckets[at] as number) + much;
  }
}
