import { type Observable, of, retry } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const refuse = (): never => {
  throw new Error('trap');
};

describe('hostile work fails, and leaves nothing behind', () => {
  it.each<[string, () => unknown]>([
    ['a Proxy around a promise', () => new Proxy(Promise.resolve(1), {})],
    ['what only looks like a promise', () => Object.create(Promise.prototype)],
    ['a promise whose then throws', () => Object.assign(Promise.resolve(1), { then: refuse })],
    ['a Proxy that refuses to say what it is', () => new Proxy({}, { getPrototypeOf: refuse })],
    [
      'a promise whose constructor throws',
      () => Object.defineProperty(Promise.resolve(1), 'constructor', { get: refuse }),
    ],
  ])('when it returns %s', async (_, work) => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    await clock.until(settled(runner.call(tool('work', {}, work), undefined, { deadline: 100 })));
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });

  it.each(['done', 'value'])('when the results of its iterator throw at %s', async (key) => {
    const clock = virtualClock();
    const result = Object.defineProperty({ done: false, value: 1 }, key, { get: refuse });
    const iterable = { [Symbol.asyncIterator]: () => ({ next: async () => result }) };
    const error = await clock.until(settled(createRunner({ clock }).call(tool('work', {}, () => iterable))));
    expect(error).toMatchObject({ message: 'trap' });
  });

  it('when its Observable is of another make: it is torn down all the same', async () => {
    const clock = virtualClock();
    let torn = 0;
    const duck = {
      lift: (): unknown => duck,
      subscribe: () => ({ unsubscribe: () => void torn++ }),
    };
    const work = tool('work', {}, () => duck as unknown as Observable<number>);
    await clock.until(settled(createRunner({ clock }).call(work, undefined, { deadline: 10 })));
    expect(torn).toBe(1);
  });
});

describe('a deadline', () => {
  it('that is no number is the fault of its interceptor, and harms no other', async () => {
    const clock = virtualClock();
    const odd = at('odd', 0, (call, next) =>
      call.name === 'bad' ? within(call, { limit: Number.NaN, name: 'x' }, next) : next(call),
    );
    const runner = createRunner({ clock, use: [odd] });
    const hang = scripted([{ do: 'hang' }], { clock });
    const bad = settled(runner.call(tool('bad', {}, hang)));
    const good = settled(runner.call(tool('good', {}, hang), undefined, { deadline: 100 }));
    expect(await clock.until(bad)).toMatchObject({ code: 'INTERCEPTOR', interceptor: 'odd' });
    expect(await clock.until(good)).toMatchObject({ code: 'TIMEOUT' });
    expect(clock.now()).toBe(100);
  });

  it('of 0 is on the record as a timeout', async () => {
    const clock = virtualClock();
    const types: string[] = [];
    const runner = createRunner({ clock });
    runner.events$.subscribe(({ type }) => types.push(type));
    await clock.until(
      settled(
        runner.call(
          tool('work', {}, () => 1),
          undefined,
          { deadline: 0 },
        ),
      ),
    );
    expect(types).toEqual(['tool.start', 'timeout', 'verdict', 'tool.end']);
  });

  it('counts a block of the loop by the work itself, and says how late it was', async () => {
    const clock = virtualClock();
    const hang = scripted([{ do: 'hang' }], { clock });
    const work = tool('work', {}, (_: unknown, context: Context) => {
      clock.block(500);
      return hang(undefined, context);
    });
    const error = await clock.until(settled(createRunner({ clock }).call(work, undefined, { deadline: 100 })));
    expect(clock.now()).toBe(520);
    expect(error).toMatchObject({ details: { lagMs: 420, elapsedMs: 520 } });
  });

  it('is answered within the grace, also while an earlier attempt still cleans up', async () => {
    const clock = virtualClock();
    const again = at('again', 0, (call, next) => next(call).pipe(retry(1)));
    const work = scripted([{ do: 'fail', cleanup: 900 }, { do: 'hang' }], { clock });
    const call = createRunner({ clock, use: [again] }).call(tool('work', {}, work), undefined, { deadline: 100 });
    expect(await clock.until(settled(call))).toMatchObject({ code: 'TIMEOUT' });
    expect(clock.now()).toBe(150);
    await clock.runAll();
  });
});

describe('hooks', () => {
  it('are told of a failure when work fails with the timeout of a call that it made itself', async () => {
    for (const bounded of [false, true]) {
      const clock = virtualClock();
      const told: string[] = [];
      const use = [
        at('breaker', 0, (call, next) => {
          if (call.name === 'outer') call.onEnd(({ status }) => told.push(status));
          return next(call);
        }),
        at('inside', 5, (call, next) => (bounded ? within(call, { limit: 500, name: 'attempt' }, next) : next(call))),
      ];
      const inner = tool('inner', {}, scripted([{ do: 'hang' }], { clock }));
      const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner, undefined, { deadline: 5 }));
      await clock.until(settled(createRunner({ clock, use }).call(outer)));
      expect(told).toEqual(['failed']);
    }
  });
});

describe('a clock', () => {
  it('may start below zero', async () => {
    const virtual = virtualClock();
    const clock = {
      ...virtual,
      now: () => virtual.now() - 1_000_000,
      schedule: virtual.schedule.bind(virtual),
      random: virtual.random,
    };
    const types: string[] = [];
    const runner = createRunner({ clock });
    runner.events$.subscribe(({ type }) => types.push(type));
    await virtual.until(runner.call(tool('work', {}, () => of(1))));
    expect(types.at(-1)).toBe('tool.end');
  });
});
