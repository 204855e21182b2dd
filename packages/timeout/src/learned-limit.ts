import type { AdaptiveLimitFields } from './adaptive-limit.ts';
import { Histogram } from './histogram.ts';

/** From so many durations on, all that are known count half. */
const ENOUGH = 2_000;
/** How often the limit is worked out anew. */
const EVERY = 16;

/** The limit of one target, learned from how long its calls took: in fixed memory, at a fixed cost. */
export class LearnedLimit {
  /** The limit as it is now, in milliseconds. */
  limit: number;
  readonly #fields: AdaptiveLimitFields;
  readonly #durations = new Histogram();
  #since = 0;
  #cutOff = 0;

  constructor(fields: AdaptiveLimitFields) {
    this.#fields = fields;
    this.limit = fields.max;
  }

  /** Whether it has learned enough to go by it. */
  get warm(): boolean {
    return this.#durations.count >= this.#fields.warmup;
  }

  /** A call ended well after `ms`. */
  learn(ms: number): void {
    this.#cutOff = 0;
    const wasWarm = this.warm;
    this.#durations.add(ms);
    if (this.#durations.count >= ENOUGH + this.#fields.warmup) this.#durations.halve();
    if (!this.warm || (wasWarm && ++this.#since < EVERY)) return;
    this.#since = 0;
    const { percentile, factor, min, max } = this.#fields;
    this.limit = Math.min(max, Math.max(min, this.#durations.at(percentile) * factor));
  }

  /** A call was cut off by the limit: how long it would have taken is not known. */
  cutOff(): void {
    if (++this.#cutOff < this.#fields.warmup) return;
    this.#cutOff = 0;
    this.#since = 0;
    this.#durations.clear();
    this.limit = this.#fields.max;
  }
}
