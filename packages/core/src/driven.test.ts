import { retry as again, map, NEVER, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import type { Call } from './call.ts';
import { driveNext } from './drive-next.ts';
import { type Drive, driven, drivenNext } from './driven.ts';
import { FollowedRun } from './followed-run.ts';
import { following } from './following.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Limit } from './limit.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { driveWithin, within } from './within.ts';
import { wrap } from './wrap.ts';

const through: Drive = (call, next, sink) => driveNext(call, next, sink);

function interceptor(drive: Drive, rest: Partial<Interceptor> = {}): Interceptor {
  return defineInterceptor({
    name: 'driven',
    priority: Place.retry,
    intercept: driven({ name: 'driven' }, drive),
    ...rest,
  });
}

const limited = (ms: number): Interceptor => {
  const limit = new Limit({ limit: ms, name: 'total' });
  const drive: Drive = (call, next, sink) => driveWithin(call, limit, next, sink);
  return defineInterceptor({ name: 'limited', priority: Place.total, intercept: driven({ name: 'limited' }, drive) });
};

const failure = (promise: PromiseLike<unknown>): PromiseLike<unknown> =>
  promise.then(
    () => expect.unreachable('it was not to succeed'),
    (error: unknown) => error,
  );

it('is handed the sink, and no flow is asked for', async () => {
  let asked = 0;
  const one = interceptor(through);
  const intercept = Object.assign((...args: Parameters<Interceptor['intercept']>) => {
    asked++;
    return one.intercept(...args);
  }, one.intercept);
  expect(await wrap(async () => 42, { ...one, intercept })()).toBe(42);
  expect(asked).toBe(0);
});

it('is a flow for whoever calls it by hand, and what stands around it then is asked', async () => {
  const one = interceptor(through);
  const doubled: Interceptor = {
    ...one,
    intercept: (call, next) => one.intercept(call, next).pipe(map((value) => Number(value) * 2)),
  };
  expect(await wrap(async () => 21, doubled)()).toBe(42);
});

it('gets the options that hold for the call, driven or called by hand', async () => {
  const seen: unknown[] = [];
  const policy = { key: 'tag', parse: (value: unknown) => ({ tag: value }) };
  const intercept = driven({ name: 'tagged', key: 'tag' }, (call, next, sink, options) => {
    seen.push(options?.['tag']);
    return driveNext(call, next, sink);
  });
  const tagged = defineInterceptor({ name: 'tagged', priority: Place.retry, policy, intercept });
  const byHand: Interceptor = { ...tagged, intercept: (call, next) => intercept(call, next) };
  for (const one of [tagged, byHand]) {
    const runner = createRunner({ use: [one] });
    await runner.call(tool('work', { tag: 'own' } as object, async () => 1));
  }
  expect(seen).toEqual(['own', 'own']);
});

it('stands where it stood when it is subscribed to again, with another attempt of what is inside', async () => {
  const clock = virtualClock();
  const attempts: number[] = [];
  const limited = interceptor((call, next, sink) => driveWithin(call, new Limit({ limit: 10, name: 'x' }), next, sink));
  const repeated: Interceptor = { ...limited, intercept: (call, next) => limited.intercept(call, next).pipe(again(2)) };
  const runner = createRunner({ clock, use: [repeated] });
  const hang = tool('hang', {}, (_: undefined, { attempt }) => {
    attempts.push(attempt);
    return new Promise<never>(() => {});
  });
  expect(await clock.until(failure(runner.call(hang)))).toMatchObject({ code: 'TIMEOUT' });
  expect(attempts).toEqual([1, 2, 3]);
  // Each attempt has had the whole of its limit, and hears of no other.
  expect(clock.now()).toBeGreaterThanOrEqual(30);
});

it('stands inside of what it stood inside of, where it is one of two at the same place', async () => {
  const clock = virtualClock();
  const deadlines: number[] = [];
  const nested: Interceptor = {
    name: 'nested',
    priority: Place.total,
    intercept: (call, next) =>
      within(call, { limit: 100, name: 'outer' }, (inner) =>
        within(inner, { limit: 30, name: 'inner' }, next).pipe(again(5)),
      ),
  };
  const hang = tool('hang', {}, (_: undefined, { deadline }) => {
    deadlines.push(deadline.at);
    return new Promise<never>(() => {});
  });
  const error = await clock.until(failure(createRunner({ clock, use: [nested] }).call(hang)));
  expect(error).toMatchObject({ code: 'TIMEOUT', details: { limit: 'outer' } });
  expect(deadlines).toEqual([30, 60, 90, 100]);
});

it('begins afresh when it is subscribed to again although nothing inside was reached the first time', async () => {
  const clock = virtualClock();
  let first = true;
  const late: Interceptor = {
    name: 'late',
    priority: Place.total,
    intercept: (call, next) =>
      within(call, { limit: 10, name: 'x' }, (inner) => {
        const nothing = first;
        first = false;
        return nothing ? NEVER : next(inner);
      }).pipe(again(1)),
  };
  expect(await clock.until(createRunner({ clock, use: [late] }).call(tool('work', {}, async () => 'done')))).toBe(
    'done',
  );
});

it('is not told of what begins in a further run of it', async () => {
  const told: string[] = [];
  let first = true;
  const follows: Interceptor = {
    name: 'follows',
    priority: Place.total,
    intercept: (call, next) =>
      following(call, { began: () => told.push('began'), ended: (status) => told.push(status) }, (inner) => {
        const nothing = first;
        first = false;
        return nothing ? throwError(() => new Error('not yet')) : next(inner);
      }).pipe(again(1)),
  };
  expect(await stack([follows]).execute(() => 1)).toBe(1);
  expect(told).toEqual(['failed', 'began', 'ok']);
});

it('asks for the deadline in force: what has ended inside does not count', async () => {
  const clock = virtualClock();
  const seen: number[] = [];
  const asks = interceptor((call, next, sink) =>
    driveNext(call, next, {
      next: (value) => sink.next(value),
      success: (value) => sink.success(value),
      complete: () => sink.complete(),
      error(error) {
        seen.push(call.deadline.at);
        sink.error(error);
      },
    }),
  );
  const short = new Limit({ limit: 10, name: 'attempt' });
  const attempt = defineInterceptor({
    name: 'attempt',
    priority: Place.attempt,
    intercept: driven({ name: 'attempt' }, (call, next, sink) => driveWithin(call, short, next, sink)),
  });
  const hang = tool('hang', {}, () => new Promise<never>(() => {}));
  for (const use of [
    [asks, attempt],
    [limited(200), asks, attempt],
  ]) {
    const from = clock.now();
    await clock.until(failure(createRunner({ clock, use }).call(hang)));
    seen.push(from);
  }
  const [none, , total, from] = seen as [number, number, number, number];
  expect([none, total - from]).toEqual([Number.POSITIVE_INFINITY, 200]);
});

it('starts nothing in a deadline that is over, while another attempt goes on', async () => {
  const clock = virtualClock();
  const started: number[] = [];
  const errors: unknown[] = [];
  const stubborn = interceptor((call, next, sink) => {
    const ignored = { next() {}, success() {}, complete() {}, error: (error: unknown) => void errors.push(error) };
    if (call.attempt > 1) return driveNext(call, next, sink);
    // It goes on after it was stopped.
    clock.schedule(20, () => void driveNext(call, next, ignored));
    return { cancel() {} };
  });
  const repeated: Interceptor = {
    name: 'repeated',
    priority: Place.total,
    intercept: (call, next) => within(call, { limit: 10, name: 'x' }, next).pipe(again(1)),
  };
  const slow = tool('slow', {}, ({ ms }: { ms: number }, { attempt }) => {
    started.push(attempt);
    return new Promise((resolve) => clock.schedule(ms, () => resolve('done')));
  });
  const ended = failure(createRunner({ clock, use: [repeated, stubborn] }).call(slow, { ms: 50 }));
  await clock.runAll();
  await ended;
  expect(started).toEqual([2]);
  expect(errors).toMatchObject([{ code: 'TIMEOUT' }]);
});

it.each([{}, { applies: () => true }])('is named when its drive throws, and nothing is left (%j)', async (rest) => {
  const ledger = leakLedger();
  const broken = interceptor(() => {
    throw new Error('boom');
  }, rest);
  const work = wrap(async () => 1, limited(1_000), broken);
  for (let call = 0; call < 3; call++) {
    const error = await failure(work());
    expect(error).toMatchObject({ code: 'INTERCEPTOR', details: { interceptor: 'driven' } });
  }
  ledger.assertEmpty();
});

it('is reported when its drive throws after it has delivered', async () => {
  const warnings: string[] = [];
  const warn = (_: unknown, message?: string): void => void warnings.push(String(message));
  const logger = { debug() {}, info() {}, error() {}, warn };
  const late = interceptor((_call, _next, sink) => {
    sink.success('delivered');
    throw new Error('too late');
  });
  const runner = createRunner({ use: [late], logger });
  expect(await runner.call(tool('work', {}, async () => 1))).toBe('delivered');
  expect(warnings.join()).toContain('driven');
});

it('hooks that are registered in a drive are those of its interceptor, and are told', async () => {
  const told: string[] = [];
  const hooking = interceptor((call, next, sink) => {
    call.onEnd(({ status }) => told.push(status));
    call.onSettled(() => told.push('settled'));
    return driveNext(call, next, sink);
  });
  await wrap(async () => 1, hooking)();
  expect(told).toEqual(['ok', 'settled']);
});

it('a next that is driven can be driven, and be piped', async () => {
  const calls: Call[] = [];
  const counting = interceptor((call, next, sink) => {
    const counted = drivenNext('counting', (view, to) => {
      calls.push(view);
      return driveNext(view, next, to);
    });
    return driveNext(call, counted, sink);
  });
  const piping = defineInterceptor({
    name: 'piping',
    priority: Place.retry,
    intercept(call, next) {
      const counted = drivenNext('counting', (view, to) => {
        calls.push(view);
        return driveNext(view, next, to);
      });
      return counted(call).pipe(map((value) => Number(value) + 1));
    },
  });
  expect(await stack([counting]).execute(() => 1)).toBe(1);
  expect(await stack([piping]).execute(() => 1)).toBe(2);
  expect(calls).toHaveLength(2);
});

it('a run that is followed counts the attempts that are made in it, until the last has settled', async () => {
  const clock = virtualClock();
  const told: string[] = [];
  class Told extends FollowedRun {
    protected override settled(): void {
      told.push(`settled @${clock.now()}`);
    }
  }
  const follows = interceptor((call, next, sink) => {
    const inside = drivenNext('again', (view, to) => new DrivenTwice(next).drive(view, to));
    return new Told(call, sink).begin(inside);
  });
  const runner = createRunner({ clock, use: [follows], grace: 5 });
  let calls = 0;
  const slow = tool('slow', {}, ({ ms }: { ms: number }) => {
    const last = ++calls === 2;
    return new Promise((resolve, reject) => {
      clock.schedule(ms, () => (last ? resolve('done') : reject(new Error('first'))));
    });
  });
  expect(await clock.until(runner.call(slow, { ms: 10 }))).toBe('done');
  expect(told).toEqual(['settled @20']);
});

/** Drives what is inside a second time when it has failed. */
class DrivenTwice {
  readonly #next: Parameters<Drive>[1];

  constructor(next: Parameters<Drive>[1]) {
    this.#next = next;
  }

  drive(call: Call, sink: Parameters<Drive>[2]): ReturnType<Drive> {
    return driveNext(call, this.#next, {
      next: (value) => sink.next(value),
      success: (value) => sink.success(value),
      complete: () => sink.complete(),
      error: (error) => {
        queueMicrotask(() => void driveNext(call.again({ error }), this.#next, sink));
      },
    });
  }
}
