import { ByKey, type Kept } from '@sluice/core';
import type { BudgetAccount, BudgetStats } from './budget.ts';
import { type BucketTerms, TokenBucket } from './token-bucket.ts';

/** How many keys have an account of their own at most; `ByKey` forgets full ones from half of that on. */
const MOST = 20_000;
/** What the keys share that come when so many others have something to remember. */
const OTHERS = 'all other keys';

/**
 * The accounts of one budget, by key. An account is forgotten only when it is full, and one that was forgotten stands for the account
 * that its key has by then: there is one bucket for a key at any time, and forgetting it changes no answer.
 *
 * Those that are not full are never forgotten. When there are too many of them, the keys that come share one account: keys that change
 * buy no new tokens in an outage, and memory is bounded.
 */
export class TokenAccounts {
  readonly terms: BucketTerms;
  /** The latest moment that anybody named, which is when it is for all of them: a clock that jumps back refills nothing twice. */
  #now: number = Number.MIN_SAFE_INTEGER;
  readonly #kept = new ByKey<TokenAccount>();
  readonly #others: TokenAccount;
  #count = 0;

  constructor(terms: BucketTerms) {
    this.terms = terms;
    this.#others = new TokenAccount(OTHERS, this);
  }

  get now(): number {
    return this.#now;
  }

  /** It is `now`, or as late as it was before; what is no moment says nothing. */
  at(now: number): number {
    if (now > this.#now && now < Number.POSITIVE_INFINITY) this.#now = now;
    return this.#now;
  }

  /** The account of `key`. */
  of(key: string): TokenAccount {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const account = this.#count < MOST ? new TokenAccount(key, this) : this.#others;
    this.#keep(account);
    return account;
  }

  /** The bucket of the key of an account that was forgotten. */
  again(account: TokenAccount): TokenBucket {
    const known = this.#kept.get(account.key);
    if (known !== undefined) return known.bucket;
    this.#keep(account);
    return account.bucket;
  }

  forgot(): void {
    this.#count--;
  }

  stats(): Record<string, BudgetStats> {
    return Object.fromEntries([...this.#kept.entries()].map(([key, { bucket }]) => [key, bucket.stats(this.#now)]));
  }

  /** Also the account that others share is set each time it is asked for: it is by setting that those are found that can be forgotten. */
  #keep(account: TokenAccount): void {
    this.#count++;
    this.#kept.set(account.key, account);
    account.kept();
  }
}

/** The account of one key. */
class TokenAccount implements BudgetAccount, Kept {
  readonly key: string;
  readonly bucket: TokenBucket;
  readonly #accounts: TokenAccounts;
  #forgotten = false;

  constructor(key: string, accounts: TokenAccounts) {
    this.key = key;
    this.#accounts = accounts;
    this.bucket = new TokenBucket(accounts.terms, accounts.now);
  }

  get idle(): boolean {
    return this.bucket.full(this.#accounts.now);
  }

  close(): void {
    this.#forgotten = true;
    this.#accounts.forgot();
  }

  kept(): void {
    this.#forgotten = false;
  }

  has(now: number): boolean {
    const at = this.#accounts.at(now);
    return this.#current().has(at);
  }

  take(now: number): void {
    const at = this.#accounts.at(now);
    this.#current().take(at);
  }

  refund(now: number): void {
    const at = this.#accounts.at(now);
    this.#current().refund(at);
  }

  earn(now: number, calls = 1): void {
    this.#accounts.at(now);
    this.#current().earn(calls);
  }

  #current(): TokenBucket {
    return this.#forgotten ? this.#accounts.again(this) : this.bucket;
  }
}
