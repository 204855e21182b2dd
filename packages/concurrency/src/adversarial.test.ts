import { AsyncLocalStorage } from 'node:async_hooks';
import { defineInterceptor, Place, pipeline, tool } from '@sluice/core';
import { Subject, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { admission, concurrency, rateLimit } from './index.ts';

nothingIsLeft();

describe('whoever listens and calls back', () => {
  it('may call again from a listener to queue.enter and queue.leave: no more go on than may', async () => {
    const plugin = concurrency(2);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    const more: Promise<string>[] = [];
    runner.events$.subscribe(({ type }) => {
      if ((type === 'queue.enter' || type === 'queue.leave') && more.length < 20) more.push(ending(runner.call(work)));
    });
    await clock.until(Promise.all(times(5, () => runner.call(work))));
    await clock.until(Promise.all(more));
    expect(gauge.peak).toBe(2);
    expect(gauge.begun).toHaveLength(25);
    expectAtRest(plugin);
  });

  it('may raise the limit from a listener to queue.enter: the one that enters begins, once', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, (n: number) => gauge.busy(10, n));
    runner.events$.subscribe(({ type }) => {
      if (type === 'queue.enter') plugin.setLimit(2);
    });
    await clock.until(Promise.all(times(4, (n) => runner.call(work, n))));
    expect(gauge.order.toSorted()).toEqual([0, 1, 2, 3]);
    expect(gauge.peak).toBe(2);
    expectAtRest(plugin);
  });

  it('may stop a waiter from a listener to queue.enter: it leaves, and its place is free', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const stop = new AbortController();
    const work = tool('work', {}, () => sleep(clock, 10).then(() => 'done'));
    runner.events$.subscribe(({ type }) => {
      if (type === 'queue.enter') stop.abort(new Error('stopped'));
    });
    const ends = [runner.call(work), runner.call(work, undefined, { signal: stop.signal }), runner.call(work)];
    expect(await clock.until(Promise.all(ends.map(ending)))).toEqual(['done', 'CANCELLED', 'done']);
    expectAtRest(plugin);
  });

  it('may stop one that waits as it is told that its turn has come: its work never begins', async () => {
    const plugin = concurrency(1);
    const stop = new Subject<void>();
    const stranger = defineInterceptor({
      name: 'stranger',
      priority: Place.observe,
      intercept: (call, next) => (call.name === 'second' ? next(call).pipe(takeUntil(stop)) : next(call)),
    });
    const { clock, runner } = bench({ use: [stranger, plugin] });
    runner.events$.subscribe(({ type }) => {
      if (type === 'queue.leave') stop.next();
    });
    const gauge = new Gauge(clock);
    const first = runner.call(tool('first', {}, () => gauge.busy(10, 'first')));
    const second = ending(runner.call(tool('second', {}, () => gauge.busy(10, 'second'))));
    await clock.until(Promise.all([first, second]));
    expect(gauge.order).toEqual(['first']);
    expectAtRest(plugin);
  });

  it('may unsubscribe from saturated$ as it is told, and throw: the others are told nevertheless', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const told: boolean[] = [];
    const first = plugin.saturated$.subscribe((is) => {
      if (is) first.unsubscribe();
    });
    plugin.saturated$.subscribe((is) => told.push(is));
    await clock.until(runner.call(tool('work', {}, () => sleep(clock, 10))));
    expect(told).toEqual([false, true, false]);
  });
});

