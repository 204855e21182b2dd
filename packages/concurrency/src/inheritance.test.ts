import { type Call, type Context, createRunner, tool } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { concurrency } from './index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

interface Asked {
  readonly name: string;
  readonly priority: number;
}

/** A pool for each file, in which whoever writes is alone, and a pool of workers. */
function bench(workers = 1) {
  const clock = virtualClock();
  const plugin = concurrency({
    limit: workers,
    per: ({ name }: Call) => (name === 'write' ? 'file' : 'workers'),
    exclusive: ({ name }: Call) => name === 'write',
    priority: ({ input }: Call) => (input as Asked).priority,
    ageing: 'none',
  });
  const runner = createRunner({ use: [plugin], clock, grace: 0 });
  const log: string[] = [];
  const work = tool('work', {}, async ({ name }: Asked) => {
    log.push(name);
    await new Promise<void>((resolve) => clock.schedule(10, resolve));
  });
  const write = tool('write', {}, async ({ name, priority }: Asked, { call }: Context) => {
    log.push(`${name} writes`);
    await call(work, { name: `${name} works`, priority });
    log.push(`${name} wrote`);
  });
  return { clock, plugin, runner, log, work, write };
}

it('what one that is alone waits for is preferred as those are that wait for it', async () => {
  const { clock, runner, log, work, write } = bench();
  const calls = [runner.call(work, { name: 'busy', priority: 0 }), runner.call(write, { name: 'low', priority: 9 })];
  for (let n = 0; n < 3; n++) calls.push(runner.call(work, { name: `middle${n}`, priority: 5 }));
  await clock.advance(1);
  calls.push(runner.call(write, { name: 'high', priority: 1 }));
  await clock.until(Promise.all(calls));
  expect(log.indexOf('low works')).toBeLessThan(log.indexOf('middle0'));
  expect(log.indexOf('high works')).toBeLessThan(log.indexOf('middle1'));
});

it('and goes back to its own place when nobody waits for it any more', async () => {
  const { clock, runner, log, work, write } = bench();
  const controller = new AbortController();
  const calls = [runner.call(work, { name: 'busy', priority: 0 }), runner.call(write, { name: 'low', priority: 9 })];
  calls.push(runner.call(work, { name: 'middle', priority: 5 }));
  await clock.advance(1);
  const high = runner.call(write, { name: 'high', priority: 1 }, { signal: controller.signal }).catch(() => {});
  await clock.advance(1);
  controller.abort(new Error('enough'));
  await clock.until(Promise.all([...calls, high]));
  expect(log.indexOf('middle')).toBeLessThan(log.indexOf('low works'));
});

it('of several that wait for it the best counts, whenever it came', async () => {
  const { clock, runner, log, work, write } = bench();
  const calls = [runner.call(work, { name: 'busy', priority: 0 }), runner.call(write, { name: 'low', priority: 9 })];
  calls.push(runner.call(work, { name: 'middle', priority: 5 }), runner.call(write, { name: 'worse', priority: 8 }));
  calls.push(runner.call(write, { name: 'best', priority: 2 }), runner.call(write, { name: 'bad', priority: 7 }));
  await clock.until(Promise.all(calls));
  expect(log.indexOf('low works')).toBeLessThan(log.indexOf('middle'));
  expect(log.filter((line) => line.endsWith('writes'))).toEqual([
    'low writes',
    'best writes',
    'bad writes',
    'worse writes',
  ]);
});

it('one that comes to wait when somebody waits for it already is preferred from the beginning', async () => {
  const { clock, runner, log, work, write } = bench();
  const slow = tool('write', {}, async (asked: Asked, { call }: Context) => {
    await new Promise<void>((resolve) => clock.schedule(5, resolve));
    return call(work, { name: 'low works', priority: asked.priority });
  });
  const calls: Promise<unknown>[] = [runner.call(slow, { name: 'low', priority: 9 })];
  calls.push(runner.call(write, { name: 'high', priority: 1 }), runner.call(work, { name: 'busy', priority: 0 }));
  calls.push(runner.call(work, { name: 'middle', priority: 5 }));
  await clock.until(Promise.all(calls));
  expect(log.indexOf('low works')).toBeLessThan(log.indexOf('middle'));
});

it('lends nothing to what is in no call that is alone', async () => {
  const { clock, runner, log, work, write } = bench();
  const calls = [runner.call(work, { name: 'busy', priority: 0 }), runner.call(write, { name: 'low', priority: 9 })];
  calls.push(runner.call(work, { name: 'stranger', priority: 8 }), runner.call(work, { name: 'middle', priority: 5 }));
  await clock.advance(1);
  calls.push(runner.call(write, { name: 'high', priority: 1 }));
  await clock.until(Promise.all(calls));
  expect(log.indexOf('middle')).toBeLessThan(log.indexOf('stranger'));
  expect(log.indexOf('low works')).toBeLessThan(log.indexOf('middle'));
});
