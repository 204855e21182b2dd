import { type Context, tool, toResponse } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { expect, it, vi } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeoutScope } from './timeout-scope.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

const evil: Record<string, () => unknown> = {
  'answers a thenable whose getter throws': () => ({
    get then() {
      throw new Error('evil');
    },
  }),
  'throws something whose message throws': () => {
    throw {
      get message() {
        throw new Error('evil');
      },
    };
  },
};
it.each(Object.entries(evil))('a handler that %s harms no other, here or in scopes inside', async (_, handler) => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): number => uncaught.push(error);
  process.on('uncaughtException', note);
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const clock = virtualClock();
  const heard: string[] = [];
  const outer = timeoutScope('outer', { timeout: 100, clock });
  const inner = outer.child('inner');
  const { signal } = inner;
  inner.onTimeout(() => heard.push('inner'));
  outer.onTimeout(handler);
  outer.onTimeout(() => heard.push('outer'));
  await clock.advance(100);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', note);
  vi.restoreAllMocks();
  expect([heard, signal.aborted, uncaught]).toEqual([['outer', 'inner'], true, []]);
});

it('a handler that throws a text is said with that text', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const clock = virtualClock();
  timeoutScope('s', { timeout: 100, clock }).onTimeout(() => {
    throw 'disk full';
  });
  await clock.advance(100);
  expect(warned.mock.lastCall?.[0]).toContain('disk full');
  warned.mockRestore();
});

it('nothing begins in a scope that is over, completed ones included', async () => {
  const scope = timeoutScope('s', { timeout: 100, clock: virtualClock() });
  scope.complete();
  await expect(scope.run(() => 'ran')).rejects.toMatchObject({ code: 'CANCELLED' });
});

it('what an earlier attempt said is not told as the last words of this one', async () => {
  const bench = workbench({ use: [again(2), heartbeat(100)] });
  const work = tool('work', {}, (_: unknown, ctx: Context) => {
    if (ctx.attempt === 1) ctx.heartbeat({ page: 7 });
    else ctx.progress(0.1);
    return hang(ctx.signal);
  });
  const error = await bench.clock.until(failure(bench.runner.call(work)));
  expect(error.message).not.toContain('{"page":7}');
});

it('a heartbeat is told and handed on as it was', async () => {
  const bench = workbench({ use: [again(2), heartbeat(100)] });
  let seen: unknown;
  const work = tool('work', {}, (_: unknown, ctx: Context) => {
    seen = ctx.previous?.heartbeat;
    if (ctx.attempt === 2) return;
    const details = { page: 1 };
    ctx.heartbeat(details);
    details.page = 99;
    throw new Error('boom');
  });
  await bench.clock.until(bench.runner.call(work));
  expect(seen).toEqual({ page: 1 });
});

it('the envelope of a lost heartbeat has no camelCase internals', async () => {
  const bench = workbench({ use: [heartbeat(100)] });
  const error = await bench.clock.until(
    failure(bench.runner.call(tool('w', {}, (_: unknown, { signal }: Context) => hang(signal)))),
  );
  expect(Object.keys(toResponse(error).error.details).sort()).toEqual(['scope', 'timeout_seconds']);
});
