import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { pipeline } from './pipeline.ts';
import { bench as benchOf, failure, hang } from './pipeline-bench.test-kit.ts';
import { leakLedger } from './testing/index.ts';
import { tool } from './tool.ts';

// Where a call or a run has its place: below what it is made in, below its signal, or both.

let ledger = leakLedger();
const unhandled = vi.fn();
beforeEach(() => {
  ledger = leakLedger();
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  ledger.assertEmpty();
});

const hanging = tool('hanging', {}, (_: undefined, { signal }: Context) => hang(signal));
const stages = pipeline('stages').stage('s', (_, { signal }) => hang(signal));
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** What may be begun in a work, with a signal of its own. */
const BEGINNINGS: Readonly<Record<string, (ctx: Context, signal: AbortSignal) => PromiseLike<unknown>>> = {
  'a call': ({ call }, signal) => call(hanging, undefined, { signal }),
  'a run': ({ run }, signal) => run(stages, undefined, { signal }),
};

describe.each(Object.keys(BEGINNINGS))('%s in a work, with a signal of its own', (name) => {
  const begin = BEGINNINGS[name] as (ctx: Context, signal: AbortSignal) => PromiseLike<unknown>;

  function scene() {
    const { clock, runner } = benchOf();
    const inner = new AbortController();
    const outer = new AbortController();
    let error: Promise<{ readonly code: string; readonly cause?: unknown }> | undefined;
    const outside = tool('outside', {}, async (_: undefined, ctx: Context) => {
      error = failure(begin(ctx, inner.signal));
      return (await error).code;
    });
    const call = runner.call(outside, undefined, { signal: outer.signal });
    return { clock, runner, inner, outer, call, error: () => error };
  }

  it('is stopped by that signal, which does not stop what is around it', async () => {
    const { clock, call, inner, outer, error } = scene();
    await clock.advance(10);
    expect([listeners(inner.signal), listeners(outer.signal)]).toEqual([1, 1]);
    const reason = new Error('inner');
    inner.abort(reason);
    expect(await clock.until(call)).toBe('CANCELLED');
    expect((await error())?.cause).toBe(reason);
    expect([listeners(inner.signal), listeners(outer.signal)]).toEqual([0, 0]);
  });

  it('is stopped by what is around it, with its reason, and lets go of its signal', async () => {
    const { clock, call, inner, outer, error } = scene();
    const ended = failure(call);
    await clock.advance(10);
    const reason = new Error('outer');
    outer.abort(reason);
    expect((await clock.until(ended)).cause).toBe(reason);
    expect(await error()).toMatchObject({ code: 'CANCELLED', cause: reason });
    await clock.runAll();
    expect([listeners(inner.signal), listeners(outer.signal)]).toEqual([0, 0]);
    inner.abort();
  });

  it('is stopped by a shutdown, once', async () => {
    const { clock, runner, call, inner, error } = scene();
    const ended = failure(call);
    await clock.advance(10);
    expect(await clock.until(runner.drain({ grace: 0 }))).toMatchObject({ cancelled: 1, orphans: [] });
    expect((await ended).code).toBe('CANCELLED');
    expect((await error())?.code).toBe('CANCELLED');
    expect(listeners(inner.signal)).toBe(0);
  });

  it('does not start when that signal was aborted before', async () => {
    const { clock, runner } = benchOf();
    const reason = new Error('before');
    const signal = AbortSignal.abort(reason);
    const outside = tool('outside', {}, async (_: undefined, ctx: Context) => failure(begin(ctx, signal)));
    expect(await clock.until(runner.call(outside))).toMatchObject({ code: 'CANCELLED', cause: reason });
    expect(listeners(signal)).toBe(0);
  });

  it('is stopped once when the signal is that of what is around it as well', async () => {
    const { clock, runner } = benchOf();
    const controller = new AbortController();
    const { signal } = controller;
    const outside = tool('outside', {}, (_: undefined, ctx: Context) => begin(ctx, signal));
    const ended = failure(runner.call(outside, undefined, { signal }));
    await clock.advance(10);
    expect(listeners(signal)).toBe(1);
    controller.abort(new Error('both'));
    expect((await clock.until(ended)).code).toBe('CANCELLED');
    await clock.runAll();
    expect(listeners(signal)).toBe(0);
  });

  it('does not start in a work that has ended, and says so', async () => {
    const { clock, runner } = benchOf();
    let kept: Context | undefined;
    await runner.call(
      tool('outside', {}, (_: undefined, ctx: Context) => {
        kept = ctx;
      }),
    );
    const { signal } = new AbortController();
    const error = await clock.until(failure(begin(kept as Context, signal)));
    expect(error).toMatchObject({ code: 'CANCELLED' });
    expect(`${error.message} ${(error.cause as Error | undefined)?.message}`).toContain(
      'Tool "outside" has ended; nothing starts in it any more',
    );
    expect(listeners(signal)).toBe(0);
  });
});

it('a call in a work that was stopped does not start, whatever its signal says', async () => {
  const { clock, runner, sleep } = benchOf();
  const work = vi.fn();
  const { signal } = new AbortController();
  let error: Promise<{ readonly code: string }> | undefined;
  const outside = tool('outside', {}, async (_: undefined, { call }: Context) => {
    await sleep(20);
    error = failure(call(tool('inside', {}, work), undefined, { signal }));
  });
  await clock.until(failure(runner.call(outside, undefined, { deadline: 10 })));
  await clock.runAll();
  expect((await error)?.code).toBe('CANCELLED');
  expect(work).not.toHaveBeenCalled();
  expect(listeners(signal)).toBe(0);
});
