import { AsyncLocalStorage } from 'node:async_hooks';
import { Observable, of, retry, switchMap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { BoundFacts, PartialResult } from './bound-options.ts';
import type { Clock } from './clock.ts';
import type { Context } from './context.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { scripted, type virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { bench, bounded, failureOf, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

const hang = ({ clock }: { clock: ReturnType<typeof virtualClock> }) => scripted([{ do: 'hang' }], { clock });
const again = defineInterceptor({
  name: 'again',
  priority: Place.retry,
  intercept: (call, next) => next(call).pipe(retry(1)),
});
/** At `Place.concurrency`: the work waits before it starts. */
const gate = (ms: number): Interceptor =>
  defineInterceptor({
    name: 'gate',
    priority: Place.concurrency,
    intercept: (call, next) => timer(call.clock, ms).pipe(switchMap(() => next(call))),
  });

const timer = (clock: Clock, ms: number): Observable<void> =>
  new Observable((subscriber) =>
    clock.schedule(ms, () => {
      subscriber.next();
      subscriber.complete();
    }),
  );

describe('a soft limit', () => {
  it('warns at its time: an event, and the signal of the work, which goes on', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 100, soft: 40, scope: 'attempt' })]);
    let warned: unknown[] = [];
    const answer = await one.call(async (_: unknown, { softDeadline, signal }: Context) => {
      softDeadline.addEventListener('abort', () => {
        warned = [one.clock.now(), softDeadline.reason, signal.aborted];
      });
      await one.sleep(60);
      return 'done';
    });
    expect(answer).toBe('done');
    expect(warned).toEqual([40, expect.any(TimeoutError), false]);
    expect(String(warned[1])).toBe('TimeoutError: Tool "work" has taken 40 ms, its soft timeout');
    expect(warned[1]).toMatchObject({
      scope: 'attempt',
      retryable: false,
      details: { limit: 'soft', limitMs: 40, hardMs: 100 },
    });
    expect(one.events.find(({ type }) => type === 'timeout.soft')).toMatchObject({
      at: 40,
      limitMs: 40,
      hardMs: 100,
      lagMs: 0,
    });
  });

  it('is followed by the hard one at its own time, also where nobody looked', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 100, soft: 40 })]);
    expect(failureOf(await one.call(hang(one)))).toMatchObject({ details: { limit: 'attempt', elapsedMs: 100 } });
    expect(one.clock.now()).toBe(100);
    expect(one.told('timeout.soft')).toEqual([40]);
  });

  it('that is not before the hard one never warns', async () => {
    for (const soft of [100, 101, Number.POSITIVE_INFINITY]) {
      const one = bench([bounded({ name: 'attempt', limit: 100, soft })]);
      await one.call(hang(one));
      expect([one.clock.now(), one.told('timeout.soft')]).toEqual([100, []]);
    }
  });

  it('stands alone where there is no hard one, and the deadline stays none', async () => {
    const one = bench([bounded({ name: 'attempt', soft: 40 })]);
    const at = await one.call(async (_: unknown, { deadline }: Context) => {
      await one.sleep(50);
      return deadline.at;
    });
    expect(at).toBe(Number.POSITIVE_INFINITY);
    expect(one.told('timeout.soft')).toEqual([40]);
  });

  it('leaves the deadline that is told as it is, before and after', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 100, soft: 40 })]);
    const ats = await one.call(async (_: unknown, { deadline: { at }, ...context }: Context) => {
      await one.sleep(50);
      return [at, (context as Context).name];
    });
    expect((ats as unknown[])[0]).toBe(100);
    const two = bench([bounded({ name: 'attempt', limit: 100, soft: 40 })]);
    const later = await two.call(async (_: unknown, context: Context) => {
      await two.sleep(50);
      return [context.deadline.at, context.deadline.remaining()];
    });
    expect(later).toEqual([100, 50]);
  });

  it('warns all that is called in it, and who looks only later', async () => {
    const one = bench([
      bounded(({ name }) => ({ limit: 200, name: 'attempt', ...(name === 'outer' ? { soft: 40 } : {}) })),
    ]);
    const heard: unknown[] = [];
    const inner = tool('inner', {}, async (_: unknown, { softDeadline }: Context) => {
      softDeadline.addEventListener('abort', () => heard.push(one.clock.now()));
      await one.sleep(60);
      return softDeadline.aborted;
    });
    const answer = await one.call(async (_: unknown, context: Context) => {
      const before = await context.call(inner);
      const after = await context.call(
        tool('after', {}, (_: unknown, { softDeadline }: Context) => softDeadline.aborted),
      );
      return [before, after, context.softDeadline.aborted];
    }, 'outer');
    expect(answer).toEqual([true, true, true]);
    expect(heard).toEqual([40]);
  });

  it('that is noticed only after the hard one ends the work, and says how late from the hard one', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 100, soft: 40 })]);
    one.clock.schedule(30, () => one.clock.block(200));
    const error = failureOf(await one.call(hang(one)));
    expect(one.told('timeout.soft')).toEqual([250]);
    expect(error.details).toMatchObject({ elapsedMs: 250, lagMs: 150 });
  });
});

