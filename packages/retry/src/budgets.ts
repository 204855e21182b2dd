import type { Budget, BudgetStats } from './budget.ts';

/** The budgets of a retry: all of them must agree; none at all agrees always. */
export class Budgets {
  readonly list: readonly Budget[];

  constructor(list: readonly Budget[]) {
    this.list = list;
  }

  /** How the accounts of all of them stand, by key; where several have the same, with the number of the budget. */
  stats(): Readonly<Record<string, BudgetStats>> {
    const all: Record<string, BudgetStats> = {};
    for (const [index, budget] of this.list.entries()) {
      for (const [key, stats] of Object.entries(budget.stats())) {
        all[Object.hasOwn(all, key) ? `${key} (${index + 1})` : key] = stats;
      }
    }
    return all;
  }

  /** They in words, for explanations. */
  describe(): string {
    return this.list.length === 0 ? 'none' : this.list.map((budget) => budget.describe()).join('; and ');
  }
}
