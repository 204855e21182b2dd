import {
  defer,
  EMPTY,
  finalize,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  retry,
  take,
  throwError,
  timeout,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import type { Outcome } from './verdict.ts';
import { wrap } from './wrap.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const at = (priority: number, intercept: Interceptor['intercept'], name = `at${priority}`): Interceptor =>
  defineInterceptor({ name, priority, intercept });

const failure = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => expect.unreachable('it should have failed'),
    (error: Error) => error,
  );

describe('the chain', () => {
  it('stands in the order of priorities, the larger further in; equal ones keep the order of use', async () => {
    const order: string[] = [];
    const note = (priority: number, name: string): Interceptor =>
      at(
        priority,
        (call, next) => {
          order.push(name);
          return next(call);
        },
        name,
      );
    await wrap(() => order.push('work'), note(90, 'c'), note(10, 'a1'), note(50, 'b'), note(10, 'a2'))();
    expect(order).toEqual(['a1', 'a2', 'b', 'c', 'work']);
  });

  it('lets any operator of RxJS work on what next() returns', async () => {
    const twice = at(1, (call, next) => next(call).pipe(map((value) => (value as number) * 2)));
    const shifted = at(2, (call, next) =>
      next(call).pipe(mergeMap((value) => of(value).pipe(map((n) => (n as number) + 1)))),
    );
    await expect(wrap(async () => 20, twice, shifted)()).resolves.toBe(42);
  });

  it('is lazy: nothing starts until what next() returned is subscribed to', async () => {
    let started = 0;
    const never = at(1, (call, next) => {
      next(call);
      return of('instead');
    });
    await expect(wrap(() => ++started, never)()).resolves.toBe('instead');
    expect(started).toBe(0);
  });

  it('makes each subscription a fresh attempt of all that is inside', async () => {
    const inside: number[] = [];
    const seen: number[] = [];
    const again = at(1, (call, next) => next(call).pipe(retry(2)));
    const counts = at(2, (call, next) => {
      inside.push(call.attempt);
      return next(call);
    });
    const runner = createRunner({ use: [again, counts] });
    const flaky = tool('flaky', {}, (_: unknown, { attempt, previous }: Context) => {
      seen.push(attempt);
      if (attempt < 3) throw new Error(`no ${attempt}`);
      return String(previous?.error);
    });
    await expect(runner.call(flaky)).resolves.toBe('Error: no 2');
    expect(inside).toEqual([1, 2, 3]);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('counts attempts on, also when several interceptors repeat', async () => {
    const seen: number[] = [];
    const outer = at(1, (call, next) => next(call).pipe(retry(1)));
    const inner = at(2, (call, next) => next(call).pipe(retry(1)));
    const fails = tool('fails', {}, (_: unknown, { attempt }: Context) => {
      seen.push(attempt);
      throw new Error('no');
    });
    await failure(createRunner({ use: [outer, inner] }).call(fails));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('survives 20,000 synchronous retries', async () => {
    let calls = 0;
    const again = at(1, (call, next) => new RetryLoop(call, next) as unknown as Observable<unknown>);
    const work = (): string => {
      if (++calls < 20_000) throw new Error('no');
      return 'at last';
    };
    await expect(wrap(work, again)()).resolves.toBe('at last');
  });

  it('tells apart an end without a value, which is the fault of an interceptor, from an empty stream', async () => {
    const swallows = at(1, (call, next) => next(call).pipe(mergeMap(() => EMPTY)), 'swallows');
    const error = await failure(wrap(async () => 1, swallows)());
    expect(error).toBeInstanceOf(InterceptorError);
    expect(error).toMatchObject({
      interceptor: 'swallows',
      message: 'Interceptor "swallows" completed without a value',
    });
    await expect(
      wrap(
        async function* () {},
        at(1, (call, next) => next(call).pipe(map((x) => x))),
      )(),
    ).resolves.toEqual([]);
  });

  it('refuses a call that next() is not given as such', async () => {
    const odd = at(1, (_, next) => next({} as Call), 'odd');
    expect(await failure(wrap(() => 1, odd)())).toMatchObject({ code: 'INTERCEPTOR', interceptor: 'odd' });
  });

  it.each<[string, Interceptor['intercept'], string]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      'Interceptor "odd" threw',
    ],
    ['returns nothing', () => undefined as never, 'returned undefined instead of an Observable'],
    ['returns a promise', () => Promise.resolve(1) as never, 'returned a Promise instead of an Observable'],
    [
      'returns a hostile object',
      () =>
        Object.defineProperty({}, 'lift', {
          get() {
            throw new Error('no');
          },
        }) as never,
      'throws when it is looked at',
    ],
  ])('reports an interceptor that %s, by its name', async (_, intercept, message) => {
    const error = await failure(
      wrap(
        () => 1,
        at(1, (call, next) => next(call)),
        at(2, intercept, 'odd'),
      )(),
    );
    expect(error).toBeInstanceOf(InterceptorError);
    expect(error.message).toContain(message);
  });

  it('ends the hooks of an interceptor that throws: what it held is released', async () => {
    const told: string[] = [];
    const holds = at(1, (call) => {
      call.onEnd(({ status }) => told.push(`end ${status}`));
      call.onSettled(() => told.push('settled'));
      throw new Error('broken');
    });
    await failure(wrap(() => 1, holds)());
    expect(told).toEqual(['end failed', 'settled']);
  });

  it('asks `applies` which calls an interceptor stands around', async () => {
    const seen: string[] = [];
    const note = (name: string, applies: Interceptor['applies']): Interceptor =>
      defineInterceptor({
        name,
        priority: 1,
        ...(applies === undefined ? {} : { applies }),
        intercept(call, next) {
          seen.push(`${name} ${call.name}`);
          return next(call);
        },
      });
    const runner = createRunner({
      use: [
        note('all', undefined),
        note('tools', 'tool'),
        note('functions', 'function'),
        note('named', (call) => call.name === 'two'),
      ],
    });
    await runner.call(tool('one', {}, () => 1));
    await runner.call(tool('two', {}, () => 1));
    await runner.wrap(() => 1, { name: 'fn' })();
    expect(seen).toEqual(['all one', 'tools one', 'all two', 'tools two', 'named two', 'all fn', 'functions fn']);
  });

  it('tells interceptors of a nested call which call it was made in', async () => {
    const lines: string[] = [];
    const note = at(1, (call, next) => {
      const line = [];
      for (let one: Call | undefined = call; one !== undefined; one = one.parent) line.push(one.name);
      lines.push(line.join(' in '));
      return next(call);
    });
    const runner = createRunner({ use: [note] });
    const leaf = tool('leaf', {}, () => 1);
    const middle = tool('middle', {}, (_: unknown, { call }: Context) => call(leaf));
    await runner.call(tool('root', {}, (_: unknown, { call }: Context) => call(middle)));
    expect(lines).toEqual(['root', 'middle in root', 'leaf in middle in root']);
  });

  it('reports an `applies` that throws', async () => {
    const odd = defineInterceptor({
      name: 'odd',
      priority: 1,
      applies: () => {
        throw new Error('broken');
      },
      intercept: (call, next) => next(call),
    });
    expect(await failure(wrap(() => 1, odd)())).toMatchObject({ code: 'INTERCEPTOR', interceptor: 'odd' });
  });

  it('says it once when an operator throws while it is torn down, and keeps the result', async () => {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (_: object, message = '') => warnings.push(message) };
    const odd = at(
      1,
      (call, next) =>
        next(call).pipe(
          finalize(() => {
            throw new Error('broken');
          }),
        ),
      'odd',
    );
    const runner = createRunner({ use: [odd], logger });
    await expect(runner.call(tool('fine', {}, async () => 1))).resolves.toBe(1);
    await expect(runner.call(tool('fine', {}, () => 1))).resolves.toBe(1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"odd"');
  });

  it('cancels works that an interceptor did not wait for', async () => {
    const clock = virtualClock();
    const work = scripted([{ do: 'hang' }], { clock });
    const hasty = at(1, (call, next) => {
      next(call).subscribe({ error: () => {} });
      return of('hasty');
    });
    const runner = createRunner({ clock, use: [hasty] });
    await expect(clock.until(runner.call(tool('work', {}, work)))).resolves.toBe('hasty');
    await clock.runAll();
    expect(work.running).toBe(0);
  });

  it('starts nothing for an interceptor that goes on after the verdict', async () => {
    const clock = virtualClock();
    const work = scripted([{ do: 'succeed' }], { clock });
    const refused: unknown[] = [];
    const late = at(1, (call, next) => {
      clock.schedule(100, () => next(call).subscribe({ error: (error) => refused.push(error) }));
      return of('at once');
    });
    await clock.until(createRunner({ clock, use: [late] }).call(tool('work', {}, work)));
    await clock.runAll();
    expect(work.calls).toBe(0);
    expect(isSluiceError(refused[0], 'CANCELLED')).toBe(true);
  });
});

describe('onEnd', () => {
  const outcomes = async (work: () => unknown, ...around: Interceptor[]): Promise<string[]> => {
    const told: string[] = [];
    const watch = at(50, (call, next) => {
      call.onEnd((outcome: Outcome) => told.push(outcome.status));
      return next(call);
    });
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [watch, ...around] });
    await clock.until(runner.call(tool('work', {}, work), undefined, { deadline: 1_000 }).catch(() => {}));
    return told;
  };

  it('is called once for a value, a failure, a timeout by any scope, and a cancellation', async () => {
    expect(await outcomes(() => 1)).toEqual(['ok']);
    expect(await outcomes(async () => 1)).toEqual(['ok']);
    expect(await outcomes(() => of(1, 2))).toEqual(['ok']);
    expect(await outcomes(() => throwError(() => new Error('no')))).toEqual(['failed']);
    expect(await outcomes(() => NEVER)).toEqual(['timeout']);
    const abandons = at(40, (call, next) => next(call).pipe(take(1)));
    expect(await outcomes(() => NEVER.pipe(map(String)), abandons)).toEqual(['timeout']);
    expect(await outcomes(() => defer(() => of(1, 2, 3)), abandons)).toEqual(['cancelled']);
  });

  it('is called for each attempt inside a retry, and once outside', async () => {
    const told: string[] = [];
    const watch = (priority: number, name: string): Interceptor =>
      at(priority, (call, next) => {
        call.onEnd(({ status }) => told.push(`${name} ${call.attempt} ${status}`));
        return next(call);
      });
    const again = at(50, (call, next) => next(call).pipe(retry(1)));
    let calls = 0;
    const work = (): number => {
      if (++calls === 1) throw new Error('no');
      return 1;
    };
    await wrap(work, watch(10, 'outer'), again, watch(60, 'inner'))();
    expect(told).toEqual(['inner 1 failed', 'inner 2 ok', 'outer 1 ok']);
  });

  it('tells of a timeout by a stranger as a cancellation', async () => {
    const stranger = at(10, (call, next) => next(call).pipe(timeout({ first: 0 })));
    const told: string[] = [];
    const watch = at(50, (call, next) => {
      call.onEnd(({ status }) => told.push(status));
      return next(call);
    });
    await failure(wrap(() => NEVER, stranger, watch)());
    expect(told).toEqual(['cancelled']);
  });

  it('says how long the attempt took', async () => {
    const clock = virtualClock();
    let took = -1;
    const watch = at(50, (call, next) => {
      call.onEnd(({ durationMs }) => {
        took = durationMs;
      });
      return next(call);
    });
    await clock.until(
      createRunner({ clock, use: [watch] }).call(tool('slow', {}, scripted([{ do: 'succeed', after: 70 }], { clock }))),
    );
    expect(took).toBe(70);
  });

  it('is called also when the interceptor never goes further in', async () => {
    const told: string[] = [];
    const short = at(50, (call) => {
      call.onEnd(({ status }) => told.push(status));
      return of('short');
    });
    await wrap(() => 1, short)();
    expect(told).toEqual(['ok']);
  });

  it('that throws is reported by the name of its interceptor, and harms nobody', async () => {
    const warnings: string[] = [];
    const told: string[] = [];
    const odd = at(
      50,
      (call, next) => {
        call.onEnd(() => {
          throw new Error('broken');
        });
        call.onSettled(() => {
          throw new Error('broken too');
        });
        return next(call);
      },
      'odd',
    );
    const fine = at(40, (call, next) => {
      call.onEnd(() => told.push('end'));
      call.onSettled(() => told.push('settled'));
      return next(call);
    });
    const logger = { debug() {}, info() {}, error() {}, warn: (_: object, message = '') => warnings.push(message) };
    await createRunner({ use: [odd, fine], logger }).call(tool('work', {}, () => 1));
    expect(told).toEqual(['end', 'settled']);
    expect(warnings.every((warning) => warning.includes('"odd"'))).toBe(true);
    expect(warnings).toHaveLength(2);
  });
});

