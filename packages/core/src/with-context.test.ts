import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { createRunner } from './runner.ts';
import { contextFunction, withContext } from './with-context.ts';
import { wrap } from './wrap.ts';

describe('a function that wants its context', () => {
  const load = withContext(function load(ctx, id: string, ...more: number[]) {
    return [ctx.name, ctx.attempt, ctx.input, ctx.signal.aborted, id, more];
  });

  it('gets it before its own arguments; callers never see it', async () => {
    const loaded = ['load', 1, ['7', 1, 2], false, '7', [1, 2]];
    expect(await wrap(load)('7', 1, 2)).toEqual(loaded);
    expect(await createRunner().wrap(load)('7', 1, 2)).toEqual(loaded);
  });

  it('keeps this, and its name', async () => {
    const half = withContext(function half(this: unknown, _ctx) {
      return this;
    } as (ctx: unknown) => unknown);
    const owner = { half: wrap(half) };
    expect(await owner.half()).toBe(owner);
    expect([half.name, wrap(half).name]).toEqual(['half', 'half']);
  });

  it('cannot be called bare: there is no context to give', () => {
    expect(() => load('7')).toThrow(ConfigError);
    expect(() => load('7')).toThrow('withContext: "load" must be wrapped before it is called');
    expect(() => withContext(() => 1)()).toThrow('withContext: "this function" must be wrapped before it is called');
  });

  it('is a function', () => {
    expect(() => withContext('load' as never)).toThrow('withContext: expected a function (context, ...args) => result');
  });

  it('is told from one that does not', () => {
    expect(contextFunction(load)).toBeTypeOf('function');
    expect(contextFunction(() => 1)).toBeUndefined();
  });
});
