import { Allowance, counts, type Meter, type MeterStats, msUntil } from './meter.ts';
import type { Rate } from './rate.ts';

/** With how much room for records it begins, and with how much it makes do. */
const FEW = 8;
const MOST = 16_384;
/** When it has to make do, records within this part of the window become one. */
const SLOTS = MOST / 2;
/** Sums of fractions are off by a little: this part of the limit too much counts as none. */
const ROUNDING = 1e-9;

/**
 * A window that moves with the time: in no window of the rate's length, from its beginning up to but not including its end, goes more
 * than `limit`, and all of it may go at once.
 *
 * It records what went and when, each with the sum of all so far, so that it takes a look at the oldest record to see what is over, and a
 * binary search to see when so much is. Everything costs O(1) amortised but a wait, which may cost O(log n). What goes in one moment is one
 * record. It is exact while a window holds up to 8,192 of them. There is room for twice that, 256 kB, so that they need not be moved each
 * time; when a window holds more, those that lie within an 8,192nd of it become one, at the time of the last, so that it may let
 * something go later by that, and never sooner.
 *
 * What is owed is recorded at the time at which it might have gone. What costs more than the limit goes when nothing is in the window,
 * and fills as many windows as it would need.
 */
export class SlidingWindow implements Meter {
  readonly #limit: number;
  readonly #perMs: number;
  readonly #rounding: number;
  /** When, and how much up to and with it: two numbers a record, oldest first, both rising. */
  #records = new Float64Array(2 * FEW);
  #head = 0;
  #tail = 0;
  /** The sum of all that went, and the sum of what is over or was given back, since it was last empty. */
  #sum = 0;
  #over = 0;
  #allowance: Allowance | undefined;

  constructor({ limit, perMs }: Rate) {
    this.#limit = limit;
    this.#perMs = perMs;
    this.#rounding = Math.min(limit * ROUNDING, 0.5);
  }

  /** How many records it holds. */
  get size(): number {
    return this.#tail - this.#head;
  }

  wait(cost: number, now: number): number {
    if (!counts(cost)) return 0;
    this.#forget(now);
    const ms = msUntil(this.#freeAt(cost), now);
    return this.#allowance === undefined ? ms : Math.max(ms, msUntil(this.#allowance.freeAt(cost, now), now));
  }

  take(cost: number, now: number): void {
    if (!counts(cost)) return;
    this.#allowance?.take(cost);
    this.#forget(now);
    const windows = cost > this.#limit ? Math.ceil(cost / this.#limit) - 1 : 0;
    const at = Math.max(now, this.#freeAt(cost)) + windows * this.#perMs;
    const newest = this.#newest();
    if (at > newest) this.#add(at);
    this.#sum += cost;
    this.#records[2 * this.#tail - 1] = this.#sum;
  }

  giveBack(cost: number, now: number, takenAt?: number): void {
    if (!counts(cost)) return;
    this.#allowance?.giveBack(cost, takenAt ?? Number.POSITIVE_INFINITY);
    this.#forget(now);
    // Nobody knows which record it is in. Without the oldest that many, there is never less on record than went.
    if (takenAt === undefined) this.#dropOldest(cost);
    // It is over, unless it was owed.
    else if (takenAt + this.#perMs <= now) this.#dropNewest(cost, now);
    else if (takenAt >= this.#newest()) this.#dropNewest(cost, Number.NEGATIVE_INFINITY);
    else this.#dropOldest(cost);
  }

  correct(remaining: number, resetMs: number, now: number): void {
    this.#allowance ??= new Allowance();
    this.#allowance.say(remaining, resetMs, now);
  }

  idle(now: number): boolean {
    this.#forget(now);
    return this.size === 0 && this.#left(now) === Number.POSITIVE_INFINITY;
  }

  stats(now: number): MeterStats {
    this.#forget(now);
    const remaining = Math.min(this.#limit - (this.#sum - this.#over), this.#left(now));
    return { limit: this.#limit, perMs: this.#perMs, burst: this.#limit, remaining };
  }

  /** When so much fits into the window; the distant past when it does. */
  #freeAt(cost: number): number {
    const wanted = this.#sum + Math.min(cost, this.#limit) - this.#limit - this.#rounding;
    if (wanted <= this.#over) return Number.NEGATIVE_INFINITY;
    // The first record whose sum is that much: mostly the oldest, and there always is one.
    let low = this.#head;
    if (this.#sumOf(low) < wanted) {
      let high = this.#tail - 1;
      low++;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#sumOf(middle) < wanted) low = middle + 1;
        else high = middle;
      }
    }
    return this.#atOf(low) + this.#perMs;
  }

  /** Drops what is over. */
  #forget(now: number): void {
    while (this.#head < this.#tail && this.#atOf(this.#head) + this.#perMs <= now) {
      this.#over = this.#sumOf(this.#head++);
    }
    this.#startAnewIfEmpty();
  }

  #dropOldest(cost: number): void {
    this.#over += cost;
    while (this.#head < this.#tail && this.#sumOf(this.#head) <= this.#over) this.#head++;
    this.#startAnewIfEmpty();
  }

  /** Drops so much of the newest records, and none at or before `floor`. */
  #dropNewest(cost: number, floor: number): void {
    let left = cost;
    while (left > 0 && this.#newest() > floor) {
      const before = this.size === 1 ? this.#over : this.#sumOf(this.#tail - 2);
      if (this.#sum - left > before) {
        this.#sum -= left;
        this.#records[2 * this.#tail - 1] = this.#sum;
        break;
      }
      left -= this.#sum - before;
      this.#sum = before;
      this.#tail--;
    }
    this.#startAnewIfEmpty();
  }

  #startAnewIfEmpty(): void {
    if (this.#head < this.#tail) return;
    this.#head = this.#tail = 0;
    this.#sum = this.#over = 0;
  }

  #add(at: number): void {
    if (2 * this.#tail === this.#records.length) this.#makeRoom();
    this.#records[2 * this.#tail++] = at;
  }

  /** Moves the records to the front, into twice the room if they fill more than half of it, and together if there is no more. */
  #makeRoom(): void {
    const room = this.#records.length / 2;
    const crowded = this.size > room / 2;
    const slot = crowded && room === MOST ? this.#slot() : 0;
    const from = this.#records;
    const to = crowded && room < MOST ? new Float64Array(4 * room) : from;
    let size = 0;
    for (let index = this.#head; index < this.#tail; index++) {
      const at = from[2 * index] as number;
      const last = to[2 * size - 2] as number;
      if (slot > 0 && size > 0 && Math.floor(at / slot) === Math.floor(last / slot)) size--;
      to[2 * size] = at;
      to[2 * size + 1] = (from[2 * index + 1] as number) - this.#over;
      size++;
    }
    this.#records = to;
    this.#head = 0;
    this.#tail = size;
    this.#sum -= this.#over;
    this.#over = 0;
  }

  /** Debts may reach further than a window. */
  #slot(): number {
    return Math.max(this.#perMs, this.#newest() - this.#atOf(this.#head)) / SLOTS;
  }

  #newest(): number {
    return this.size === 0 ? Number.NEGATIVE_INFINITY : this.#atOf(this.#tail - 1);
  }

  #atOf(index: number): number {
    return this.#records[2 * index] as number;
  }

  #sumOf(index: number): number {
    return this.#records[2 * index + 1] as number;
  }

  #left(now: number): number {
    return this.#allowance === undefined ? Number.POSITIVE_INFINITY : this.#allowance.left(now);
  }
}
