import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import type { Context } from './context.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { ConfigError } from './errors/config-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { Place } from './place.ts';
import { createRunner, type Runner } from './runner.ts';
import { leakLedger, simulate, virtualClock } from './testing/index.ts';
import { type AnyTool, type Tool, tool } from './tool.ts';

/** Does `work` in a stage, and answers what it does. */
async function inStage<T>(runner: Runner, work: (ctx: Context) => T | Promise<T>): Promise<T> {
  let answer: { readonly value: T } | { readonly error: unknown } | undefined;
  const made = pipeline('p').stage('s', async (_, ctx) => {
    try {
      answer = { value: await work(ctx) };
    } catch (error) {
      answer = { error };
    }
  });
  const { stages } = await runner.run(made).report;
  if (answer === undefined) throw stages.s;
  if ('error' in answer) throw answer.error;
  return answer.value;
}
const later = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve));
/** A tool that takes as many milliseconds as it is told, and answers the number; one below zero fails after as many. */
const waiting = (clock: Clock): Tool<number, number, number> =>
  tool('wait', {}, async (ms: number, { signal }) => {
    await Promise.race([
      later(clock, Math.abs(ms)),
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    if (ms < 0) throw new Error(`no: ${ms}`);
    return ms;
  });
const echo = tool('echo', {}, (value: unknown) => value);
const loose = (ctx: Context, calls: unknown, options?: unknown): Promise<unknown> =>
  (ctx.callAll as unknown as (calls: unknown, options?: unknown) => Promise<unknown>)(calls, options);
type Settled = { readonly status: string; readonly value?: unknown; readonly error?: Error };

describe('several calls at once', () => {
  it('answer in the order of the calls, whatever the order in which they end', async () => {
    const clock = virtualClock();
    const wait = waiting(clock);
    const calls = [30, 10, 20].map((ms) => [wait, ms] as const);
    const answer = inStage(createRunner({ clock }), (ctx) => ctx.callAll(calls));
    expect(await clock.until(answer)).toEqual([30, 10, 20]);
    expect(clock.now()).toBe(30);
  });

  it('answer in the order in which they end when that is asked for', async () => {
    const clock = virtualClock();
    const wait = waiting(clock);
    const calls = [30, 10, 20].map((ms) => [wait, ms] as const);
    const runner = createRunner({ clock });
    expect(await clock.until(inStage(runner, (ctx) => ctx.callAll(calls, { ordered: false })))).toEqual([10, 20, 30]);
    const both = { ordered: false, settle: 'all' } as const;
    expect(
      await clock.until(
        inStage(runner, (ctx) =>
          ctx.callAll(
            [
              [wait, 2],
              [wait, -1],
            ],
            both,
          ),
        ),
      ),
    ).toMatchObject([
      { status: 'failed', error: { message: 'no: -1' } },
      { status: 'ok', value: 2 },
    ]);
  });

  it.each([[undefined], [{}], [{ limit: 1 }], [{ ordered: false }], [{ settle: 'all' }]])(
    'may be none, with %j',
    async (options) => {
      expect(await inStage(createRunner(), (ctx) => loose(ctx, [], options))).toEqual([]);
    },
  );

  it('may be of different tools, with no input, and of streams', async () => {
    const items = tool('items', { collect: 'last' }, () => of(1, 2, 3));
    const stream = tool('stream', {}, async function* (upTo: number) {
      for (let n = 1; n <= upTo; n++) yield n;
    });
    const all = await inStage(createRunner(), (ctx) => ctx.callAll([[items], [stream, 2], [echo], [echo, undefined]]));
    expect(all).toEqual([3, [1, 2], undefined, undefined]);
  });

  it('may be made in a tool, outside of pipelines too', async () => {
    const outer = tool('outer', {}, (_: undefined, ctx) =>
      ctx.callAll(
        [
          [echo, 1],
          [echo, 2],
        ],
        { limit: 1 },
      ),
    );
    expect(await createRunner().call(outer)).toEqual([1, 2]);
  });

  it('keep what is no value in its place', async () => {
    const values = [undefined, null, 0, '', Number.NaN];
    expect(await inStage(createRunner(), (ctx) => ctx.callAll(values.map((value) => [echo, value] as const)))).toEqual(
      values,
    );
  });

  it('begin in order, all of them before callAll returns, unless they are limited', async () => {
    const begun: number[] = [];
    const note = tool('note', {}, async (n: number) => void begun.push(n));
    await inStage(createRunner(), async (ctx) => {
      const all = ctx.callAll([1, 2, 3].map((n) => [note, n] as const));
      expect(begun).toEqual([1, 2, 3]);
      await all;
      const two = ctx.callAll(
        [4, 5, 6].map((n) => [note, n] as const),
        { limit: 2 },
      );
      expect(begun).toEqual([1, 2, 3, 4, 5]);
      await two;
      expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
    });
  });
});

describe('a limit', () => {
  it('is never exceeded, and always used: 500 random batches', async () => {
    await simulate({
      runs: 500,
      program({ clock, integer, chance, pick }) {
        const limit = pick([1, 2, 3, 7, Number.POSITIVE_INFINITY]);
        const count = integer(0, 25);
        const settle = chance(0.5) ? 'all' : 'fail-fast';
        let running = 0;
        let most = 0;
        const begun: number[] = [];
        const work = tool('work', {}, async (n: number, { signal }) => {
          begun.push(n);
          most = Math.max(most, ++running);
          try {
            if (chance(0.2)) return n;
            await Promise.race([
              later(clock, integer(0, 20)),
              new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
            ]);
            if (chance(0.1)) throw new Error('no');
            return n;
          } finally {
            running--;
          }
        });
        const calls = Array.from({ length: count }, (_, n) => [work, n] as const);
        const ordered = chance(0.5);
        const ends = inStage(createRunner({ clock }), (ctx) => loose(ctx, calls, { limit, settle, ordered })).then(
          (results) => ({ results: results as unknown[] }),
          (error: unknown) => ({ error }),
        );
        return ends.then((end) => () => {
          expect(most).toBeLessThanOrEqual(limit);
          expect(running).toBe(0);
          expect(begun).toEqual(Array.from({ length: begun.length }, (_, n) => n));
          if ('error' in end) {
            expect(settle).toBe('fail-fast');
            expect(end.error).toMatchObject({ message: 'no' });
            return;
          }
          expect([begun.length, end.results.length]).toEqual([count, count]);
          // What does not wait gives its place back at once, so that the most at once may be fewer than could be.
          if (settle === 'fail-fast' && ordered) expect(end.results).toEqual(begun);
          if (settle === 'fail-fast') expect([...end.results].sort((x, y) => Number(x) - Number(y))).toEqual(begun);
        });
      },
    });
  }, 30_000);

  it('is used: the next begins as soon as one has ended', async () => {
    const clock = virtualClock();
    const begun: [number, number][] = [];
    const work = tool('work', {}, (ms: number) => {
      begun.push([clock.now(), ms]);
      return later(clock, ms);
    });
    const calls = [30, 10, 10, 5, 5].map((ms) => [work, ms] as const);
    await clock.until(inStage(createRunner({ clock }), (ctx) => ctx.callAll(calls, { limit: 2 })));
    expect(begun).toEqual([
      [0, 30],
      [0, 10],
      [10, 10],
      [20, 5],
      [25, 5],
    ]);
  });

  it.each([1, 2, 100, Number.POSITIVE_INFINITY])(
    'of %d: 10,000 calls that end at once make no stack',
    async (limit) => {
      const calls = Array.from({ length: 10_000 }, (_, n) => [echo, n] as const);
      const settled = await inStage(createRunner(), (ctx) => ctx.callAll(calls, { limit }));
      expect(settled).toEqual(calls.map(([, n]) => n));
    },
  );

  it('of 1: 10,000 calls that fail at once make no stack', async () => {
    const thrower = tool('thrower', {}, (n: number) => {
      throw new Error(`no ${n}`);
    });
    const calls = Array.from({ length: 10_000 }, (_, n) => [thrower, n] as const);
    const settled = await inStage(createRunner(), (ctx) => ctx.callAll(calls, { limit: 1, settle: 'all' }));
    expect(settled.every(({ status }) => status === 'failed')).toBe(true);
    await expect(inStage(createRunner(), (ctx) => ctx.callAll(calls, { limit: 1 }))).rejects.toThrow('no 0');
  });
});

describe('when one does not end well', () => {
  it('the others are stopped in the same sweep with one reason, and queued ones never start', async () => {
    const ledger = leakLedger();
    const clock = virtualClock();
    const stopped: [number, number, unknown][] = [];
    const begun: number[] = [];
    const boom = new Error('boom');
    const work = tool('work', {}, async (n: number, { signal }) => {
      begun.push(n);
      if (n === 1) {
        await later(clock, 10);
        throw boom;
      }
      return new Promise<number>((_, reject) => {
        signal.addEventListener('abort', () => {
          stopped.push([n, clock.now(), signal.reason]);
          reject(signal.reason);
        });
      });
    });
    const calls = [0, 1, 2, 3, 4].map((n) => [work, n] as const);
    const ended = inStage(createRunner({ clock }), (ctx) => ctx.callAll(calls, { limit: 3 })).catch(
      (error: unknown) => error,
    );
    expect(await clock.until(ended)).toBe(boom);
    expect(begun).toEqual([0, 1, 2]);
    expect(stopped.map(([n, at]) => [n, at])).toEqual([
      [0, 10],
      [2, 10],
    ]);
    const [[, , reason] = [], [, , other] = []] = stopped;
    expect(other).toBe(reason);
    expect(reason).toBeInstanceOf(CancelledError);
    expect(reason).toMatchObject({ message: 'Another call of Stage "s" did not end well', cause: boom });
    await clock.runAll();
    ledger.assertEmpty();
  });

  it('it rejects only after the others have unwound, and with the first error, not with theirs', async () => {
    const clock = virtualClock();
    const unwound: string[] = [];
    const slow = tool('slow', {}, async (_: undefined, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await later(clock, 20);
      unwound.push('slow');
      throw new Error('while unwinding');
    });
    const bad = tool('bad', {}, async () => {
      await later(clock, 10);
      throw new Error('first');
    });
    const calls = [[slow], [bad], [slow]] as const;
    const ended = inStage(createRunner({ clock }), (ctx) => ctx.callAll(calls)).catch((error: unknown) => [
      error,
      clock.now(),
      [...unwound],
    ]);
    expect(await clock.until(ended)).toEqual([new Error('first'), 30, ['slow', 'slow']]);
  });

  it('it waits no longer than the grace for those that will not unwind', async () => {
    const clock = virtualClock();
    const deaf = tool('deaf', {}, () => later(clock, 1_000));
    const bad = tool('bad', {}, async () => {
      await later(clock, 10);
      throw new Error('first');
    });
    const runner = createRunner({ clock, grace: 40 });
    const ended = inStage(runner, (ctx) => ctx.callAll([[deaf], [bad]])).catch((error: Error) => [
      error.message,
      clock.now(),
    ]);
    expect(await clock.until(ended)).toEqual(['first', 50]);
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ orphans: 0, running: 0 });
  });

  it('it is the same for one that fails at once: nothing after it starts', async () => {
    const begun: number[] = [];
    const work = tool('work', {}, (n: number) => {
      begun.push(n);
      if (n === 1) throw new Error('no');
      return n;
    });
    const calls = [0, 1, 2].map((n) => [work, n] as const);
    await expect(inStage(createRunner(), (ctx) => ctx.callAll(calls))).rejects.toThrow('no');
    expect(begun).toEqual([0, 1]);
  });

  it.each<[string, (wait: AnyTool) => readonly unknown[], string, string]>([
    ['times out', (wait) => [[wait, 60_000]], 'timeout', 'TIMEOUT'],
    ['is skipped', () => [[tool('skips', {}, (_: unknown, ctx) => ctx.skip('no need'))]], 'skipped', 'SKIPPED'],
    [
      'cancels itself',
      () => [[tool('cancels', {}, (_: unknown, ctx) => ctx.call(echo, 1, { signal: AbortSignal.abort('why') }))]],
      'failed',
      'CANCELLED',
    ],
    [
      'gets an input that does not fit',
      () => [[tool('strict', { input: z.string() }, () => 1), 5]],
      'failed',
      'INVALID_INPUT',
    ],
  ])('one that %s has not ended well either', async (_, calls, status, code) => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const given = calls(waiting(clock));
    const ended = inStage(runner, (ctx) => loose(ctx, given, { deadline: '1s' })).catch((error: unknown) => error);
    expect(await clock.until(ended)).toMatchObject({ code });
    const settled = (await clock.until(
      inStage(runner, (ctx) => loose(ctx, given, { deadline: '1s', settle: 'all' })),
    )) as Settled[];
    expect(settled).toMatchObject([{ status, error: { code } }]);
  });
});

