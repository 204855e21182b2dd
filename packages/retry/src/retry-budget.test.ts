import { type Call, isSluiceError } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { isBudget } from './budget.ts';
import { retryBudget } from './retry-budget.ts';

const call = (name: string, more: Partial<Call> = {}): Call => ({ target: 'tool', name, ...more }) as Call;

function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(isSluiceError(error, 'CONFIG')).toBe(true);
    return (error as Error).message;
  }
  return expect.unreachable('it should have been refused');
}

describe('a retry budget', () => {
  it('has enough for the first hundred retries of a new key, unless told otherwise', () => {
    const budget = retryBudget();
    const account = budget.account(call('search'));
    let taken = 0;
    for (; account.has(0); taken++) account.take(0);
    expect(taken).toBe(100);
    for (let n = 0; n < 5; n++) account.earn(0);
    expect(account.has(0)).toBe(true);
    account.take(0);
    expect([account.has(9_999), account.has(10_000)]).toEqual([false, true]);
    expect(budget.stats()).toEqual({
      'tool:search': { tokens: expect.closeTo(1, 9), size: 100, granted: 101, denied: 2, refunded: 0 },
    });
  });

  it.each([
    ['name', ['tool:a', 'tool:b']],
    ['all', ['all']],
    ['kind', ['agent', 'none']],
    [({ name }: Call) => name.toUpperCase(), ['A', 'B']],
  ] as const)('tells accounts apart by %s', (per, keys) => {
    const budget = retryBudget({ per });
    expect(budget.account(call('a', { kind: 'agent' })).key).toBe(keys[0]);
    budget.account(call('b'));
    expect(Object.keys(budget.stats())).toEqual(keys);
    expect(budget.account(call('b'))).toBe(budget.account(call('b')));
  });

  it('lets through what the function throws by which it tells accounts apart', () => {
    const budget = retryBudget({
      per: () => {
        throw new Error('no tenant');
      },
    });
    expect(() => budget.account(call('a'))).toThrow('no tenant');
    expect(budget.stats()).toEqual({});
  });

  it('keeps a key that is the name of something every object has', () => {
    const budget = retryBudget({ per: ({ name }) => name });
    budget.account(call('__proto__')).take(0);
    expect(Object.entries(budget.stats())).toEqual([['__proto__', expect.objectContaining({ granted: 1 })]]);
  });

  it('is taken for a budget, and so is one of your own', () => {
    expect(isBudget(retryBudget())).toBe(true);
    expect(isBudget({ account() {}, describe() {}, stats() {} })).toBe(true);
    for (const none of [undefined, null, 'none', 100, {}, { account() {} }, () => {}])
      expect(isBudget(none)).toBe(false);
  });

  it.each([
    [{}, 'at most 100 extra attempts, 0.2 more for each success, 0.1 a second, by name'],
    [
      { size: 5, earn: 0, refill: 1, per: 'all' },
      'at most 5 extra attempts, 0 more for each success, 1 a second, one for all',
    ],
    [{ per: () => 'a' }, 'at most 100 extra attempts, 0.2 more for each success, 0.1 a second, by a key'],
  ] as const)('says what it is: %j', (options, text) => {
    expect(retryBudget(options).describe()).toBe(text);
  });
});

describe('a retry budget that is none is refused', () => {
  it.each([
    [{ size: 0 }, 'retryBudget.size: expected a finite number ≥ 1, got 0'],
    [{ size: Number.POSITIVE_INFINITY }, 'retryBudget.size: expected a finite number ≥ 1, got Infinity'],
    [{ size: '100' }, 'retryBudget.size: expected a finite number ≥ 1, got "100"'],
    [{ earn: -0.1 }, 'retryBudget.earn: expected a finite number ≥ 0, got -0.1'],
    [{ earn: Number.NaN }, 'retryBudget.earn: expected a finite number ≥ 0, got NaN'],
    [{ refill: '1/s' }, 'retryBudget.refill: expected a finite number ≥ 0, got "1/s"'],
    [{ per: 'nam' }, `retryBudget.per: expected 'all', 'name', 'kind', or a function (call) => key, got "nam"`],
    [{ sise: 5 }, 'retryBudget.sise: unknown option; did you mean "size"?'],
    [100, 'retryBudget: expected a plain object, got 100'],
    [null, 'retryBudget: expected a plain object, got null'],
  ])('%j', (options, message) => {
    expect(messageOf(() => retryBudget(options as never))).toBe(message);
  });

  it('with all that is wrong at once', () => {
    const message = messageOf(() => retryBudget({ size: -1, earn: 'x', refill: true, per: 3, more: 1 } as never));
    for (const option of ['size', 'earn', 'refill', 'per', 'more']) expect(message).toContain(`retryBudget.${option}:`);
  });
});
