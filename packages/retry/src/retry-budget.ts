import { type Call, keyBy, type Per, Problems, readPer, readPlain } from '@sluice/core';
import type { Budget, BudgetAccount, BudgetStats } from './budget.ts';
import { TokenAccounts } from './token-accounts.ts';

/** What {@link retryBudget} takes. */
export interface RetryBudgetOptions {
  /** How many tokens an account begins with, and can have at most, 1 or more; 100 unless set. */
  readonly size?: number | undefined;
  /** How much of a token a call brings that succeeds at its first attempt, 0 or more; 0.2 unless set. */
  readonly earn?: number | undefined;
  /** How many tokens come back in a second, whatever happens, 0 or more; 0.1 unless set. */
  readonly refill?: number | undefined;
  /** By what accounts are told apart; one for each name unless set. */
  readonly per?: Per | undefined;
}

const KNOWN = ['size', 'earn', 'refill', 'per'];

/**
 * A budget that lets retries help in a blip and keeps them from doing harm in an outage. An attempt beside the first of a call takes a
 * token, which comes back when that attempt succeeds: retries that help cost nothing, those that do not are numbered. In a total outage
 * no more than `size` are made, and `refill` a second.
 *
 * It is what `retry` does unless told otherwise. Make one of your own to set it, or to share it: two stacks with the same budget
 * take from the same accounts.
 *
 * @example
 * ```ts
 * import { retryBudget } from '@sluice/retry';
 *
 * const budget = retryBudget({ size: 20, per: 'all' });
 * console.assert(budget.describe() === 'at most 20 extra attempts, 0.2 more for each success, 0.1 a second, one for all');
 * ```
 *
 * @see {@link Budget} for what one of your own must do
 */
export function retryBudget(options: RetryBudgetOptions = {}): Budget {
  const problems = new Problems();
  const given = readPlain(options, 'retryBudget', problems) ?? {};
  problems.unknownKeys(given, KNOWN, 'retryBudget');
  const number = (name: 'size' | 'earn' | 'refill', least: number, preset: number): number => {
    const value = given[name] ?? preset;
    if (typeof value === 'number' && value >= least && value < Number.POSITIVE_INFINITY) return value;
    problems.add(`retryBudget.${name}`, `a finite number ≥ ${least}`, value);
    return preset;
  };
  const terms = { size: number('size', 1, 100), earn: number('earn', 0, 0.2), refill: number('refill', 0, 0.1) };
  const per = readPer(given['per'] ?? 'name', 'retryBudget.per', problems) ?? 'name';
  problems.throwIfAny();
  return new RefundingBudget(new TokenAccounts(terms), per);
}

class RefundingBudget implements Budget {
  readonly #accounts: TokenAccounts;
  readonly #per: Per;
  readonly #key: (call: Call) => string;

  constructor(accounts: TokenAccounts, per: Per) {
    this.#accounts = accounts;
    this.#per = per;
    this.#key = keyBy(per);
  }

  get oneForTarget(): boolean {
    // Calls of one target alone: what those of others bring must be heard of at once.
    return this.#per === 'name';
  }

  account(call: Call): BudgetAccount {
    return this.#accounts.of(this.#key(call));
  }

  describe(): string {
    const { size, earn, refill } = this.#accounts.terms;
    const whose = this.#per === 'all' ? 'one for all' : `by ${typeof this.#per === 'function' ? 'a key' : this.#per}`;
    return `at most ${size} extra attempts, ${earn} more for each success, ${refill} a second, ${whose}`;
  }

  stats(): Readonly<Record<string, BudgetStats>> {
    return this.#accounts.stats();
  }
}
