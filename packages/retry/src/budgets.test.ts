import type { Call } from '@sluice/core';
import { expect, it } from 'vitest';
import { Budgets } from './budgets.ts';
import { retryBudget } from './retry-budget.ts';

it('says what each of several budgets is, and that there is none', () => {
  const [small, shared] = [retryBudget({ size: 5 }), retryBudget({ per: 'all' })];
  expect(new Budgets([small, shared]).describe()).toBe(`${small.describe()}; and ${shared.describe()}`);
  expect(new Budgets([]).describe()).toBe('none');
});

it('tells how the accounts of all of them stand, each by itself', () => {
  const call = { target: 'tool', name: 'search' } as Call;
  const [small, large] = [retryBudget({ size: 5 }), retryBudget({ size: 50 })];
  for (const budget of [small, large]) budget.account(call).take(0);
  expect(new Budgets([small, large]).stats()).toMatchObject({
    'tool:search': { size: 5, tokens: 4 },
    'tool:search (2)': { size: 50, tokens: 49 },
  });
});
