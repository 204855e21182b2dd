import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { leakLedger } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

const MILLION = 1_000_000;

const collect = (globalThis as { gc?: () => void }).gc ?? (() => expect.unreachable('run it with --expose-gc'));

/** The heap after a full collection, in bytes. */
async function heap(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

it('a million calls under one parent signal leave no listener, timer, subscription or heap behind', async () => {
  const total = defineInterceptor({
    name: 'total',
    priority: Place.total,
    intercept: (call, next) => within(call, { limit: 60_000, name: 'total' }, next),
  });
  const runner = createRunner({ use: [total] });
  const { signal } = new AbortController();
  const work = tool('work', {}, async (n: number) => n);
  const ledger = leakLedger();
  const run = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => runner.call(work, n + index, { signal })));
    }
  };
  await run(MILLION / 10);
  const before = await heap();
  await run(MILLION);
  const slope = ((await heap()) - before) / MILLION;
  expect(slope).toBeLessThan(20);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate')).toHaveLength(0);
  ledger.assertEmpty();
  expect(runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 0 });
});

it('100,000 calls that time out leave nothing behind either', async () => {
  const runner = createRunner({ grace: 5 });
  const hang = tool('hang', {}, (_: unknown, { signal }) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const ledger = leakLedger();
  const run = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1_000) {
      await Promise.all(
        Array.from({ length: 1_000 }, () => runner.call(hang, undefined, { deadline: 1 }).catch(() => {})),
      );
    }
  };
  await run(10_000);
  const before = await heap();
  await run(100_000);
  expect(((await heap()) - before) / 100_000).toBeLessThan(20);
  ledger.assertEmpty();
  expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
});