describe("settle: 'all'", () => {
  it('lets the others go on, and says of each how it ended, in order', async () => {
    const clock = virtualClock();
    const wait = waiting(clock);
    const calls = [20, -10, 5].map((ms) => [wait, ms] as const);
    const runner = createRunner({ clock });
    const settled = await clock.until(inStage(runner, (ctx) => ctx.callAll(calls, { settle: 'all', limit: 2 })));
    expect(settled).toEqual([
      { status: 'ok', value: 20 },
      { status: 'failed', error: new Error('no: -10') },
      { status: 'ok', value: 5 },
    ]);
  });

  it('gives the error of the work unchanged, and that of an interceptor as it is', async () => {
    const clock = virtualClock();
    const frozen = Object.freeze(new Error('mine'));
    const thrower = tool('thrower', {}, () => {
      throw frozen;
    });
    const [first, second] = await clock.until(
      inStage(createRunner({ clock }), (ctx) =>
        ctx.callAll([[thrower], [waiting(clock), 500]], { settle: 'all', deadline: 100 }),
      ),
    );
    expect(first.status === 'ok' ? undefined : first.error).toBe(frozen);
    expect(second).toMatchObject({ status: 'timeout', error: { code: 'TIMEOUT', scope: 'tool:wait' } });
  });
});

