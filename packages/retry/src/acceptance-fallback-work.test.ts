import { type Context, defineInterceptor, type Interceptor, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { concat, concatMap, from, of as just, map, Subject, take, takeUntil, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type FallbackOptions, fallback } from './index.ts';
import { bench, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

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

describe('work that is tried in its place', () => {
  it('begins in a fresh scope after a total timeout, with what was known', async () => {
    const seen: unknown[] = [];
    const { clock, runner, sleep } = bench('none', {
      beside: [
        fallback(async (input: unknown, context: Context) => {
          seen.push(input, context.signal.aborted, context.previous);
          await sleep(200);
          seen.push(context.signal.aborted);
          return 'mirror';
        }),
        ...timeout({ total: 100 }),
      ],
    });
    const slow = tool('slow', {}, async (_: number, { partial }: Context): Promise<string> => {
      partial('half');
      await sleep(1_000);
      return 'late';
    });
    expect(await clock.until(runner.call(slow, 7))).toBe('mirror');
    expect(clock.now()).toBe(300);
    expect(seen).toMatchObject([7, false, { error: { code: 'TIMEOUT' }, partial: 'half' }, false]);
    await clock.runAll();
  });

  it.each([
    ['in the deadline of the call', { deadline: 150 }, undefined],
    ['in the signal of the call', {}, 150],
  ])('ends %s', async (_, options, stopAt) => {
    const { clock, runner } = beside(fallback(scripted([{ do: 'hang' }])));
    const stop = new AbortController();
    const call = failure(runner.call(dead(), undefined, { ...options, signal: stop.signal }));
    if (stopAt !== undefined) clock.schedule(stopAt, () => stop.abort());
    expect(await clock.until(call)).toMatchObject({ code: stopAt === undefined ? 'TIMEOUT' : 'CANCELLED' });
    expect(clock.now()).toBe(150);
  });

  it('ends with the run that it is in, and is not begun in one that has ended', async () => {
    let tries = 0;
    const { clock, runner, sleep } = bench('none', {
      beside: [
        fallback(async () => {
          tries++;
          await sleep(1_000);
        }),
      ],
    });
    const shape = pipeline('p').stage('fetch', async (): Promise<void> => {
      await sleep(10);
      throw new Error('down');
    });
    const run = runner.run(shape, undefined, { deadline: 100 });
    expect((await clock.until(run.report)).stages.fetch).toMatchObject({ status: 'cancelled' });
    expect([tries, clock.now()]).toEqual([1, 150]);
    expect((await clock.until(runner.run(shape, undefined, { deadline: 5 }).report)).status).toBe('timeout');
    await clock.runAll();
    expect(tries).toBe(1);
  });

  it('stops with an operator of a stranger that wants no more, be it the second that is tried', async () => {
    const [stop, after] = [new Subject<void>(), new Subject<string>()];
    const leaving = defineInterceptor({
      name: 'leaving',
      priority: 0,
      intercept: (call, next) => concat(next(call).pipe(takeUntil(stop)), after.pipe(take(1))),
    });
    const sync = (): never => {
      throw new Error('at once');
    };
    for (const tried of [[], [sync]]) {
      const hung = scripted([{ do: 'hang' }]);
      const { clock, runner } = beside(fallback([...tried, hung]), leaving);
      const call = runner.call(tool('dead', {}, sync), undefined);
      await clock.advance(1);
      expect(hung.running).toBe(1);
      stop.next();
      await clock.advance(1);
      expect(hung.running).toBe(0);
      after.next('went on');
      expect(await clock.until(call)).toBe('went on');
    }
  });

  it('cleans up after itself, calls tools, and is no further attempt', async () => {
    const steps: string[] = [];
    const cache = tool('cache', {}, async () => 'cached');
    const { clock, runner } = beside(
      fallback(
        async (_: unknown, { onCleanup, call }: Context) => {
          onCleanup(() => steps.push('cleaned'));
          return call(cache);
        },
        { applies: 'stage' },
      ),
    );
    const shape = pipeline('p').stage('fetch', fail('down'));
    const { stages } = await clock.until(runner.run(shape).report);
    expect(stages.fetch).toMatchObject({
      status: 'ok',
      value: 'cached',
      origin: 'fallback',
      attempts: 1,
      settled: true,
    });
    expect(steps).toEqual(['cleaned']);
  });

  it('may be a stream', async () => {
    for (const others of [[], [around]]) {
      const { clock, runner } = beside(
        fallback(() => from([1, 2, 3])),
        ...others,
      );
      expect(await clock.until(runner.call(dead()))).toEqual([1, 2, 3]);
      const empty = beside(
        fallback(() => from([])),
        ...others,
      );
      expect(await empty.clock.until(empty.runner.call(dead()))).toEqual([]);
    }
  });

  it('that is a stream and is cut off is what the call fails with', async () => {
    const cut = () =>
      just(1, 2).pipe(concatMap((item) => (item === 2 ? throwError(() => new Error('cut off')) : just(item))));
    const { clock, runner } = beside(fallback([cut, 'never']));
    const shape = pipeline('p').stage('fetch', fail('down'));
    const { stages } = await clock.until(runner.run(shape).report);
    expect(stages.fetch).toMatchObject({
      partial: [1],
      error: { code: 'STAGE_FAILED', message: 'Stage "fetch" failed: cut off', partial: [1] },
    });
  });

  it('passes the output schema of the tool, or is no result', async () => {
    const numbers = {
      '~standard': {
        version: 1 as const,
        vendor: 't',
        validate: (value: unknown) => (typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
      },
    };
    const count = tool('count', { output: numbers as never }, async () => Promise.reject(new Error('down')));
    const { clock, runner } = beside(fallback([async () => 'text', async () => 7]));
    expect(await clock.until(runner.call(count as never, undefined as never))).toBe(7);
  });
});

describe('when all that is tried has failed', () => {
  it('the call ends with what it failed with first, as if nothing had been tried', async () => {
    const { clock, runner, sleep } = bench('none', {
      beside: [
        fallback([
          (): never => {
            throw new Error('at once');
          },
          async (_: unknown, { partial }: Context) => {
            partial('nothing');
            throw new Error('later');
          },
        ]),
      ],
    });
    const inner = tool('inner', { fallback: 'none' }, async () => sleep(1_000));
    const shape = pipeline('p').stage('fetch', async (_, { call, partial }) => {
      partial('half');
      await call(inner, undefined, { deadline: 10 });
    });
    const { stages } = await clock.until(runner.run(shape).report);
    expect(stages.fetch).toMatchObject({
      status: 'failed',
      attempts: 1,
      partial: 'half',
      error: {
        code: 'STAGE_FAILED',
        call: { attempt: 1 },
        partial: 'half',
        cause: { code: 'TIMEOUT', scope: 'tool:inner' },
      },
    });
    await clock.runAll();
  });

  it('what the calls in its work had achieved is still there', async () => {
    const { clock, runner } = beside(
      fallback(
        async (_: unknown, { call }: Context) =>
          call(
            tool('mirror', {}, async (_input: undefined, { partial }: Context) => {
              partial('of the mirror');
              throw new Error('mirror down');
            }),
          ),
        { applies: 'stage' },
      ),
    );
    const inner = tool('inner', {}, async (_: undefined, { partial }: Context) => {
      partial('of the work');
      throw new Error('down');
    });
    const shape = pipeline('p').stage('fetch', (_, { call }) => call(inner));
    const { stages } = await clock.until(runner.run(shape).report);
    expect(stages.fetch).toMatchObject({ error: { message: 'Stage "fetch" failed: down', partial: 'of the work' } });
  });

  const stopping =
    <T>(answer: () => T) =>
    (stop: () => void) =>
    (): T => {
      stop();
      return answer();
    };
  const [asked, tried] = [stopping(() => true), stopping(fail('mirror'))];
  it.each<[string, (stop: () => void) => [unknown, FallbackOptions]]>([
    ['when it is asked whether it is wanted', (stop) => ['other', { on: asked(stop) }]],
    ['while one is tried', (stop) => [[tried(stop), 'other'], {}]],
  ])('nothing is given in place of a call that was stopped %s', async (_, make) => {
    const stop = new AbortController();
    const plugin = fallback(...make(() => stop.abort()));
    const { clock, runner, of } = beside(plugin);
    expect(await clock.until(failure(runner.call(dead(), undefined, { signal: stop.signal })))).toMatchObject({
      code: 'CANCELLED',
    });
    expect(of('fallback').filter(({ status }) => status === 'ok')).toEqual([]);
    expect(plugin.stats()).toEqual({ used: 0, failed: 0 });
  });

  it('it is on the record, and counted', async () => {
    const plugin = fallback([fail('mirror'), fail('cache')]);
    const { clock, runner, of } = beside(plugin);
    await expect(clock.until(runner.call(dead()))).rejects.toThrow('down');
    expect(of('fallback').map(({ step, status, failure: why }) => [step, status, String(why)])).toEqual([
      [1, 'failed', 'Error: mirror'],
      [2, 'failed', 'Error: cache'],
    ]);
    expect(plugin.stats()).toEqual({ used: 0, failed: 1 });
  });
});
