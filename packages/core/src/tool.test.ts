import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError } from './errors/config-error.ts';
import { createRunner } from './runner.ts';
import { isTool, tool, toolTarget } from './tool.ts';

const runner = createRunner();
const input = z.string();

describe('a tool', () => {
  it('shows what it was made with, and is immutable', () => {
    const search = tool('search', { input, description: 'Finds', kind: 'agent', idempotent: false }, (q) => q);
    expect(search).toEqual({
      name: 'search',
      description: 'Finds',
      kind: 'agent',
      idempotent: false,
      input,
      output: undefined,
    });
    expect(Object.isFrozen(search)).toBe(true);
    expect(tool('plain', {}, () => 1)).toMatchObject({ kind: undefined, idempotent: true });
  });

  it('keeps the policies that it was given, and only those', () => {
    const options = {
      kind: 'work',
      input,
      collect: 'last',
      description: 'd',
      timeout: '1s',
      retry: undefined,
    } as const;
    const target = toolTarget(tool('a', options, () => 1));
    expect(target).toMatchObject({
      target: 'tool',
      name: 'a',
      kind: 'work',
      collect: 'last',
      policies: [{ values: { timeout: '1s' } }],
    });
    expect(Object.keys(target.policies[0]?.values ?? {})).toEqual(['timeout']);
  });

  it.each<[string, () => unknown, unknown]>([
    ['a value', () => 1, 1],
    ['a promise', async () => 1, 1],
    [
      'an async generator',
      async function* () {
        yield* [1, 2];
      },
      [1, 2],
    ],
    ['an Observable', () => of(1, 2), [1, 2]],
    ['an empty Observable', () => of(), []],
    ['nothing', () => {}, undefined],
  ])('may return %s', async (_, work, result) => {
    expect(await runner.call(tool('a', {}, work))).toEqual(result);
  });

  it("keeps only a stream's last item when told to, and nothing of an empty one", async () => {
    expect(await runner.call(tool('a', { collect: 'last' }, () => of(1, 2)))).toBe(2);
    expect(await runner.call(tool('a', { collect: 'last' }, () => of()))).toBeUndefined();
    expect(await runner.call(tool('a', { collect: 'last' }, async () => [1, 2]))).toEqual([1, 2]);
  });

  it('gets its input and its context', async () => {
    const told = tool('told', { kind: 'guard' }, (given: number, { name, kind, attempt, input }) => [
      given,
      name,
      kind,
      attempt,
      input,
    ]);
    expect(await runner.call(told, 7)).toEqual([7, 'told', 'guard', 1, 7]);
  });

  it('is told from everything that is none', async () => {
    const real = tool('a', {}, () => 1);
    expect(isTool(real)).toBe(true);
    for (const fake of [{ ...real }, null, undefined, 'a', () => 1]) expect(isTool(fake)).toBe(false);
    expect(() => toolTarget({ ...real })).toThrow('tool: expected a tool made by tool(), got an object');
    await expect(runner.call({ ...real })).rejects.toThrow(ConfigError);
  });

  it('that cannot be is refused, with all that is wrong at once', () => {
    const options = { kind: 'agnet', idempotent: 'no', description: 5, collect: 'first', input: {}, output: 'text' };
    expect(() => tool('a', options as never, 'work' as never)).toThrow(
      [
        'tool "a": kind: expected one of transform, enrich, route, guard, work, agent, got "agnet"',
        'tool "a": idempotent: expected true or false, got "no"',
        'tool "a": description: expected a text, got 5',
        `tool "a": collect: expected 'all' or 'last', got "first"`,
        'tool "a": input: expected a Standard Schema, got an object',
        'tool "a": output: expected a Standard Schema, got "text"',
        'tool "a": work: expected a function (input, context) => result, got "work"',
      ].join('\n'),
    );
  });

  it.each<[unknown, unknown, string]>([
    ['', {}, 'tool.name: expected a name, got ""'],
    [' ', {}, 'tool.name: expected a name, got " "'],
    [5, {}, 'tool.name: expected a name, got 5'],
    ['a', null, 'tool "a": options: expected a plain object, got null'],
    ['a', undefined, 'tool "a": options: expected a plain object, got undefined'],
    ['a', { deadline: 5 }, 'tool "a": deadline: is no option of a tool'],
  ])('named %j with the options %j is refused', (name, options, message) => {
    expect(() => tool(name as never, options as never, () => 1)).toThrow(message);
  });
});
