import { getEventListeners } from 'node:events';
import { createRunner, tool } from '@sluice/core';
import { leakLedger } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { heartbeat, timeout, timeoutScope } from './index.ts';
import type { TimeoutStats } from './timeout-stats.ts';

const MILLION = 1_000_000;
const BATCH = 1_000;

const collect = (globalThis as { gc?: () => void }).gc ?? (() => expect.unreachable('run it with --expose-gc'));

/** The heap after a full collection, in bytes. */
async function heap(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** How many native timers and immediates are under way. */
function nativeTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length;
}

it('a million timed calls, of which some time out and some fail, leave no listener, timer or heap behind', async () => {
  const runner = createRunner({ use: [timeout({ total: '1h', attempt: '10m', grace: 5 }), heartbeat('1m')] });
  const work = tool('work', {}, async (n: number) => n);
  const beating = tool('beating', {}, async (n: number, { heartbeat: beat }) => {
    beat({ n });
    return n;
  });
  const failing = tool('failing', {}, async (n: number): Promise<number> => {
    throw new RangeError(`${n}`);
  });
  const obedient = tool('obedient', { timeout: { total: 2, attempt: 'none' } }, (_: number, { signal }) => {
    return new Promise<number>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const silent = tool('silent', { heartbeat: 2 }, (_: number, { signal }) => {
    return new Promise<number>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const stubborn = tool('stubborn', { timeout: { attempt: 1 }, heartbeat: 'none' }, (n: number) => {
    return new Promise<number>((resolve) => setTimeout(resolve, 60, n));
  });
  // Of a thousand calls each: five time out, three are silent, two outlive their grace, ten fail, a hundred beat.
  const mixed = [
    { one: obedient, upTo: 5 },
    { one: silent, upTo: 8 },
    { one: stubborn, upTo: 10 },
    { one: failing, upTo: 20 },
    { one: beating, upTo: 120 },
    { one: work, upTo: BATCH },
  ];
  const toolFor = (index: number) => mixed.find(({ upTo }) => index < upTo)?.one ?? work;
  const { signal } = new AbortController();
  const run = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += BATCH) {
      const calls = Array.from({ length: BATCH }, (_, index) =>
        // Every other one under the parent signal, of each kind.
        runner.call(toolFor(index), n + index, index % 2 === 0 ? { signal } : {}).catch(() => {}),
      );
      await Promise.all(calls);
    }
    // Until the last that outlived its grace has ended.
    while (runner.stats().orphans > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const ledger = leakLedger();
  await run(MILLION / 10);
  const timers = nativeTimers();
  const before = await heap();
  await run(MILLION);
  const slope = ((await heap()) - before) / MILLION;
  expect(slope).toBeLessThan(20);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(nativeTimers()).toBeLessThanOrEqual(timers);
  ledger.assertEmpty();
  const batches = (1.1 * MILLION) / BATCH;
  const stats = runner.stats();
  expect(stats).toMatchObject({
    running: 0,
    orphans: 0,
    interceptors: {
      timeout: {
        'tool:work': { ok: batches * 880, failed: 0, timeout: 0, cancelled: 0 },
        'tool:beating': { ok: batches * 100 },
        'tool:failing': { ok: 0, failed: batches * 10 },
        'tool:obedient': { timeout: batches * 5, orphans: 0 },
        'tool:silent': { timeout: batches * 3, orphans: 0 },
      },
      heartbeat: {
        'tool:beating': { beats: batches * 100, lost: 0 },
        'tool:silent': { lost: batches * 3, orphans: 0 },
      },
    },
  });
  // Where the loop was blocked for longer than its work takes, a stubborn one may still have made it.
  const told = (stats.interceptors as { timeout: Record<string, TimeoutStats> }).timeout['tool:stubborn'];
  expect(told).toMatchObject({ orphans: 0, late: told?.timeout });
  expect((told?.ok ?? 0) + (told?.timeout ?? 0)).toBe(batches * 2);
});

it('a call that beats a million times holds no more in the end than after its first beats', async () => {
  const ledger = leakLedger();
  const runner = createRunner({ use: [timeout('1h'), heartbeat('10m')] });
  const grown: number[] = [];
  const copy = tool('copy', {}, async (_: unknown, { heartbeat: beat }) => {
    for (let page = 0; page < MILLION / 10; page++) beat({ page });
    const before = await heap();
    for (let page = 0; page < MILLION; page++) beat({ page });
    grown.push((await heap()) - before);
  });
  await runner.call(copy, undefined);
  expect(grown[0]).toBeLessThan(MILLION);
  expect(runner.stats()).toMatchObject({
    interceptors: { heartbeat: { 'tool:copy': { beats: 1.1 * MILLION, ignored: 0 } } },
  });
  ledger.assertEmpty();
});

it('a hundred thousand scopes in one, of which every tenth times out, leave nothing behind', async () => {
  const ledger = leakLedger();
  const parent = timeoutScope('parent', { timeout: '1h' });
  const run = async (count: number): Promise<number> => {
    let timedOut = 0;
    for (let n = 0; n < count; n += BATCH) {
      const scopes = Array.from({ length: BATCH }, (_, index) =>
        parent.child(`child ${index}`, { timeout: index % 10 === 0 ? 1 : '10m' }),
      );
      await Promise.all(
        scopes.map((scope, index) =>
          scope
            .run(() => (index % 10 === 0 ? new Promise(() => {}) : Promise.resolve()))
            .then(
              () => scope.complete(),
              () => timedOut++,
            ),
        ),
      );
    }
    return timedOut;
  };
  await run(10_000);
  const before = await heap();
  expect(await run(100_000)).toBe(10_000);
  expect(((await heap()) - before) / 100_000).toBeLessThan(20);
  parent.complete();
  await parent.settled;
  ledger.assertEmpty();
});
