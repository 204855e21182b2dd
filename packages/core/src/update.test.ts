import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { ConfigError } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { Place } from './place.ts';
import type { PolicyFields } from './policies.ts';
import { Problems } from './problems.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { stack } from './stack.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => {
  vi.restoreAllMocks();
  ledger.assertEmpty();
});

/** Notes what holds for each call, and how many there were: what it counts is its state. */
function plugin(name: string, key: string = name) {
  let options: PolicyFields = { level: 1 };
  let calls = 0;
  const seen: unknown[] = [];
  const parse = (value: unknown, path: string): PolicyFields => {
    const problems = new Problems();
    if (typeof value !== 'number') problems.add(path, 'a number', value);
    problems.throwIfAny();
    return { level: value };
  };
  const interceptor = defineInterceptor({
    name,
    priority: Place.total,
    policy: {
      key,
      parse,
      defaults: { level: 0, other: 'default' },
      get options() {
        return options;
      },
    },
    traits: () => ({ role: 'retry', attempts: Number(options['attempts'] ?? 1), longestWait: 0 }),
    stats: () => calls,
    intercept(call, next) {
      calls++;
      const { level } = call.policy(key) as { level: unknown };
      seen.push(level);
      return next(call);
    },
    update(patch) {
      const problems = new Problems();
      if (typeof patch !== 'object' || patch === null) problems.add(name, 'an object', patch);
      else {
        problems.unknownKeys(patch, ['level', 'attempts'], name);
        const { level } = patch;
        if (level !== undefined && typeof level !== 'number') problems.add(`${name}.level`, 'a number', level);
      }
      problems.throwIfAny();
      const before = options;
      options = { ...options, ...patch };
      return () => {
        options = before;
      };
    },
  });
  return { interceptor, seen };
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const runnerOf = (use: Interceptor[], options: RunnerOptions = {}) => createRunner({ use, logger: quiet, ...options });
const one = tool('one', {}, () => 1);

/** What an update is refused with. */
function refusal(update: () => void): ConfigError {
  try {
    update();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  return expect.unreachable('it should have been refused');
}

describe('an update of a runner', () => {
  it('holds for the calls that come after, of tools, stages, wrapped functions and what is called in them', async () => {
    const { interceptor, seen } = plugin('a');
    const runner = runnerOf([interceptor]);
    const wrapped = runner.wrap(() => 1);
    const nesting = tool('nesting', {}, (_: undefined, { call }: Context) => call(one));
    const p = pipeline('p').stage('s', () => 1);
    const all = async (): Promise<unknown[]> => {
      seen.length = 0;
      await runner.call(one);
      await wrapped();
      await runner.call(nesting);
      await runner.run(p);
      await new Promise((resolve) => runner.stream(one).subscribe({ complete: () => resolve(undefined) }));
      return [...seen];
    };
    expect(await all()).toEqual([1, 1, 1, 1, 1, 1]);
    runner.update({ a: { level: 2 } });
    expect(await all()).toEqual([2, 2, 2, 2, 2, 2]);
    runner.update({ a: { level: 3 } });
    expect(await all()).toEqual([3, 3, 3, 3, 3, 3]);
  });

  it('keeps the state of the interceptors', async () => {
    const { interceptor } = plugin('a');
    const runner = runnerOf([interceptor]);
    await runner.call(one);
    runner.update({ a: { level: 2 } });
    await runner.call(one);
    expect(runner.stats().interceptors).toEqual({ a: 2 });
  });

  it('leaves in force what a tool, a stage, or a call says itself', async () => {
    const { interceptor, seen } = plugin('a');
    const runner = runnerOf([interceptor]);
    const own = tool('own', { a: 7 } as object, () => 1);
    runner.update({ a: { level: 2 } });
    await runner.call(own);
    await runner.call(one, undefined, { a: 8 } as object);
    await runner.run(pipeline('p').stage('s', { a: 9 } as object, () => 1));
    await runner.run(
      pipeline('q').stage('s', () => 1),
      undefined,
      { stages: { s: { a: 10 } } } as never,
    );
    await runner.call(one);
    expect(seen).toEqual([7, 8, 9, 10, 2]);
  });

  it('leaves calls alone that go on', async () => {
    const clock = virtualClock();
    let limit = 100;
    const limiting = defineInterceptor({
      name: 'limiting',
      priority: Place.total,
      intercept: (call, next) => within(call, { limit, name: 'total' }, next),
      update: (patch) => {
        limit = Number(patch['limit']);
      },
    });
    const runner = createRunner({ use: [limiting], clock, logger: quiet });
    const slow = tool(
      'slow',
      {},
      () => new Promise<number>((resolve) => clock.schedule(80, () => resolve(clock.now()))),
    );
    const before = runner.call(slow);
    runner.update({ limiting: { limit: 50 } });
    const after = runner.call(slow).catch((error) => error.code);
    expect(await clock.until(Promise.all([before, after]))).toEqual([80, 'TIMEOUT']);
    await clock.runAll();
  });

  it('is seen by explain', () => {
    const { interceptor } = plugin('a');
    const runner = runnerOf([interceptor]);
    const level = (): unknown => runner.explain(one).entries[0]?.options['level'];
    expect(level()).toEqual({ value: 1, from: 'plugin' });
    runner.update({ a: { level: 2 } });
    expect(level()).toEqual({ value: 2, from: 'plugin' });
    expect(runner.explain().entries[0]?.options['level']).toEqual({ value: 2, from: 'plugin' });
  });

  it('reaches all interceptors of a name, and only those', async () => {
    const [a, twin, b] = [plugin('a'), plugin('a', 'twin'), plugin('b')];
    const runner = runnerOf([a.interceptor, twin.interceptor, b.interceptor]);
    runner.update({ a: { level: 2 } });
    await runner.call(one);
    expect([a.seen, twin.seen, b.seen]).toEqual([[2], [2], [1]]);
  });

  it('may change nothing', async () => {
    const { interceptor, seen } = plugin('a');
    const runner = runnerOf([interceptor]);
    runner.update({});
    await runner.call(one);
    expect(seen).toEqual([1]);
  });

  it('holds for every runner that shares the stack', async () => {
    const { interceptor, seen } = plugin('a');
    const use = stack([interceptor]);
    const runners = [createRunner({ use }), createRunner({ use })] as const;
    for (const runner of runners) await runner.call(one);
    runners[0].update({ a: { level: 2 } });
    for (const runner of runners) await runner.call(one);
    expect(seen).toEqual([1, 1, 2, 2]);
  });

  it('holds for what is executed in the stack itself', async () => {
    const { interceptor, seen } = plugin('a');
    const use = stack([interceptor]);
    const runner = createRunner({ use });
    await use.execute(() => 1);
    runner.update({ a: { level: 2 } });
    await use.execute(() => 1);
    expect(seen).toEqual([1, 2]);
  });

  it('has what the order check finds then, in the log and in explain', () => {
    const warn = vi.fn();
    const { interceptor } = plugin('a');
    const runner = runnerOf([interceptor], { logger: { ...quiet, warn } });
    const codes = (): unknown[] => runner.explain().findings.map(({ code }) => code);
    expect(codes()).not.toContain('retry-without-limit');
    runner.update({ a: { attempts: Number.POSITIVE_INFINITY } });
    const fresh = stack([interceptor], { acknowledge: [] }).findings.map(({ code }) => code);
    expect(fresh.length).toBeGreaterThan(0);
    expect(codes()).toEqual(fresh);
    expect(warn).toHaveBeenCalled();
  });
});

describe('an update that is refused', () => {
  it('changes nothing, also where another interceptor had taken its part already', async () => {
    const [a, b, c] = [plugin('a'), plugin('b'), plugin('c')];
    const runner = runnerOf([a.interceptor, b.interceptor, c.interceptor]);
    const error = refusal(() => runner.update({ a: { level: 2 }, b: { level: 'high' }, c: { level: 4 } }));
    expect(error.message).toContain('b.level: expected a number, got "high"');
    await runner.call(one);
    expect([a.seen, b.seen, c.seen]).toEqual([[1], [1], [1]]);
    expect(runner.explain(one).entries.map(({ options }) => options['level']?.value)).toEqual([1, 1, 1]);
  });

  it('is undone in the reverse order in which it was done', () => {
    const done: string[] = [];
    const undoing = (name: string, priority: number): Interceptor =>
      defineInterceptor({
        name,
        priority,
        intercept: (call, next) => next(call),
        update: () => {
          done.push(`do ${name}`);
          return () => void done.push(`undo ${name}`);
        },
      });
    const runner = runnerOf([undoing('a', 1), undoing('b', 2)]);
    refusal(() => runner.update({ a: {}, b: {}, c: {} }));
    expect(done).toEqual(['do a', 'do b', 'undo b', 'undo a']);
  });

  it('is undone as far as it can be, and says all that is wrong, when an interceptor throws while it undoes its part', () => {
    const undone: string[] = [];
    const undoing = (name: string, undo: () => void): Interceptor =>
      defineInterceptor({ name, priority: 1, intercept: (call, next) => next(call), update: () => undo });
    const broken = (): never => {
      throw new Error('cannot be undone');
    };
    const runner = runnerOf([undoing('a', () => void undone.push('a')), undoing('b', broken)]);
    const error = refusal(() => runner.update({ a: {}, b: {}, unknown: {} }));
    expect(error.message).toContain('unknown: there is no interceptor of that name');
    expect(undone).toEqual(['a']);
  });

  it('says all that is wrong at once', () => {
    const fixed = defineInterceptor({ name: 'fixed', priority: 1, intercept: (call, next) => next(call) });
    const runner = runnerOf([plugin('a').interceptor, plugin('b').interceptor, fixed]);
    const error = refusal(() =>
      runner.update({ a: { level: 'x', levle: 1 }, b: { level: null }, fixed: {}, missing: {} }),
    );
    expect(error.issues.map(({ message }) => message)).toEqual([
      'a.levle: unknown option; did you mean "level"?',
      'a.level: expected a number, got "x"',
      'b.level: expected a number, got null',
      'fixed: its options cannot be changed while it runs',
      'missing: there is no interceptor of that name; there are fixed, a, b',
    ]);
  });

  it('names the nearest interceptor to one that there is not', () => {
    const runner = runnerOf([plugin('timeout').interceptor, plugin('retry').interceptor]);
    expect(refusal(() => runner.update({ timeuot: {} })).message).toContain(
      'timeuot: there is no interceptor of that name; did you mean "timeout"?',
    );
    expect(refusal(() => createRunner().update({ a: {} })).message).toContain(
      'a: there is no interceptor of that name; there are none',
    );
  });

  it.each([[null], [undefined], [5], ['a'], [[]], [[{ a: {} }]], [() => {}]])(
    'is one that is no object: %j',
    (patch) => {
      const runner = runnerOf([plugin('a').interceptor]);
      expect(refusal(() => runner.update(patch as never)).message).toContain(
        'update: expected a plain object with the options of each interceptor, got ',
      );
    },
  );

  it.each([
    ['__proto__', JSON.parse('{ "__proto__": { "a": { "level": 2 } } }')],
    ['constructor', { constructor: {} }],
    ['toString', { toString: {} }],
  ])('is one with the name %s', (name, patch) => {
    const runner = runnerOf([plugin('a').interceptor]);
    expect(refusal(() => runner.update(patch)).message).toContain(`${name}: there is no interceptor of that name`);
    expect({}).not.toHaveProperty('a');
  });

  it('names the interceptor that threw what is no ConfigError', async () => {
    const { interceptor, seen } = plugin('a');
    const throwing = (name: string, thrown: unknown): Interceptor =>
      defineInterceptor({
        name,
        priority: 1,
        intercept: (call, next) => next(call),
        update: () => {
          throw thrown;
        },
      });
    const runner = runnerOf([interceptor, throwing('b', new Error('boom')), throwing('c', 'text')]);
    const error = refusal(() => runner.update({ a: { level: 2 }, b: {}, c: {} }));
    expect(error.issues.map(({ message }) => message)).toEqual([
      'b: its update threw: boom',
      'c: its update threw: "text"',
    ]);
    await runner.call(one);
    expect(seen).toEqual([1]);
  });

  it('is one that an interceptor answers with a promise: nobody could wait for it', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const later = async (): Promise<void> => {
      throw new Error('too late');
    };
    const update = later as never;
    const promising = defineInterceptor({ name: 'a', priority: 1, intercept: (call, next) => next(call), update });
    const refused = vi.fn();
    try {
      runnerOf([promising]).update({ a: {} });
    } catch (error) {
      refused((error as Error).name);
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(refused.mock.calls).toEqual([['ConfigError']]);
  });
});
