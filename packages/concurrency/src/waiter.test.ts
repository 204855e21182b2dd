import { createRunner, defineInterceptor, Place, tool } from '@sluice/core';
import { leakLedger, recorder, virtualClock } from '@sluice/core/testing';
import { Subject, takeUntil } from 'rxjs';
import { expect, it } from 'vitest';
import { type ConcurrencyOptions, concurrency } from './index.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

function bench(options: ConcurrencyOptions) {
  const clock = virtualClock();
  const plugin = concurrency(options);
  const stop = new Subject<void>();
  const stops = defineInterceptor({
    name: 'stops',
    priority: Place.retry,
    intercept: (call, next) => (call.name === 'stoppable' ? next(call).pipe(takeUntil(stop)) : next(call)),
  });
  const runner = createRunner({ use: [plugin, stops], clock, grace: 0, logger: SILENT });
  const aborted: unknown[] = [];
  const work = (name: string) =>
    tool(name, {}, (ms: number, { signal }) => {
      signal.addEventListener('abort', () => aborted.push(name));
      return new Promise<void>((resolve) => clock.schedule(ms, resolve));
    });
  return { clock, plugin, runner, stop, aborted, work };
}

it('one that had its turn, was refused, or has left, leaves no timer behind', async () => {
  const ledger = leakLedger();
  const { clock, runner, work } = bench({ limit: 1, queue: { timeout: '1h' } });
  const first = runner.call(work('first'), 10);
  const second = runner.call(work('second'), 10);
  const third = runner.call(work('third'), 10, { deadline: 5 }).catch(() => {});
  await clock.until(Promise.all([first, second, third]));
  await clock.advance(1);
  ledger.assertEmpty();
  expect(clock.pending).toBe(0);
});

it('one that is stopped after its turn is stopped for good, and gives its permit back', async () => {
  const { clock, plugin, runner, stop, aborted, work } = bench({ limit: 1 });
  const first = runner.call(work('first'), 10);
  const ended = runner.call(work('stoppable'), 100).catch(() => {});
  await clock.advance(20);
  expect(plugin.stats()).toMatchObject({ active: 1, queued: 0 });
  stop.next();
  await clock.until(Promise.all([first, ended]));
  expect(aborted).toEqual(['stoppable']);
  await clock.runAll();
  expect(plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
});

it('one that is stopped before its turn never begins', async () => {
  const { clock, plugin, runner, stop, aborted, work } = bench({ limit: 1 });
  const first = runner.call(work('first'), 10);
  const ended = runner.call(work('stoppable'), 100).catch(() => {});
  await clock.advance(5);
  stop.next();
  expect(plugin.stats()).toMatchObject({ active: 1, queued: 0 });
  await clock.until(Promise.all([first, ended]));
  expect(aborted).toEqual([]);
});

it('a permit that is released at the verdict is free while the work still goes on', async () => {
  const { clock, plugin, runner, work } = bench({ limit: 1, release: 'verdict' });
  const late = runner.call(work('late'), 100, { deadline: 10 }).catch(() => {});
  const next = runner.call(work('next'), 5);
  await clock.until(next);
  expect(clock.now()).toBe(15);
  expect(plugin.stats()).toMatchObject({ active: 0, orphans: 0 });
  await late;
  await clock.runAll();
});

it('a permit whose lease runs out is given back with an event', async () => {
  const { clock, runner, work } = bench({ limit: 1, orphanLease: 50 });
  const recorded = recorder(runner);
  const late = runner.call(work('late'), 500, { deadline: 10 }).catch(() => {});
  await clock.until(late);
  await clock.runAll();
  recorded.expectTimeline('60 queue.lease late pool=all leaseMs=50');
  recorded.stop();
});
