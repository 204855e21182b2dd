import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import { Stack, stack } from './stack.ts';
import { tool } from './tool.ts';

afterEach(() => vi.restoreAllMocks());

let trail: string[] = [];
const at = (priority: number, name = `p${priority}`, more: Partial<Interceptor> = {}): Interceptor =>
  defineInterceptor({
    name,
    priority,
    intercept(call, next) {
      trail.push(name);
      return next(call);
    },
    ...more,
  });
const passed = async (made: Stack): Promise<string[]> => {
  trail = [];
  await made.execute(() => trail.push('work'));
  return trail;
};

describe('a stack', () => {
  it('is ordered by priority: the larger, the further in', async () => {
    expect(await passed(stack([at(90), at(-1), [at(50), at(0)], at(50.5)]))).toEqual([
      'p-1',
      'p0',
      'p50',
      'p50.5',
      'p90',
      'work',
    ]);
  });

  it('keeps the order of use where priorities are equal', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `i${n}`);
    const plugins = names.map((name) => at(50, name));
    expect(await passed(stack([at(60, 'in'), ...plugins, at(40, 'out')]))).toEqual(['out', ...names, 'in', 'work']);
  });

  it('cannot be changed, neither through what it gives nor through what it was made from', async () => {
    const plugins = [at(1), at(2)];
    const made = stack(plugins);
    plugins.pop();
    expect(() => (made.interceptors as Interceptor[]).push(at(3))).toThrow(TypeError);
    expect(await passed(made)).toEqual(['p1', 'p2', 'work']);
  });

  it('keeps the state of its interceptors over calls, and may be shared by runners', async () => {
    let count = 0;
    const counting = at(0, 'counting', {
      stats: () => ({ count }),
      intercept(call, next) {
        count++;
        return next(call);
      },
    });
    const made = stack([counting, at(1)]);
    await made.execute(() => 1);
    await createRunner({ use: made }).call(tool('a', {}, () => 1));
    await createRunner({ use: made }).wrap(() => 1)();
    expect(made.stats()).toEqual({ counting: { count: 3 } });
    expect(createRunner({ use: made }).stats().interceptors).toEqual(made.stats());
    expect(Object.keys(stack([at(0, '__proto__', { stats: () => 1 })]).stats())).toEqual(['__proto__']);
  });

  it('stands only around what its interceptors apply to', async () => {
    const made = stack([
      at(1, 'tools', { applies: 'tool' }),
      at(2, 'functions', { applies: 'function' }),
      at(3, 'stages', { applies: 'stage' }),
      at(4, 'named', { applies: ({ name }) => name === 'a' }),
    ]);
    expect(await passed(made)).toEqual(['functions', 'work']);
    trail = [];
    await createRunner({ use: made }).call(tool('a', {}, () => 1));
    expect(trail).toEqual(['tools', 'named']);
  });

  it('of nothing only does the work', async () => {
    expect(await passed(stack([]))).toEqual(['work']);
  });

  it.each<[unknown, string]>([
    [null, 'use: expected an array of plugins, got null'],
    [{}, 'use: expected an array of plugins, got an object'],
    [[at(1), null, { name: 'x' }], 'use[1]: expected an interceptor, got null\nuse[2].priority: '],
    [[[at(1), 5]], 'use[1]: expected an interceptor, got 5'],
  ])('is not made of what is no plugin', (plugins, message) => {
    expect(() => stack(plugins as never)).toThrow(message);
    expect(() => new Stack(plugins as never)).toThrow(ConfigError);
  });
});

it('the options of a stack are refused where they cannot be, all at once', () => {
  expect(() => stack([], { acknowledge: 'all', clock: 5, acknowlegde: [] } as never)).toThrow(
    [
      'stack.acknowlegde: unknown option; did you mean "acknowledge"?',
      'stack.acknowledge: expected an array of codes, got "all"',
      'stack.clock: expected a clock with now, schedule and random, got 5',
    ].join('\n'),
  );
});

describe('execute', () => {
  it('runs work in the stack, with its context, and answers its result', async () => {
    const made = stack([at(0)]);
    expect(await made.execute(({ name, attempt, kind }) => [name, attempt, kind])).toEqual(['execute', 1, undefined]);
    expect(await made.execute(({ name, kind }) => [name, kind], { name: 'sum', kind: 'work' })).toEqual([
      'sum',
      'work',
    ]);
    expect(
      await made.execute(async function* () {
        yield* [1, 2];
      }),
    ).toEqual([1, 2]);
  });

  it('runs each time the work that it was given, whatever its name', async () => {
    const made = stack([]);
    expect(
      await Promise.all([made.execute(() => 1), made.execute(async () => 2), made.execute(() => 3, { name: 'x' })]),
    ).toEqual([1, 2, 3]);
  });

  it('rejects with the own error of the work, unchanged', async () => {
    const boom = new Error('boom');
    await expect(
      stack([at(0)]).execute(() => {
        throw boom;
      }),
    ).rejects.toBe(boom);
  });

  it('takes the options of a call, and those of plugins', async () => {
    const asked = vi.fn();
    const limit = at(0, 'limit', {
      policy: { key: 'limit', parse: (ms) => ({ ms }), options: { ms: 1 } },
      intercept(call, next) {
        asked(call.policy('limit'));
        return next(call);
      },
    });
    const made = stack([limit]);
    expect(await made.execute(({ runId }) => runId, { runId: 'r', limit: 5 } as object)).toBe('r');
    await made.execute(() => 1);
    expect(asked.mock.calls).toEqual([[{ ms: 5 }], [{ ms: 1 }]]);
    const stopped = made.execute(() => 1, { signal: AbortSignal.abort('why') });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED', cause: 'why' });
  });

  it.each<[unknown, unknown, string]>([
    [5, {}, 'execute: expected a function (context) => result, got 5'],
    [() => 1, { name: '' }, 'execute: name: expected a name, got ""'],
    [() => 1, { kind: 'x' }, 'execute: kind: expected one of '],
    [() => 1, { deadline: 'x' }, 'deadline: expected a duration'],
  ])('refuses what it cannot run: %o', async (work, options, message) => {
    await expect(stack([]).execute(work as never, options as never)).rejects.toThrow(message);
  });

  it('goes on working with any number of names', async () => {
    const made = stack([]);
    for (let n = 0; n < 1_002; n++) expect(await made.execute(({ name }) => name, { name: `n${n}` })).toBe(`n${n}`);
  });
});
