import { type Context, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { retryOn, retryRecord } from './index.ts';
import { bench, busy, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

describe('cancelling', () => {
  it.each([
    ['as soon as it sleeps', 0],
    ['in the middle of a sleep', 4_000],
    ['right before it would wake', 9_999],
  ])('a call ends it in the same tick, %s: nothing is started any more, and no timer is left', async (_, at) => {
    const { clock, runner, of, plugin } = bench({ backoff: 10_000 });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const stop = new AbortController();
    const ended = failure(runner.call(tool('flaky', {}, work), undefined, { signal: stop.signal }));
    await clock.advance(at);
    expect(clock.pending).toBe(1);
    stop.abort(new Error('user went away'));
    // Heard before any timer can have rung.
    expect(await ended).toMatchObject({ code: 'CANCELLED', cause: { message: 'user went away' } });
    expect([clock.now(), clock.pending]).toEqual([at, 0]);
    await clock.runAll();
    expect([work.calls, clock.now()]).toEqual([1, at]);
    expect(of('retry.giveup')).toEqual([]);
    expect(plugin.stats()).toMatchObject({ attempts: 1, recovered: 0, exhausted: 0, gaveUp: {} });
  });

  it('is told by an event in the very call of abort()', async () => {
    const { clock, runner, of } = bench({ backoff: 10_000 });
    const stop = new AbortController();
    const dead = tool('dead', {}, scripted([{ do: 'fail', error: busy() }], { clock }));
    const ended = failure(runner.call(dead, undefined, { signal: stop.signal }));
    await clock.advance(5);
    stop.abort();
    expect(of('verdict')).toMatchObject([{ at: 5, status: 'cancelled' }]);
    await ended;
  });

  it('a run stops all that sleeps in it, in one sweep: stages, tools, and tools of stages that are between attempts', async () => {
    const { clock, runner, of } = bench({ backoff: 1_000 });
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const dead = tool('dead', {}, work);
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('a', work)
      .stage('b', work)
      .stage('c', (_, { call }) => call(dead));
    const run = runner.run(shape);
    await clock.advance(500);
    run.cancel('enough');
    expect(
      of('verdict')
        .map(({ at, name, status }) => `${name} ${status} at ${at}`)
        .toSorted(),
    ).toEqual(['a', 'b', 'c', 'dead'].map((name) => `${name} cancelled at 500`));
    const report = await clock.until(run.report);
    expect(report).toMatchObject({ status: 'cancelled', durationMs: 500 });
    await clock.runAll();
    expect([work.calls, clock.pending]).toEqual([3, 0]);
  });

  it('in the middle of an attempt is not taken for its failure', async () => {
    const { clock, runner, of, plugin } = bench({ retryOn: () => true });
    const work = scripted([{ do: 'fail', error: busy() }, { do: 'hang' }], { clock });
    const stop = new AbortController();
    const ended = failure(runner.call(tool('hang', {}, work), undefined, { signal: stop.signal }));
    await clock.advance(150);
    expect(work.calls).toBe(2);
    stop.abort();
    expect((await ended).code).toBe('CANCELLED');
    await clock.runAll();
    expect([work.calls, of('retry.wait')]).toMatchObject([2, [{ failed: 1 }]]);
    expect(plugin.stats()).toMatchObject({ attempts: 2, exhausted: 0, gaveUp: {} });
  });

  it('what waits for the work of its last attempt to end stops that wait as well', async () => {
    for (const overlap of [false, 'wait'] as const) {
      const { clock, runner } = bench(
        { backoff: 10, overlap },
        { beside: [...timeout({ attempt: 100, total: 'none', grace: '1m' })] },
      );
      const work = scripted([{ do: 'succeed', after: 5_000, ignoreSignal: true }], { clock });
      const stop = new AbortController();
      const ended = failure(runner.call(tool('deaf', {}, work), undefined, { signal: stop.signal }));
      await clock.advance(1_000);
      stop.abort();
      expect((await clock.until(ended)).code).toBe('CANCELLED');
      await clock.runAll();
      expect(work.calls).toBe(1);
    }
  });

  it('before the start lets nothing start', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const signal = AbortSignal.abort();
    const error = await clock.until(failure(runner.call(tool('never', {}, work), undefined, { signal })));
    expect([error.code, work.calls]).toEqual(['CANCELLED', 0]);
  });

  it('within onRetry, or by who hears of retry.wait, stops it before it sleeps', async () => {
    for (const by of ['onRetry', 'event']) {
      const stop = new AbortController();
      const { clock, runner } = bench({ onRetry: () => by === 'onRetry' && stop.abort() });
      const told = runner.events$.subscribe(({ type }) => by === 'event' && type === 'retry.wait' && stop.abort());
      const work = scripted([{ do: 'fail', error: busy() }], { clock });
      const call = runner.call(tool('flaky', {}, work), undefined, { signal: stop.signal });
      expect((await failure(call)).code).toBe('CANCELLED');
      await clock.runAll();
      expect([by, work.calls, clock.now()]).toEqual([by, 1, 0]);
      told.unsubscribe();
    }
  });

  it('its branch or its run from within stops what repeats it', async () => {
    for (const scope of ['stage', 'branch', 'run'] as const) {
      const { clock, runner } = bench({ retryOn: () => true });
      let calls = 0;
      const shape = pipeline('p').stage('s', (_, { cancel }) => {
        calls++;
        return cancel('not needed', { scope });
      });
      const { stages } = await clock.until(runner.run(shape).report);
      expect([stages.s.status, calls]).toEqual(['cancelled', 1]);
    }
  });
});

describe('a cancellation is never retried', () => {
  it.each<[string, () => unknown]>([
    ['an AbortError', () => new DOMException('stopped', 'AbortError')],
    ['an error with the code ABORT_ERR', () => failed({ code: 'ABORT_ERR' })],
    ['an error whose cause is one', () => failed({ cause: new DOMException('stopped', 'AbortError') })],
  ])('%s, whatever retryOn says', async (_, make) => {
    const { clock, runner } = bench({ retryOn: [retryOn.errors(Error), () => true] });
    const work = scripted([{ do: 'fail', error: make() }], { clock });
    await clock.until(failure(runner.call(tool('stopped', {}, work))));
    expect(work.calls).toBe(1);
  });

  it('nor is one that its work makes of its own: a tool of it was cancelled', async () => {
    const { clock, runner } = bench({ retryOn: () => true });
    const stop = new AbortController();
    let calls = 0;
    const inner = tool('inner', {}, async (_: undefined, { signal }: Context) => {
      stop.abort();
      signal.throwIfAborted();
    });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) => {
      calls++;
      return call(inner, undefined, { signal: stop.signal });
    });
    expect((await clock.until(failure(runner.call(outer)))).code).toBe('CANCELLED');
    expect(calls).toBe(1);
  });

  it('and what it fails with carries no record of attempts', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const stop = new AbortController();
    const ended = failure(runner.call(tool('flaky', {}, work), undefined, { signal: stop.signal }));
    await clock.advance(50);
    stop.abort();
    expect(retryRecord(await ended)).toBeUndefined();
  });
});

