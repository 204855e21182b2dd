import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, defineInterceptor, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ending, idempotencyBench } from './idempotency-bench.test-kit.ts';
import { fallback } from './index.ts';
import { nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const KEY = { idempotencyKey: 'k' };

describe('of several calls that wait for one execution', () => {
  it('each keeps its own deadline and its own signal, and none stops the others', async () => {
    const { clock, runner } = idempotencyBench();
    const work = scripted([{ do: 'succeed', value: 'done', after: 100 }], { clock });
    const slow = tool('slow', {}, work);
    const [stop, other] = [new AbortController(), new AbortController()];
    const calls = [
      runner.call(slow, 1, { ...KEY, signal: stop.signal }),
      runner.call(slow, 1, { ...KEY, deadline: 20 }),
      runner.call(slow, 1, { ...KEY, signal: other.signal }),
      runner.call(slow, 1, { ...KEY, deadline: 500 }),
    ].map(ending);
    await clock.advance(10);
    stop.abort(new Error('no longer'));
    expect(await clock.until(calls[0] as Promise<unknown>)).toBe('CANCELLED');
    expect(clock.now()).toBe(10);
    expect(await clock.until(calls[1] as Promise<unknown>)).toBe('TIMEOUT');
    expect(clock.now()).toBe(20);
    other.abort();
    expect(await clock.until(Promise.all(calls))).toEqual(['CANCELLED', 'TIMEOUT', 'CANCELLED', 'done']);
    expect([work.calls, clock.now()]).toEqual([1, 100]);
  });

  it('the last that leaves stops it, with its reason', async () => {
    const { clock, runner, plugin, sleep } = idempotencyBench();
    let reason: unknown;
    const slow = tool('slow', {}, async (_: unknown, { signal }: Context) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      await sleep(30);
    });
    const [first, last] = [new AbortController(), new AbortController()];
    const calls = [first, last].map(({ signal }) => ending(runner.call(slow, 1, { ...KEY, signal })));
    await clock.advance(10);
    first.abort(new Error('the first'));
    expect(reason).toBeUndefined();
    last.abort(new Error('the last'));
    expect(reason).toMatchObject({ message: 'the last' });
    expect(await clock.until(Promise.all(calls))).toEqual(['CANCELLED', 'CANCELLED']);
    expect(plugin.stats().underWay).toBe(0);
  });

  it('one that leaves by way of an operator of a stranger tells its reason as well', async () => {
    const through = defineInterceptor({
      name: 'through',
      priority: 0,
      intercept: (call, next) => next(call).pipe(map((value) => value)),
    });
    const { clock, runner, sleep } = idempotencyBench({}, { beside: [through] });
    let reason: unknown;
    const slow = tool('slow', {}, async (_: unknown, { signal }: Context) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      await sleep(30);
    });
    const stop = new AbortController();
    const call = ending(runner.call(slow, 1, { ...KEY, signal: stop.signal }));
    await clock.advance(1);
    stop.abort(new Error('enough'));
    await clock.until(call);
    expect(reason).toMatchObject({ message: 'enough' });
  });

  it('the last stays until what it has stopped has unwound, or its grace is over', async () => {
    const { clock, runner } = idempotencyBench();
    const deaf = scripted([{ do: 'succeed', after: 500, ignoreSignal: true }], { clock });
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, deaf);
    const run = runner.run(shape, undefined, { deadline: 100 });
    const report = await clock.until(run.report);
    expect(clock.now()).toBe(150);
    expect(report.stages.save).toMatchObject({ status: 'cancelled', settled: false });
    await clock.runAll();
  });

  it('each hears the verdict when it is given, and answers once what was set in motion has ended', async () => {
    const { clock, runner, of } = idempotencyBench();
    const work = scripted([{ do: 'succeed', value: 'done', after: 90, cleanup: 50 }], { clock });
    const slow = tool('slow', {}, work);
    const calls = [runner.call(slow, 1, { ...KEY, deadline: 100 }), runner.call(slow, 1, KEY)];
    expect(await clock.until(Promise.all(calls))).toEqual(['done', 'done']);
    expect(clock.now()).toBe(140);
    expect(of('verdict').map(({ at, status }) => [at, status])).toEqual([
      [90, 'ok'],
      [90, 'ok'],
    ]);
  });

  it('each has its own AsyncLocalStorage context, in what is tried in its place as well', async () => {
    const user = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { clock, runner, sleep } = idempotencyBench(
      {},
      {
        beside: [
          fallback(async () => {
            seen.push(user.getStore());
          }),
        ],
      },
    );
    const dead = tool('dead', {}, async (): Promise<void> => {
      seen.push(user.getStore());
      await sleep(10);
      throw new Error('down');
    });
    const calls = ['ann', 'bob'].map((name) => user.run(name, () => runner.call(dead, undefined, KEY)));
    await clock.until(Promise.all(calls));
    expect(seen).toEqual(['ann', 'ann', 'bob']);
  });

  it('each that times out knows what was achieved by then', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const slow = tool('slow', {}, async (_: unknown, { partial }: Context) => {
      partial({ pages: 3 });
      await sleep(100);
    });
    const first = runner.call(slow, 1, KEY);
    await expect(clock.until(runner.call(slow, 1, { ...KEY, deadline: 20 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
      partial: { pages: 3 },
    });
    await clock.until(first);
  });

  it('each is given what was achieved, where its timeout says so', async () => {
    const { clock, runner, sleep } = idempotencyBench({}, { beside: [...timeout({ total: 50, partial: 'resolve' })] });
    const slow = tool('slow', {}, async (_: unknown, { partial }: Context) => {
      partial('half');
      await sleep(100);
    });
    const calls = [runner.call(slow, 1, KEY), runner.call(slow, 1, KEY)];
    const half = { partial: true, value: 'half', error: { code: 'TIMEOUT' } };
    expect(await clock.until(Promise.all(calls))).toMatchObject([half, half]);
    await clock.runAll();
  });
});

