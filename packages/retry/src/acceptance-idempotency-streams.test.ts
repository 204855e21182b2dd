import { defineInterceptor, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { firstValueFrom, from, map, take, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { idempotencyBench } from './idempotency-bench.test-kit.ts';
import { fallback, retry } from './index.ts';
import { busy, failed, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const KEY = { idempotencyKey: 'k' };
const around = (priority: number) =>
  defineInterceptor({ name: 'around', priority, intercept: (call, next) => next(call).pipe(map((value) => value)) });

describe('a stream', () => {
  it.each([
    ['as it is', []],
    ['through operators of a stranger', [around(0), around(25)]],
  ])('is the list of its items for whoever waits, and whoever comes later, %s', async (_, beside) => {
    const { clock, runner } = idempotencyBench({}, { beside });
    const work = scripted([{ do: 'emit', items: ['a', 'b', 'c'], every: 10 }], { clock });
    const letters = tool('letters', {}, work);
    const first = runner.call(letters, undefined, KEY);
    await clock.advance(15);
    const second = runner.call(letters, undefined, KEY);
    expect(await clock.until(Promise.all([first, second]))).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect(await clock.until(runner.call(letters, undefined, KEY))).toEqual(['a', 'b', 'c']);
    expect(work.calls).toBe(1);
  });

  it('that is empty stays a stream', async () => {
    const { clock, runner } = idempotencyBench({}, { beside: [around(0)] });
    const none = tool('none', {}, () => from([]));
    for (let time = 0; time < 2; time++) expect(await clock.until(runner.call(none, undefined, KEY))).toEqual([]);
  });

  it('of which the last item counts, counts by that', async () => {
    const { clock, runner } = idempotencyBench();
    const last = tool('last', { collect: 'last' }, () => from([1, 2, 3]));
    const both = [runner.call(last, undefined, KEY), runner.call(last, undefined, KEY)];
    expect(await clock.until(Promise.all(both))).toEqual([3, 3]);
    expect(await clock.until(runner.call(last, undefined, KEY))).toBe(3);
  });

  it('hands its items on as they come, those that have come already first', async () => {
    const { clock, runner, of } = idempotencyBench();
    const work = scripted([{ do: 'emit', items: [1, 2, 3], every: 10 }], { clock });
    const shape = pipeline('p').stage('count', { idempotency: 'k' }, work);
    const first = runner.run(shape);
    await clock.advance(25);
    const second = runner.run(shape);
    const seen: [number, unknown][] = [];
    second.stream('count').subscribe((item) => seen.push([clock.now(), item]));
    await clock.until(Promise.all([first, second]));
    expect(seen).toEqual([
      [25, 1],
      [25, 2],
      [30, 3],
    ]);
    expect(of('stage.item')).toHaveLength(6);
  });

  it('is stopped with the last that wanted it, be it one that had enough of what had come already', async () => {
    const { clock, runner, plugin } = idempotencyBench();
    const work = scripted([{ do: 'emit', items: [1, 2, 3], every: 10, then: 'hang' }], { clock });
    const count = tool('count', {}, work);
    const stop = new AbortController();
    const first = runner.call(count, undefined, { ...KEY, signal: stop.signal }).catch(() => 'stopped');
    await clock.advance(15);
    const late = firstValueFrom(runner.stream(count, undefined, KEY).pipe(take(1), toArray()));
    expect(await clock.until(late)).toEqual([1]);
    stop.abort();
    expect(await clock.until(first)).toBe('stopped');
    await clock.runAll();
    expect([work.running, plugin.stats().underWay]).toEqual([0, 0]);
  });

  it('that is given again ends where nobody wants more of it', async () => {
    const { clock, runner, of } = idempotencyBench();
    const count = tool('count', {}, () => from([1, 2, 3]));
    await clock.until(runner.call(count, undefined, KEY));
    const before = of('tool.item').length;
    expect(await firstValueFrom(runner.stream(count, undefined, KEY).pipe(take(1)))).toBe(1);
    expect(of('tool.item').length - before).toBe(1);
  });

  it('that was begun anew counts from there, for whoever waits and for whoever comes later', async () => {
    const { clock, runner } = idempotencyBench({}, { beside: [retry({ backoff: 10, restartable: true })] });
    const work = scripted(
      [
        { do: 'emit', items: [1, 2], then: 'fail', error: busy() },
        { do: 'emit', items: [1, 2, 3], every: 10 },
      ],
      { clock },
    );
    const count = tool('count', {}, work);
    const first = runner.call(count, undefined, KEY);
    await clock.advance(25);
    const late = runner.call(count, undefined, KEY);
    expect(await clock.until(Promise.all([first, late]))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(await clock.until(runner.call(count, undefined, KEY))).toEqual([1, 2, 3]);
  });

  it('that fails after some items is not kept, and is no stream to fall back from', async () => {
    const { clock, runner } = idempotencyBench({}, { beside: [fallback(['other'])] });
    const work = scripted([{ do: 'emit', items: [1], then: 'fail', error: failed({}, 'cut off') }], { clock });
    const count = tool('count', {}, work);
    for (let time = 1; time <= 2; time++) {
      await expect(clock.until(runner.call(count, undefined, KEY))).rejects.toThrow('cut off');
      expect(work.calls).toBe(time);
    }
  });
});
