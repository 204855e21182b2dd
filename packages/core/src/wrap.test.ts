import { of } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import type { Call } from './call.ts';
import { ConfigError } from './errors/config-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import { wrap } from './wrap.ts';

const calls: Call[] = [];
const spy = defineInterceptor({
  name: 'spy',
  priority: 0,
  intercept(call, next) {
    calls.push(call);
    return next(call);
  },
});
const runner = createRunner({ use: [spy] });

/** Both ways to wrap must do the same. */
const WAYS: readonly [string, typeof runner.wrap][] = [
  ['wrap()', (fn) => wrap(fn, spy)],
  ['runner.wrap()', (fn) => runner.wrap(fn)],
];

describe.each(WAYS)('a function wrapped by %s', (_, wrapped) => {
  it('gets the same arguments, and nothing more', async () => {
    const fn = vi.fn((...args: unknown[]) => args.length);
    expect(await wrapped(fn)('a', undefined, 3)).toBe(3);
    expect(fn.mock.calls).toEqual([['a', undefined, 3]]);
    expect(await wrapped(fn)()).toBe(0);
    expect(calls.at(-2)?.input).toEqual(['a', undefined, 3]);
  });

  it('keeps this', async () => {
    const counter = {
      step: 2,
      add: wrapped(function (this: { step: number }, n: number) {
        return n + this.step;
      }),
    };
    expect(await counter.add(1)).toBe(3);
  });

  it('keeps its name, in the function and in its calls', async () => {
    const load = wrapped(async function load() {});
    expect(load.name).toBe('load');
    await load();
    expect(calls.at(-1)).toMatchObject({ target: 'function', name: 'load' });
    expect(wrapped(() => 1).name).toBe('function');
  });

  it.each<[string, () => unknown, unknown]>([
    ['a value', () => 1, 1],
    ['undefined', () => undefined, undefined],
    ['a promise', async () => 1, 1],
    ['a function', () => Math.max, Math.max],
    ['an array', () => [1, 2], [1, 2]],
    [
      'an async generator',
      async function* () {
        yield* [1, 2];
      },
      [1, 2],
    ],
    ['an Observable', () => of(1, 2), [1, 2]],
  ])('that returns %s answers a promise of the result', async (_form, fn, result) => {
    const promise = wrapped(fn)();
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toEqual(result);
  });

  it.each<[string, (boom: Error) => unknown]>([
    [
      'throws',
      (boom) => {
        throw boom;
      },
    ],
    ['rejects', (boom) => Promise.reject(boom)],
    [
      'throws in the middle of a stream',
      async function* (boom) {
        yield 1;
        throw boom;
      },
    ],
  ])('that %s rejects with its own error, unchanged', async (_form, fn) => {
    const boom = Object.freeze(new RangeError('boom'));
    await expect(wrapped(fn)(boom)).rejects.toBe(boom);
  });
});

describe('wrap', () => {
  it('may be used without a plugin, and with several, also as lists', async () => {
    expect(await wrap((n: number) => n + 1)(1)).toBe(2);
    const before = calls.length;
    await wrap(() => 1, spy, [{ ...spy }, { ...spy }])();
    expect(calls.length - before).toBe(3);
  });

  it('gives each function a stack of its own', async () => {
    const one = wrap(() => 1, spy);
    const other = wrap(() => 2);
    expect(await Promise.all([one(), other()])).toEqual([1, 2]);
  });

  it.each([5, null, undefined, {}])('refuses %s, which is no function', (fn) => {
    expect(() => wrap(fn as never)).toThrow('wrap: expected a function, got ');
    expect(() => wrap(fn as never)).toThrow(ConfigError);
  });

  it('refuses what is no plugin', () => {
    expect(() => wrap(() => 1, 'retry' as never)).toThrow('use[0]: expected an interceptor, got "retry"');
  });
});

describe('the options of runner.wrap()', () => {
  it('say what its calls are called, of which kind they are, and whether they may be repeated', async () => {
    const paid = runner.wrap(function pay() {}, { name: 'payment', kind: 'guard', idempotent: false });
    await paid();
    expect(calls.at(-1)).toMatchObject({ name: 'payment', kind: 'guard', idempotent: false });
    expect(paid.name).toBe('payment');
    await runner.wrap(() => 1)();
    expect(calls.at(-1)).toMatchObject({ name: 'function', kind: undefined, idempotent: true });
  });

  it.each<[object | null, string]>([
    [null, 'wrap: options: expected a plain object, got null'],
    [{ name: '' }, 'wrap: name: expected a name, got ""'],
    [{ name: 5 }, 'wrap: name: expected a name, got 5'],
    [{ kind: 'wrok' }, 'wrap: kind: expected one of transform, enrich, route, guard, work, agent, got "wrok"'],
    [{ idempotent: 'no' }, 'wrap: idempotent: expected true or false, got "no"'],
    [{ deadline: 5 }, 'wrap: deadline: means nothing here'],
  ])('are refused where they cannot be: %j', (options, message) => {
    expect(() => runner.wrap(function f() {}, options as never)).toThrow(message);
  });
});
