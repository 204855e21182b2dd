import {
  catchError,
  defer,
  EMPTY,
  from,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  Observable,
  of,
  retry,
  shareReplay,
  take,
  throwError,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import type { Context } from './context.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const at = (name: string, priority: number, intercept: Interceptor['intercept']): Interceptor =>
  defineInterceptor({ name, priority, intercept });

const settled = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

const later = (clock: Clock, ms: number): Observable<number> =>
  new Observable((subscriber) =>
    clock.schedule(ms, () => {
      subscriber.next(0);
      subscriber.complete();
    }),
  );

const counting = (attempts: number[], work: (n: number) => unknown) =>
  tool('work', {}, (_: unknown, { attempt }: Context) => work(attempts.push(attempt)));

describe('the reason of a stop', () => {
  it.each([false, true])(
    'reaches hooks also past operators, which carry none (deadline inside: %s)',
    async (inside) => {
      const clock = virtualClock();
      const told: string[] = [];
      const use = [
        at('total', 0, (call, next) => within(call, { limit: 100, name: 'total' }, next)),
        at('operator', 5, (call, next) => next(call).pipe(map((value) => value))),
        at('breaker', 10, (call, next) => {
          call.onEnd(({ status }) => told.push(status));
          return next(call);
        }),
        ...(inside ? [at('attempt', 20, (call, next) => within(call, { limit: 500, name: 'attempt' }, next))] : []),
      ];
      const hang = tool('hang', {}, scripted([{ do: 'hang' }], { clock }));
      await clock.until(settled(createRunner({ clock, use }).call(hang)));
      expect(told).toEqual(['timeout']);
    },
  );
});

describe('hooks', () => {
  const watch = (told: string[]): Interceptor =>
    at('watch', 10, (call, next) => {
      call.onEnd(({ status }) => told.push(status));
      call.onSettled(() => told.push('settled'));
      return next(call).pipe(map((value) => value));
    });
  const bound = at('bound', 20, (call, next) => within(call, { limit: 1_000_000, name: 'attempt' }, next));

  it('are told also where an operator outside never unsubscribes', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const controller = new AbortController();
    const shares = at('shares', 0, (call, next) => next(call).pipe(shareReplay(1)));
    const runner = createRunner({ clock, use: [shares, watch(told), bound] });
    const call = settled(
      runner.call(tool('hang', {}, scripted([{ do: 'hang' }], { clock })), undefined, { signal: controller.signal }),
    );
    await clock.advance(5);
    controller.abort(new Error('outer'));
    await clock.until(call);
    expect(told).toEqual(['cancelled', 'settled']);
  });

  it('are told also of what was subscribed to beside the result', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const aside = at('aside', 0, (call, next) => {
      next(call).subscribe({ error: () => {} });
      return of('aside');
    });
    const hang = tool('hang', {}, scripted([{ do: 'hang' }], { clock }));
    await clock.until(createRunner({ clock, use: [aside, watch(told)] }).call(hang));
    await clock.runAll();
    expect(told).toEqual(['cancelled', 'settled']);
  });

  it('that are registered at each subscription are told of each run', async () => {
    const clock = virtualClock();
    let free = 1;
    const permit = at('permit', 0, (call, next) =>
      defer(() => {
        free--;
        call.onSettled(() => void free++);
        return next(call);
      }).pipe(retry(2)),
    );
    const pass = at('pass', 10, (call, next) => next(call));
    await clock.until(
      settled(createRunner({ clock, use: [permit, pass] }).call(tool('fails', {}, scripted([{ do: 'fail' }])))),
    );
    expect(free).toBe(1);
  });

  it('that are registered late are told also when nothing further in was started', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const cache = at('cache', 0, (call) =>
      defer(() => {
        call.onEnd(({ status }) => told.push(status));
        call.onSettled(() => told.push('settled'));
        return of('cached');
      }),
    );
    await clock.until(createRunner({ clock, use: [cache] }).call(tool('work', {}, () => 1)));
    expect(told).toEqual(['ok', 'settled']);
  });

  it('that are registered outside two deadlines in one are told once', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const nested = at('nested', 0, (call, next) =>
      defer(() => {
        call.onEnd(({ status }) => told.push(status));
        return within(call, { limit: 10, name: 'a' }, (inner) => within(inner, { limit: 5, name: 'b' }, next));
      }),
    );
    await clock.until(createRunner({ clock, use: [nested] }).call(tool('work', {}, () => 1)));
    expect(told).toEqual(['ok']);
  });

  it('belong to the first of several runs at once', async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const twice = at('twice', 5, (call, next) => {
      call.onEnd(({ status }) => told.push(status));
      return merge(next(call), next(call));
    });
    const work = tool(
      'work',
      {},
      scripted(
        [
          { do: 'succeed', after: 5 },
          { do: 'succeed', after: 10 },
        ],
        { clock },
      ),
    );
    await clock.until(createRunner({ clock, use: [twice] }).call(work));
    expect(told).toEqual(['ok']);
  });
});

