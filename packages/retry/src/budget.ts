import type { Call } from '@sluice/core';

/** How an account of a budget stands. */
export interface BudgetStats {
  /** How many extra attempts may be made now; whatever is below 1 is none. */
  readonly tokens: number;
  /** The most there can be. */
  readonly size: number;
  /** How many extra attempts were paid for. */
  readonly granted: number;
  /** How often there was nothing left for one. */
  readonly denied: number;
  /** How many of those granted came back. */
  readonly refunded: number;
}

/** What the calls of one key share: each attempt beside the first of a call takes one token of it, whatever made it. */
export interface BudgetAccount {
  readonly key: string;
  /** Whether one more attempt may be made now; takes nothing. */
  has(now: number): boolean;
  /** Takes one token; only after {@link has} said that there is one. */
  take(now: number): void;
  /** Gives back the token of an extra attempt that succeeded, that was cancelled, or that was never made; the token of a failed one is spent. */
  refund(now: number): void;
  /** Notes that so many first attempts succeeded. */
  earn(now: number, calls?: number): void;
}

/**
 * Bounds how many attempts are made beside the first ones. {@link retryBudget} makes one; write your own to share it between processes.
 *
 * Moments are milliseconds of one clock that does not go back.
 */
export interface Budget {
  /** Whether all calls of one target have the same account: then it is not asked for each of them. */
  readonly oneForTarget?: boolean | undefined;
  /** The account of a call. Asked once for each call that makes a first attempt; may throw what a function of its user throws. */
  account(call: Call): BudgetAccount;
  /** It in words, for explanations. */
  describe(): string;
  /** How each account stands, by key. */
  stats(): Readonly<Record<string, BudgetStats>>;
}

/**
 * Whether `value` is a budget.
 *
 * @example
 * ```ts
 * import { isBudget, retryBudget } from '@sluice/retry';
 *
 * console.assert(isBudget(retryBudget()) && !isBudget({ size: 100 }));
 * ```
 */
export function isBudget(value: unknown): value is Budget {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { account, describe, stats } = value as Partial<Record<keyof Budget, unknown>>;
    return typeof account === 'function' && typeof describe === 'function' && typeof stats === 'function';
  } catch {
    // What cannot be looked at is none.
    return false;
  }
}
