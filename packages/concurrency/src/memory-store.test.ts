import { type Context, createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { concurrency, memoryStore, rateLimit } from './index.ts';
import { isStore, type Lease, type PermitRequest } from './store.ts';

const asks = (cost = 1, more: Partial<PermitRequest> = {}): PermitRequest => ({
  cost,
  limit: 3,
  exclusive: false,
  spare: 0,
  ...more,
});
const spec = { rates: { requests: { limit: 1, perMs: 1_000 } }, burst: 1, algorithm: undefined } as const;

describe('permits in memory', () => {
  it('are given as long as there are enough, and again once they came back', () => {
    const permits = memoryStore().permits('key');
    const leases = [1, 2, 3].map(() => permits.acquire(asks()) as Lease);
    expect(leases).toEqual([1, 2, 3].map(() => ({ cost: 1, exclusive: false })));
    expect(permits.acquire(asks())).toBeUndefined();
    permits.release(leases[0] as Lease);
    expect(permits.acquire(asks(2))).toBeUndefined();
    expect(permits.acquire(asks())).toBeDefined();
  });

  it('are given to one that takes more than there are when nobody has any', () => {
    const permits = memoryStore().permits('key');
    const huge = permits.acquire(asks(7)) as Lease;
    expect(huge.cost).toBe(7);
    expect(permits.acquire(asks())).toBeUndefined();
    permits.release(huge);
    const small = permits.acquire(asks()) as Lease;
    expect(permits.acquire(asks(7))).toBeUndefined();
    permits.release(small);
    expect(permits.acquire(asks(7))).toBeDefined();
  });

  it('let one be alone, and nobody beside it', () => {
    const permits = memoryStore().permits('key');
    const reader = permits.acquire(asks()) as Lease;
    expect(permits.acquire(asks(1, { exclusive: true }))).toBeUndefined();
    permits.release(reader);
    const writer = permits.acquire(asks(1, { exclusive: true })) as Lease;
    expect(permits.acquire(asks())).toBeUndefined();
    expect(permits.acquire(asks(1, { exclusive: true }))).toBeUndefined();
    permits.release(writer);
    expect(permits.acquire(asks())).toBeDefined();
  });

  it('do not count what whoever asks holds himself', () => {
    const permits = memoryStore().permits('key');
    permits.acquire(asks());
    expect(permits.acquire(asks(1, { exclusive: true, spare: 1 }))).toBeDefined();
    const others = memoryStore().permits('key');
    others.acquire(asks());
    others.acquire(asks());
    expect(others.acquire(asks(1, { exclusive: true, spare: 1 }))).toBeUndefined();
  });

  it('are shared by all that ask for the same key, who are told when somebody else gives one back', () => {
    const store = memoryStore();
    const [one, other] = [store.permits('key'), store.permits('key')];
    const told: string[] = [];
    one.changes(() => told.push('one'));
    const stop = other.changes(() => told.push('other'));
    const leases = [one, other, one].map((permits) => permits.acquire(asks()) as Lease);
    expect(other.acquire(asks())).toBeUndefined();
    expect(store.permits('another').acquire(asks())).toBeDefined();
    one.release(leases[0] as Lease);
    expect(told).toEqual(['other']);
    other.release(leases[1] as Lease);
    expect(told).toEqual(['other', 'one']);
    stop();
    one.release(leases[2] as Lease);
    expect(told).toEqual(['other', 'one']);
  });

  it('are forgotten when nobody needs their key any more', () => {
    const store = memoryStore();
    const [one, other] = [store.permits('key'), store.permits('key')];
    one.acquire(asks(3));
    one.close();
    expect(other.acquire(asks())).toBeUndefined();
    other.close();
    expect(store.permits('key').acquire(asks(3))).toBeDefined();
  });

  it('never run out', () => {
    const permits = memoryStore().permits('key');
    expect(permits.leaseMs).toBeUndefined();
    expect(permits.renew(permits.acquire(asks()) as Lease)).toBe(true);
  });
});

describe('a store in memory', () => {
  it('keeps the rates of a key for all that ask', () => {
    const store = memoryStore();
    expect(store.rates('key', spec).take({ requests: 1 }, 0)).toEqual({ ok: true });
    expect(store.rates('key', spec).take({ requests: 1 }, 0)).toMatchObject({ ok: false, waitMs: 1_000 });
    expect(store.rates('another', spec).take({ requests: 1 }, 0)).toEqual({ ok: true });
  });

  it('lets requests go evenly and all else as it comes, unless one way is said for both', () => {
    const rates = { requests: { limit: 4, perMs: 1_000 }, tokens: { limit: 4, perMs: 1_000 } };
    const goes = (algorithm: 'gcra' | 'sliding-window' | undefined, name: string): number => {
      const its = memoryStore().rates('key', { rates, burst: 1, algorithm });
      let gone = 0;
      while (gone < 10 && (its.take({ [name]: 1 }, 0) as { ok: boolean }).ok) gone++;
      return gone;
    };
    expect([goes(undefined, 'requests'), goes(undefined, 'tokens')]).toEqual([1, 4]);
    expect([goes('gcra', 'requests'), goes('gcra', 'tokens')]).toEqual([1, 1]);
    expect([goes('sliding-window', 'requests'), goes('sliding-window', 'tokens')]).toEqual([4, 4]);
  });

  it('lets two plugins with one name share a limit, and wakes who waits in the other', async () => {
    const store = memoryStore();
    const clock = virtualClock();
    const gauge = { running: 0, peak: 0 };
    const work = tool('work', {}, async (n: number) => {
      gauge.peak = Math.max(gauge.peak, ++gauge.running);
      await new Promise<void>((resolve) => clock.schedule(10, resolve));
      gauge.running--;
      return n;
    });
    const runners = [1, 2].map(() => createRunner({ use: [concurrency({ limit: 2, store })], clock }));
    const calls = runners.flatMap((runner) => [1, 2, 3, 4].map((n) => runner.call(work, n)));
    expect(await clock.until(Promise.all(calls))).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
    expect(gauge).toEqual({ running: 0, peak: 2 });
    expect(clock.now()).toBe(40);
  });

  it('keeps limits and rates of other names apart', async () => {
    const store = memoryStore();
    const clock = virtualClock();
    const inner = tool('inner', {}, async () => clock.now());
    const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(inner));
    const use = [
      concurrency({ limit: 1, store, name: 'a' }),
      concurrency({ limit: 1, store, name: 'b' }),
      rateLimit({ requests: '1/h', store, name: 'c', applies: ({ name }) => name === 'outer' }),
      rateLimit({ requests: '1/h', store, name: 'd', applies: ({ name }) => name === 'inner' }),
    ];
    expect(await clock.until(createRunner({ use, clock }).call(outer))).toBe(0);
  });

  it('is told from what is no store', () => {
    expect(isStore(memoryStore())).toBe(true);
    for (const no of [undefined, null, 3, 'store', {}, { permits() {} }, { permits() {}, rates: 1 }]) {
      expect(isStore(no)).toBe(false);
    }
  });
});
