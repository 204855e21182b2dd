import { of } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineInterceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import type { StandardResult, StandardSchema } from './standard-schema.ts';
import { tool } from './tool.ts';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};

/** A schema without a library. */
function schema<I, O>(validate: (value: unknown) => unknown): StandardSchema<I, O> {
  const answer = validate as (value: unknown) => StandardResult<O>;
  return { '~standard': { version: 1, vendor: 'by hand', validate: answer } };
}

const isText = (value: unknown): StandardResult<string> =>
  typeof value === 'string' ? { value: value.trim() } : { issues: [{ message: 'expected text', path: ['q'] }] };

const TEXT: readonly [string, StandardSchema<string>][] = [
  ['zod', z.string().trim()],
  [
    'zod, asynchronous',
    z
      .string()
      .trim()
      .refine(async () => true),
  ],
  ['by hand', schema(isText)],
  ['by hand, asynchronous', schema(async (value) => isText(value))],
  ['by hand, with a promise of its own kind', schema((value) => thenable(isText(value)))],
];

const BROKEN: readonly [string, StandardSchema<string>][] = [
  ['throws', schema(fail)],
  ['rejects', schema(async () => fail())],
  ['answers nothing', schema(() => undefined)],
  ['answers issues that are none', schema(() => ({ issues: 'all' }))],
  ['answers no issues in time', schema(async () => ({ issues: [null] }))],
];

function thenable(value: unknown): unknown {
  return Object.defineProperty({}, 'then', { value: (resolve: (value: unknown) => void) => resolve(value) });
}

const runner = createRunner();

describe('an input', () => {
  it.each(TEXT)('that fits its schema (%s) reaches the work as the schema made it', async (_, input) => {
    const echo = tool('echo', { input }, (text) => `<${text}>`);
    expect(await runner.call(echo, ' a ')).toBe('<a>');
  });

  it.each(TEXT)(
    'that does not fit its schema (%s) is INVALID_INPUT, and neither tool nor interceptor runs',
    async (_, input) => {
      const work = vi.fn();
      const intercept = vi.fn((call, next) => next(call));
      const guarded = createRunner({ use: [defineInterceptor({ name: 'seen', priority: 0, intercept })] });
      const call = guarded.call(tool('search', { input }, work), 5 as never, { runId: 'r1' });
      await expect(call).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^Tool "search" was given an invalid input: ./),
        verdict: 'failed',
        retryable: false,
        call: { target: 'tool', name: 'search', attempt: 1, runId: 'r1' },
      });
      expect(work).not.toHaveBeenCalled();
      expect(intercept).not.toHaveBeenCalled();
      expect(guarded.stats().running).toBe(0);
    },
  );

  it('that does not fit in several places is told by all their paths', async () => {
    const input = z.object({ q: z.string(), page: z.object({ size: z.number().max(100) }) });
    const call = runner.call(
      tool('search', { input }, () => 1),
      { q: 5, page: { size: 200 } } as never,
    );
    await expect(call).rejects.toMatchObject({
      message: expect.stringMatching(/: q: [^;]+; page\.size: [^;]+$/),
      details: { issues: [{ path: 'q' }, { path: 'page.size' }] },
    });
  });

  it.each(BROKEN)('is refused when its schema %s', async (_, input) => {
    const work = vi.fn();
    await expect(runner.call(tool('a', { input }, work), 'x')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'Tool "a" was given an invalid input: its schema threw',
      details: { issues: [{ path: '', message: 'its schema threw' }] },
      cause: expect.any(Error),
    });
    expect(work).not.toHaveBeenCalled();
  });

  it('is refused with what the schema threw as the cause', async () => {
    await expect(runner.call(tool('a', { input: schema(fail) }, fail), 'x')).rejects.toHaveProperty('cause', boom);
  });

  it('goes through a transforming schema once, however often it is an input', async () => {
    const validate = vi.fn((value: unknown) => ({ value: `${value}!` }));
    const shout = tool('shout', { input: schema<string, string>(validate) }, (text) => text);
    expect(await runner.call(shout, 'a')).toBe('a!');
    expect(validate).toHaveBeenCalledTimes(1);
  });
});

describe('an output', () => {
  it.each(TEXT)('that fits its schema (%s) reaches the caller as the schema made it', async (_, output) => {
    expect(await runner.call(tool('a', { output }, () => ' a '))).toBe('a');
    expect(await runner.call(tool('a', { output }, async () => ' a '))).toBe('a');
  });

  it.each(TEXT)(
    'that does not fit its schema (%s) is INVALID_OUTPUT, with the output in details',
    async (_, output) => {
      const made = { secret: 5 };
      const call = runner.call(tool('search', { output }, () => made as unknown));
      await expect(call).rejects.toMatchObject({
        code: 'INVALID_OUTPUT',
        message: expect.stringMatching(/^Tool "search" returned an invalid output: ./),
        verdict: 'failed',
        retryable: false,
        details: { issues: [{ message: expect.any(String) }] },
      });
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect((error as { details: { output: unknown } }).details.output).toBe(made);
    },
  );

  it.each(BROKEN)('is refused when its schema %s', async (_, output) => {
    await expect(runner.call(tool('a', { output }, () => 'x'))).rejects.toMatchObject({
      code: 'INVALID_OUTPUT',
      details: { output: 'x', issues: [{ path: '', message: 'its schema threw' }] },
    });
  });

  it('of work that fails is not looked at', async () => {
    const output = schema<string, string>(vi.fn());
    await expect(runner.call(tool('a', { output }, async () => fail()))).rejects.toBe(boom);
    expect(output['~standard'].validate).not.toHaveBeenCalled();
  });
});

describe('an item of a stream', () => {
  const output = z.number().transform((n) => n * 10);

  it('is checked and transformed by itself', async () => {
    const numbers = tool('numbers', { output }, async function* () {
      yield 1;
      yield 2;
    });
    expect(await runner.call(numbers)).toEqual([10, 20]);
    expect(await runner.call(tool('numbers', { output, collect: 'last' }, () => of(1, 2)))).toBe(20);
  });

  it('that does not fit ends the stream, which is told to stop', async () => {
    const steps: string[] = [];
    const numbers = tool('numbers', { output }, async function* () {
      try {
        yield 1;
        yield 'two';
        steps.push('went on');
      } finally {
        steps.push('stopped');
      }
    });
    await expect(runner.call(numbers)).rejects.toMatchObject({ code: 'INVALID_OUTPUT', details: { output: 'two' } });
    expect(steps).toEqual(['stopped']);
  });

  it('cannot wait for a schema that takes its time', async () => {
    const slow = tool('numbers', { output: z.number().refine(async () => true) }, () => of(1));
    await expect(runner.call(slow)).rejects.toMatchObject({
      code: 'INVALID_OUTPUT',
      message: expect.stringContaining('its schema is asynchronous, and the items of a stream cannot wait for it'),
      details: { output: 1 },
    });
  });
});
