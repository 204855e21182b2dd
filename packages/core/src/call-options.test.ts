import { describe, expect, it } from 'vitest';
import { readCallOptions } from './call-options.ts';
import { ConfigError } from './errors/config-error.ts';
import { createRunner } from './runner.ts';
import { tool } from './tool.ts';

describe('the options of a call', () => {
  it('are sorted into those of core, checked, and those of plugins, as they were written', () => {
    const { signal } = new AbortController();
    const options = {
      deadline: '2s',
      signal,
      runId: 'r',
      correlationId: 'c',
      idempotencyKey: 'k',
      retry: 'x',
      off: undefined,
    };
    expect(readCallOptions(options as object)).toEqual({
      own: { deadlineMs: 2_000, signal, runId: 'r', correlationId: 'c', idempotencyKey: 'k' },
      policies: { retry: 'x' },
    });
  });

  it.each([[undefined], [{}], [{ deadline: undefined, signal: undefined, retry: undefined }]])(
    'of %j are none',
    (options) => {
      const { own, policies } = readCallOptions(options as object | undefined);
      expect(Object.values(own).every((value) => value === undefined)).toBe(true);
      expect(policies).toBeUndefined();
    },
  );

  it.each<[unknown, string]>([
    [null, 'options: expected a plain object, got null'],
    ['5s', 'options: expected a plain object, got "5s"'],
    [{ deadline: 'soon' }, 'deadline: expected a duration: '],
    [
      { deadline: Number.POSITIVE_INFINITY },
      "deadline: expected a finite duration; write 'none' for no limit, got Infinity",
    ],
    [{ signal: new AbortController() }, 'signal: expected an AbortSignal, got an object'],
    [{ runId: '' }, 'runId: expected a text that is not empty, got ""'],
    [{ correlationId: 5 }, 'correlationId: expected a text that is not empty, got 5'],
    [{ grace: '1s' }, 'grace: is no option of a call'],
    [{ idempotencyKey: null }, 'idempotencyKey: expected a text that is not empty, got null'],
  ])('are refused where they cannot be: %j', async (options, message) => {
    expect(() => readCallOptions(options as object)).toThrow(message);
    expect(() => readCallOptions(options as object)).toThrow(ConfigError);
    const one = tool('a', {}, () => 1);
    await expect(createRunner().call(one, undefined, options as object)).rejects.toThrow(message);
  });

  it('are refused with all that is wrong at once', () => {
    expect(() => readCallOptions({ deadline: -1, runId: '' })).toThrow(/^deadline: .*\nrunId: /);
  });

  it('from outside that name __proto__ change nothing but themselves', () => {
    const { policies } = readCallOptions(JSON.parse('{"__proto__":{"retry":1}}') as object);
    expect(policies?.['retry']).toBeUndefined();
  });
});

describe('a call', () => {
  const told = tool('told', {}, (_: undefined, ctx) => [ctx.runId, ctx.correlationId, ctx.idempotencyKey]);
  const runner = createRunner();

  it('has the ids that it was given', async () => {
    const options = { runId: 'r', correlationId: 'c', idempotencyKey: 'k' };
    expect(await runner.call(told, undefined, options)).toEqual(['r', 'c', 'k']);
  });

  it('has ids of its own otherwise, new for each, and its correlation id is that of the run', async () => {
    const [run, correlation, key] = (await runner.call(told)) as [string, string, string];
    expect(correlation).toBe(run);
    expect(key).not.toBe(run);
    expect((await runner.call(told))[0]).not.toBe(run);
  });
});