describe('onSettled', () => {
  it('is called when the work has really ended, however long after its verdict, and its cleanup has run', async () => {
    for (const use of [
      [] as Interceptor[],
      [at(60, (call: Call, next: (call: Call) => Observable<unknown>) => next(call).pipe(map((value) => value)))],
    ]) {
      const clock = virtualClock();
      const told: string[] = [];
      const permit = at(50, (call, next) => {
        call.onEnd(({ status }) => told.push(`${clock.now()} ${status}`));
        call.onSettled(() => told.push(`${clock.now()} settled`));
        return next(call);
      });
      const deaf = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true, cleanup: 300 }], { clock });
      const runner = createRunner({ clock, use: [permit, ...use] });
      await clock.until(failure(runner.call(tool('deaf', {}, deaf), undefined, { deadline: 100 })));
      await clock.runAll();
      expect(told).toEqual(['100 timeout', '1000 settled']);
    }
  });

  it('outside a retry waits for the works of all attempts', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const watch = (priority: number, name: string): Interceptor =>
      at(priority, (call, next) => {
        call.onSettled(() => told.push(`${name} ${call.attempt} at ${clock.now()}`));
        return next(call);
      });
    const again = at(50, (call, next) => next(call).pipe(retry(1)));
    const work = scripted(
      [
        { do: 'fail', cleanup: 500 },
        { do: 'succeed', after: 10 },
      ],
      { clock },
    );
    await clock.until(
      createRunner({ clock, use: [watch(10, 'outer'), again, watch(60, 'inner')] }).call(tool('work', {}, work)),
    );
    await clock.runAll();
    expect(told).toEqual(['inner 2 at 10', 'inner 1 at 500', 'outer 1 at 500']);
  });

  it('waits for what calls made in the work still do', async () => {
    const clock = virtualClock();
    const told: number[] = [];
    const permit = defineInterceptor({
      name: 'permit',
      priority: 50,
      applies: (call) => call.name === 'outer',
      intercept(call, next) {
        call.onSettled(() => told.push(clock.now()));
        return next(call);
      },
    });
    const inner = tool('inner', {}, scripted([{ do: 'succeed', after: 400, ignoreSignal: true }], { clock }));
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner));
    await clock.until(failure(createRunner({ clock, use: [permit] }).call(outer, undefined, { deadline: 100 })));
    await clock.runAll();
    expect(told).toEqual([400]);
  });

  it('is called at once when nothing was started', async () => {
    const told: string[] = [];
    const short = at(50, (call) => {
      call.onSettled(() => told.push('settled'));
      return of('short');
    });
    await wrap(() => 1, short)();
    expect(told).toEqual(['settled']);
  });
});

describe('stack.execute', () => {
  it('runs work inline, with its context', async () => {
    const add = at(1, (call, next) => next(call).pipe(map((value) => `${value} by ${call.name}`)));
    await expect(stack([add]).execute(({ name }) => name, { name: 'inline' })).resolves.toBe('inline by inline');
  });
});

/** The smallest retry that is a trampoline: it repeats for ever, whatever the depth. */
class RetryLoop {
  readonly #call: Call;
  readonly #next: (call: Call) => Observable<unknown>;

  constructor(call: Call, next: (call: Call) => Observable<unknown>) {
    this.#call = call;
    this.#next = next;
  }

  lift(): void {}

  subscribe(observer: { next(value: unknown): void; complete(): void }): object {
    let done = false;
    let call = this.#call;
    while (!done) {
      this.#next(call).subscribe({
        next: (value) => observer.next(value),
        complete: () => {
          done = true;
          observer.complete();
        },
        error: (error: unknown) => {
          call = call.again({ error });
        },
      });
    }
    return { unsubscribe() {} };
  }
}