describe('a stop from outside', () => {
  it("by the caller's signal, in the middle of it: those under way are stopped with its reason, the others never start", async () => {
    for (const settle of ['all', 'fail-fast'] as const) {
      const ledger = leakLedger();
      const clock = virtualClock();
      const controller = new AbortController();
      const reasons: unknown[] = [];
      const begun: number[] = [];
      const work = tool('work', {}, async (n: number, { signal }) => {
        begun.push(n);
        signal.addEventListener('abort', () => reasons.push(signal.reason));
        if (n > 0) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      });
      const calls = [0, 1, 2, 3, 4].map((n) => [work, n] as const);
      const ended = inStage(createRunner({ clock }), (ctx) =>
        loose(ctx, calls, { limit: 2, settle, signal: controller.signal }),
      ).catch((error: unknown) => error);
      clock.schedule(10, () => controller.abort('enough'));
      const end = await clock.until(ended);
      expect(begun).toEqual([0, 1, 2]);
      expect(reasons).toEqual(['enough', 'enough']);
      if (settle === 'all') {
        const cancelled = { status: 'cancelled', error: { code: 'CANCELLED', cause: 'enough' } };
        expect(end).toMatchObject([{ status: 'ok' }, cancelled, cancelled, cancelled, cancelled]);
      } else {
        expect(isSluiceError(end, 'CANCELLED') && end.cause).toBe('enough');
      }
      await clock.runAll();
      ledger.assertEmpty();
    }
  });

  it('of the run: those under way get its reason, the queued never start, and nothing is left', async () => {
    const ledger = leakLedger();
    const clock = virtualClock();
    const begun: number[] = [];
    const reasons: unknown[] = [];
    const work = tool('work', {}, (n: number, { signal }) => {
      begun.push(n);
      return new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        }),
      );
    });
    const calls = Array.from({ length: 50 }, (_, n) => [work, n] as const);
    const made = pipeline('p').stage('s', (_, ctx) => ctx.callAll(calls, { limit: 3, settle: 'all' }));
    const run = createRunner({ clock }).run(made);
    clock.schedule(10, () => run.cancel('stop'));
    const report = await clock.until(run.report);
    expect([report.status, report.stages.s.status, report.orphans]).toEqual(['cancelled', 'cancelled', []]);
    expect([begun, reasons]).toEqual([
      [0, 1, 2],
      ['stop', 'stop', 'stop'],
    ]);
    await clock.runAll();
    ledger.assertEmpty();
  });

  it('before it begins: nothing starts', async () => {
    let begun = 0;
    const work = tool('work', {}, () => begun++);
    const signal = AbortSignal.abort('never');
    await expect(inStage(createRunner(), (ctx) => ctx.callAll([[work], [work]], { signal }))).rejects.toMatchObject({
      code: 'CANCELLED',
      cause: 'never',
    });
    expect(begun).toBe(0);
  });

  it('by the end of the stage that did not wait for it: no rejection goes unhandled, for nobody asked for one', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const ledger = leakLedger();
    const clock = virtualClock();
    const made = pipeline('p', { onFailure: 'continue' })
      .stage('ends', (_, ctx) => {
        void ctx.callAll(
          [
            [waiting(clock), 500],
            [waiting(clock), 600],
          ],
          { limit: 1 },
        );
        return 'done';
      })
      .stage('fails', (_, ctx) => {
        void ctx.callAll([[waiting(clock), 500]]);
        throw new Error('no');
      });
    const report = await clock.until(createRunner({ clock }).run(made).report);
    await clock.runAll();
    process.off('unhandledRejection', note);
    expect(report).toMatchObject({ status: 'failed', output: { ends: 'done' }, orphans: [] });
    expect(clock.now()).toBeLessThanOrEqual(600);
    ledger.assertEmpty();
    expect(unhandled).toEqual([]);
  });
});

