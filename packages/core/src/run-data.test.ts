import { catchError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { ConfigError } from './errors/config-error.ts';
import { DataConflictError } from './errors/data-conflict-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { Place } from './place.ts';
import { type Data, RunData, type Writer } from './run-data.ts';
import { createRunner } from './runner.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

/** Somebody who writes, after those who are named. */
class Someone implements Writer {
  readonly name: string;
  readonly #before: readonly Someone[];

  constructor(name: string, ...before: readonly Someone[]) {
    this.name = name;
    this.#before = before;
  }

  follows(other: Writer): boolean {
    return this.#before.some((one) => one === other || one.follows(other));
  }
}

/** The data of one run, with a view of it for each writer. */
function shared(initial?: ReadonlyMap<string, unknown>): (writer: Writer) => Data {
  const data = new RunData(initial);
  return (writer) => data.for(writer, () => true);
}

/** Two that do not wait for one another, one that waits for the first, and one that waits for all. */
const a = new Someone('a');
const b = new Someone('b');
const afterA = new Someone('afterA', a);
const last = new Someone('last', afterA, b);
const add = (sum: number | undefined, n: number): number => (sum ?? 0) + n;

describe('the data of a run', () => {
  it('are a map: what was set can be read, by everybody', () => {
    const of = shared();
    const [one, other] = [of(a), of(b)];
    expect([one.get('k'), one.has('k'), one.entries()]).toEqual([undefined, false, []]);
    one.set('k', 1);
    one.set('u', undefined);
    expect([other.get('k'), other.has('k'), other.has('u'), other.get('u')]).toEqual([1, true, true, undefined]);
    expect(other.entries()).toEqual([
      ['k', 1],
      ['u', undefined],
    ]);
    one.set('k', 2);
    expect(other.get('k')).toBe(2);
  });

  it('hold what they were given at the beginning, which anybody may replace or add to', () => {
    const initial = new Map<string, unknown>([
      ['k', 1],
      ['n', 10],
    ]);
    const of = shared(initial);
    expect(of(a).entries()).toEqual([
      ['k', 1],
      ['n', 10],
    ]);
    of(b).set('k', 2);
    of(a).merge('n', 1, add);
    of(b).merge('n', 2, add);
    expect(of(last).entries()).toEqual([
      ['k', 2],
      ['n', 13],
    ]);
    expect([...initial]).toEqual([
      ['k', 1],
      ['n', 10],
    ]);
  });

  it('hand out a list of entries that changes nothing', () => {
    const of = shared(new Map([['k', 1]]));
    of(a).entries()[0]?.splice(0, 2, 'x', 9);
    of(a).entries().pop();
    expect(of(a).entries()).toEqual([['k', 1]]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])(
    'know the key %j only when it was set',
    (key) => {
      const one = shared()(a);
      expect([one.get(key), one.has(key)]).toEqual([undefined, false]);
      expect(one.merge(key, 1, (current: unknown, value) => [current, value])).toEqual([undefined, 1]);
      one.set(key, { polluted: 1 });
      expect([one.get(key), one.has(key), one.entries()]).toEqual([{ polluted: 1 }, true, [[key, { polluted: 1 }]]]);
      expect('polluted' in {}).toBe(false);
    },
  );

  it.each([[5], [null], [undefined], [{}], [Symbol('s')], [['k']]])('refuse the key %o', (key) => {
    const one = shared()(a);
    expect(() => one.set(key as never, 1)).toThrow(ConfigError);
    expect(() => one.merge(key as never, 1, add)).toThrow('data: expected a key that is a text, got ');
    expect(one.entries()).toEqual([]);
  });

  it.each([[undefined], [null], [5], ['sum'], [{}]])('refuse the reducer %o', (reducer) => {
    const one = shared(new Map([['k', 1]]))(a);
    expect(() => one.merge('k', 1, reducer as never)).toThrow(ConfigError);
    expect(() => one.merge('k', 1, reducer as never)).toThrow(
      'data.merge: expected a function (current, value) => merged, got ',
    );
    expect(one.get('k')).toBe(1);
  });

  it('may be used with methods that were taken off', () => {
    const { get, set, has, merge, entries } = shared()(a);
    set('k', 1);
    merge('k', 2, add);
    expect([get('k'), has('k'), entries()]).toEqual([3, true, [['k', 3]]]);
  });
});

describe('two that do not wait for one another', () => {
  it('may not set one key to different values: it is told who, and what they wrote first stays', () => {
    const of = shared();
    of(a).set('k', 1);
    let error: unknown;
    try {
      of(b).set('k', 2);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DataConflictError);
    expect(error).toMatchObject({
      code: 'DATA_CONFLICT',
      verdict: 'failed',
      retryable: false,
      message: `Stages "a" and "b" write "k" of the run's data, and none waits for the other`,
      details: { key: 'k', stages: ['a', 'b'] },
    });
    expect(of(a).get('k')).toBe(1);
    of(a).set('k', 3);
    expect(of(b).get('k')).toBe(3);
  });

  it.each<[unknown, unknown]>([
    [1, 1],
    [Number.NaN, Number.NaN],
    [undefined, undefined],
    [{ x: [1, { y: new Map([['z', new Date(0)]]) }] }, { x: [1, { y: new Map([['z', new Date(0)]]) }] }],
    [new Set([1, 2]), new Set([1, 2])],
  ])('may both set it to %o', (first, second) => {
    const of = shared();
    of(a).set('k', first);
    of(b).set('k', second);
    expect(of(last).get('k')).toEqual(first);
  });

  it.each<[unknown, unknown]>([
    [1, '1'],
    [0, -0],
    [undefined, null],
    [{ x: 1 }, { x: 1, y: undefined }],
    [
      [1, 2],
      [2, 1],
    ],
    [() => 1, () => 1],
    [new Map([['k', 1]]), new Map([['k', 2]])],
  ])('may not set it to %o and %o', (first, second) => {
    const of = shared();
    of(a).set('k', first);
    expect(() => of(b).set('k', second)).toThrow(DataConflictError);
    expect(of(a).get('k')).toBe(first);
  });

  it('are in conflict also when the one that both agreed on changes its mind', () => {
    const of = shared();
    of(a).set('k', 1);
    of(b).set('k', 1);
    expect(() => of(a).set('k', 2)).toThrow(`Stages "b" and "a" write "k"`);
    expect(() => of(b).set('k', 2)).toThrow(`Stages "a" and "b" write "k"`);
    of(a).set('k', 1);
    of(last).set('k', 5);
    expect(of(a).get('k')).toBe(5);
  });

  it('may set different keys, and one the same key as often as it likes', () => {
    const of = shared();
    for (let n = 0; n < 3; n++) {
      of(a).set('a', n);
      of(b).set('b', n);
    }
    expect(of(last).entries()).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('may merge into one key, in any order', () => {
    for (const order of [
      [a, b, a],
      [b, a, a],
      [a, a, b],
    ]) {
      const of = shared();
      for (const writer of order) of(writer).merge('n', 1, add);
      expect(of(last).get('n')).toBe(3);
    }
  });

  it('may not set what the other merges, whichever comes first, be it to the same value', () => {
    const merged = shared();
    merged(a).merge('n', 1, add);
    expect(() => merged(b).set('n', 1)).toThrow(DataConflictError);
    const set = shared();
    set(a).set('n', 1);
    expect(() => set(b).merge('n', 1, add)).toThrow(DataConflictError);
    expect([merged(a).get('n'), set(a).get('n')]).toEqual([1, 1]);
  });

  it('may not set what the other merges, also when the one who merged sets it afterwards', () => {
    const merged = shared();
    merged(a).merge('n', 1, add);
    merged(a).set('n', 5);
    expect(() => merged(b).set('n', 5)).toThrow(DataConflictError);
    const set = shared();
    set(b).set('n', 5);
    expect(() => set(a).merge('n', 1, add)).toThrow(DataConflictError);
  });

  it('are in no conflict by reading', () => {
    const of = shared();
    of(a).set('k', 1);
    expect([of(b).get('k'), of(b).has('k'), of(b).entries()]).toEqual([1, true, [['k', 1]]]);
    of(a).set('k', 2);
  });
});

describe('three that write', () => {
  it('may, when each waits for the one before', () => {
    const of = shared();
    of(a).set('k', 1);
    of(afterA).set('k', 2);
    of(last).set('k', 3);
    expect(of(a).get('k')).toBe(3);
  });

  it('are in conflict as soon as one of them waits for none of the others', () => {
    const of = shared();
    of(a).set('k', 1);
    of(afterA).set('k', 2);
    expect(() => of(b).set('k', 1)).toThrow('Stages "afterA" and "b" write "k"');
    expect(() => of(b).set('k', 3)).toThrow(DataConflictError);
    expect(() => of(b).set('k', 2)).toThrow('Stages "a" and "b" write "k"');
    expect(of(b).get('k')).toBe(2);
  });

  it('are in conflict in whatever order they come', () => {
    const of = shared();
    of(b).set('k', 2);
    expect(() => of(a).set('k', 1)).toThrow('Stages "b" and "a" write "k"');
  });

  it('are all named when the third is in conflict with two who agreed', () => {
    const c = new Someone('c');
    const of = shared();
    of(a).set('k', 1);
    of(b).set('k', 1);
    expect(() => of(c).set('k', 2)).toThrow(`Stages "a", "b" and "c" write "k" of the run's data`);
    of(c).set('k', 1);
    expect(() => of(afterA).set('k', 2)).toThrow(`Stages "b", "c" and "afterA" write "k"`);
  });

  it('may merge side by side, and who waits for all of them may set', () => {
    const of = shared();
    for (const writer of [a, b, afterA]) of(writer).merge('n', 1, add);
    of(last).set('n', 'done');
    expect(of(last).get('n')).toBe('done');
  });

  it('may be a thousand that merge side by side, at a cost that does not grow with each', () => {
    let asked = 0;
    const of = shared();
    for (let n = 0; n < 1_000; n++) {
      const writer = {
        name: `w${n}`,
        follows: () => {
          asked++;
          return false;
        },
      };
      of(writer).merge('n', 1, add);
    }
    expect(of(last).get('n')).toBe(1_000);
    expect(asked).toBeLessThan(10_000);
  });

  it('are in conflict where one sets beside another who merges, also when who follows that one has set it since', () => {
    const orders: readonly (readonly ['merge' | 'set', Someone][])[] = [
      [
        ['merge', a],
        ['set', afterA],
        ['set', b],
      ],
      [
        ['merge', a],
        ['set', b],
        ['set', afterA],
      ],
      [
        ['set', b],
        ['merge', a],
        ['set', afterA],
      ],
    ];
    for (const order of orders) {
      const of = shared();
      const write = (): void => {
        for (const [how, writer] of order) {
          if (how === 'set') of(writer).set('n', 5);
          else of(writer).merge('n', 1, add);
        }
      };
      expect(write, order.map(([how, { name }]) => `${name} ${how}`).join()).toThrow(DataConflictError);
    }
  });

  it('are in conflict where a third sets beside one who has merged into what a first has set', () => {
    const of = shared();
    of(a).set('n', 1);
    of(afterA).merge('n', 1, add);
    expect(() => of(b).set('n', 2)).toThrow(DataConflictError);
    expect(() => of(b).merge('n', 2, add)).toThrow(`Stages "a" and "b" write "n"`);
    expect(of(last).get('n')).toBe(2);
  });

  it('are in conflict where one who waits for another sets what a third has merged', () => {
    const of = shared();
    of(a).merge('n', 1, add);
    of(b).merge('n', 1, add);
    expect(() => of(afterA).set('n', 0)).toThrow(`Stages "b" and "afterA" write "n"`);
    expect(of(a).get('n')).toBe(2);
  });
});

describe('a reducer', () => {
  it('gets what is there, undefined at first, and the value; what it answers stands there, and is answered', () => {
    const seen: unknown[] = [];
    const one = shared()(a);
    const push = (list: string[] | undefined, value: string): string[] => {
      seen.push(list);
      return [...(list ?? []), value];
    };
    expect(one.merge('list', 'x', push)).toEqual(['x']);
    expect(one.merge('list', 'y', push)).toEqual(['x', 'y']);
    expect(seen).toEqual([undefined, ['x']]);
  });

  it('that answers a promise is refused, changes nothing, and makes no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const one = shared(new Map([['k', 1]]))(a);
    const message = 'data.merge: the reducer answered a promise; merge what it resolves to';
    expect(() => one.merge<unknown, number>('k', 2, async () => 3)).toThrow(ConfigError);
    expect(() =>
      one.merge<unknown, number>('k', 2, async () => {
        throw new Error('boom');
      }),
    ).toThrow(message);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(one.get('k')).toBe(1);
  });

  it('may answer anything else, and none of it is touched', () => {
    const trap = (): never => {
      throw new Error('trap');
    };
    const hostile = new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap });
    const one = shared()(a);
    expect(one.merge('k', 1, () => hostile) === hostile).toBe(true);
    expect(one.get('k') === hostile).toBe(true);
  });

  it('that throws changes nothing, and what it threw arrives unchanged', () => {
    const of = shared(new Map([['k', 1]]));
    const boom = new Error('boom');
    const thrower = (): never => {
      throw boom;
    };
    expect(() => of(a).merge('k', 2, thrower)).toThrow(boom);
    expect(() => of(a).merge('new', 2, thrower)).toThrow(boom);
    expect(of(a).entries()).toEqual([['k', 1]]);
    of(b).set('k', 5);
    expect(of(a).get('k')).toBe(5);
  });
});

describe('the stages of a run', () => {
  const runner = createRunner();

  it('share its data in their order, and each run has its own', async () => {
    const made = pipeline('shared')
      .stage('first', (_, { data }) => data.set('k', [1]))
      .stage('second', ['first'], (_, { data }) =>
        data.merge('k', 2, (list: number[] | undefined, n) => [...(list ?? []), n]),
      )
      .stage('third', ['second'], (_, { data }) => data.entries());
    for (let run = 0; run < 2; run++) expect((await runner.run(made)).third).toEqual([['k', [1, 2]]]);
  });

  it('fail with DATA_CONFLICT when they write past one another, and the run says which', async () => {
    const made = pipeline('conflict', { onFailure: 'continue' })
      .stage('left', (_, { data }) => data.set('total', 1))
      .stage('right', (_, { data }) => data.set('total', 2));
    const { status, error, stages } = await runner.run(made).report;
    expect([status, stages.left.status, stages.right.status]).toEqual(['failed', 'ok', 'failed']);
    expect(error?.message).toBe(
      `Stage "right" failed: Stages "left" and "right" write "total" of the run's data, and none waits for the other`,
    );
    expect(isSluiceError(error?.cause, 'DATA_CONFLICT')).toBe(true);
  });

  it('are not in conflict across a diamond when the last one sums up', async () => {
    const made = pipeline('diamond')
      .stage('top', (_, { data }) => data.set('n', 0))
      .stage('left', ['top'], (_, { data }) => data.merge('n', 1, add))
      .stage('right', ['top'], (_, { data }) => data.merge('n', 2, add))
      .stage('end', ['left', 'right'], (_, { data }) => {
        data.set('n', Number(data.get('n')) * 10);
        return data.get('n');
      });
    expect((await runner.run(made)).end).toBe(30);
  });

  it('count a write by a tool that they call, and by a tool that this calls, as their own', async () => {
    const inner = tool('inner', {}, (value: number, { data }) => data.set('k', value));
    const outer = tool('outer', {}, async (value: number, ctx) => {
      ctx.data.set('k', value - 1);
      await ctx.call(inner, value);
      ctx.data.set('k', value + 1);
    });
    const alone = pipeline('nested')
      .stage('one', async (_, ctx) => {
        ctx.data.set('k', 0);
        await ctx.call(outer, 5);
        ctx.data.set('k', 9);
      })
      .stage('two', ['one'], (_, ctx) => ctx.call(inner, 7))
      .stage('end', ['two'], (_, { data }) => data.get('k'));
    expect((await runner.run(alone)).end).toBe(7);
    const beside = pipeline('beside', { onFailure: 'continue' })
      .stage('one', (_, ctx) => ctx.call(inner, 1))
      .stage('two', (_, ctx) => ctx.call(inner, 2));
    const { stages } = await runner.run(beside).report;
    expect([stages.one.status, stages.two.status]).toEqual(['ok', 'failed']);
    expect(stages.two).toMatchObject({
      error: { cause: { code: 'DATA_CONFLICT', details: { stages: ['one', 'two'] } } },
    });
  });

  it('may write again when they are repeated', async () => {
    const twice = defineInterceptor({
      name: 'twice',
      priority: Place.retry,
      intercept: (call, next) => next(call).pipe(catchError((error: unknown) => next(call.again({ error })))),
    });
    const made = pipeline('again')
      .stage('a', (_, { data, attempt }) => {
        data.set('k', attempt);
        if (attempt === 1) throw new Error('once more');
      })
      .stage('b', ['a'], (_, { data }) => data.get('k'));
    expect((await createRunner({ use: [twice] }).run(made)).b).toBe(2);
  });

  it('do not share with the runs that they begin, nor with the one around', async () => {
    const child = pipeline('child').stage('c', (_, { data }) => {
      data.set('k', 'inside');
      return data.entries();
    });
    const made = pipeline('parent').stage('p', async (_, ctx) => {
      ctx.data.set('k', 'outside');
      const { c } = await ctx.run(child, undefined, { data: { given: 1 } });
      return [c, ctx.data.entries()];
    });
    expect((await runner.run(made)).p).toEqual([
      [
        ['given', 1],
        ['k', 'inside'],
      ],
      [['k', 'outside']],
    ]);
  });

  it('share it from outside of pipelines too: a tool with the tools that it calls', async () => {
    const inner = tool('inner', {}, (_: undefined, { data }) => data.merge('n', 1, add));
    const outer = tool('outer', {}, async (_: undefined, ctx) => {
      ctx.data.set('n', 1);
      await ctx.callAll([[inner], [inner]]);
      return ctx.data.get('n');
    });
    expect(await runner.call(outer)).toBe(3);
    expect(await runner.call(outer)).toBe(3);
  });
});

describe('an orphan', () => {
  it('that writes after its time is over changes nothing, and is counted', async () => {
    const ledger = leakLedger();
    const clock = virtualClock();
    const runner = createRunner({ clock, grace: 10 });
    const later = (ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve));
    let seen: unknown;
    const write = async (_: unknown, { data }: Context): Promise<void> => {
      data.set('k', 'in time');
      await later(1_000);
      data.set('k', 'too late');
      seen = [data.merge('k', 1, () => 'merged'), data.get('k'), data.has('k')];
    };
    const made = pipeline('late', { onFailure: 'continue' }).stage('orphan', async (_, ctx) => {
      await ctx.call(tool('slow', {}, write), undefined, { deadline: 100 }).catch(() => {});
      await later(5_000);
      return ctx.data.get('k');
    });
    const report = await clock.until(runner.run(made).report);
    await clock.runAll();
    expect(seen).toEqual(['merged', 'in time', true]);
    expect(report.output.orphan).toBe('in time');
    expect(report.late).toBeGreaterThanOrEqual(2);
    expect(runner.stats()).toMatchObject({ late: report.late, orphans: 0 });
    ledger.assertEmpty();
  });

  it('is in no conflict, and reads what others have written since', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, grace: 10 });
    const later = (ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve));
    let seen: unknown;
    const slow = tool('slow', {}, async (_: undefined, { data }) => {
      await later(1_000);
      data.set('k', 'too late');
      seen = data.get('k');
    });
    const made = pipeline('late')
      .stage('a', (_, ctx) => ctx.call(slow, undefined, { deadline: 100 }).catch(() => 'left behind'))
      .stage('b', (_, { data }) => data.set('k', 'mine'))
      .stage('c', ['a'], () => later(5_000));
    const report = await clock.until(runner.run(made).report);
    expect([report.status, report.late, seen]).toEqual(['ok', 2, 'mine']);
  });
});
