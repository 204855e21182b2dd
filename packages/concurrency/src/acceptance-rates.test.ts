import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Context, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, mostWithin, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type RateLimitOptions, type RatePolicy, rateLimit } from './index.ts';

nothingIsLeft();

/** Makes calls of a tool that notes when it begins. */
function setUp(rate: RatePolicy | RateLimitOptions) {
  const plugin = rateLimit(rate);
  const { clock, runner, of } = bench({ use: [plugin] });
  const at: number[] = [];
  const work = tool('work', {}, (_input: unknown) => {
    at.push(clock.now());
    return 'done';
  });
  const call = (input?: unknown, deadline?: number): Promise<string> =>
    ending(runner.call(work, input, deadline === undefined ? {} : { deadline }));
  return { plugin, clock, runner, of, at, work, call };
}

const secondsOf = (at: readonly number[]): number[] => at.map((ms) => ms / 1_000);

describe('10 in a second, 50 calls', () => {
  it('go evenly, and never more than 10 in any second', async () => {
    const { clock, at, call } = setUp('10/s');
    expect(await clock.until(Promise.all(times(50, call)))).toEqual(times(50, () => 'done'));
    expect(at).toEqual(times(50, (n) => n * 100));
    expect(mostWithin(1_000, at)).toBe(10);
  });

  it.each([2, 5, 10])('with a burst of %i so many go at once, and then as evenly as before', async (burst) => {
    const { clock, at, call } = setUp({ requests: '10/s', burst });
    await clock.until(Promise.all(times(50, call)));
    expect(at).toEqual(times(50, (n) => Math.max(0, n + 1 - burst) * 100));
    expect(mostWithin(1_000, at)).toBe(10 + burst - 1);
  });

  it('in a sliding window go ten by ten, and never more than 10 in any second', async () => {
    const { clock, at, call } = setUp({ requests: '10/s', algorithm: 'sliding-window' });
    await clock.until(Promise.all(times(50, call)));
    expect(at).toEqual(times(50, (n) => Math.floor(n / 10) * 1_000));
    expect(mostWithin(1_000, at)).toBe(10);
  });

  it('that come as they like never exceed it in any second, and nobody waits for longer than he must', async () => {
    const { clock, at, call } = setUp({ requests: '10/s', algorithm: 'sliding-window' });
    const all: Promise<string>[] = [];
    for (let n = 0; n < 50; n++) {
      all.push(call());
      await clock.advance([0, 30, 170, 5, 400][n % 5] as number);
    }
    await clock.until(Promise.all(all));
    expect(mostWithin(1_000, at)).toBe(10);
  });
});

describe('60 in a minute with a burst of 10', () => {
  it.each([1, 5, 10, 11, 20, 30])('of %i calls the first ten go at once and the others one each second', async (n) => {
    const { clock, at, call } = setUp({ requests: '60/m', burst: 10 });
    await clock.until(Promise.all(times(n, call)));
    expect(secondsOf(at)).toEqual(times(n, (k) => Math.max(0, k - 9)));
  });

  it('has its whole burst again after ten seconds of rest', async () => {
    const { clock, at, call } = setUp({ requests: '60/m', burst: 10 });
    await clock.until(Promise.all(times(10, call)));
    await clock.advance(10_000);
    await clock.until(Promise.all(times(10, call)));
    expect(secondsOf(at)).toEqual([...times(10, () => 0), ...times(10, () => 10)]);
  });
});

