import { type Context, isSluiceError, pipeline, pipelineFrom, tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { concurrency } from './index.ts';

nothingIsLeft();

describe('20 parallel increments of what is shared', () => {
  /** Reads, waits, and writes one more. */
  function counter(policy: { readonly concurrency?: { readonly exclusive: true } }) {
    const plugin = concurrency(10);
    const { clock, runner } = bench({ use: [plugin] });
    const shared = { count: 0 };
    const increment = tool('increment', policy, async () => {
      const { count } = shared;
      await sleep(clock, 5);
      shared.count = count + 1;
      return count;
    });
    return { plugin, clock, runner, shared, increment };
  }

  it('through a tool that must be alone are 20', async () => {
    const { plugin, clock, runner, shared, increment } = counter({ concurrency: { exclusive: true } });
    const all = await clock.until(Promise.all(times(20, () => runner.call(increment))));
    expect(shared.count).toBe(20);
    expect(all).toEqual(times(20, (n) => n));
    expectAtRest(plugin);
  });

  it('are 20 also from one stage, by callAll, and from 20 runs of a pipeline', async () => {
    const { plugin, clock, runner, shared, increment } = counter({ concurrency: { exclusive: true } });
    const one = pipeline('one').stage('s', (_, { callAll }) => callAll(times(20, () => [increment] as const)));
    const { s } = await clock.until(runner.run(one));
    expect(s).toEqual(times(20, (n) => n));
    const each = pipeline('each').stage('s', (_, { call }) => call(increment));
    await clock.until(Promise.all(times(20, () => runner.run(each))));
    expect(shared.count).toBe(40);
    expectAtRest(plugin);
  });

  it('through one that need not be alone are fewer: some are lost', async () => {
    const { clock, runner, shared, increment } = counter({});
    await clock.until(Promise.all(times(20, () => runner.call(increment))));
    expect(shared.count).toBe(2);
  });

  it('leave those that only read in parallel', async () => {
    const { plugin, clock, runner, shared, increment } = counter({ concurrency: { exclusive: true } });
    const gauge = new Gauge(clock);
    const read = tool('read', {}, () => gauge.busy(5));
    await clock.until(Promise.all(times(20, (n) => (n % 2 === 0 ? runner.call(increment) : runner.call(read)))));
    expect(shared.count).toBe(10);
    expect(gauge.peak).toBeGreaterThan(1);
    expectAtRest(plugin);
  });

  it('are 20 in any order of events', async () => {
    await simulate({
      runs: 200,
      async program({ clock, integer }) {
        const { runner } = bench({ use: [concurrency({ limit: 8, exclusive: true })] }, clock);
        let count = 0;
        const increment = tool('increment', {}, async () => {
          const before = count;
          await sleep(clock, integer(0, 20));
          count = before + 1;
        });
        await Promise.all(times(20, () => sleep(clock, integer(0, 50)).then(() => runner.call(increment))));
        return () => expect(count).toBe(20);
      },
    });
  }, 120_000);
});

describe('parallel writes of 20 stages to one key of run data', () => {
  const shape = (work: (n: number, data: { set(key: string, value: unknown): void }) => void) =>
    pipelineFrom(
      { name: 'p', stages: times(20, (n) => ({ name: `s${n}`, use: `s${n}` })) },
      { stages: Object.fromEntries(times(20, (n) => [`s${n}`, (_: unknown, { data }: Context) => work(n, data)])) },
    );

  it.each([1, 4, Number.POSITIVE_INFINITY])('that are merged are all there, with a limit of %d', async (limit) => {
    const { clock, runner } = bench({ use: [concurrency(limit)] });
    let kept: unknown;
    const merging = pipelineFrom(
      {
        name: 'p',
        stages: [
          ...times(20, (n) => ({ name: `s${n}`, use: 'write' })),
          { name: 'end', use: 'read', needs: times(20, (n) => `s${n}`) },
        ],
      },
      {
        stages: {
          write: async (_: unknown, { data, name }) => {
            await sleep(clock, (Number(name.slice(1)) * 7) % 5);
            data.merge('seen', name, (current: string[] | undefined, value) => [...(current ?? []), value]);
          },
          read: (_: unknown, { data }) => {
            kept = data.get('seen');
          },
        },
      },
    );
    await clock.until(runner.run(merging));
    expect((kept as string[]).sort()).toEqual(times(20, (n) => `s${n}`).sort());
  });

  it.each([1, 4])('that are set to different values are a DATA_CONFLICT, whatever the limit (%d)', async (limit) => {
    const { clock, runner } = bench({ use: [concurrency(limit)] });
    const report = await clock.until(runner.run(shape((n, data) => data.set('winner', n))).report);
    expect(report.status).toBe('failed');
    const cause = (report.error as Error).cause ?? report.error;
    expect(isSluiceError(cause, 'DATA_CONFLICT')).toBe(true);
    expect((cause as Error).message).toContain('"winner"');
  });

  it('that are set to the same value are fine', async () => {
    const { clock, runner } = bench({ use: [concurrency(4)] });
    const { status } = await clock.until(runner.run(shape((_, data) => data.set('version', 7))).report);
    expect(status).toBe('ok');
  });
});

describe('callAll through a limit', () => {
  it.each([
    [undefined, 3],
    [2, 2],
    [100, 3],
  ])(
    'of its own of %s runs no more than that and the pool allow, and keeps the order of results',
    async (limit, peak) => {
      const plugin = concurrency(3);
      const { clock, runner } = bench({ use: [plugin] });
      const gauge = new Gauge(clock);
      const work = tool('work', {}, async (n: number) => {
        await gauge.busy(100 - n * 7, n);
        return n;
      });
      const one = pipeline('one').stage('s', (_, { callAll }) =>
        callAll(
          times(12, (n) => [work, n] as const),
          limit === undefined ? {} : { limit },
        ),
      );
      const { s } = await clock.until(runner.run(one));
      expect(s).toEqual(times(12, (n) => n));
      expect(gauge.peak).toBe(peak);
      expectAtRest(plugin);
    },
  );

  it('with ordered: false hands the results out as they end', async () => {
    const { clock, runner } = bench({ use: [concurrency(3)] });
    const work = tool('work', {}, async (n: number) => {
      await sleep(clock, 100 - n * 10);
      return n;
    });
    const one = pipeline('one').stage('s', (_, { callAll }) =>
      callAll(
        times(3, (n) => [work, n] as const),
        { ordered: false },
      ),
    );
    expect((await clock.until(runner.run(one))).s).toEqual([2, 1, 0]);
  });
});
