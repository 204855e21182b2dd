import type { Call } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import type { BudgetAccount } from './budget.ts';
import { retryBudget } from './retry-budget.ts';
import { earnAll, refundAll, takeAll } from './take-all.ts';

const CALL = { target: 'tool', name: 'search' } as Call;

function account(size: number) {
  const budget = retryBudget({ size, earn: 0.5, refill: 0 });
  return { account: budget.account(CALL), stats: () => budget.stats()['tool:search'] };
}

describe('several accounts', () => {
  it('are taken from all at once', () => {
    const [a, b, c] = [account(2), account(3), account(4)];
    expect(takeAll([a.account, b.account, c.account], 0)).toBeUndefined();
    expect([a, b, c].map((each) => each.stats()?.tokens)).toEqual([1, 2, 3]);
  });

  it.each([0, 1, 2])('are not taken from at all when number %i has nothing left, and that one is named', (empty) => {
    const all = [account(2), account(2), account(2)];
    const accounts = all.map((each) => each.account);
    for (let n = 0; n < 2; n++) accounts[empty]?.take(0);
    expect(takeAll(accounts, 0)).toBe(accounts[empty]);
    expect(all.map((each) => each.stats()?.tokens)).toEqual([0, 1, 2].map((at) => (at === empty ? 0 : 2)));
    expect(all.map((each) => each.stats()?.denied)).toEqual([0, 1, 2].map((at) => (at === empty ? 1 : 0)));
  });

  it('that are one are taken from once, given back to once, and earn once', () => {
    const { account: one, stats } = account(1);
    const [other] = [account(5)];
    const accounts = [one, other.account, one];
    expect(takeAll(accounts, 0)).toBeUndefined();
    expect(stats()).toMatchObject({ tokens: 0, granted: 1 });
    earnAll(accounts, 0);
    expect([stats()?.tokens, other.stats()?.tokens]).toEqual([0.5, 4.5]);
    refundAll(accounts, 0);
    expect(stats()).toMatchObject({ tokens: 1, refunded: 1 });
    expect(other.stats()).toMatchObject({ tokens: 5, refunded: 1 });
  });

  it('may be none', () => {
    expect(takeAll([], 0)).toBeUndefined();
  });

  it('of which one throws keep what they had', () => {
    const [a, c] = [account(2), account(2)];
    const broken: BudgetAccount = {
      key: 'broken',
      has: () => true,
      take() {
        throw new Error('the store is away');
      },
      refund: () => expect.unreachable('nothing was taken of it'),
      earn() {},
    };
    expect(() => takeAll([a.account, broken, c.account], 0)).toThrow('the store is away');
    expect(a.stats()).toMatchObject({ tokens: 2, granted: 1, refunded: 1 });
    expect(c.stats()).toMatchObject({ tokens: 2, granted: 0 });
  });
});