describe('at the edge', () => {
  it.each([
    ['gcra', 5, 0],
    ['gcra', 6, 200],
    ['sliding-window', 5, 0],
    ['sliding-window', 6, 1_000],
  ] as const)(
    'of 5 in a second, 5 at once, by %s: the last of %i calls goes after %i ms',
    async (algorithm, n, last) => {
      const { clock, at, call } = setUp({ requests: '5/s', burst: 5, algorithm });
      await clock.until(Promise.all(times(n, call)));
      expect(at).toEqual([0, 0, 0, 0, 0, ...(n === 6 ? [last] : [])]);
    },
  );

  it('of a bucket of 20 that is filled with 60 in a minute, 20 calls go at once, and the next after a second', async () => {
    const { clock, at, call } = setUp({ requests: '60/m', burst: 20 });
    await clock.until(Promise.all(times(20, call)));
    expect(at).toEqual(times(20, () => 0));
    await clock.until(call());
    expect(at.at(-1)).toBe(1_000);
  });

  it.each([
    ['gcra', (n: number) => Math.max(0, n - 9) * 100],
    ['sliding-window', (n: number) => Math.floor(n / 10) * 1_000],
  ] as const)('of 10 in a second, 10 at once, 20 calls go by %s as it says', async (algorithm, expected) => {
    const { clock, at, call } = setUp({ requests: '10/s', burst: 10, algorithm });
    await clock.until(Promise.all(times(20, call)));
    expect(at).toEqual(times(20, expected));
  });
});

describe.each([1_000, 5_000])('%i calls at once', (n) => {
  it.each([1_000, 2_500, 5_000])(
    'at %i in a minute all go, evenly, in order, in less than 50 MB',
    async (limit) => {
      const { clock, runner, plugin } = setUp({ requests: `${limit}/m` });
      const order: number[] = [];
      const at: number[] = [];
      const numbered = tool('numbered', {}, (k: number) => {
        order.push(k);
        at.push(clock.now());
      });
      const before = heapUsed();
      const all = times(n, (k) => runner.call(numbered, k));
      expect(plugin.stats()['all']?.queued).toBe(n - 1);
      expect(heapUsed() - before).toBeLessThan(50e6);
      await clock.until(Promise.all(all));
      expect(order).toEqual(times(n, (k) => k));
      expect(at.at(-1)).toBeCloseTo(((n - 1) * 60_000) / limit, 3);
      expect(mostWithin(60_000 - 1e-6, at)).toBeLessThanOrEqual(limit);
      expect(plugin.stats()['all']).toMatchObject({ queued: 0, rejected: 0 });
    },
    120_000,
  );
});

describe('several dimensions', () => {
  it('are taken all or none: whoever waits for tokens takes no request meanwhile', async () => {
    const { plugin, clock, at, call } = setUp({
      requests: '10/s',
      tokens: '100/s',
      limits: { day: '7/d' },
      burst: 10,
      cost: ({ input }) => ({ tokens: input as number }),
    });
    const all = [call(60), call(60)];
    const left = Object.values(plugin.stats()['all']?.dimensions ?? {}).map(({ remaining }) => remaining);
    expect(left).toEqual([9, 40, 6]);
    await clock.until(Promise.all([...all, ...times(5, () => call(0))]));
    expect(at).toEqual([0, 1_000, ...times(5, () => 1_000)]);
    // The day has had its seven.
    const eighth = call(0);
    await clock.until(eighth);
    expect(at.at(-1)).toBe(86_400_000);
  });

  it('of tokens count what is reserved until ctx.settle says what it was: more is owed, less is given back', async () => {
    for (const [actual, next] of [
      [100, 0],
      [500, 0],
      [501, 60_000],
      [1_000, 60_000],
      // What is too much counts as if it went when there was room for it.
      [1_200, 120_000],
    ] as const) {
      const plugin = rateLimit({ tokens: '1000/m', cost: { tokens: 500 } });
      const { clock, runner } = bench({ use: [plugin] });
      const at: number[] = [];
      const ask = tool('ask', {}, (_: unknown, ctx: Context) => {
        at.push(clock.now());
        ctx.settle({ tokens: actual });
      });
      await clock.until(runner.call(ask));
      await clock.until(runner.call(ask));
      expect(at).toEqual([0, next]);
    }
  });

  it('a correction downwards lets whoever waits go at once', async () => {
    const plugin = rateLimit({ tokens: '1000/m', cost: 900 });
    const { clock, runner } = bench({ use: [plugin] });
    const ask = tool('ask', {}, async (_: unknown, ctx: Context) => {
      const began = clock.now();
      await new Promise<void>((resolve) => clock.schedule(50, resolve));
      ctx.settle({ tokens: 10 });
      return began;
    });
    expect(await clock.until(Promise.all(times(3, () => runner.call(ask))))).toEqual([0, 50, 100]);
  });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
