import { AsyncLocalStorage } from 'node:async_hooks';
import { catchError, concat, EMPTY, from, map, merge, of } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import type { StandardResult, StandardSchema } from './standard-schema.ts';
import { leakLedger, scripted, type VirtualClock, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const at = (name: string, priority: number, intercept: Interceptor['intercept']): Interceptor =>
  defineInterceptor({ name, priority, intercept });

const settled = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

const after = (clock: VirtualClock, ms: number): Promise<number> =>
  new Promise((resolve) => clock.schedule(ms, () => resolve(ms)));

const refuse = (): never => {
  throw new Error('trap');
};

/** A schema that answers when it likes. */
function slow(validate: (value: unknown) => Promise<StandardResult<number>>): StandardSchema<number> {
  return { '~standard': { version: 1, vendor: 'by hand', validate } };
}

/** What nobody handled while `run` went on, and in the turn after it. */
async function unhandledIn(clock: VirtualClock, run: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (error: unknown): number => seen.push(error);
  process.on('unhandledRejection', note);
  await clock.until(run());
  await clock.runAll();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  return seen;
}

/** A stream without an end that counts what it has emitted, and gives up when nobody stops it. */
function endless(made: { count: number }) {
  function* items(): Generator<number> {
    for (;;) {
      if (made.count++ > 1_000) throw new Error('it was not stopped');
      yield made.count;
    }
  }
  return tool('endless', {}, () => from(items()));
}

describe('the deadline of a call runs while its input is checked', () => {
  it.each<[string, (clock: VirtualClock) => StandardSchema<number>]>([
    ['is slow', (clock) => slow((value) => after(clock, 1_000).then(() => ({ value: value as number })))],
    ['hangs', () => slow(() => new Promise(() => {}))],
  ])('by a schema that %s', async (_, schema) => {
    const clock = virtualClock();
    let ran = 0;
    const work = tool('work', { input: schema(clock) }, () => ++ran);
    const error = await clock.until(settled(createRunner({ clock }).call(work, 1, { deadline: 100 })));
    expect(error).toMatchObject({ code: 'TIMEOUT' });
    expect(clock.now()).toBe(100);
    await clock.runAll();
    expect(ran).toBe(0);
  });
});

describe('a consumer that stops inside next()', () => {
  it('by the signal ends a stream that emits without end in one turn', () => {
    const made = { count: 0 };
    const controller = new AbortController();
    const items = createRunner({ clock: virtualClock() }).stream(endless(made), undefined, {
      signal: controller.signal,
    });
    items.subscribe({ next: () => controller.abort(), error: () => {} });
    expect(made.count).toBeLessThan(10);
  });

  it('by its subscription ends a generator, which is asked for no more', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    let made = 0;
    const work = tool('work', {}, async function* () {
      for (;;) yield ++made;
    });
    const subscription = runner.stream(work).subscribe(() => subscription.unsubscribe());
    await clock.runAll();
    expect(made).toBe(1);
    expect(runner.stats().running).toBe(0);
  });
});

describe('a result', () => {
  it('is the first that a promise claims', async () => {
    const twice = (resolve: (value: number) => void): void => {
      resolve(1);
      resolve(2);
    };
    const work = tool('work', {}, () => Object.assign(Promise.resolve(0), { then: twice }));
    await expect(createRunner().call(work)).resolves.toBe(1);
  });

  it('that is the last item, and a promise that hangs, does not outlive the deadline', async () => {
    const clock = virtualClock();
    const work = tool('work', { collect: 'last' }, () => of(new Promise(() => {})));
    await clock.until(settled(createRunner({ clock }).call(work, undefined, { deadline: 100 })));
    expect(clock.now()).toBeLessThanOrEqual(150);
  });

  it('may be a million items of one turn', async () => {
    const items = Array.from({ length: 1_000_000 }, (_, index) => index);
    const result = await createRunner().call(tool('work', {}, () => from(items)));
    expect(result).toHaveLength(1_000_000);
  });
});

