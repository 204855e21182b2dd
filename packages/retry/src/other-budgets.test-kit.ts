import type { Budget, BudgetAccount } from './budget.ts';

// Short versions of what others do, to compare with: one account for all calls, and nothing but the numbers.

/**
 * A plain ratio: retries may be a share of the calls of the last ten seconds, and some a second on top of it. What Finagle and tower
 * do, with their defaults.
 */
export function ratioBudget({ share = 0.2, perSecond = 10, ttlMs = 10_000 } = {}): Budget {
  let deposits: number[] = [];
  let taken: number[] = [];
  let calls = 0;
  const account: BudgetAccount = {
    key: 'all',
    has(now) {
      // Calls are noted without a moment: they count from when somebody asks.
      deposits = deposits.filter((at) => at > now - ttlMs).concat(Array<number>(calls).fill(now));
      calls = 0;
      taken = taken.filter((at) => at > now - ttlMs);
      return taken.length + 1 <= deposits.length * share + (perSecond * ttlMs) / 1000;
    },
    take: (now) => void taken.push(now),
    refund() {},
    earn() {},
  };
  return budgetOf('ratio', () => {
    calls++;
    return account;
  });
}

/** Throttling as in gRPC: each failure takes one, each success brings a part of one, and there are retries above half. */
export function throttleBudget({ maxTokens = 10, ratio = 0.1 } = {}): Budget {
  let tokens = maxTokens;
  const succeeded = (): void => {
    tokens = Math.min(maxTokens, tokens + ratio);
  };
  const account: BudgetAccount = {
    key: 'all',
    has() {
      tokens = Math.max(0, tokens - 1);
      return tokens > maxTokens / 2;
    },
    take() {},
    refund: succeeded,
    earn: succeeded,
  };
  return budgetOf('throttle', () => account);
}

function budgetOf(name: string, account: Budget['account']): Budget {
  return { account, describe: () => name, stats: () => ({}) };
}
