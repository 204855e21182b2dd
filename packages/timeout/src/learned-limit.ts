import type { AdaptiveLimitFields } from './adaptive-limit.ts';
import type { Remembered } from './by-target.ts';
import { Histogram } from './histogram.ts';

/** From twice so many durations on, all that are known count half. */
const ENOUGH = 1_000;
/** How often the limit is worked out anew. */
const EVERY = 16;

/** The limit of one target, learned from how long its calls took: in fixed memory, at a fixed cost. */
export class LearnedLimit implements Remembered {
  usedAt = 0;
  /** The limit as it is now, in milliseconds. */
  limit: number;
  readonly #fields: AdaptiveLimitFields;
  readonly #durations = new Histogram();
  readonly #use: () => number;
  #since = 0;
  #cutOff = 0;
  #warm = false;

  /** @param use - counts the uses of all */
  constructor(fields: AdaptiveLimitFields, use: () => number = () => 0) {
    this.#use = use;
    this.#fields = fields;
    this.limit = fields.max;
  }

  /** Whether it has learned enough to go by it. */
  get warm(): boolean {
    return this.#warm;
  }

  /** A call ended well after `ms`. */
  learn(ms: number): void {
    this.usedAt = this.#use();
    this.#cutOff = 0;
    const { percentile, factor, min, max, warmup } = this.#fields;
    this.#durations.add(ms);
    if (this.#durations.count >= 2 * Math.max(ENOUGH, warmup)) this.#durations.halve();
    if (this.#durations.count < warmup && !this.#warm) return;
    if (this.#warm && ++this.#since < EVERY) return;
    this.#warm = true;
    this.#since = 0;
    this.limit = Math.min(max, Math.max(min, this.#durations.at(percentile) * factor));
  }

  /** A call was cut off by the limit: how long it would have taken is not known. */
  cutOff(): void {
    if (++this.#cutOff < this.#fields.warmup) return;
    this.#cutOff = 0;
    this.#since = 0;
    this.#warm = false;
    this.#durations.clear();
    this.limit = this.#fields.max;
  }
}
