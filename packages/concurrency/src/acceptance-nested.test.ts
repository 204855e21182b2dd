import { type Context, pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, failure, Gauge, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

function setUp(options: ConcurrencyOptions) {
  const plugin = concurrency(options);
  const { clock, runner, of } = bench({ use: [plugin] });
  const gauge = new Gauge(clock);
  const leaf = tool('leaf', {}, async (n: number) => {
    await gauge.busy(10, n);
    return n;
  });
  return { plugin, clock, runner, of, gauge, leaf };
}

describe.each([1, 2, 3])('with a limit of %i', (limit) => {
  it('a stage that calls tools of its own pool, 10 at once, ends, and never more than the limit really run', async () => {
    const { plugin, clock, runner, gauge, leaf } = setUp({ limit });
    const shape = pipeline('p').stage('s', async (_, { call }) => {
      await gauge.busy(5, 'before');
      const all = await Promise.all(times(10, (n) => call(leaf, n)));
      await gauge.busy(5, 'after');
      return all;
    });
    const { s } = await clock.until(runner.run(shape));
    expect(s).toEqual(times(10, (n) => n));
    expect(gauge.peak).toBe(limit);
    expect(clock.now()).toBe(5 + Math.ceil(10 / limit) * 10 + 5);
    expectAtRest(plugin);
  });

  it('a tool that calls a tool that calls a tool, 10 at once on each level, ends likewise', async () => {
    const { plugin, clock, runner, gauge, leaf } = setUp({ limit });
    const middle = tool('middle', {}, async (n: number, { call }: Context) => {
      await gauge.busy(1);
      const all = await Promise.all(times(10, (k) => call(leaf, n * 10 + k)));
      await gauge.busy(1);
      return all;
    });
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
      await gauge.busy(1);
      return (await Promise.all(times(10, (n) => call(middle, n)))).flat();
    });
    expect(await clock.until(runner.call(outer, 0))).toEqual(times(100, (n) => n));
    expect(gauge.peak).toBe(limit);
    expectAtRest(plugin);
  });

  it('calls 50 deep, one in another, end', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit });
    const deep = tool('deep', {}, async (left: number, { call }: Context): Promise<number> => {
      await gauge.busy(1);
      return left === 0 ? 0 : 1 + ((await call(deep, left - 1)) as number);
    });
    expect(await clock.until(Promise.all(times(5, () => runner.call(deep, 50))))).toEqual(times(5, () => 50));
    expect(gauge.peak).toBe(limit);
    expectAtRest(plugin);
  });

  it('a sub-pipeline in a stage, 10 of them at once, with tools in its stages, ends', async () => {
    const { plugin, clock, runner, gauge, leaf } = setUp({ limit });
    const child = pipeline<number>('child')
      .stage('one', async ({ input }, { call }) => {
        await gauge.busy(3);
        return call(leaf, input);
      })
      .stage('two', ['one'], async ({ one }, { call }) => call(leaf, one));
    const parent = pipeline('parent').stage('s', async (_, ctx) => {
      const all = await Promise.all(times(10, (n) => ctx.run(child, n)));
      return all.map(({ two }) => two);
    });
    const { s } = await clock.until(runner.run(parent));
    expect(s).toEqual(times(10, (n) => n));
    expect(gauge.peak).toBe(limit);
    expectAtRest(plugin);
  });

  it('20 runs of which each stage makes 10 nested calls at once all end', async () => {
    const { plugin, clock, runner, gauge, leaf } = setUp({ limit });
    const shape = pipeline('p')
      .stage('a', (_, { callAll }) => callAll(times(10, (n) => [leaf, n] as const)))
      .stage('b', (_, { callAll }) =>
        callAll(
          times(10, (n) => [leaf, n] as const),
          { limit: 4 },
        ),
      );
    const all = await clock.until(Promise.all(times(20, () => runner.run(shape))));
    for (const { a, b } of all) expect([a, b]).toEqual([times(10, (n) => n), times(10, (n) => n)]);
    expect(gauge.peak).toBe(limit);
    expect(gauge.begun).toHaveLength(400);
    expectAtRest(plugin);
  });

  it('a nested call that times out and goes on keeps the permit that it was lent', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit });
    const deaf = tool('deaf', {}, () => gauge.busy(1_000));
    const work = tool('work', {}, () => gauge.busy(10));
    const shape = pipeline('p').stage('s', (_, { call }) =>
      Promise.all(times(limit, () => call(deaf, undefined, { deadline: 20 }).catch(() => 'gone'))),
    );
    await clock.until(runner.run(shape));
    expect(clock.now()).toBeLessThan(1_000);
    expect(plugin.stats().active).toBe(limit);
    expect(plugin.stats().orphans).toBeGreaterThanOrEqual(limit);
    await clock.until(runner.call(work));
    expect(gauge.peak).toBe(limit);
    expect(clock.now()).toBeGreaterThan(1_000);
    expectAtRest(plugin);
  });
});

