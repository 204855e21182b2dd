import type { Call } from '@sluice/core';
import { expectTypeOf, it } from 'vitest';
import type { Budget, BudgetAccount, BudgetStats } from './budget.ts';
import { retryBudget } from './retry-budget.ts';
import { takeAll } from './take-all.ts';

it('a retry budget is a budget, told apart as said', () => {
  expectTypeOf(retryBudget()).toEqualTypeOf<Budget>();
  expectTypeOf(retryBudget({ per: ({ name }) => name }).stats()).toEqualTypeOf<Readonly<Record<string, BudgetStats>>>();
  expectTypeOf<Budget['account']>().toEqualTypeOf<(call: Call) => BudgetAccount>();
  // @ts-expect-error: no such way to tell accounts apart
  retryBudget({ per: 'tenant' });
  // @ts-expect-error: a number of tokens, not a text
  retryBudget({ size: '100' });
  // @ts-expect-error: unknown option
  retryBudget({ sise: 100 });
});

it('what had nothing left is an account, or nothing', () => {
  expectTypeOf(takeAll([], 0)).toEqualTypeOf<BudgetAccount | undefined>();
});
