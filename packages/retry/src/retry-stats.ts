import type { BudgetStats } from './budget.ts';
import type { GiveUp } from './give-up.ts';

/** What a retry has seen. */
export interface RetryStats {
  /** How many calls have come by. */
  readonly calls: number;
  /** How many attempts they have made. */
  readonly attempts: number;
  /** How many of the calls succeeded after an attempt had failed. */
  readonly recovered: number;
  /** How many failed in all the attempts that they had. */
  readonly exhausted: number;
  /** How often, and why, an error was passed on before that. */
  readonly gaveUp: Readonly<Partial<Record<GiveUp, number>>>;
  /** Attempts per call; 1 where nothing was retried. */
  readonly amplification: number;
  /** How the budgets stand, by key. */
  readonly budgets: Readonly<Record<string, BudgetStats>>;
}

/** Counts what a retry sees. */
export class RetryCounts {
  calls = 0;
  retries = 0;
  recovered = 0;
  exhausted = 0;
  readonly #gaveUp = new Map<GiveUp, number>();

  gaveUp(because: GiveUp): void {
    if (because === 'attempts') this.exhausted++;
    else this.#gaveUp.set(because, (this.#gaveUp.get(because) ?? 0) + 1);
  }

  stats(budgets: Readonly<Record<string, BudgetStats>>): RetryStats {
    const { calls, retries, recovered, exhausted } = this;
    const attempts = calls + retries;
    return {
      calls,
      attempts,
      recovered,
      exhausted,
      gaveUp: Object.fromEntries(this.#gaveUp),
      amplification: calls === 0 ? 1 : attempts / calls,
      budgets,
    };
  }
}
