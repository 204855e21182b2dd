import type { BudgetStats } from './budget.ts';

/** Sums of fractions are off by a little: ten times 0.1 is a token. */
const ROUNDING = 1e-9;

/** What fills a bucket. */
export interface BucketTerms {
  /** The most tokens there can be; it begins with as many. */
  readonly size: number;
  /** How much of a token a first attempt earns that succeeds. */
  readonly earn: number;
  /** How many tokens come back in a second, whatever happens. */
  readonly refill: number;
}

/**
 * Tokens that extra attempts take, and that come back when they succeed. Each step is a few numbers; it has no timer and reads no clock.
 * The moments that it is told never go back.
 */
export class TokenBucket {
  readonly #terms: BucketTerms;
  #tokens: number;
  #refilledAt: number;
  #granted = 0;
  #denied = 0;
  #refunded = 0;

  constructor(terms: BucketTerms, now: number) {
    this.#terms = terms;
    this.#tokens = terms.size;
    this.#refilledAt = now;
  }

  has(now: number): boolean {
    this.#refill(now);
    if (this.#tokens >= 1 - ROUNDING) return true;
    this.#denied++;
    return false;
  }

  take(now: number): void {
    this.#refill(now);
    this.#tokens = Math.max(0, this.#tokens - 1);
    this.#granted++;
  }

  refund(now: number): void {
    // Nothing comes back that was not taken, so that giving back twice makes no tokens.
    if (this.#refunded === this.#granted) return;
    this.#refunded++;
    this.#refill(now);
    this.#tokens = Math.min(this.#terms.size, this.#tokens + 1);
  }

  /** Need not know when: what is added first makes no difference to the least of the sum and the size. */
  earn(calls = 1): void {
    const { size, earn } = this.#terms;
    if (this.#tokens < size) this.#tokens = Math.min(size, this.#tokens + earn * calls);
  }

  /** Whether a new one could stand in for it, and nobody would see a difference. */
  full(now: number): boolean {
    return this.#level(now) >= this.#terms.size - ROUNDING;
  }

  stats(now: number): BudgetStats {
    return {
      tokens: this.#level(now),
      size: this.#terms.size,
      granted: this.#granted,
      denied: this.#denied,
      refunded: this.#refunded,
    };
  }

  #refill(now: number): void {
    this.#tokens = this.#level(now);
    this.#refilledAt = now;
  }

  #level(now: number): number {
    const { size, refill } = this.#terms;
    return Math.min(size, this.#tokens + ((now - this.#refilledAt) * refill) / 1000);
  }
}