describe('a limit on the start', () => {
  it('ends what has not started in time, and nothing that has', async () => {
    const queue = bounded(() => ({ limit: 50, name: 'queue', until: 'started' }));
    const waits = bench([{ ...queue, priority: Place.total }, gate(80)]);
    const work = scripted([{ do: 'succeed' }], { clock: waits.clock });
    expect(failureOf(await waits.call(work)).details).toMatchObject({ limit: 'queue', started: false, settled: true });
    expect([waits.clock.now(), work.calls]).toEqual([50, 0]);
    await waits.clock.runAll();
    expect(work.calls).toBe(0);

    const starts = bench([{ ...queue, priority: Place.total }, gate(40)]);
    expect(await starts.call(scripted([{ do: 'succeed', value: 'done', after: 100 }], { clock: starts.clock }))).toBe(
      'done',
    );
    expect(starts.clock.now()).toBe(140);
  });
});

describe('a limit that can be put off', () => {
  it('is asked when its time is over, and given so much more as it wants', async () => {
    const asked: number[] = [];
    const extend = (now: number): number => {
      asked.push(now);
      return asked.length < 3 ? 25 : 0;
    };
    const one = bench([bounded({ name: 'attempt', limit: 100, extend })]);
    expect(failureOf(await one.call(hang(one))).details['elapsedMs']).toBe(150);
    expect(asked).toEqual([100, 125, 150]);
    expect(one.clock.now()).toBe(150);
  });

  it('is a deadline that is told to nobody, but the longest silence', async () => {
    const one = bench([
      bounded({ name: 'total', limit: 60 }),
      bounded({ name: 'attempt', limit: 100, extend: () => 0, sign: () => undefined }),
    ]);
    const seen: unknown[] = [];
    const error = failureOf(
      await one.call((_: unknown, { deadline }: Context) => {
        seen.push(deadline.at, deadline.scope);
        return one.sleep(500);
      }),
    );
    expect(seen).toEqual([60, 'tool:work']);
    expect(error.details['idle']).toEqual({ limitMs: 100, silentMs: 60 });
    await one.clock.runAll();
  });
});

describe('grace and cleanup', () => {
  it('are those that the limit says, for the whole call', async () => {
    const one = bench([bounded({ name: 'total', limit: 100, grace: 30, cleanup: 70 })], { grace: 500 });
    await one.call(scripted([{ do: 'succeed', after: 900, ignoreSignal: true }], { clock: one.clock }));
    expect([one.clock.now(), one.told('orphan')]).toEqual([130, [130]]);
    await one.call(scripted([{ do: 'fail', cleanup: 900 }], { clock: one.clock }));
    expect([one.clock.now(), one.told('cleanup.late')]).toEqual([200, [200]]);
    await one.clock.runAll();
  });

  it('hold also where the limit itself is none, and where timeouts are off', async () => {
    for (const timeouts of ['on', 'off'] as const) {
      const one = bench([bounded({ name: 'total', cleanup: 70 })], { timeouts });
      await one.call(scripted([{ do: 'succeed', cleanup: 900 }], { clock: one.clock }));
      expect(one.clock.now()).toBe(70);
      await one.clock.runAll();
    }
  });
});

describe("partial: 'resolve'", () => {
  it('resolves to what was achieved, and keeps the verdict; the error is told all the same', async () => {
    const one = bench([bounded({ name: 'total', limit: 50, partial: 'resolve' })]);
    const result = (await one.call((_: unknown, { partial }: Context) => {
      partial({ pages: 3 });
      return new Promise((_, reject) => one.clock.schedule(60, reject));
    })) as PartialResult;
    expect(result).toMatchObject({
      partial: true,
      value: { pages: 3 },
      error: { code: 'TIMEOUT', scope: 'tool:work' },
    });
    expect(one.told('verdict', 'status')).toEqual([[50, 'timeout']]);
    await one.clock.runAll();
  });

  it('rejects where nothing was achieved, and for everything that is no timeout', async () => {
    const one = bench([bounded({ name: 'total', limit: 50, partial: 'resolve' })]);
    expect(await one.call(hang(one))).toMatchObject({ code: 'TIMEOUT' });
    const fails = await one.call((_: unknown, { partial }: Context) => {
      partial(1);
      throw new Error('no');
    });
    expect(fails).toMatchObject({ message: 'no' });
  });

  it('is the result no more once somebody has tried again, and that ended well', async () => {
    const notWithPart = defineInterceptor({
      name: 'not with part of it',
      priority: Place.retry,
      intercept: (call, next) =>
        next(call).pipe(
          switchMap((value) => (Object(value).partial ? next(call.again({ error: undefined })) : of(value))),
        ),
    });
    const one = bench([notWithPart, bounded({ name: 'attempt', limit: 50, partial: 'resolve' })]);
    const answer = await one.call((_: unknown, context: Context) => {
      context.partial('half');
      return context.attempt === 1 ? hang(one)(undefined, context) : 'done';
    });
    expect(answer).toBe('done');
    expect(one.told('verdict', 'status')).toEqual([[50, 'ok']]);
  });

  it('begins anew with each run of what is inside: an ok after a timeout is ok', async () => {
    const one = bench([again, bounded({ name: 'attempt', limit: 50, partial: 'resolve' })]);
    const answer = await one.call(async (_: unknown, { partial, attempt }: Context) => {
      partial(attempt);
      if (attempt === 1) throw new Error('no');
      return 'done';
    });
    expect(answer).toBe('done');
    expect(one.told('verdict', 'status')).toEqual([[0, 'ok']]);
  });
});

