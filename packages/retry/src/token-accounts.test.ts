import { describe, expect, it } from 'vitest';
import { TokenAccounts } from './token-accounts.ts';

const TERMS = { size: 2, earn: 0.1, refill: 0.1 };

/** Calls so many keys, each of which is as new to it as the next. */
function call(accounts: TokenAccounts, keys: number, from = 0): void {
  for (let n = from; n < from + keys; n++) accounts.of(`key ${n}`).earn(0);
}

function drain(accounts: TokenAccounts, key: string, now: number): number {
  const account = accounts.of(key);
  let taken = 0;
  for (; account.has(now); taken++) account.take(now);
  return taken;
}

const kept = (accounts: TokenAccounts): number => Object.keys(accounts.stats()).length;

describe('the accounts of a budget', () => {
  it('are shared by all calls of a key, and by no other', () => {
    const accounts = new TokenAccounts(TERMS);
    expect(accounts.of('a')).toBe(accounts.of('a'));
    expect([drain(accounts, 'a', 0), drain(accounts, 'a', 0), drain(accounts, 'b', 0)]).toEqual([2, 0, 2]);
  });

  it('are ten thousand after a million keys', () => {
    const accounts = new TokenAccounts(TERMS);
    call(accounts, 1_000_000);
    expect(kept(accounts)).toBeLessThanOrEqual(10_001);
  });

  it('are remembered while they are spent, however many others come', () => {
    const accounts = new TokenAccounts(TERMS);
    drain(accounts, 'dead', 0);
    call(accounts, 100_000);
    expect(drain(accounts, 'dead', 0)).toBe(0);
    expect(accounts.stats()['dead']).toMatchObject({ granted: 2, denied: 2 });
  });

  it('are remembered while one attempt is under way that may yet give back its token', () => {
    const accounts = new TokenAccounts(TERMS);
    const account = accounts.of('a');
    account.take(0);
    call(accounts, 100_000);
    account.refund(0);
    expect(accounts.stats()['a']).toMatchObject({ tokens: 2, granted: 1, refunded: 1 });
  });

  it('are forgotten when time has filled them again', () => {
    const accounts = new TokenAccounts(TERMS);
    drain(accounts, 'once dead', 0);
    accounts.of('the time').earn(20_000);
    call(accounts, 100_000);
    expect(accounts.stats()['once dead']).toBeUndefined();
  });

  it('are one for a key, also for a call that began before its account was forgotten', () => {
    const accounts = new TokenAccounts(TERMS);
    const before = accounts.of('dead');
    call(accounts, 50_000);
    expect(drain(accounts, 'dead', 0)).toBe(2);
    expect(accounts.of('dead')).not.toBe(before);
    expect(before.has(0)).toBe(false);
    accounts.of('dead').refund(0);
    expect(before.has(0)).toBe(true);
  });

  it('are one for a key whichever of the calls that had forgotten accounts comes first', () => {
    const accounts = new TokenAccounts(TERMS);
    const held = Array.from({ length: 5 }, (_, n) => {
      const account = accounts.of('dead');
      call(accounts, 20_000, n * 20_000);
      return account;
    });
    expect(new Set(held).size).toBe(5);
    let taken = 0;
    for (const account of held) for (; account.has(0); taken++) account.take(0);
    expect([taken, drain(accounts, 'dead', 0)]).toEqual([2, 0]);
    expect(accounts.stats()['dead']?.granted).toBe(2);
  });

  describe('of a million keys that all fail', () => {
    it('are bounded, and the attempts that they allow with them', () => {
      const accounts = new TokenAccounts(TERMS);
      let taken = 0;
      for (let n = 0; n < 1_000_000; n++) taken += drain(accounts, `key ${n}`, 0);
      expect(kept(accounts)).toBeLessThanOrEqual(20_001);
      expect(taken).toBeLessThanOrEqual(2 * 20_001);
      expect(accounts.stats()['all other keys']).toMatchObject({ tokens: 0, granted: 2 });
    });

    it('are forgotten when time has passed, so that new keys have their own again', () => {
      const accounts = new TokenAccounts(TERMS);
      for (let n = 0; n < 30_000; n++) drain(accounts, `key ${n}`, 0);
      expect(accounts.of('new').key).toBe('all other keys');
      accounts.of('new').earn(20_000);
      call(accounts, 30_000, 100_000);
      expect(accounts.of('new').key).toBe('new');
      expect(kept(accounts)).toBeLessThanOrEqual(10_001);
      for (let n = 0; n < 5; n++) call(accounts, 30_000, 200_000);
      expect(kept(accounts)).toBeLessThanOrEqual(10_001);
    });

    it('leave those alone that were there before', () => {
      const accounts = new TokenAccounts(TERMS);
      accounts.of('old').take(0);
      for (let n = 0; n < 30_000; n++) drain(accounts, `key ${n}`, 0);
      expect(accounts.of('old').key).toBe('old');
      expect(drain(accounts, 'old', 0)).toBe(1);
    });

    it('may have one among them that is called as what the others share', () => {
      const accounts = new TokenAccounts(TERMS);
      const named = accounts.of('all other keys');
      for (let n = 0; n < 30_000; n++) drain(accounts, `key ${n}`, 0);
      expect(named.has(0)).toBe(accounts.of('new').has(0));
      expect(kept(accounts)).toBeLessThanOrEqual(20_001);
    });
  });

  describe('on a clock that', () => {
    it('jumps back gain nothing, lose nothing, and go on when it has caught up', () => {
      const accounts = new TokenAccounts(TERMS);
      drain(accounts, 'a', 100_000);
      for (let n = 0; n < 100; n++)
        expect([accounts.of('a').has(0), accounts.of('a').has(100_000)]).toEqual([false, false]);
      accounts.of('a').refund(0);
      expect(drain(accounts, 'a', 0)).toBe(1);
      expect(drain(accounts, 'a', 110_000)).toBe(1);
    });

    it('answers no moment are not filled by it', () => {
      const accounts = new TokenAccounts({ ...TERMS, refill: 0 });
      expect(drain(accounts, 'a', Number.NaN)).toBe(2);
      for (const now of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5]) {
        expect(accounts.of('a').has(now)).toBe(false);
      }
      expect(accounts.stats()['a']?.tokens).toBe(0);
    });
  });
});
