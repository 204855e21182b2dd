import { tool } from '@sluice/core';
import { seededRandom, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { AsyncStore } from './async-store.test-kit.ts';
import { concurrency, type Lease, memoryStore, type Store } from './index.ts';

nothingIsLeft();

/** A store that answers at once, but for one key, and notes who needs it no more. */
function storeOf(slow: string) {
  const memory = memoryStore();
  const closed: string[] = [];
  const deaf: string[] = [];
  let answer: (() => void) | undefined;
  const store: Store = {
    permits(key) {
      const permits = memory.permits(key);
      return {
        acquire(request) {
          if (!key.endsWith(slow)) return permits.acquire(request);
          return new Promise<Lease | undefined>((resolve) => {
            answer = () => resolve(permits.acquire(request));
          });
        },
        renew: (lease) => permits.renew(lease),
        release: (lease) => permits.release(lease),
        changes(listener) {
          const stop = permits.changes(listener);
          return () => {
            deaf.push(key);
            stop();
          };
        },
        close() {
          closed.push(key);
          permits.close();
        },
      };
    },
    rates: (key, spec) => memory.rates(key, spec),
  };
  return { store, closed, deaf, answer: () => answer?.() };
}

describe('among very many keys', () => {
  it('those of which nothing goes on are closed, but not one for which a store is still being asked', async () => {
    const { store, closed, deaf, answer } = storeOf('slow');
    const plugin = concurrency({ limit: 1, per: ({ input }) => String(input), store });
    const { clock, runner } = bench({ use: [plugin], grace: 0 });
    const work = tool('work', {}, (_: string) => sleep(clock, 1));
    const left = ending(runner.call(work, 'slow', { deadline: 5 }));
    await clock.until(left);
    const quick = tool('quick', {}, (_: string) => 'done');
    for (let n = 0; n < 10_100; n++) await runner.call(quick, `other ${n}`);
    expect(plugin.stats().pools).toHaveProperty('slow');
    expect(closed).toContain('concurrency/other 0');
    expect(deaf).toEqual(closed);
    expect(closed).not.toContain('concurrency/slow');
    answer();
    await clock.advance(1);
    expect(plugin.stats().pools['slow']).toMatchObject({ active: 0, queued: 0 });
  });
});

describe('a store that several plugins share', () => {
  it('keeps what is taken of a key until the last of them needs it no more', () => {
    const store = memoryStore();
    const request = { cost: 1, limit: 1, exclusive: false, spare: 0 };
    const [first, second] = [store.permits('key'), store.permits('key')];
    expect(second?.acquire(request)).toBeDefined();
    first?.close();
    const third = store.permits('key');
    expect(third.acquire(request)).toBeUndefined();
    second?.close();
    third.close();
    expect(store.permits('key').acquire(request)).toBeDefined();
  });
});

describe('while a store that is elsewhere is asked', () => {
  it('all are let in, and when it has no room those are refused for whom the queue has none', async () => {
    const clock = virtualClock();
    const store = new AsyncStore({ clock, random: seededRandom(1), delayMs: 2 });
    const plugin = concurrency({ limit: 1, store, queue: { max: 1 } });
    const { runner, of } = bench({ use: [plugin], grace: 0 }, clock);
    const work = tool('work', {}, (n: number) => sleep(clock, 50).then(() => n));
    const calls = times(6, (n) => ending(runner.call(work, n)));
    await clock.advance(0);
    expect(plugin.stats()).toMatchObject({ queued: 6, rejected: 0 });
    await clock.advance(20);
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 1, rejected: 4 });
    expect(of('queue.full').map(({ depth }) => depth)).toEqual([1, 1, 1, 1]);
    expect(await clock.until(Promise.all(calls))).toEqual(['0', '1', ...times(4, () => 'QUEUE_FULL')]);
    await clock.runAll();
  });

  it('the next is asked for as soon as one has its turn', async () => {
    const clock = virtualClock();
    const store = new AsyncStore({ clock, random: seededRandom(1), delayMs: 2 });
    const plugin = concurrency({ limit: 3, store });
    const { runner } = bench({ use: [plugin], grace: 0 }, clock);
    const work = tool('work', {}, () => sleep(clock, 500));
    const calls = times(3, () => runner.call(work));
    await clock.advance(20);
    expect(plugin.stats()).toMatchObject({ active: 3, queued: 0 });
    await clock.until(Promise.all(calls));
    await clock.runAll();
  });
});
