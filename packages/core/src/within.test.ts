import { retry } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import type { TimeoutError } from './errors/timeout-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import type { StandardSchema } from './standard-schema.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { type AnyTool, type Tool, tool } from './tool.ts';
import { within } from './within.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const failure = (call: Promise<unknown>): Promise<TimeoutError> =>
  call.then(
    () => expect.unreachable('it should have failed'),
    (error: TimeoutError) => error,
  );

const total = (limit: number): Interceptor =>
  defineInterceptor({
    name: 'total',
    priority: Place.total,
    intercept: (call, next) => within(call, { limit, name: 'total' }, next),
  });

const attempt = (limit: number): Interceptor =>
  defineInterceptor({
    name: 'attempt',
    priority: Place.attempt,
    intercept: (call, next) => within(call, { limit, name: 'attempt', scope: 'attempt', retryable: true }, next),
  });

describe('a deadline', () => {
  it('ends hanging work when it passes, never early, with an error that says whose it was', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [total(100)] });
    const error = await clock.until(failure(runner.call(tool('hang', {}, scripted([{ do: 'hang' }], { clock })))));
    expect(clock.now()).toBe(100);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:hang', retryable: false, verdict: 'timeout' });
    expect(error.message).toBe('Tool "hang" exceeded its total timeout of 100 ms');
    expect(error.details).toEqual({
      timeout_seconds: 0.1,
      limit: 'total',
      started: true,
      settled: true,
      limitMs: 100,
      elapsedMs: 100,
    });
  });

  it('of 0 ends the call before it starts', async () => {
    const clock = virtualClock();
    const work = scripted([{ do: 'succeed' }], { clock });
    const error = await clock.until(
      failure(createRunner({ clock }).call(tool('never', {}, work), undefined, { deadline: 0 })),
    );
    expect(error.code).toBe('TIMEOUT');
    expect(work.calls).toBe(0);
    expect(clock.now()).toBe(0);
  });

  it("of 'none' arms no timer at all", async () => {
    const clock = virtualClock();
    const call = createRunner({ clock }).call(
      tool('slow', {}, scripted([{ do: 'succeed', after: 10 }], { clock })),
      undefined,
      {
        deadline: 'none',
      },
    );
    expect(clock.pending).toBe(1);
    await clock.until(call);
  });

  it.each([1, 2 ** 31 - 1, 2 ** 31, 30 * 86_400_000, 0.5])('of %d ms passes after just that', async (limit) => {
    const clock = virtualClock();
    const hang = tool('hang', {}, scripted([{ do: 'hang' }], { clock }));
    await clock.until(failure(createRunner({ clock }).call(hang, undefined, { deadline: limit })));
    expect(clock.now()).toBe(limit);
  });

  it('is armed before the work starts, so that synchronous work which blocks is held to it', async () => {
    const clock = virtualClock();
    const hang = scripted([{ do: 'hang' }], { clock });
    const blocking = tool('blocking', {}, (_: unknown, context: Context) => {
      clock.block(500);
      return hang(undefined, context);
    });
    const error = await clock.until(failure(createRunner({ clock }).call(blocking, undefined, { deadline: 100 })));
    expect(error.code).toBe('TIMEOUT');
    expect(clock.now()).toBeLessThanOrEqual(600);
  });

  it('that fires late because the loop was stalled says how late, and lets a result that was waiting win', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const waiting = tool('waiting', {}, () => new Promise((resolve) => clock.schedule(515, () => resolve('in time'))));
    const call = runner.call(waiting, undefined, { deadline: 100 });
    await clock.advance(10);
    clock.block(500);
    await expect(clock.until(call)).resolves.toBe('in time');

    const lost = failure(
      runner.call(tool('hang', {}, scripted([{ do: 'hang' }], { clock })), undefined, { deadline: 100 }),
    );
    await clock.advance(10);
    clock.block(500);
    const error = await clock.until(lost);
    expect(error.details).toMatchObject({ lagMs: 430, elapsedMs: 530 });
  });

  it('stops everything inside in one sweep, all with the same reason', async () => {
    const clock = virtualClock();
    const reasons: unknown[] = [];
    const leaf = tool('leaf', {}, (_: unknown, { signal }: Context) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return scripted([{ do: 'hang' }], { clock })(undefined, { signal } as Context);
    });
    const middle: Tool<unknown, unknown> = tool('middle', {}, (_: unknown, { call, signal }: Context) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return Promise.all([call(leaf), call(leaf), call(leaf)]);
    });
    const error = await clock.until(failure(createRunner({ clock }).call(middle, undefined, { deadline: 100 })));
    expect(reasons).toEqual([error, error, error, error]);
  });

  it('of the inner call is its own: the outer call fails with that error, and is not said to have timed out', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const verdicts: string[] = [];
    runner.events$.subscribe((event) => {
      if (event.type === 'verdict') verdicts.push(`${event.name} ${event.status}`);
    });
    const inner = tool('inner', {}, scripted([{ do: 'hang' }], { clock }));
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner, undefined, { deadline: 50 }));
    const error = await clock.until(failure(runner.call(outer, undefined, { deadline: 1_000 })));
    expect(error.scope).toBe('tool:inner');
    expect(verdicts).toEqual(['inner timeout', 'outer failed']);
  });

  it('of the outer call ends the inner one as cancelled, with the outer error as the cause', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    let innerError: unknown;
    const inner = tool('inner', {}, scripted([{ do: 'hang' }], { clock }));
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
      await call(inner, undefined, { deadline: 8_000 }).catch((error: unknown) => {
        innerError = error;
        throw error;
      });
    });
    const error = await clock.until(failure(runner.call(outer, undefined, { deadline: 3_000 })));
    expect(error.scope).toBe('tool:outer');
    expect(innerError).toMatchObject({ code: 'CANCELLED', verdict: 'cancelled' });
    expect((innerError as Error).cause).toBe(error);
  });

  it.each([1, 2, 10, 50])('nested %d deep: each error has the right owner, of equal ones the outer', async (depth) => {
    for (let shortest = 0; shortest < depth; shortest += Math.max(1, depth >> 2)) {
      const clock = virtualClock();
      const limitOf = (level: number): number => (level === shortest ? 100 : 100 + Math.abs(level - shortest) * 10);
      const levels = nest(depth, limitOf, tool('level:leaf', {}, scripted([{ do: 'hang' }], { clock })));
      const runner = createRunner({ clock });
      const error = await clock.until(failure(runner.call(levels, undefined, { deadline: limitOf(0) })));
      expect(clock.now()).toBe(100);
      expect(error.scope).toBe(`tool:level${shortest}`);
      await clock.runAll();
    }
    const clock = virtualClock();
    const equal = nest(depth, () => 100, tool('level:leaf', {}, scripted([{ do: 'hang' }], { clock })));
    const error = await clock.until(failure(createRunner({ clock }).call(equal, undefined, { deadline: 100 })));
    expect(error.scope).toBe('tool:level0');
  });

  it('is told to the work and to interceptors: when, how long, whose', async () => {
    const clock = virtualClock();
    const seen: unknown[] = [];
    const spy = defineInterceptor({
      name: 'spy',
      priority: Place.retry,
      intercept(call, next) {
        seen.push([call.deadline.at, call.deadline.scope]);
        return next(call);
      },
    });
    const runner = createRunner({ clock, use: [total(100), spy, attempt(30)] });
    const work = tool('work', {}, async (_: unknown, { deadline }: Context) => {
      await new Promise<void>((resolve) => clock.schedule(10, resolve));
      seen.push([deadline.at, deadline.remaining(), deadline.scope]);
    });
    await clock.until(runner.call(work));
    expect(seen).toEqual([
      [100, 'tool:work'],
      [30, 20, 'attempt'],
    ]);
  });

  it("is the parent's where that is nearer, and none where there is none", async () => {
    const clock = virtualClock();
    const look = tool('look', {}, (_: unknown, { deadline }: Context) => ({ at: deadline.at, scope: deadline.scope }));
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(look, undefined, { deadline: 5_000 }));
    const runner = createRunner({ clock });
    await expect(clock.until(runner.call(outer, undefined, { deadline: 100 }))).resolves.toEqual({
      at: 100,
      scope: 'tool:outer',
    });
    await expect(clock.until(runner.call(look))).resolves.toEqual({ at: Number.POSITIVE_INFINITY, scope: 'none' });
  });

  it('of an attempt counts anew for each attempt, and the total goes on', async () => {
    const clock = virtualClock();
    const again = defineInterceptor({
      name: 'again',
      priority: Place.retry,
      intercept: (call, next) => next(call).pipe(retry(10)),
    });
    const events: SluiceEvent[] = [];
    const runner = createRunner({ clock, use: [total(100), again, attempt(30)] });
    runner.events$.subscribe((event) => events.push(event));
    const work = scripted([{ do: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('work', {}, work))));
    expect(clock.now()).toBe(100);
    expect(error).toMatchObject({ scope: 'tool:work', details: { limit: 'total' } });
    expect(work.calls).toBe(4);
    const ends = events.flatMap((event) =>
      event.type === 'attempt.end' ? [`${event.attempt} ${event.status} ${event.durationMs}`] : [],
    );
    expect(ends).toEqual(['1 timeout 30', '2 timeout 30', '3 timeout 30', '4 timeout 10']);
  });

  it('keeps the partial result: what the work reported, or the items that it emitted', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const reported = { items_processed: 5, total_items: 100 };
    const tells = tool('tells', {}, async (_: unknown, { partial }: Context) => {
      await new Promise<void>((resolve) => clock.schedule(500, resolve));
      partial(reported);
      reported.items_processed = 99;
      await new Promise<void>((resolve) => clock.schedule(5_000, resolve));
    });
    const told = await clock.until(failure(runner.call(tells, undefined, { deadline: 2_000 })));
    expect(told.partial).toEqual({ items_processed: 5, total_items: 100 });
    await clock.runAll();

    const chunks = scripted([{ do: 'emit', items: Array.from({ length: 20 }, (_, n) => n), every: 200 }], { clock });
    const stream = await clock.until(failure(runner.call(tool('chunks', {}, chunks), undefined, { deadline: 2_000 })));
    expect(stream.partial).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('does nothing while timeouts are switched off', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, timeouts: 'off', use: [total(10)] });
    const slow = tool('slow', {}, scripted([{ do: 'succeed', value: 1, after: 1_000 }], { clock }));
    await expect(clock.until(runner.call(slow, undefined, { deadline: 10 }))).resolves.toBe(1);
  });
});