it('where the loop stood still until after the deadline, nothing is started: the last real error is passed on', async () => {
  const { clock, runner, of } = bench({ backoff: 900 }, { beside: [...timeout({ total: '1s' })] });
  const error = busy();
  const work = scripted([{ do: 'fail', error }], { clock });
  const ended = failure(runner.call(tool('late', {}, work)));
  await clock.advance(0);
  clock.block(2_000);
  expect(await clock.until(ended)).toBe(error);
  expect(of('retry.giveup')).toMatchObject([{ because: 'deadline', reason: 'the deadline has passed', attempts: 1 }]);
  await clock.runAll();
  expect(work.calls).toBe(1);
});

it('cancelling a thousand calls that sleep leaves no timer and no listener behind', async () => {
  const { clock, runner, plugin } = bench({ backoff: '1h', budget: 'none' });
  const dead = tool('dead', {}, scripted([{ do: 'fail', error: busy() }], { clock }));
  const stop = new AbortController();
  const calls = Array.from({ length: 1_000 }, () => failure(runner.call(dead, undefined, { signal: stop.signal })));
  await clock.advance(1_000);
  stop.abort();
  expect(new Set((await Promise.all(calls)).map(({ code }) => code))).toEqual(new Set(['CANCELLED']));
  expect([clock.now(), clock.pending, plugin.stats().attempts]).toEqual([1_000, 0, 1_000]);
});
