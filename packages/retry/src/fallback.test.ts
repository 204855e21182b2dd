import { createRunner, pipeline, tool, wrap } from '@sluice/core';
import { leakLedger, recorder, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fallback } from './fallback.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const dead = tool('dead', {}, async (): Promise<number> => {
  throw new Error('down');
});

it('a value is given in place of a result, and the report says where it is from and why', async () => {
  const clock = virtualClock();
  const runner = createRunner({ use: [fallback(7)], clock });
  const fetch = pipeline<void>('p').stage('fetch', async (): Promise<number> => {
    throw new Error('down');
  });
  const run = runner.run(fetch);
  expect(await clock.until(run)).toEqual({ fetch: 7 });
  const report = await run.report;
  expect(report.stages.fetch).toMatchObject({
    status: 'ok',
    value: 7,
    origin: 'fallback',
    attempts: 1,
    insteadOf: { code: 'STAGE_FAILED', message: 'Stage "fetch" failed: down' },
  });
});

it('work that is run in its place has the input, what went wrong, and a signal of its own', async () => {
  const clock = virtualClock();
  let seen: unknown;
  const runner = createRunner({
    use: [
      fallback(async (input: { q: string }, ctx) => {
        seen = [input.q, String(ctx.previous?.error), ctx.signal.aborted];
        return 1;
      }),
    ],
    clock,
  });
  const search = tool('search', {}, async (_: { q: string }): Promise<number> => {
    throw new Error('down');
  });
  expect(await clock.until(runner.call(search, { q: 'cats' }))).toBe(1);
  expect(seen).toEqual(['cats', 'Error: down', false]);
});

it('of a chain each is tried when the one before has failed, and the first failure is what remains', async () => {
  const clock = virtualClock();
  const fail = (message: string) => async () => {
    throw new Error(message);
  };
  const runner = createRunner({ use: [fallback([fail('mirror'), fail('cache'), 9])], clock });
  const seen = recorder(runner);
  expect(await clock.until(runner.call(dead))).toBe(9);
  const told = seen.events
    .filter(({ type }) => type === 'fallback')
    .map((event) => {
      const { step, status } = event as unknown as { step: number; status: string };
      return [step, status];
    });
  expect(told).toEqual([
    [1, 'failed'],
    [2, 'failed'],
    [3, 'ok'],
  ]);
  const none = createRunner({ use: [fallback([fail('mirror')])], clock });
  await expect(clock.until(none.call(dead))).rejects.toThrow('down');
});

it('a list without work in it is a value', async () => {
  expect(
    await wrap(
      async (): Promise<string[]> => {
        throw new Error('down');
      },
      fallback([] as string[]),
    )(),
  ).toEqual([]);
});