function nest(depth: number, limitOf: (level: number) => number, leaf: AnyTool): Tool<unknown, unknown> {
  let inner = leaf as Tool<unknown, unknown>;
  for (let level = depth - 1; level >= 0; level--) {
    const next = inner;
    const limit = level + 1 < depth ? limitOf(level + 1) : ('none' as const);
    inner = tool(`level${level}`, {}, (_: unknown, { call }: Context) => call(next, undefined, { deadline: limit }));
  }
  return inner;
}

describe('the deadline of a call', () => {
  it('is around everything: an input schema that hangs is held to it, and one that takes its time counts', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const schema = (ms: number): StandardSchema => ({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => new Promise((resolve) => clock.schedule(ms, () => resolve({ value }))),
      },
    });
    const work = scripted([{ do: 'succeed', value: 'done', after: 60 }], { clock });
    const hangs = runner.call(tool('hangs', { input: schema(10_000) }, work), 1, { deadline: 100 });
    expect(await clock.until(failure(hangs))).toMatchObject({ code: 'TIMEOUT', scope: 'tool:hangs' });
    expect(clock.now()).toBe(100);
    await clock.runAll();
    expect(work.calls).toBe(0);

    const slow = tool('slow', { input: schema(50) }, work);
    const from = clock.now();
    expect(await clock.until(failure(runner.call(slow, 1, { deadline: 100 })))).toMatchObject({ code: 'TIMEOUT' });
    expect(clock.now() - from).toBeLessThanOrEqual(150);
    await clock.runAll();
    await expect(clock.until(runner.call(slow, 1, { deadline: 200 }))).resolves.toBe('done');
  });
});