describe('an error', () => {
  it('carries nothing partial of an earlier attempt than the one that failed', async () => {
    const clock = virtualClock();
    let calls = 0;
    const hang = scripted([{ do: 'hang' }], { clock });
    const work = tool('work', {}, (input: unknown, context: Context) => {
      if (calls++ > 0) return hang(input, context);
      context.partial('one');
      throw new Error('the first fails');
    });
    const both = at('both', 0, (call, next) => concat(next(call).pipe(catchError(() => EMPTY)), next(call)));
    const call = createRunner({ clock, use: [both] }).call(work, undefined, { deadline: 10 });
    const error = await clock.until(settled(call));
    expect(error).toMatchObject({ code: 'TIMEOUT' });
    expect((error as { partial?: unknown }).partial).toBeUndefined();
  });

  it('of a caller who aborts with null is a cancellation, and the reason stays null', async () => {
    const clock = virtualClock();
    const controller = new AbortController();
    const reasons: unknown[] = [];
    const work = tool('work', {}, (_: unknown, { signal }: Context) => {
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        }),
      );
    });
    const call = settled(createRunner({ clock }).call(work, undefined, { signal: controller.signal }));
    await clock.advance(1);
    controller.abort(null);
    expect(await clock.until(call)).toMatchObject({ code: 'CANCELLED' });
    expect(reasons).toEqual([null]);
  });
});

describe('hooks', () => {
  it('are told once where an interceptor further in lets two runs go on at once', async () => {
    const told: string[] = [];
    const breaker = at('breaker', 0, (call, next) => {
      call.onEnd(({ status }) => told.push(status));
      return next(call);
    });
    const twice = at('twice', 5, (call, next) => merge(next(call), next(call)));
    await createRunner({ use: [breaker, twice] }).call(tool('work', {}, () => 1));
    expect(told).toEqual(['ok']);
  });

  it('are told of a failure by the timeout of a call that work made itself, also before operators', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const breaker = at('breaker', 0, (call, next) => {
      if (call.name !== 'outer') return next(call);
      call.onEnd(({ status }) => told.push(status));
      return next(call).pipe(map((value) => value));
    });
    const inner = tool('inner', {}, scripted([{ do: 'hang' }], { clock }));
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner, undefined, { deadline: 5 }));
    await clock.until(settled(createRunner({ clock, use: [breaker] }).call(outer)));
    expect(told).toEqual(['failed']);
  });

  it('run in the AsyncLocalStorage context of the caller, also at a deadline', async () => {
    const clock = virtualClock();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const hook = at('hook', 0, (call, next) => {
      call.onEnd(({ status }) => seen.push(`${status} ${storage.getStore()}`));
      return next(call);
    });
    const runner = createRunner({ clock, use: [hook] });
    const brief = tool('brief', {}, () => after(clock, 5));
    const hang = tool('hang', {}, scripted([{ do: 'hang' }], { clock }));
    const calls = storage.run('caller', () => [
      settled(runner.call(brief)),
      settled(runner.call(hang, undefined, { deadline: 10 })),
    ]);
    await clock.until(Promise.all(calls));
    expect(seen).toEqual(['ok caller', 'timeout caller']);
  });
});

describe('nothing is left unhandled', () => {
  it('when a call that work made, and did not wait for, times out and answers only after that work', async () => {
    const clock = virtualClock();
    const stubborn = scripted([{ do: 'succeed', after: 100, ignoreSignal: true }], { clock });
    const inner = tool('inner', {}, stubborn);
    const work = tool('work', {}, (_: unknown, { call }: Context) => {
      void call(inner, undefined, { deadline: 5 });
      return after(clock, 50);
    });
    expect(await unhandledIn(clock, () => createRunner({ clock }).call(work))).toEqual([]);
  });

  it('when cleanup throws what cannot be read, or returns what cannot be asked', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const work = tool('work', {}, (_: unknown, { onCleanup }: Context) => {
      onCleanup(() => {
        throw new Proxy({}, { get: refuse });
      });
      onCleanup(() => Object.defineProperty({}, 'then', { get: refuse }));
      return 1;
    });
    const results: unknown[] = [];
    const run = async (): Promise<unknown> => results.push(await runner.call(work));
    expect(await unhandledIn(clock, run)).toEqual([]);
    expect(results).toEqual([1]);
  });

  it('when what disposes of a late value rejects, or cannot be asked what it is', async () => {
    const clock = virtualClock();
    let disposed = 0;
    const work = tool('work', {}, (_: unknown, { onLate }: Context) => {
      onLate(() => {
        disposed++;
        return { then: (_resolve: unknown, reject: (error: Error) => void) => reject(new Error('late')) };
      });
      onLate(() => {
        disposed++;
        return new Proxy(Promise.resolve(), { getPrototypeOf: refuse });
      });
      return after(clock, 30);
    });
    const run = (): Promise<unknown> => settled(createRunner({ clock }).call(work, undefined, { deadline: 5 }));
    expect(await unhandledIn(clock, run)).toEqual([]);
    expect(disposed).toBe(2);
  });
});