describe('with a limit of 1', () => {
  it('a call that is stopped while its nested ones wait leaves nothing behind', async () => {
    const { plugin, clock, runner, gauge, leaf } = setUp({ limit: 1 });
    const stop = new AbortController();
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => Promise.all(times(10, (n) => call(leaf, n))));
    const call = failure(runner.call(outer, 0, { signal: stop.signal }));
    await clock.advance(15);
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 8 });
    stop.abort(new Error('enough'));
    await clock.until(call);
    await clock.runAll();
    expect(gauge.begun).toHaveLength(2);
    expectAtRest(plugin);
    await expect(clock.until(runner.call(leaf, 7))).resolves.toBe(7);
  });

  it('a nested call that fails gives the permit back to the one around it', async () => {
    const { plugin, clock, runner, leaf } = setUp({ limit: 1 });
    const fails = tool('fails', {}, () => Promise.reject(new Error('no')));
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
      const first = await ending(call(fails));
      return [first, await call(leaf, 1)];
    });
    expect(await clock.until(runner.call(outer, 0))).toEqual(['no', 1]);
    expectAtRest(plugin);
  });
});

describe('a nested call that must be alone', () => {
  const exclusive: ConcurrencyOptions['exclusive'] = ({ name }) => name === 'write';

  it('is alone once the others have ended, though the call around it holds a permit', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 4, exclusive });
    const write = tool('write', {}, async () => {
      expect(gauge.running).toBe(0);
      await gauge.busy(10, 'write');
      expect(gauge.running).toBe(0);
    });
    const read = tool('read', {}, () => gauge.busy(25, 'read'));
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
      await gauge.busy(5, 'outer');
      await call(write);
    });
    await clock.until(Promise.all([runner.call(read), runner.call(outer, 0), runner.call(read), runner.call(read)]));
    expect(gauge.order).toEqual(['read', 'outer', 'read', 'read', 'write']);
    expectAtRest(plugin);
  });

  it('lets what is in it go on with its permit, one after another', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 4, exclusive });
    const read = tool('read', {}, () => gauge.busy(10, 'read'));
    const write = tool('write', {}, (_: unknown, { call }: Context) => Promise.all(times(3, () => call(read))));
    await clock.until(Promise.all([runner.call(write, 0), runner.call(read)]));
    expect(gauge.peak).toBe(1);
    expect(gauge.times).toEqual([0, 10, 20, 30]);
    expectAtRest(plugin);
  });
});

describe('weights', () => {
  const weight: ConcurrencyOptions['weight'] = ({ input }) => input as number;

  it.each([3, 5, 8])('of what runs never exceed a limit of %i together, but for one that goes alone', async (limit) => {
    const { plugin, clock, runner, gauge } = setUp({ limit, weight });
    let heaviest = 0;
    const heavy = tool('heavy', {}, async (n: number) => {
      const over = gauge.busy(10, n, n);
      if (n > limit) expect(gauge.running).toBe(n);
      else heaviest = Math.max(heaviest, gauge.running);
      await over;
    });
    await clock.until(Promise.all(times(60, (n) => runner.call(heavy, 1 + (n % 10)))));
    expect(heaviest).toBeLessThanOrEqual(limit);
    expect(gauge.begun).toHaveLength(60);
    expectAtRest(plugin);
  });

  it('of nested calls neither exceed the limit nor wait for ever', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 4, weight });
    const inner = tool('inner', {}, (n: number) => gauge.busy(10, n, n));
    const outer = tool('outer', {}, (n: number, { call }: Context) =>
      Promise.all([1, 2, 3, 4].map((each) => call(inner, Math.min(each, n)))),
    );
    await clock.until(Promise.all(times(8, (n) => runner.call(outer, 1 + (n % 4)))));
    expect(gauge.begun).toHaveLength(32);
    expect(gauge.peak).toBeLessThanOrEqual(4);
    expectAtRest(plugin);
  });
});

describe('two calls that each hold a limit of their own and want the other’s', () => {
  it('wait for each other, until the deadline of one of them ends it', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 10 });
    const left = tool('left', { concurrency: 1 }, () => gauge.busy(10, 'left'));
    const right = tool('right', { concurrency: 1 }, () => gauge.busy(10, 'right'));
    const holds = (first: 'left' | 'right') =>
      tool(first, { concurrency: 1 }, async (_: unknown, { call }: Context) => {
        await gauge.busy(10, `${first} holds`);
        await call(first === 'left' ? right : left);
      });
    const ends = Promise.all([
      ending(runner.call(holds('left'), 0, { deadline: 500 })),
      ending(runner.call(holds('right'), 0)),
    ]);
    await clock.advance(499);
    expect(gauge.order).toEqual(['left holds', 'right holds']);
    expect(await clock.until(ends)).toEqual(['TIMEOUT', 'undefined']);
    expectAtRest(plugin);
  });
});
