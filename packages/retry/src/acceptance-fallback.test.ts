import {
  CancelledError,
  type Context,
  defineInterceptor,
  type Interceptor,
  Place,
  pipeline,
  type SluiceError,
  stack,
  tool,
  wrap,
} from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { map, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type FallbackOptions, fallback, retry, retryOn, retryRecord } from './index.ts';
import { bench, busy, failed, failure, nothingIsLeft, silent } from './retry-bench.test-kit.ts';

nothingIsLeft();

const dead = (error: unknown = new Error('down')) =>
  tool('dead', {}, async (_: unknown): Promise<unknown> => {
    throw error;
  });
const fail = (message: string) => async (): Promise<never> => {
  throw new Error(message);
};
const around = defineInterceptor({
  name: 'around',
  priority: 0,
  intercept: (call, next) => next(call).pipe(map((value) => value)),
});
/** A bench whose retry does nothing. */
const beside = (...plugins: Interceptor[]) => bench('none', { beside: plugins });

describe('a value', () => {
  it.each([undefined, null, 0, '', false, Number.NaN, 'text', { a: 1 }, [1, 2]])(
    'of %o is given as it is',
    async (value) => {
      for (const others of [[], [around]]) {
        const { clock, runner } = beside(fallback(value), ...others);
        expect(await clock.until(runner.call(dead()))).toBe(value);
      }
    },
  );

  it('for one stage, tool, function or kind, or for none of it', async () => {
    const { clock, runner } = beside(
      fallback('any', {
        kinds: { enrich: { to: 'kind' } },
        stages: { own: { to: undefined }, none: 'none' },
        tools: { dead: { to: 'tool' } },
      }),
    );
    const down = fail('down');
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('any', down)
      .stage('kind', { kind: 'enrich' }, down)
      .stage('own', down)
      .stage('itself', { fallback: { to: 'said' } }, down)
      .stage('none', down);
    const { output, stages } = await clock.until(runner.run(shape).report);
    expect(output).toEqual({ any: 'any', kind: 'kind', own: undefined, itself: 'said' });
    expect(stages.none).toMatchObject({ status: 'failed', error: { message: 'Stage "none" failed: down' } });
    expect(await clock.until(runner.call(dead()))).toBe('tool');
    expect(await clock.until(runner.wrap(down)())).toBe('any');
  });

  it('in place of a stream is that value, and not a list of it', async () => {
    const { clock, runner } = beside(fallback(['a']), around);
    const stream = tool('stream', {}, () => throwError(() => new Error('down')));
    expect(await clock.until(runner.call(stream))).toEqual(['a']);
  });
});

