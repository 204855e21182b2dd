import { createRunner, tool, wrap } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exponential } from './exponential.ts';
import { retry } from './retry.ts';
import { retryRecord } from './retry-record.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const busy = () => Object.assign(new Error('busy'), { status: 503 });

function bench(options?: Parameters<typeof retry>[0]) {
  const clock = virtualClock({ seed: 1 });
  const plugin = retry(options);
  const runner = createRunner({ use: [plugin], clock, acknowledge: ['retry-without-deadline'] });
  return { clock, plugin, runner };
}

it('two failures, and then success, are a success in three attempts', async () => {
  const { clock, runner, plugin } = bench();
  let calls = 0;
  const flaky = tool('flaky', {}, async () => {
    if (++calls < 3) throw busy();
    return 'done';
  });
  expect(await clock.until(runner.call(flaky))).toBe('done');
  expect(calls).toBe(3);
  expect(plugin.stats()).toMatchObject({ calls: 1, attempts: 3, recovered: 1, exhausted: 0, amplification: 3 });
});

it('a work that fails in all attempts rejects with RETRY_EXHAUSTED, which tells of each of them', async () => {
  const { clock, runner } = bench({ attempts: 3, backoff: exponential({ base: 100, jitter: 'none' }) });
  const dead = tool('dead', {}, async () => {
    throw busy();
  });
  const error: unknown = await clock.until(runner.call(dead).catch((e: unknown) => e));
  expect(error).toMatchObject({
    code: 'RETRY_EXHAUSTED',
    message: 'Tool "dead" failed 3 times in 300 ms, the last time with: busy',
  });
  expect(retryRecord(error)?.attempts).toMatchObject([
    { attempt: 1, atMs: 0, delayMs: 100 },
    { attempt: 2, atMs: 100, delayMs: 200 },
    { attempt: 3, atMs: 300 },
  ]);
});

it('a thousand attempts that fail at once do not fill the stack', async () => {
  let calls = 0;
  const dead = wrap(
    () => {
      calls++;
      throw busy();
    },
    retry({ attempts: 20_000, backoff: 0, budget: 'none' }),
  );
  await expect(dead()).rejects.toMatchObject({ code: 'RETRY_EXHAUSTED' });
  expect(calls).toBe(20_000);
});
