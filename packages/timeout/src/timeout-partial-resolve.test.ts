import { type Context, createRunner, isSluiceError, type PartialResult, pipeline, tool, wrap } from '@sluice/core';
import { scripted, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft } from './timeout-bench.test-kit.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe("partial: 'resolve'", () => {
  const half = async (_: unknown, { partial, signal }: Context): Promise<never> => {
    partial({ items: 5 });
    return hang(signal);
  };

  it('makes a call that timed out with something achieved resolve to that, with the error', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 100, partial: 'resolve' })] });
    const result = (await clock.until(runner.call(tool('half', {}, half)))) as unknown as PartialResult;
    expect(result).toEqual({ partial: true, value: { items: 5 }, error: expect.any(Error) });
    expect(result.error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:half', partial: { items: 5 } });
    // It is a timeout all the same, for whoever counts.
    expect(of('verdict').map(({ status, error }) => [status, error])).toEqual([['timeout', result.error]]);
    expect(of('tool.end').map(({ status }) => status)).toEqual(['timeout']);
    expect((runner.stats().interceptors['timeout'] as Record<string, object>)['tool:half']).toMatchObject({
      timeout: 1,
      ok: 0,
    });
  });

  it('does so for wrap, with what was yielded by then', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [timeout({ attempt: 100, partial: 'resolve' })] });
    const load = runner.wrap(async function* load(upTo: number) {
      for (let n = 0; n < upTo; n++) {
        await new Promise<void>((resolve) => clock.schedule(30, resolve));
        yield n;
      }
    });
    await expect(clock.until(load(3))).resolves.toEqual([0, 1, 2]);
    expect(await clock.until(load(50))).toMatchObject({ partial: true, value: [0, 1, 2], error: { scope: 'attempt' } });
    await clock.runAll();
    const never = wrap(async () => 1, timeout({ total: 0, partial: 'resolve' }));
    expect(await failure(never())).toMatchObject({ code: 'TIMEOUT' });
  });

  it('lets a call with nothing achieved, one that fails, and one that is cancelled reject', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, partial: 'resolve' })] });
    const empty = tool('empty', {}, (_: unknown, { signal }: Context) => hang(signal));
    expect(await clock.until(failure(runner.call(empty)))).toMatchObject({ code: 'TIMEOUT' });
    const boom = new Error('boom');
    const fails = tool('fails', {}, (_: unknown, { partial }: Context) => {
      partial(1);
      throw boom;
    });
    expect(await clock.until(failure(runner.call(fails)))).toBe(boom);
    const controller = new AbortController();
    clock.schedule(50, () => controller.abort('stop'));
    const stopped = runner.call(tool('half', {}, half), undefined, { signal: controller.signal });
    expect(await clock.until(failure(stopped))).toMatchObject({ code: 'CANCELLED', cause: 'stop' });
  });

  it('gives the dependants of a stage what it achieved; the report says timeout and value, and the run goes on', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const shape = pipeline('p')
      .stage('crawl', { timeout: { total: 100, partial: 'resolve' } }, async function* (_, { signal }) {
        yield 'a';
        yield 'b';
        await hang(signal);
      })
      .stage('beside', scripted([{ do: 'succeed', value: 'beside', after: 500 }], { clock }))
      .stage('index', ['crawl'], ({ crawl }, { outcome }) => {
        const some = 'partial' in crawl ? crawl.value : crawl;
        return `${some.join()} after ${outcome('crawl').status}`;
      });
    const run = runner.run(shape);
    const output = await clock.until(run);
    const report = await run.report;
    expect(output.index).toBe('a,b after timeout');
    expect(output.beside).toBe('beside');
    expect(output.crawl).toMatchObject({
      partial: true,
      value: ['a', 'b'],
      error: { code: 'TIMEOUT', scope: 'stage:crawl' },
    });
    expect(report.status).toBe('ok');
    expect(report.error).toBeUndefined();
    const { crawl } = report.stages;
    expect(crawl).toMatchObject({
      status: 'timeout',
      partial: ['a', 'b'],
      durationMs: 100,
      error: { code: 'TIMEOUT' },
    });
    expect(crawl.status === 'timeout' && crawl.value).toBe(output.crawl);
    expect(clock.now()).toBe(500);
  });

  it('with nothing achieved leaves the dependants skipped, and the run timed out', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const shape = pipeline('p')
      .stage('crawl', { timeout: { total: 100, partial: 'resolve' } }, (_, { signal }) => hang(signal))
      .stage('index', ['crawl'], () => 'never');
    const { status, stages } = await clock.until(runner.run(shape).report);
    expect(status).toBe('timeout');
    expect(stages.index).toMatchObject({ status: 'skipped', because: 'crawl' });
  });

  it('of one attempt does not stand for a later one that ends well', async () => {
    const { clock, runner, of } = workbench({
      use: [timeout({ total: 500, attempt: 100, partial: 'resolve' }), again(3)],
    });
    const work = tool('work', {}, async (_: unknown, { attempt, partial, signal }: Context) => {
      partial({ attempt });
      return attempt === 2 ? 'second' : hang(signal);
    });
    await expect(clock.until(runner.call(work))).resolves.toBe('second');
    expect(of('verdict').map(({ status }) => status)).toEqual(['ok']);
  });

  it('is for timeouts by its own limits: the deadline of the run ends it as cancelled', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: '1h', partial: 'resolve' })] });
    const run = runner.run(pipeline('p').stage('half', half), undefined, { deadline: 100 });
    const error = await clock.until(failure(run));
    expect(isSluiceError(error, 'TIMEOUT') && error.scope).toBe('run');
    expect((await run.report).stages.half).toMatchObject({ status: 'cancelled', partial: { items: 5 } });
  });
});
