import { type Context, tool } from '@sluice/core';
import { seededRandom, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { AsyncStore } from './async-store.test-kit.ts';
import { concurrency, type RateLimitOptions, rateLimit } from './index.ts';

nothingIsLeft();

const costOf = ({ input }: { readonly input: unknown }) => ({ tokens: (input as Asked).tokens ?? 0 });

interface Asked {
  readonly name: string;
  readonly tokens?: number;
  /** What it says that it has cost, when. */
  readonly says?: readonly (readonly [at: number, tokens: number])[];
  readonly fails?: unknown;
}

function world(options: RateLimitOptions, clock = virtualClock()) {
  const plugin = rateLimit(options);
  const { runner, of } = bench({ use: [plugin], grace: 0 }, clock);
  const begun: string[] = [];
  const go = tool('go', {}, async ({ name, says = [], fails }: Asked, { settle }: Context) => {
    const since = clock.now();
    begun.push(`${name}@${since}`);
    for (const [at, tokens] of says) {
      await sleep(clock, since + at - clock.now());
      settle({ tokens });
    }
    if (fails !== undefined) throw fails;
  });
  const call = (asked: Asked, more: object = {}): Promise<string> => ending(runner.call(go, asked, more));
  return { clock, runner, plugin, of, begun, call };
}

describe('those that wait for a rate are looked at', () => {
  it('as soon as one says that it has cost less', async () => {
    const { clock, begun, call } = world({ tokens: '10/s', cost: costOf });
    const calls = [call({ name: 'a', tokens: 8, says: [[5, 2]] }), call({ name: 'b', tokens: 8 })];
    await clock.until(Promise.all(calls));
    expect(begun).toEqual(['a@0', 'b@5']);
  });

  it('as soon as one was stopped, or refused, further in, and has cost nothing', async () => {
    const clock = virtualClock();
    const rate = rateLimit({ requests: { limit: 2, per: 1_000 }, algorithm: 'sliding-window' });
    const { runner } = bench({ use: [rate, concurrency({ limit: 1, queue: { max: 0 } })], grace: 0 }, clock);
    const work = tool('work', {}, async () => {
      await sleep(clock, 10);
      return clock.now();
    });
    const calls = times(3, () => ending(runner.call(work)));
    expect(await clock.until(Promise.all(calls))).toEqual(['10', 'QUEUE_FULL', 'QUEUE_FULL']);
    expect(await clock.until(runner.call(work))).toBe(20);
  });

  it('and refused at once when by then they could not go before their deadline', async () => {
    const { clock, plugin, call } = world({ requests: '10/s' });
    const calls = [call({ name: 'a' }), call({ name: 'b' }, { deadline: 500 })];
    await clock.advance(50);
    plugin.pause('all', 1_000);
    expect((await clock.until(Promise.all(calls)))[1]).toBe('RATE_LIMITED');
    expect(clock.now()).toBe(50);
  });

  it('so many at a time, before others have their turn', async () => {
    const { clock, runner, plugin } = world({ requests: '1000000/s', burst: 10_000 });
    let begun = 0;
    let others: number | undefined;
    const work = tool('work', {}, () => {
      if (begun++ === 0) {
        clock.schedule(0, () => {
          others = begun;
        });
      }
    });
    plugin.pause('all', 100);
    await clock.until(Promise.all(times(1_000, () => runner.call(work))));
    expect(begun).toBe(1_000);
    expect(others).toBeLessThan(1_000);
  });

  it('again, at the right time, where the rate is kept elsewhere, and where that fails', async () => {
    const clock = virtualClock();
    const store = new AsyncStore({ clock, random: seededRandom(1), delayMs: 0 });
    let failing = true;
    store.fails = (what) => {
      const fails = failing && what === 'take';
      failing = false;
      return fails;
    };
    const { begun, call } = world({ requests: '10/s', store }, clock);
    const answers = await clock.until(Promise.all(times(4, (n) => call({ name: `${n}` }))));
    expect(answers[0]).toBe('the store failed at take');
    expect(begun).toEqual(['1@0', '2@100', '3@200']);
  });
});

describe('what a call says that it has cost', () => {
  it('replaces what it has said before', async () => {
    const { clock, plugin, call } = world({ tokens: '10/s', cost: costOf });
    const says: Asked['says'] = [
      [1, 5],
      [2, 2],
      [3, 4],
    ];
    await clock.until(call({ name: 'a', tokens: 10, says }));
    expect(plugin.stats()['all']?.dimensions['tokens']?.remaining).toBe(6);
  });

  it.each([1_000, 1_500])('gives nothing back of what others have taken since: said after %d ms', async (at) => {
    const { clock, plugin, call } = world({ tokens: '10/s', cost: costOf });
    const calls = [
      call({ name: 'a', tokens: 5, says: [[at, 0]] }),
      sleep(clock, 600).then(() => call({ name: 'b', tokens: 5 })),
    ];
    await clock.until(Promise.all(calls));
    expect(plugin.stats()['all']?.dimensions['tokens']?.remaining).toBe(5);
  });
});

describe('how long those take that wait already', () => {
  it('counts nobody who has left', async () => {
    const { clock, begun, call } = world({ requests: '10/s' });
    const calls = [call({ name: 'a' }), call({ name: 'b' })];
    const controller = new AbortController();
    for (let n = 0; n < 5; n++) calls.push(call({ name: 'never' }, { signal: controller.signal }));
    await clock.advance(10);
    controller.abort(new Error('enough'));
    calls.push(call({ name: 'c' }, { deadline: 250 }));
    await clock.until(Promise.all(calls));
    expect(begun).toEqual(['a@0', 'b@100', 'c@200']);
  });

  it('counts what costs more than may go at once as that: it goes, and leaves a debt', async () => {
    const { clock, begun, call } = world({ tokens: '10/s', algorithm: 'gcra', cost: costOf });
    const calls = [call({ name: 'a', tokens: 1 }), call({ name: 'b', tokens: 1 })];
    calls.push(call({ name: 'huge', tokens: 100 }, { deadline: 300 }));
    await clock.until(Promise.all(calls));
    expect(begun).toEqual(['a@0', 'b@100', 'huge@200']);
  });
});

describe('an answer that asks for a pause', () => {
  const told = (): Error => Object.assign(new Error('too many'), { status: 429 });

  it('pauses the rate that is nearest to the work, and none further out', async () => {
    const { clock, plugin, of, call } = world({ requests: '100/s', tools: { go: '50/s' } });
    await clock.until(call({ name: 'a', fails: told() }));
    const paused = Object.entries(plugin.stats()).map(([key, { pausedMs }]) => [key, pausedMs]);
    expect(Object.fromEntries(paused)).toEqual({ all: 0, 'own/tool:go': 1_000 });
    expect(of('rate.pause')).toHaveLength(1);
  });

  it('is none when it is only the reason for which a call was stopped', async () => {
    const { clock, runner, plugin, of } = world({ requests: '100/s' });
    const hangs = tool('hangs', {}, (_: undefined, { signal }: Context) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const controller = new AbortController();
    const ended = ending(runner.call(hangs, undefined, { signal: controller.signal }));
    await clock.advance(5);
    controller.abort(told());
    await clock.until(ended);
    expect(plugin.stats()['all']?.pausedMs).toBe(0);
    expect(of('rate.pause')).toEqual([]);
  });
});

describe('what was said of a key before anybody came', () => {
  it('holds from when it was said', async () => {
    const { clock, plugin, begun, call } = world({ requests: '1000/s', per: ({ input }) => (input as Asked).name });
    await clock.until(call({ name: 'other' }));
    plugin.pause('late', 1_000);
    await clock.advance(600);
    await clock.until(call({ name: 'late' }));
    expect(begun).toEqual(['other@0', 'late@1000']);
  });

  it('holds once, and not again for the rates that take their place', async () => {
    const { clock, runner, plugin, begun, call } = world({ requests: '1000/s' });
    plugin.correct('all', { requests: { remaining: 0, resetMs: 1_000 } });
    await clock.until(call({ name: 'a' }));
    runner.update({ rateLimit: { requests: '500/s' } });
    await clock.until(call({ name: 'b' }));
    expect(begun).toEqual(['a@1000', 'b@1000']);
  });
});
