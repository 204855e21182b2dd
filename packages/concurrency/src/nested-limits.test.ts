import { type Call, type Context, createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { concurrency } from './index.ts';

const bench = (use: ReturnType<typeof concurrency>) => {
  const clock = virtualClock();
  return { clock, runner: createRunner({ use: [use], clock }) };
};
const sleep = (clock: ReturnType<typeof virtualClock>, ms: number) =>
  new Promise<void>((r) => clock.schedule(ms, () => r()));

it('a tool with a limit of its own still lends its permit of the shared one', async () => {
  const { clock, runner } = bench(concurrency(1));
  const inner = tool('inner', {}, async () => 'in');
  const outer = tool('outer', { concurrency: 2 }, async (_: unknown, { call }: Context) => call(inner));
  expect(await clock.until(runner.call(outer, undefined, { deadline: 5000 }))).toBe('in');
});

it('an exclusive call is alone although the call around it has another in it', async () => {
  const { clock, runner } = bench(concurrency({ limit: 4, exclusive: ({ name }: Call) => name === 'alone' }));
  const log: string[] = [];
  const plain = tool('plain', {}, async () => {
    log.push('plain+');
    await sleep(clock, 50);
    log.push('plain-');
  });
  const alone = tool('alone', {}, async () => {
    log.push('alone+');
    await sleep(clock, 10);
    log.push('alone-');
  });
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => Promise.all([call(plain), call(alone)]));
  await clock.until(runner.call(outer, undefined, { deadline: 5000 }));
  expect(log).toEqual(['plain+', 'plain-', 'alone+', 'alone-']);
});

it('a plain call beside an exclusive one in the same call has its turn', async () => {
  const { clock, runner } = bench(concurrency({ limit: 1, exclusive: ({ name }: Call) => name === 'alone' }));
  const plain = tool('plain', {}, async () => {
    await sleep(clock, 50);
    return 'p';
  });
  const alone = tool('alone', {}, async () => {
    await sleep(clock, 10);
    return 'a';
  });
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => Promise.all([call(alone), call(plain)]));
  expect(await clock.until(runner.call(outer, undefined, { deadline: 5000 }))).toEqual(['a', 'p']);
});

it('two calls that each want to be alone in them go on one after the other', async () => {
  const { clock, runner } = bench(concurrency({ limit: 2, exclusive: ({ name }: Call) => name === 'alone' }));
  const alone = tool('alone', {}, async () => {
    await sleep(clock, 10);
    return 'a';
  });
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
    await sleep(clock, 5);
    return call(alone);
  });
  const both = Promise.all([1, 2].map(() => runner.call(outer, undefined, { deadline: 5000 })));
  expect(await clock.until(both)).toEqual(['a', 'a']);
});

it('shares that are said while calls wait', async () => {
  const plugin = concurrency({ limit: 1 });
  const clock = virtualClock();
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async (n: number) => {
    await sleep(clock, 10);
    return n;
  });
  const all = Promise.all([1, 2, 3].map((n) => runner.call(work, n, { deadline: 5000 })));
  await clock.advance(1);
  runner.update({ concurrency: { fair: { by: () => 'a' } } });
  expect(await clock.until(all)).toEqual([1, 2, 3]);
});

it('weights that are infinite', async () => {
  let running = 0,
    peak = 0;
  const clock = virtualClock();
  const plugin = concurrency({ limit: 2, weight: ({ name }: Call) => (name === 'big' ? Number.POSITIVE_INFINITY : 1) });
  const runner = createRunner({ use: [plugin], clock });
  const big = tool('big', {}, async () => {
    await sleep(clock, 1);
  });
  const work = tool('work', {}, async () => {
    peak = Math.max(peak, ++running);
    await sleep(clock, 10);
    running--;
  });
  await clock.until(runner.call(big, undefined, { deadline: 5000 })).catch(() => {});
  await clock.until(Promise.all(Array.from({ length: 10 }, () => runner.call(work, undefined, { deadline: 5000 }))));
  expect(peak).toBe(2);
});

