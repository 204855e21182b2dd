import { createRunner, tool, wrap } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { idempotency } from './idempotency.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench(options?: Parameters<typeof idempotency>[0]) {
  const clock = virtualClock();
  const plugin = idempotency(options);
  const runner = createRunner({ use: [plugin], clock });
  let charged = 0;
  const charge = tool('charge', {}, async (_: number) => {
    charged++;
    await new Promise<void>((resolve) => clock.schedule(100, resolve));
    return charged;
  });
  return { clock, plugin, runner, charge, charged: () => charged };
}

it('fifty duplicates at once are one execution', async () => {
  const { clock, runner, charge, charged, plugin } = bench();
  const all = Array.from({ length: 50 }, () => runner.call(charge, 1, { idempotencyKey: 'k' }));
  expect(await clock.until(Promise.all(all))).toEqual(all.map(() => 1));
  expect(charged()).toBe(1);
  expect(plugin.stats()).toEqual({ run: 1, joined: 49, replayed: 0, mismatched: 0, underWay: 0 });
});

it('a duplicate outlives the cancellation of the call that began', async () => {
  const { clock, runner, charge, charged } = bench();
  const stop = new AbortController();
  const first = runner.call(charge, 1, { idempotencyKey: 'k', signal: stop.signal });
  const second = runner.call(charge, 1, { idempotencyKey: 'k' });
  const third = runner.call(charge, 1, { idempotencyKey: 'k', deadline: 20 });
  await clock.advance(10);
  stop.abort(new Error('no longer'));
  await expect(clock.until(first)).rejects.toMatchObject({ code: 'CANCELLED' });
  await expect(clock.until(third)).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(await clock.until(second)).toBe(1);
  expect(charged()).toBe(1);
});

it('it is stopped with the last that waits for it', async () => {
  const { clock, runner, charge, plugin } = bench();
  const calls = [10, 20].map((deadline) =>
    runner.call(charge, 1, { idempotencyKey: 'k', deadline }).catch(() => 'late'),
  );
  expect(await clock.until(Promise.all(calls))).toEqual(['late', 'late']);
  await clock.advance(200);
  expect(plugin.stats().underWay).toBe(0);
});

it('the same key with other input is an error', async () => {
  const { clock, runner, charge } = bench();
  const first = runner.call(charge, 1, { idempotencyKey: 'k' });
  await expect(clock.until(runner.call(charge, 2, { idempotencyKey: 'k' }))).rejects.toMatchObject({
    code: 'IDEMPOTENCY_MISMATCH',
  });
  await clock.until(first);
  await expect(clock.until(runner.call(charge, 2, { idempotencyKey: 'k' }))).rejects.toMatchObject({
    code: 'IDEMPOTENCY_MISMATCH',
  });
});

it('functions without a name are not taken for one another', async () => {
  const once = idempotency({ key: ({ input }) => String((input as [number])[0]) });
  const nameless = wrap(
    (
      () => async (id: number) =>
        `user ${id}`
    )(),
    once,
  );
  await expect(nameless(7)).rejects.toMatchObject({
    code: 'INTERCEPTOR',
    cause: { message: 'a function without a name cannot be told from others: give it one' },
  });
  const user = wrap(async function user(id: number) {
    return `user ${id}`;
  }, once);
  const order = wrap(async function order(id: number) {
    return `order ${id}`;
  }, once);
  expect([await user(7), await order(7)]).toEqual(['user 7', 'order 7']);
});
