import { type Context, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { from, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { retryRecord } from './index.ts';
import { bench, busy, failure, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const breaking = (items: readonly unknown[], error: unknown) => ({ do: 'emit', items, then: 'fail', error }) as const;

describe('a stream', () => {
  it('that has handed something on is committed: it ends with its own error, which says why', async () => {
    const { clock, runner, of, plugin } = bench();
    const error = busy();
    const work = scripted([breaking([1, 2], error)], { clock });
    const seen: unknown[] = [];
    const ended = new Promise((resolve) => {
      runner.stream(tool('feed', {}, work)).subscribe({ next: (item) => seen.push(item), error: resolve });
    });
    expect(await clock.until(ended)).toBe(error);
    expect([seen, work.calls]).toEqual([[1, 2], 1]);
    const reason = 'items of the stream have been handed on; set restartable to begin anew';
    expect(of('retry.giveup')).toMatchObject([{ because: 'emitted', reason }]);
    expect(retryRecord(error)).toMatchObject({ because: 'emitted', attempts: [{ attempt: 1, error }] });
    expect(plugin.stats().gaveUp).toEqual({ emitted: 1 });
  });

  it('that has handed nothing on yet is repeated', async () => {
    const { clock, runner } = bench();
    const work = scripted([breaking([], busy()), { do: 'emit', items: [1, 2] }], { clock });
    const all = new Promise((resolve) =>
      runner
        .stream(tool('feed', {}, work))
        .pipe(toArray())
        .subscribe(resolve),
    );
    expect(await clock.until(all)).toEqual([1, 2]);
    expect(work.calls).toBe(2);
  });

  it('that is repeated, and then hands something on, is committed from there', async () => {
    const { clock, runner } = bench();
    const work = scripted([breaking([], busy()), breaking([1], busy()), { do: 'emit', items: [1, 2] }], { clock });
    const ended = new Promise((resolve) => runner.stream(tool('feed', {}, work)).subscribe({ error: resolve }));
    expect(await clock.until(ended)).toMatchObject({ message: 'busy' });
    expect(work.calls).toBe(2);
  });

  it('that is restartable begins anew, and what listens gets all of it again', async () => {
    const { clock, runner } = bench({ restartable: true });
    const work = scripted([breaking([1, 2], busy()), { do: 'emit', items: [1, 2, 3] }], { clock });
    const all = new Promise((resolve) =>
      runner
        .stream(tool('feed', {}, work))
        .pipe(toArray())
        .subscribe(resolve),
    );
    expect(await clock.until(all)).toEqual([1, 2, 1, 2, 3]);
  });

  it('that is restartable and collected has the items of the attempt that succeeded, and no others', async () => {
    const { clock, runner } = bench({ stages: { feed: { restartable: true } } });
    const work = scripted([breaking([1, 2], busy()), { do: 'emit', items: [3, 4] }], { clock });
    const shape = pipeline('p').stage('feed', { collect: 'all' }, work);
    expect(await clock.until(runner.run(shape))).toEqual({ feed: [3, 4] });
  });

  it('that breaks off because an attempt limit ends it is committed too', async () => {
    const { clock, runner } = bench({}, { beside: [...timeout({ attempt: 100, total: 'none' })] });
    const work = scripted([{ do: 'emit', items: [1], then: 'hang' }], { clock });
    const error = await clock.until(failure(runner.call(tool('feed', {}, work))));
    expect([error.code, work.calls]).toEqual(['TIMEOUT', 1]);
    expect(retryRecord(error)?.because).toBe('emitted');
  });

  it('of an Observable is committed as one of a generator is', async () => {
    const { clock, runner } = bench();
    let calls = 0;
    const feed = tool('feed', {}, () => {
      calls++;
      return from(
        (async function* () {
          yield 1;
          throw busy();
        })(),
      );
    });
    expect(await clock.until(failure(runner.call(feed)))).toMatchObject({ message: 'busy' });
    expect(calls).toBe(1);
  });

  it('that its listener leaves is not repeated', async () => {
    const { clock, runner, of } = bench({ restartable: true });
    const work = scripted([{ ...breaking([1, 2, 3], busy()), every: 10 }], { clock });
    const subscription = runner.stream(tool('feed', {}, work)).subscribe({ error: () => expect.unreachable() });
    await clock.advance(15);
    subscription.unsubscribe();
    await clock.runAll();
    expect([work.calls, of('retry.wait')]).toEqual([1, []]);
  });
});

describe('what a failed attempt had achieved', () => {
  const work = async (_: unknown, { partial, attempt }: Context): Promise<never> => {
    partial({ pages: attempt * 10 });
    throw busy();
  };

  it('is kept for each attempt, with its number', async () => {
    const { clock, runner } = bench();
    const error = await clock.until(failure(runner.call(tool('crawl', {}, work))));
    const attempts = [1, 2, 3].map((attempt) => ({ attempt, partial: { pages: attempt * 10 } }));
    expect(error.details).toMatchObject({ attempts });
    expect(retryRecord(error)?.attempts).toMatchObject(attempts);
    expect(error.partial).toEqual({ pages: 30 });
  });

  it('is what the attempt after it gets, and the report of the run', async () => {
    const { clock, runner } = bench();
    const got: unknown[] = [];
    const shape = pipeline('p').stage('crawl', (_, context) => {
      got.push(context.previous?.partial);
      return work(_, context);
    });
    const { stages } = await clock.until(runner.run(shape).report);
    expect(got).toEqual([undefined, { pages: 10 }, { pages: 20 }]);
    expect(stages.crawl).toMatchObject({ status: 'failed', partial: { pages: 30 } });
  });

  it('is not taken for that of the attempt after it, which achieved nothing', async () => {
    const { clock, runner } = bench();
    const crawl = tool('crawl', {}, async (_: undefined, { partial, attempt }: Context) => {
      if (attempt === 1) partial('first');
      throw busy();
    });
    const error = await clock.until(failure(runner.call(crawl)));
    expect(retryRecord(error)?.attempts.map(({ partial }) => partial)).toEqual(['first', undefined, undefined]);
  });

  it('of a stream that broke off is what it had handed on', async () => {
    const { clock, runner } = bench({ restartable: true, attempts: 2 });
    const feed = scripted([breaking([1, 2], busy()), breaking([3], busy())], { clock });
    const shape = pipeline('p').stage('feed', { collect: 'all' }, feed);
    const { stages } = await clock.until(runner.run(shape).report);
    const { error } = stages.feed as { readonly error: unknown };
    expect(retryRecord(error)?.attempts).toMatchObject([
      { attempt: 1, partial: [1, 2] },
      { attempt: 2, partial: [3] },
    ]);
  });
});