it('a heavy call saturates', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 5, weight: 5 });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async () => {
    await sleep(clock, 10);
  });
  const seen: boolean[] = [];
  plugin.saturated$.subscribe((s) => seen.push(s));
  const c = runner.call(work);
  await clock.advance(1);
  expect(plugin.stats().active).toBe(5);
  expect(seen).toEqual([false, true]);
  await clock.until(c);
});
it('an exclusive call saturates', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 5, exclusive: true });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async () => {
    await sleep(clock, 10);
  });
  const seen: boolean[] = [];
  plugin.saturated$.subscribe((s) => seen.push(s));
  const c = runner.call(work);
  await clock.advance(1);
  expect(seen).toEqual([false, true]);
  await clock.until(c);
});
it('a share function that throws harms nobody', async () => {
  const clock = virtualClock();
  const plugin = concurrency({
    limit: 1,
    fair: {
      by: (c) => String(c.input),
      share: (t) => {
        if (t === 'bad') throw new Error('share');
        return 1;
      },
    },
  });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async (n: string) => {
    await sleep(clock, 10);
    return n;
  });
  const all = Promise.allSettled(['a', 'bad', 'b'].map((n) => runner.call(work, n, { deadline: 5000 })));
  const r = await clock.until(all);
  expect(r[2]).toMatchObject({ status: 'fulfilled' });
  expect(await clock.until(runner.call(work, 'c', { deadline: 5000 }))).toBe('c');
});
it('a share that is no number harms nobody', async () => {
  const clock = virtualClock();
  const plugin = concurrency({
    limit: 1,
    fair: { by: (c) => String(c.input), share: (t) => (t === 'nan' ? Number.NaN : 1) },
  });
  const runner = createRunner({ use: [plugin], clock });
  const order: string[] = [];
  const work = tool('work', {}, async (n: string) => {
    order.push(n);
    await sleep(clock, 10);
    return n;
  });
  const names = ['x', 'nan', ...Array.from({ length: 10 }, (_, i) => (i % 2 ? 'a' : 'b'))];
  await clock.until(Promise.all(names.map((n) => runner.call(work, n))));
  // a and b alternate
  expect(order.filter((n) => n === 'a' || n === 'b').join('')).toMatch(/^(ab|ba)+$/);
});
it('a prediction from slow days does not refuse for ever', async () => {
  const clock = virtualClock();
  let ms = 1000;
  const plugin = concurrency({ limit: 1 });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async () => {
    await sleep(clock, ms);
  });
  await clock.until(Promise.all(Array.from({ length: 30 }, () => runner.call(work))));
  ms = 10;
  let refused = 0;
  for (let i = 0; i < 500; i++) {
    const two = [1, 2].map(() =>
      runner.call(work, undefined, { deadline: 500 }).catch(() => {
        refused++;
      }),
    );
    await clock.until(Promise.all(two));
    await clock.advance(100);
  }
  expect(refused).toBeLessThan(100);
});
it('priority function that answers undefined', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 1, priority: (c) => (({ a: 1 }) as Record<string, number>)[c.name] as number });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async () => {
    await sleep(clock, 10);
  });
  const ended = await clock.until(
    runner.call(work).then(
      () => 'ok',
      (e) => e.code,
    ),
  );
  expect(ended).toBe('INTERCEPTOR');
});
it('heavier nested calls do not exceed the limit', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 3, tools: {}, weight: (c) => (c.name === 'heavy' ? 3 : 1) });
  const runner = createRunner({ use: [plugin], clock });
  let load = 0,
    peak = 0;
  const heavy = tool('heavy', {}, async () => {
    load += 3;
    peak = Math.max(peak, load);
    await sleep(clock, 10);
    load -= 3;
  });
  const light = tool('light', {}, async (_: unknown, { call }: Context) => call(heavy));
  await clock.until(Promise.all([1, 2, 3].map(() => runner.call(light, undefined, { deadline: 5000 }))));
  expect(peak).toBeLessThanOrEqual(3);
});
it('an own limit is changed at once, also for those that wait for the shared one', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 10, tools: { work: 5 } });
  const runner = createRunner({ use: [plugin], clock });
  let running = 0,
    peak = 0;
  const block = tool('block', {}, async () => {
    await sleep(clock, 20);
  });
  const work = tool('work', {}, async () => {
    peak = Math.max(peak, ++running);
    await sleep(clock, 10);
    running--;
  });
  const b = Array.from({ length: 10 }, () => runner.call(block));
  const w = Array.from({ length: 10 }, () => runner.call(work));
  await clock.advance(5);
  runner.update({ concurrency: { tools: { work: 1 } } });
  const w2 = Array.from({ length: 3 }, () => runner.call(work));
  await clock.until(Promise.all([...b, ...w, ...w2]));
  expect(peak).toBe(1);
});