describe('a function of its user that calls back', () => {
  it('may ask for stats and set the limit while it says what a call weighs', async () => {
    const plugin = concurrency({
      limit: 1,
      weight: () => {
        plugin.setLimit(3);
        return plugin.stats().queued + 1;
      },
    });
    const { clock, runner } = bench({ use: [plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    await clock.until(Promise.all(times(6, () => runner.call(work))));
    expect(gauge.peak).toBe(3);
    expectAtRest(plugin);
  });

  it.each(['weight', 'priority', 'exclusive', 'per'] as const)(
    'that throws, as %s: harms that call alone',
    async (name) => {
      const plugin = concurrency({
        limit: 1,
        [name]: ({ input }: { readonly input: unknown }) => {
          if (input === 'bad') throw new Error('mine');
          return name === 'per' ? 'all' : name === 'exclusive' ? false : 1;
        },
      });
      const { clock, runner } = bench({ use: [plugin] });
      const work = tool('work', {}, (_: string) => sleep(clock, 10).then(() => 'done'));
      const ends = ['ok', 'bad', 'ok'].map((input) => ending(runner.call(work, input)));
      expect(await clock.until(Promise.all(ends))).toEqual(['done', 'INTERCEPTOR', 'done']);
      expectAtRest(plugin);
    },
  );

  it('that throws, as cost: harms that call alone, and takes nothing', async () => {
    const rates = rateLimit({
      requests: '10/s',
      cost: ({ input }) => {
        if (input === 'bad') throw new Error('mine');
        return {};
      },
    });
    const { clock, runner } = bench({ use: [rates] });
    const work = tool('work', {}, (_: string) => 'done');
    const ends = ['ok', 'bad', 'ok'].map((input) => ending(runner.call(work, input)));
    expect(await clock.until(Promise.all(ends))).toEqual(['done', 'INTERCEPTOR', 'done']);
    expect(clock.now()).toBeCloseTo(100);
  });
});

describe('what a call that waited finds', () => {
  it.each([
    ['a permit', () => concurrency(1)],
    ['a rate', () => rateLimit('10/s')],
  ])('is the AsyncLocalStorage context of its own caller, after it waited for %s', async (_, plugin) => {
    const user = new AsyncLocalStorage<string>();
    const { clock, runner } = bench({ use: [plugin()] });
    const who = tool('who', {}, async () => {
      const before = user.getStore();
      await sleep(clock, 10);
      return `${before} ${user.getStore()}`;
    });
    const names = ['ada', 'bob', 'eve'];
    const all = names.map((name) => user.run(name, () => runner.call(who)));
    expect(await clock.until(Promise.all(all))).toEqual(names.map((name) => `${name} ${name}`));
  });
});

describe('streams', () => {
  it('hold their permit until they have been read to the end, or left in the middle, cleanup included', async () => {
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [plugin] });
    const log: string[] = [];
    const numbers = pipeline<string>('numbers').stage('count', async function* ({ input }) {
      log.push(`${input} begins`);
      try {
        for (let n = 0; n < 3; n++) {
          await sleep(clock, 10);
          yield n;
        }
      } finally {
        await sleep(clock, 50);
        log.push(`${input} is over`);
      }
    });
    const stop = new AbortController();
    const left = ending(runner.run(numbers, 'first', { signal: stop.signal }));
    const read = ending(runner.run(numbers, 'second'));
    clock.schedule(15, () => stop.abort(new Error('stopped')));
    await clock.until(Promise.all([left, read]));
    await clock.runAll();
    expect(log).toEqual(['first begins', 'first is over', 'second begins', 'second is over']);
    expectAtRest(plugin);
  });
});

describe('the end of a runner', () => {
  it('cancels those that wait for a permit and for a rate, and leaves nothing behind', async () => {
    const plugin = concurrency(1);
    const rates = rateLimit({ requests: '1/s', burst: 2 });
    const { clock, runner } = bench({ use: [rates, plugin] });
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    const ends = times(5, () => ending(runner.call(work)));
    await clock.advance(1);
    const drained = runner.drain({ grace: '5ms' });
    await clock.until(Promise.all(ends));
    await clock.until(drained);
    await clock.runAll();
    expect(gauge.begun).toHaveLength(1);
    expectAtRest(plugin);
    expect(rates.stats()['all']).toMatchObject({ queued: 0 });
  });
});

describe('the door', () => {
  it('counts exactly, whatever becomes of those that it let in', async () => {
    const door = admission({ max: 4, shed: 'lowest-priority' });
    const plugin = concurrency(1);
    const { clock, runner } = bench({ use: [door, plugin] });
    const stops = times(40, () => new AbortController());
    const bad = defineInterceptor({
      name: 'bad',
      priority: Place.attempt,
      intercept(call, next) {
        if (call.input === 3) throw new Error('mine');
        return next(call);
      },
    });
    const other = bench({ use: [door, bad] }, clock);
    const work = tool('work', {}, async (n: number) => {
      await sleep(clock, n % 7);
      if (n % 3 === 0) throw new Error('fails');
    });
    const ends = stops.map(({ signal }, n) => {
      clock.schedule(n % 5, () => stops[n]?.abort(new Error('stopped')));
      return clock.until(
        sleep(clock, n % 2).then(() => ending((n % 4 ? runner : other.runner).call(work, n, { signal }))),
      );
    });
    await Promise.all(ends);
    await clock.runAll();
    expect(door.stats().inside).toBe(0);
    expectAtRest(plugin);
  });
});

describe('limits of runs', () => {
  it('are forgotten: after 12,000 runs there are no more than 10,000', async () => {
    const plugin = concurrency(10);
    const { runner } = bench({ use: [plugin] });
    const p = pipeline('p').stage('s', () => 1);
    for (let n = 0; n < 12_000; n++) await runner.run(p, undefined, { concurrency: 2 });
    expect(Object.keys(plugin.stats().pools).length).toBeLessThanOrEqual(10_000);
    expectAtRest(plugin);
  });
});