describe('options', () => {
  it('reach every one of the calls: deadline, ids, policies', async () => {
    const clock = virtualClock();
    const seen: unknown[] = [];
    const asks: Interceptor = defineInterceptor({
      name: 'asks',
      priority: Place.observe,
      applies: 'tool',
      policy: { key: 'limits', parse: (value) => ({ ...(value as object) }) },
      intercept(call, next) {
        seen.push([call.input, call.policy('limits'), call.deadline.remaining(), call.runId]);
        return next(call);
      },
    } as Interceptor);
    const runner = createRunner({ clock, use: [asks] });
    const options = { deadline: '2s', runId: 'r', limits: { a: 1 }, limit: 2, settle: 'all' };
    await clock.until(
      inStage(runner, (ctx) =>
        loose(
          ctx,
          [
            [echo, 1],
            [echo, 2],
            [echo, 3],
          ],
          options,
        ),
      ),
    );
    expect(seen).toEqual([1, 2, 3].map((n) => [n, { a: 1 }, 2_000, 'r']));
  });

  it('say of a deadline that it begins with each call, not while that is queued', async () => {
    const clock = virtualClock();
    const calls = [80, 80, 80].map((ms) => [waiting(clock), ms] as const);
    const all = inStage(createRunner({ clock }), (ctx) => ctx.callAll(calls, { limit: 1, deadline: 100 }));
    expect(await clock.until(all)).toEqual([80, 80, 80]);
    expect(clock.now()).toBe(240);
  });

  it('give each call an idempotency key of its own', async () => {
    const key = tool('key', {}, (_: undefined, { idempotencyKey }) => idempotencyKey);
    const keys = await inStage(createRunner(), (ctx) => ctx.callAll([[key], [key], [key]]));
    expect(new Set(keys).size).toBe(3);
  });
});

