import type { BudgetAccount } from './budget.ts';

/**
 * Takes one token of each of `accounts`, or of none, and answers the account that had none. One that is listed twice is one.
 *
 * @example
 * ```ts
 * import type { Call } from '@sluice/core';
 * import { retryBudget, takeAll } from '@sluice/retry';
 *
 * const search = { target: 'tool', name: 'search' } as Call;
 * const own = retryBudget({ size: 5 });
 * const shared = retryBudget({ size: 1, per: 'all' });
 * const accounts = [own.account(search), shared.account(search)];
 * console.assert(takeAll(accounts, 0) === undefined);
 * console.assert(takeAll(accounts, 0)?.key === 'all');
 * console.assert(own.stats()['tool:search']?.tokens === 4);
 * ```
 *
 * @see {@link refundAll} for what gives them back
 */
export function takeAll(accounts: readonly BudgetAccount[], now: number): BudgetAccount | undefined {
  for (const account of accounts) if (!account.has(now)) return account;
  let taken = 0;
  try {
    for (; taken < accounts.length; taken++) if (first(accounts, taken)) accounts[taken]?.take(now);
  } catch (error) {
    // An account of somebody else's broke: nothing stays taken of those before it.
    refundAll(accounts.slice(0, taken), now);
    throw error;
  }
  return undefined;
}

/** Gives back what {@link takeAll} took: the extra attempt succeeded, was cancelled, or was never made. */
export function refundAll(accounts: readonly BudgetAccount[], now: number): void {
  for (let at = 0; at < accounts.length; at++) if (first(accounts, at)) accounts[at]?.refund(now);
}

/** Notes with each of `accounts`, once, that so many first attempts succeeded. */
export function earnAll(accounts: readonly BudgetAccount[], now: number, calls = 1): void {
  for (let at = 0; at < accounts.length; at++) if (first(accounts, at)) accounts[at]?.earn(now, calls);
}

function first(accounts: readonly BudgetAccount[], at: number): boolean {
  return accounts.indexOf(accounts[at] as BudgetAccount) === at;
}
