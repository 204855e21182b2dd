import type { Call } from '@sluice/core';
import type { Budget, BudgetAccount } from './budget.ts';
import type { RetryFields } from './retry-options.ts';
import type { RetryCounts } from './retry-stats.ts';
import { earnAll } from './take-all.ts';

/** What the rules of one target amount to, worked out once: what its calls look at, and where they are counted. */
export class RetryPlan {
  readonly rules: RetryFields;
  readonly counts: RetryCounts;
  /** What the plugin is called. */
  readonly name: string;
  /** Budgets whose account is another for each call. */
  readonly #perCall: readonly Budget[];
  readonly #lasting: boolean;
  /** How many first attempts have succeeded that no account has heard of yet. */
  #untold = 0;

  /** @param lasting - whether it is there for more than one call, or run */
  constructor(rules: RetryFields, counts: RetryCounts, name: string, lasting: boolean) {
    this.#lasting = lasting;
    this.rules = rules;
    this.counts = counts;
    this.name = name;
    this.#perCall = rules.budget.list.filter(({ oneForTarget }) => oneForTarget !== true);
  }

  /** A call has succeeded at its first attempt. */
  succeeded(call: Call): void {
    this.#untold++;
    // What is said for one call, or one run, is soon forgotten.
    if (!this.#lasting) this.#tell(call);
    if (this.#perCall.length === 0) return;
    earnAll(accountsOf(this.#perCall, call), call.clock.now());
  }

  /** The accounts that an attempt beside the first is taken from. They are asked only when that is wanted: most calls never are. */
  accounts(call: Call): readonly BudgetAccount[] {
    this.#tell(call);
    return accountsOf(this.rules.budget.list, call);
  }

  /** Lets the accounts hear of what they have not heard of. */
  #tell(call: Call): void {
    const untold = this.#untold;
    if (untold === 0) return;
    this.#untold = 0;
    const shared = this.rules.budget.list.filter(({ oneForTarget }) => oneForTarget === true);
    earnAll(accountsOf(shared, call), call.clock.now(), untold);
  }
}

function accountsOf(budgets: readonly Budget[], call: Call): readonly BudgetAccount[] {
  return budgets.map((budget) => budget.account(call));
}