describe('it is given after', () => {
  const cases: [string, FallbackOptions['on'], unknown, boolean][] = [
    ['anything, where nothing is said', undefined, failed({ status: 404 }), true],
    ['a code', retryOn.code('ECONNRESET'), failed({ code: 'ECONNRESET' }), true],
    ['no other code', retryOn.code('ECONNRESET'), failed({ code: 'EPIPE' }), false],
    ['a status', retryOn.status(503), busy(), true],
    ['a class', retryOn.errors(RangeError), new RangeError('far'), true],
    ['no other class', retryOn.errors(RangeError), new TypeError('wrong'), false],
    ['what a function says', (error: unknown) => (error as Error).message === 'down', failed({}, 'down'), true],
    ['what a function does not deny', () => false, busy(), false],
    ['one of several', [retryOn.status(404), retryOn.status(503)], busy(), true],
    ['none of several', [retryOn.status(404), retryOn.status(500)], busy(), false],
  ];
  it.each(cases)('%s', async (_, on, error, given) => {
    const { clock, runner } = beside(fallback('other', { on }));
    const call = runner.call(dead(error));
    if (given) expect(await clock.until(call)).toBe('other');
    else expect(await clock.until(failure(call))).toBe(error);
  });

  it('nothing where "on" throws, which is reported', async () => {
    const faults: unknown[] = [];
    const logger = {
      ...silent,
      warn: (...args: unknown[]) => faults.push(args),
      error: (...args: unknown[]) => faults.push(args),
    };
    const on = () => {
      throw new Error('no idea');
    };
    const { clock, runner } = bench('none', { beside: [fallback('other', { on })], logger: logger as never });
    await expect(clock.until(runner.call(dead()))).rejects.toThrow('down');
    expect(JSON.stringify(faults)).toContain('threw in \\"on\\"');
  });

  it('no mistake of the caller, unless that is asked for', async () => {
    const bad = {
      '~standard': { version: 1 as const, vendor: 't', validate: () => ({ issues: [{ message: 'no' }] }) },
    };
    const runs: unknown[] = [];
    const strict = tool('strict', { input: bad as never }, async () => runs.push(1));
    const { clock, runner } = beside(fallback('other'));
    await expect(clock.until(runner.call(strict as never, {} as never))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(runs).toEqual([]);
  });

  it('no cancellation, and nothing that was skipped', async () => {
    const { clock, runner } = beside(fallback('other'));
    const hung = tool('hung', {}, scripted([{ do: 'hang' }], { clock }));
    const stop = new AbortController();
    const call = failure(runner.call(hung, undefined, { signal: stop.signal }));
    await clock.advance(1);
    stop.abort();
    expect(await clock.until(call)).toMatchObject({ code: 'CANCELLED' });
    const quitting = tool('quitting', {}, async () => Promise.reject(new CancelledError('called off')));
    expect(await clock.until(failure(runner.call(quitting)))).toMatchObject({ message: 'called off' });
    const shape = pipeline('p').stage('idle', (_, { skip }: Context) => skip('nothing to do'));
    expect((await clock.until(runner.run(shape).report)).stages.idle).toMatchObject({ status: 'skipped' });
  });

  it('no stream that has emitted', async () => {
    const { clock, runner } = beside(fallback(['other']));
    const work = scripted([{ do: 'emit', items: [1], then: 'fail', error: new Error('cut off') }], { clock });
    await expect(clock.until(runner.call(tool('count', {}, work)))).rejects.toThrow('cut off');
    const early = scripted([{ do: 'emit', items: [], then: 'fail', error: new Error('cut off') }], { clock });
    expect(await clock.until(runner.call(tool('early', {}, early)))).toEqual(['other']);
  });
});

it('each of a list knows what the one before it has failed with, and the first that succeeds is the last', async () => {
  const seen: string[] = [];
  const plugin = fallback([
    async (_: unknown, { previous }: Context) => {
      seen.push(String(previous?.error));
      throw new Error('mirror');
    },
    async (_: unknown, { previous }: Context) => {
      seen.push(String(previous?.error));
      return 'cache';
    },
    () => expect.unreachable('it is too late'),
  ]);
  const { clock, runner, of } = beside(plugin);
  expect(await clock.until(runner.call(dead()))).toBe('cache');
  expect(seen).toEqual(['Error: down', 'Error: mirror']);
  expect(of('fallback')).toMatchObject([
    { step: 1, status: 'failed', error: { message: 'down' }, failure: { message: 'mirror' } },
    { step: 2, status: 'ok', error: { message: 'down' } },
  ]);
  expect(plugin.stats()).toEqual({ used: 1, failed: 0 });
});

it('the report has the whole history of a retry inside a timeout', async () => {
  const { clock, runner } = bench(
    { attempts: 3, backoff: 100 },
    { beside: [fallback('stale'), ...timeout({ total: '10s', attempt: 50 })] },
  );
  const work = scripted([{ do: 'fail', error: busy() }, { do: 'hang' }, { do: 'fail', error: busy() }], { clock });
  const shape = pipeline('p').stage('fetch', work);
  const { fetch } = (await clock.until(runner.run(shape).report)).stages;
  expect(fetch).toMatchObject({ status: 'ok', value: 'stale', origin: 'fallback', attempts: 3 });
  const { insteadOf } = fetch as { insteadOf: SluiceError };
  expect(insteadOf).toMatchObject({ code: 'RETRY_EXHAUSTED', cause: { status: 503 } });
  expect(retryRecord(insteadOf)?.attempts).toMatchObject([
    { attempt: 1, error: { status: 503 } },
    { attempt: 2, error: { code: 'TIMEOUT' } },
    { attempt: 3, error: { status: 503 } },
  ]);
  await clock.runAll();
});

it.each([Place.retry + 1, Place.breaker + 1])(
  'at %d it hides from a retry what failed, and the order check says so',
  (priority) => {
    const codes = (options: FallbackOptions) => stack([fallback(0, options), retry()]).findings.map(({ code }) => code);
    expect(codes({ priority })).toContain('fallback-inside');
    expect(codes({})).not.toContain('fallback-inside');
  },
);

it('a wrapped function keeps its arguments', async () => {
  const price = wrap(
    async (_id: string, _currency: string): Promise<number> => Promise.reject(new Error('down')),
    fallback(([id, currency]: [string, string]) => `${id} in ${currency}`),
  );
  expect(await price('7', 'EUR')).toBe('7 in EUR');
});
