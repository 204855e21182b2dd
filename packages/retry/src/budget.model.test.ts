import type { Call } from '@sluice/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BudgetAccount } from './budget.ts';
import { retryBudget } from './retry-budget.ts';

// All of them are sums of powers of two, so that the model and the budget must agree to the last bit.
const TERMS = { size: 4, earn: 0.25, refill: 0.5 };
const KEYS = ['a', 'b', 'c'];

const call = (name: string): Call => ({ target: 'tool', name }) as Call;

/** What an account is, written as plainly as can be, and never forgotten. */
class Account {
  tokens = TERMS.size;
  added = TERMS.size;
  granted = 0;
  refunded = 0;

  add(amount: number): void {
    this.tokens = Math.min(TERMS.size, this.tokens + amount);
    this.added += amount;
  }
}

/** The plain accounts, and how late it is. */
class Model {
  now = 0;
  /** The latest that it ever was. */
  latest = 0;
  readonly accounts: Readonly<Record<string, Account>> = Object.fromEntries(KEYS.map((key) => [key, new Account()]));

  of(key: string): Account {
    return this.accounts[key] as Account;
  }

  pass(ms: number): void {
    this.now += ms;
    const passed = Math.max(0, this.now - this.latest);
    this.latest += passed;
    for (const account of Object.values(this.accounts)) account.add((passed / 1000) * TERMS.refill);
  }
}

/** A budget, and every account of it that calls hold, those that were forgotten since among them. */
class Real {
  readonly budget = retryBudget({ ...TERMS, per: ({ name }) => name });
  readonly #held = new Map<string, BudgetAccount[]>(KEYS.map((key) => [key, []]));
  /** How often a key was met again that had been forgotten. */
  forgotten = 0;
  #others = 0;

  /** An account that a call got just now, or one that it got long ago. */
  of(key: string, ago: number): BudgetAccount {
    const held = this.#held.get(key) as BudgetAccount[];
    if (ago === 0 || held.length === 0) {
      const account = this.budget.account(call(key));
      if (held.length > 0 && account !== held[held.length - 1]) this.forgotten++;
      held.push(account);
    }
    return held[held.length - 1 - (ago % held.length)] as BudgetAccount;
  }

  constructor() {
    this.say(0);
  }

  say(now: number): void {
    this.budget.account(call('who knows how late it is')).earn(now);
  }

  /** Other keys come, so many that everything is forgotten that can be. */
  crowd(keys: number): void {
    for (let n = 0; n < keys; n++) this.budget.account(call(`other ${this.#others++}`));
  }
}

/** What is forgotten must be full. */
function agree(model: Model, real: Real): void {
  const stats = real.budget.stats();
  for (const key of KEYS) expect(stats[key]?.tokens ?? TERMS.size).toBe(model.of(key).tokens);
}

type Step = fc.Command<Model, Real>;

/** A step on one account; those that were got at different times must be the same to it. */
function step(name: string, run: (account: BudgetAccount, plain: Account, now: number) => void) {
  return fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(0, 0, 0, 1, 2, 3)).map(
    ([key, ago]): Step => ({
      check: () => true,
      run(model, real) {
        const plain = model.of(key);
        run(real.of(key, ago), plain, model.now);
        expect(plain.tokens).toBeGreaterThanOrEqual(0);
        expect(plain.granted - plain.refunded).toBeLessThanOrEqual(plain.added);
      },
      toString: () => `${name} ${key}, got ${ago} ago`,
    }),
  );
}

const attempt = step('attempt', (account, plain, now) => {
  const has = account.has(now);
  expect(has).toBe(plain.tokens >= 1);
  if (!has) return;
  account.take(now);
  plain.tokens--;
  plain.granted++;
});

const refund = step('refund', (account, plain, now) => {
  account.refund(now);
  if (plain.refunded === plain.granted) return;
  plain.refunded++;
  plain.tokens = Math.min(TERMS.size, plain.tokens + 1);
});

const earn = step('earn', (account, plain, now) => {
  account.earn(now);
  plain.add(TERMS.earn);
});

const time = fc.constantFrom(250, 1000, 4000, 8000, -4000).map(
  (ms): Step => ({
    check: () => true,
    run(model, real) {
      model.pass(ms);
      // Somebody says how late it is.
      real.say(model.now);
    },
    toString: () => `${ms} ms pass`,
  }),
);

const crowd = fc.constant<Step>({
  check: () => true,
  run(model, real) {
    real.crowd(15_000);
    agree(model, real);
  },
  toString: () => 'others come',
});

/** Takes so many random courses of these steps, and answers how often a key was met again that had been forgotten. */
function explore(steps: fc.Arbitrary<Step>[], numRuns: number): number {
  let forgotten = 0;
  const courses = fc.commands(steps, { maxCommands: 80, size: 'max' });
  const property = fc.property(courses, (commands) => {
    const [model, real] = [new Model(), new Real()];
    fc.modelRun(() => ({ model, real }), commands);
    agree(model, real);
    forgotten += real.forgotten;
  });
  fc.assert(property, { numRuns });
  return forgotten;
}

const own = [attempt, attempt, refund, earn, time];

it('an account has what a plain one would have, whatever is taken, given back and earned, and whenever', () => {
  expect(explore(own, 300)).toBe(0);
});

it('an account answers as one would that is never forgotten, whoever else comes', () => {
  expect(explore([...own, crowd, crowd], 10)).toBeGreaterThan(0);
}, 60_000);