describe('a new execution begins', () => {
  it('only when the one that was stopped has really ended', async () => {
    const { clock, runner } = idempotencyBench();
    const work = scripted(
      [
        { do: 'succeed', value: 1, after: 500, ignoreSignal: true },
        { do: 'succeed', value: 2, after: 100 },
      ],
      {
        clock,
      },
    );
    const deaf = tool('deaf', {}, work);
    expect(await clock.until(ending(runner.call(deaf, 1, { ...KEY, deadline: 100 })))).toBe('TIMEOUT');
    // One that gives up waiting does not let the next one in.
    expect(await clock.until(ending(runner.call(deaf, 1, { ...KEY, deadline: 50 })))).toBe('TIMEOUT');
    const again = [runner.call(deaf, 1, KEY), runner.call(deaf, 1, KEY)];
    // The one that has ended late does not take the place of the one that goes on.
    await clock.advance(550 - clock.now());
    again.push(runner.call(deaf, 1, KEY));
    expect(await clock.until(Promise.all(again))).toEqual([2, 2, 2]);
    expect([clock.now(), work.calls, work.peak]).toEqual([600, 2, 1]);
  });

  it('only when the one that has failed has really ended', async () => {
    const { clock, runner } = idempotencyBench({}, { beside: [...timeout({ total: 'none', attempt: 100 })] });
    const work = scripted(
      [
        { do: 'succeed', value: 1, after: 500, ignoreSignal: true },
        { do: 'succeed', value: 2 },
      ],
      {
        clock,
      },
    );
    const deaf = tool('deaf', {}, work);
    expect(await clock.until(ending(runner.call(deaf, 1, KEY)))).toBe('TIMEOUT');
    expect(await clock.until(runner.call(deaf, 1, KEY))).toBe(2);
    expect([clock.now(), work.peak]).toEqual([500, 1]);
  });

  it('and what has ended well is given again while it still cleans up', async () => {
    const { clock, runner } = idempotencyBench();
    const work = scripted([{ do: 'succeed', value: 1, cleanup: 400 }], { clock });
    const tidy = tool('tidy', {}, work);
    const first = runner.call(tidy, 1, KEY);
    await clock.advance(10);
    expect(await clock.until(runner.call(tidy, 1, KEY))).toBe(1);
    expect(clock.now()).toBe(10);
    await clock.until(first);
  });
});