describe('bad arguments', () => {
  it.each<[string, readonly unknown[], string[]]>([
    ['no calls', [undefined], ['callAll: expected an array of [tool, input], got undefined']],
    ['a tool', [echo], ['callAll: expected an array of [tool, input], got an object']],
    ['a Map', [new Map([[echo, 1]])], ['callAll: expected an array of [tool, input], got a Map']],
    [
      'tools without brackets',
      [[echo, echo]],
      ['callAll[0]: expected [tool, input], got an object', 'callAll[1]: expected [tool, input], got an object'],
    ],
    ['null for options', [[], null], ['callAll: options: expected a plain object, got null']],
    ['a number for options', [[], 5], ['callAll: options: expected a plain object, got 5']],
    ['a limit of none', [[], { limit: 0 }], ['callAll: limit: expected an integer ≥ 1, or Infinity, got 0']],
    ['half a limit', [[], { limit: 1.5 }], ['callAll: limit: expected an integer ≥ 1, or Infinity, got 1.5']],
    [
      'no number for a limit',
      [[], { limit: Number.NaN }],
      ['callAll: limit: expected an integer ≥ 1, or Infinity, got NaN'],
    ],
    ['a text for a limit', [[], { limit: '2' }], ['callAll: limit: expected an integer ≥ 1, or Infinity, got "2"']],
    ['null for ordered', [[], { ordered: null }], ['callAll: ordered: expected true or false, got null']],
    ['another settle', [[], { settle: 'any' }], [`callAll: settle: expected 'all' or 'fail-fast', got "any"`]],
    [
      'all of it',
      [{}, { limit: -1, ordered: 'yes', settle: 1 }],
      [
        'callAll: expected an array of [tool, input], got an object',
        'callAll: limit: expected an integer ≥ 1, or Infinity, got -1',
        'callAll: ordered: expected true or false, got "yes"',
        `callAll: settle: expected 'all' or 'fail-fast', got 1`,
      ],
    ],
    [
      'a deadline that is none',
      [[[echo, 1]], { deadline: 'soon' }],
      [expect.stringContaining('deadline: expected a duration') as never],
    ],
    ['an option of core elsewhere', [[[echo, 1]], { grace: 5 }], ['grace: is no option of a call']],
  ])('%s', async (_, [calls, options], said) => {
    const ledger = leakLedger();
    const error = await inStage(createRunner(), (ctx) => loose(ctx, calls, options)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).issues.map(({ message }) => message)).toEqual(said);
    ledger.assertEmpty();
  });

  it('start nothing, also of those that are as they should be', async () => {
    const ledger = leakLedger();
    let begun = 0;
    const work = tool('work', {}, () => begun++);
    for (const calls of [
      [[work], [{ ...work }]],
      [[work], 5],
      [[work], []],
    ]) {
      await expect(inStage(createRunner(), (ctx) => loose(ctx, calls))).rejects.toThrow(ConfigError);
    }
    expect(begun).toBe(0);
    ledger.assertEmpty();
  });

  it.each<[string, unknown]>([
    ['no tool', [[echo, 1], [5, 2], ['x']]],
    ['an empty pair', [[echo, 1], [], [null]]],
  ])('say of every one that is %s where it stands', async (_, calls) => {
    const error = await inStage(createRunner(), (ctx) => loose(ctx, calls)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    const paths = (error as ConfigError).issues.map(({ path }) => path);
    expect(paths).toEqual([expect.stringContaining('callAll[1]'), expect.stringContaining('callAll[2]')]);
  });

  it('with a hole among the calls are a mistake, and nothing is left alive', async () => {
    const ledger = leakLedger();
    const calls = new Array<unknown>(3);
    calls[0] = [echo, 1];
    const error = await inStage(createRunner(), (ctx) => loose(ctx, calls)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    ledger.assertEmpty();
  });

  it.each<[string, unknown]>([
    ['an array', [2]],
    ['a Map', new Map([['limit', 1]])],
    ['a promise', Promise.resolve({})],
    [
      'an instance of a class',
      new (class {
        readonly limit = 1;
      })(),
    ],
  ])('are refused when %s stands for the options', async (_, options) => {
    await expect(inStage(createRunner(), (ctx) => loose(ctx, [[echo, 1]], options))).rejects.toThrow(
      /^callAll: options: expected a plain object, got /,
    );
  });

  const trap = (): never => {
    throw new Error('trap');
  };
  function revoked(): object {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  }
  it.each<[string, () => readonly unknown[]]>([
    ['calls that are a revoked Proxy', () => [revoked()]],
    ['a call that is a revoked Proxy', () => [[[echo, 1], revoked()]]],
    ['a getter that throws for a call', () => [Object.defineProperty([1], 0, { get: trap })]],
    ['a getter that throws for a tool', () => [[Object.defineProperty([1], 0, { get: trap })]]],
    [
      'a getter that throws for the limit',
      () => [[[echo]], Object.defineProperty({}, 'limit', { get: trap, enumerable: true })],
    ],
    [
      'a getter that throws for a policy',
      () => [[[echo]], Object.defineProperty({}, 'retry', { get: trap, enumerable: true })],
    ],
    ['options that are a Proxy that throws', () => [[[echo]], new Proxy({}, { ownKeys: trap })]],
  ])('that hold %s are told like any other, with where it stands', async (_, args) => {
    const [calls, options] = args();
    const error = await inStage(createRunner(), (ctx) => loose(ctx, calls, options)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/^callAll.*could not be read: /);
  });

  it('are read once: what was checked is what holds', async () => {
    const reads: string[] = [];
    const counting = <T extends object>(value: T, path: string): T =>
      new Proxy(value, {
        get(target, key, receiver) {
          if (Object.hasOwn(target, key) && key !== 'length') reads.push(`${path}${String(key)}`);
          return Reflect.get(target, key, receiver) as unknown;
        },
      });
    const options = counting({ limit: 2, ordered: true, settle: 'all', deadline: '1s' }, 'options.');
    const calls = counting([counting([echo, 1], 'call.')], 'calls.');
    await inStage(createRunner(), (ctx) => loose(ctx, calls, options));
    const once = ['options.limit', 'options.ordered', 'options.settle', 'options.deadline'];
    expect([...reads].sort()).toEqual([...once, 'calls.0', 'call.0', 'call.1'].sort());
  });
});
