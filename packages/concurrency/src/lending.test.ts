import { type Call, type Context, createRunner, pipeline, tool, withContext } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConcurrencyOptions, concurrency } from './index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench(options: ConcurrencyOptions) {
  const clock = virtualClock();
  const plugin = concurrency(options);
  const runner = createRunner({
    use: [plugin],
    clock,
    grace: 0,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  const log: string[] = [];
  const gauge = { running: 0, peak: 0 };
  const leaf = tool('leaf', {}, async (name: string) => {
    gauge.peak = Math.max(gauge.peak, ++gauge.running);
    log.push(`${name}@${clock.now()}`);
    await sleep(10);
    gauge.running--;
    return name;
  });
  return { clock, plugin, runner, sleep, log, gauge, leaf };
}

describe('a call that waits for a call in it lends it its permit', () => {
  it('one at a time, in order, and ends with a limit of 1', async () => {
    const { clock, plugin, runner, log, gauge, leaf } = bench({ limit: 1 });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all(['a', 'b', 'c'].map((name) => call(leaf, name))),
    );
    expect(await clock.until(runner.call(outer))).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a@0', 'b@10', 'c@20']);
    expect(gauge.peak).toBe(1);
    expect(plugin.stats()).toMatchObject({ active: 0, queued: 0 });
  });

  it('and further ones go on with permits that are free', async () => {
    const { clock, runner, log, leaf } = bench({ limit: 2 });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all(['a', 'b', 'c'].map((name) => call(leaf, name))),
    );
    await clock.until(runner.call(outer));
    expect(log).toEqual(['a@0', 'b@0', 'c@10']);
  });

  it('through several calls in one another', async () => {
    const { clock, runner, gauge, leaf } = bench({ limit: 1 });
    const deep = (depth: number) =>
      tool(`deep${depth}`, {}, async (_: undefined, { call }: Context): Promise<unknown> => {
        return depth === 0 ? Promise.all([call(leaf, 'x'), call(leaf, 'y')]) : call(deep(depth - 1));
      });
    expect(await clock.until(runner.call(deep(6)))).toEqual(['x', 'y']);
    expect(gauge.peak).toBe(1);
  });

  it('also one that is a stage, a run in a stage, or a function', async () => {
    const { clock, runner, leaf } = bench({ limit: 1 });
    const child = pipeline('child').stage('inner', (_, { call }) => call(leaf, 'child'));
    const parent = pipeline('parent').stage('outer', (_, ctx) => Promise.all([ctx.run(child), ctx.call(leaf, 'own')]));
    expect((await clock.until(runner.run(parent))).outer).toEqual([{ inner: 'child' }, 'own']);
    const fn = runner.wrap(withContext((ctx) => ctx.call(leaf, 'in a function')));
    expect(await clock.until(fn())).toBe('in a function');
  });

  it('and takes it back when that was stopped, or failed, or leaves before its turn', async () => {
    const { clock, runner, log, leaf } = bench({ limit: 1 });
    const fails = tool('fails', {}, async () => {
      throw new Error('no');
    });
    const hangs = tool('hangs', {}, (_: undefined, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      const all = [call(fails), call(hangs, undefined, { deadline: 5 }), call(leaf, 'never', { deadline: 3 })];
      await Promise.allSettled(all);
      return call(leaf, 'last');
    });
    expect(await clock.until(runner.call(outer))).toBe('last');
    expect(log).toEqual(['last@5']);
  });

  it('but not while work in it goes on that was stopped and does not listen', async () => {
    const { clock, plugin, runner, sleep, log, leaf } = bench({ limit: 1 });
    const deaf = tool('deaf', {}, () => sleep(50));
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      await call(deaf, undefined, { deadline: 5 }).catch(() => {});
      return call(leaf, 'after');
    });
    const ended = runner.call(outer);
    await clock.advance(20);
    expect(plugin.stats()).toMatchObject({ active: 1, queued: 1 });
    expect(await clock.until(ended)).toBe('after');
    expect(log).toEqual(['after@50']);
  });

  it('and leaves it to that when it ends first', async () => {
    const { clock, plugin, runner, sleep, leaf } = bench({ limit: 1, release: 'verdict' });
    const deaf = tool('deaf', { concurrency: { release: 'settled' } }, () => sleep(50));
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      void call(deaf).catch(() => {});
      await sleep(5);
      return 'gone';
    });
    expect(await clock.until(runner.call(outer))).toBe('gone');
    expect(await clock.until(runner.call(leaf, 'next'))).toBe('next');
    await clock.runAll();
    expect(plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
  });

  it('to no call of another limit', async () => {
    const { clock, runner, log, leaf } = bench({ limit: 1, per: 'name' });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all([call(leaf, 'a'), call(leaf, 'b')]),
    );
    await clock.until(Promise.all([runner.call(outer), runner.call(leaf, 'c')]));
    expect(log).toEqual(['a@0', 'b@10', 'c@20']);
  });

  it('to what must be alone, and within one that is alone to all', async () => {
    const { clock, runner, log, leaf } = bench({ limit: 3, exclusive: ({ name }: Call) => name !== 'leaf' });
    const alone = tool('alone', {}, (_: undefined, { call }: Context) =>
      Promise.all([call(leaf, 'a'), call(leaf, 'b')]),
    );
    await clock.until(Promise.all([runner.call(alone), runner.call(leaf, 'outside')]));
    expect(log).toEqual(['a@0', 'b@10', 'outside@20']);
  });
});

it('work that goes on for longer than its lease gives its permit back, and once only', async () => {
  const { clock, plugin, runner, sleep, leaf } = bench({ limit: 1, orphanLease: 100 });
  const deaf = tool('deaf', {}, () => sleep(500));
  await clock.until(runner.call(deaf, undefined, { deadline: 10 }).catch(() => {}));
  const waits = runner.call(leaf, 'waits');
  await clock.advance(99);
  expect(plugin.stats()).toMatchObject({ active: 1, queued: 1, orphans: 1 });
  await clock.advance(1);
  expect(plugin.stats()).toMatchObject({ active: 1, queued: 0, orphans: 0 });
  expect(await clock.until(waits)).toBe('waits');
  await clock.runAll();
  expect(plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
});