describe('what a limit hears', () => {
  it('is once how each run ended, and after how long', async () => {
    const ended: unknown[] = [];
    const hears = {
      name: 'attempt' as const,
      limit: 100,
      ended: (status: unknown, ms: unknown) => ended.push([status, ms]),
    };
    const one = bench([bounded(hears)]);
    const script = (step: Parameters<typeof scripted>[0][0]) => scripted([step], { clock: one.clock });
    await one.call(script({ do: 'succeed', after: 10 }));
    await one.call(script({ do: 'fail', after: 20 }));
    await one.call(script({ do: 'emit', items: [1, 2], every: 15 }));
    await one.call((_: unknown, { skip }: Context) => skip());
    await one.call(() => 'at once');
    const controller = new AbortController();
    one.clock.schedule(40, () => controller.abort(new Error('enough')));
    const cancelled = one.runner.call(tool('work', {}, hang(one)), undefined, { signal: controller.signal });
    await one.clock.until(cancelled.catch(() => {}));
    expect(ended).toEqual([
      ['ok', 10],
      ['failed', 20],
      ['ok', 30],
      ['skipped', 0],
      ['ok', 0],
      ['cancelled', 40],
    ]);
  });

  it('is what becomes of work that it has stopped: orphan, late, end of the orphan', async () => {
    const heard: unknown[] = [];
    const one = bench([bounded({ name: 'attempt', limit: 50, after: (what) => heard.push(what) })], { grace: 10 });
    const error = failureOf(
      await one.call(scripted([{ do: 'fail', after: 200, ignoreSignal: true }], { clock: one.clock })),
    );
    expect(heard).toEqual(['orphan']);
    expect(error.details['settled']).toBe(false);
    await one.clock.runAll();
    expect(heard).toEqual(['orphan', 'late', 'orphan.end']);
    expect(error.details).toMatchObject({ settled: true, lateMs: 150 });
  });

  it('may throw without harm: it is reported, and everybody else hears the same', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    const one = bench([bounded({ name: 'attempt', limit: 50, error: boom, ended: boom })]);
    expect(await one.call(hang(one))).toMatchObject({
      code: 'TIMEOUT',
      message: 'Tool "work" exceeded its attempt timeout of 50 ms',
    });
    expect(one.warnings.filter((line) => line.includes('threw when it put a timeout in words'))).toHaveLength(1);
    expect(one.warnings.filter((line) => line.includes('threw when it heard of an end'))).toHaveLength(1);
    expect(await one.call(() => 'done')).toBe('done');
  });

  it('is asked for the error with all that is known', async () => {
    const seen: BoundFacts[] = [];
    const error = (facts: BoundFacts) => {
      seen.push(facts);
      return new TimeoutError('in other words', { scope: facts.scope });
    };
    const one = bench([bounded({ name: 'attempt', limit: 50, scope: 'attempt', error })]);
    expect(await one.call(hang(one))).toMatchObject({ message: 'in other words', scope: 'attempt' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      scope: 'attempt',
      limitMs: 50,
      elapsedMs: 50,
      pausedMs: 0,
      lagMs: 0,
      started: true,
    });
    expect(seen[0]?.call.name).toBe('work');
  });

  it('is heard in the AsyncLocalStorage context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const error = (): TimeoutError => {
      seen.push(storage.getStore());
      return new TimeoutError('in other words');
    };
    const one = bench([bounded({ name: 'attempt', limit: 50, error })]);
    const calls = ['first', 'second'].map((who) =>
      storage.run(who, () => one.runner.call(tool('work', {}, hang(one))).catch(() => {})),
    );
    await one.clock.until(Promise.all(calls));
    expect(seen).toEqual(['first', 'second']);
  });

  it('is nothing more while timeouts are off, but signs of life', async () => {
    const signs: unknown[] = [];
    const sign = (what: unknown): undefined => void signs.push(what);
    const one = bench([bounded({ name: 'attempt', limit: 50, sign, extend: () => 0 })], { timeouts: 'off' });
    const answer = await one.call(async (_: unknown, { heartbeat }: Context) => {
      heartbeat();
      await one.sleep(500);
      return 'done';
    });
    expect([answer, signs]).toEqual(['done', ['heartbeat']]);
  });
});