describe('attempts are numbered 1, 2, 3', () => {
  const fails = (): never => {
    throw new Error('no');
  };

  it('where a deadline is subscribed to again', async () => {
    const attempts: number[] = [];
    const again = at('again', 0, (call, next) => within(call, { limit: 10, name: 'attempt' }, next).pipe(retry(2)));
    await settled(createRunner({ use: [again] }).call(counting(attempts, fails)));
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('where three wait at once', async () => {
    const clock = virtualClock();
    const attempts: number[] = [];
    const use = [
      at('hedge', 0, (call, next) => merge(next(call), next(call), next(call))),
      at('queue', 10, (call, next) => later(clock, 5).pipe(mergeMap(() => next(call)))),
    ];
    await clock.until(settled(createRunner({ clock, use }).call(counting(attempts, () => 1))));
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('where some are refused before they reach the work', async () => {
    const seen: number[] = [];
    const refuses = at('refuses', 10, (call, next) =>
      seen.push(call.attempt) < 4 ? throwError(() => new Error('refused')) : next(call),
    );
    const again = at('again', 0, (call, next) => next(call).pipe(retry(3)));
    await createRunner({ use: [again, refuses] }).call(counting([], () => 1));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('where calls are made for them before they are needed', async () => {
    const attempts: number[] = [];
    const three = at('three', 0, (call, next) =>
      merge(next(call), next(call.again({ error: 1 })), next(call.again({ error: 2 }))),
    );
    await createRunner({ use: [three] }).call(counting(attempts, () => 1));
    expect(attempts).toEqual([1, 2, 3]);
  });
});

describe('streams', () => {
  const endless = (made: { count: number }) =>
    tool('endless', {}, () =>
      from(
        (function* () {
          for (;;) {
            if (made.count++ > 1_000) throw new Error('it was not stopped');
            yield made.count;
          }
        })(),
      ),
    );

  it('that emit without end in one turn stop when an interceptor has enough', async () => {
    for (const wait of [false, true]) {
      const clock = virtualClock();
      const made = { count: 0 };
      const first = at('first', 0, (call, next) =>
        wait
          ? next(call).pipe(
              take(1),
              mergeMap(() => later(clock, 5)),
            )
          : next(call).pipe(take(1)),
      );
      await clock.until(createRunner({ clock, use: [first] }).call(endless(made)));
      expect(made.count).toBeLessThan(10);
    }
  });

  it('that emit without end in one turn stop when their consumer has enough', async () => {
    const made = { count: 0 };
    await lastValueFrom(createRunner().stream(endless(made)).pipe(take(1)));
    expect(made.count).toBeLessThan(10);
  });

  it('keep what the first attempt emits while a second one comes and goes', async () => {
    const clock = virtualClock();
    let calls = 0;
    const hedge = at('hedge', 0, (call, next) =>
      merge(
        next(call),
        later(clock, 20).pipe(
          mergeMap(() => next(call)),
          catchError(() => EMPTY),
        ),
      ),
    );
    const stream = scripted([{ do: 'emit', items: ['a', 'b'], every: 15 }], { clock });
    const work = tool('work', {}, () => {
      if (calls++ > 0) throw new Error('the second fails');
      return stream() as AsyncIterable<unknown>;
    });
    await expect(clock.until(createRunner({ clock, use: [hedge] }).call(work))).resolves.toEqual(['a', 'b']);
  });
});

describe('a promise that an interceptor emits', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['rejects', async () => Promise.reject(new Error('late'))],
    ['hangs', () => new Promise(() => {})],
  ])('and that %s is its fault, and is no result', async (_, make) => {
    const clock = virtualClock();
    const verdicts: string[] = [];
    const runner = createRunner({ clock, use: [at('async', 0, (call, next) => next(call).pipe(map(make)))] });
    runner.events$.subscribe((event) => {
      if (event.type === 'verdict') verdicts.push(event.status);
    });
    const error = await clock.until(
      settled(
        runner.call(
          tool('work', {}, () => 1),
          undefined,
          { deadline: 100 },
        ),
      ),
    );
    expect(error).toMatchObject({ code: 'INTERCEPTOR' });
    expect(verdicts).toEqual(['failed']);
  });
});
