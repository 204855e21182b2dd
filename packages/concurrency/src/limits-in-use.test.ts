import { type Context, createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { adaptive, concurrency, memoryStore, rateLimit } from './index.ts';
import { Saturation } from './saturation.ts';

it('concurrency(adaptive()) is taken, as API.md says', () => {
  expect(() => concurrency(adaptive({ min: 1, max: 20 }))).not.toThrow();
});
it('a tool may have concurrency: adaptive()', async () => {
  const r = createRunner({ use: [concurrency(5)] });
  expect(await r.call(tool('t', { concurrency: adaptive({ min: 1, max: 5, initial: 2 }) }, async () => 1))).toBe(1);
});
it('a limit for each name, and one of its own inside it', async () => {
  const clock = virtualClock();
  const plugin = concurrency({ limit: 10, per: 'name', tools: { work: 1 } });
  const runner = createRunner({ use: [plugin], clock });
  const work = tool('work', {}, async (n: number) => {
    await new Promise<void>((r) => clock.schedule(10, () => r()));
    return n;
  });
  expect(await clock.until(Promise.all([1, 2].map((n) => runner.call(work, n, { deadline: 5000 }))))).toEqual([1, 2]);
});
it('a rate for each name, and one of its own inside it', async () => {
  const clock = virtualClock();
  const plugin = rateLimit({ requests: '10/s', per: 'name', tools: { work: '1/s' } });
  const runner = createRunner({ use: [plugin], clock });
  const at: number[] = [];
  const work = tool('work', {}, async () => {
    at.push(clock.now());
  });
  await clock.until(Promise.all([1, 2, 3, 4].map(() => runner.call(work, undefined, { deadline: 60000 }))));
  expect(at).toEqual([0, 1000, 2000, 3000]);
  expect(Object.keys(plugin.stats())).toHaveLength(2);
});
it('what a listener of saturated$ does is told to all in order', () => {
  let is = false;
  const s = new Saturation(() => is);
  const other: boolean[] = [];
  s.saturated$.subscribe((v) => {
    if (v) {
      is = false;
      s.check();
    }
  });
  s.saturated$.subscribe((v) => other.push(v));
  is = true;
  s.check();
  expect(other.at(-1)).toBe(false);
});
it('rates of a store that are in use are not forgotten for others', () => {
  const store = memoryStore();
  const spec = { rates: { requests: { limit: 1, perMs: 1e6 } }, burst: 1, algorithm: undefined } as const;
  const held = store.rates('key', spec);
  held.take({ requests: 1 }, 0);
  for (let n = 0; n < 10_001; n++) store.rates(`other${n}`, spec);
  expect(store.rates('key', spec).take({ requests: 1 }, 1)).toMatchObject({ ok: false });
});
it('an exclusive call in a call keeps its turn when what it is in lends it a priority', async () => {
  const clock = virtualClock();
  const plugin = concurrency({
    limit: 1,
    exclusive: ({ name }) => name === 'alone',
    ageing: 'none',
    tools: { outer: { exclusive: true } },
  });
  const runner = createRunner({ use: [plugin], clock });
  const alone = tool('alone', {}, async () => {
    await new Promise<void>((r) => clock.schedule(5, () => r()));
    return 'a';
  });
  const leaf = tool('leaf', {}, async () => {
    await new Promise<void>((r) => clock.schedule(20, () => r()));
    return 'l';
  });
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => Promise.all([call(leaf), call(alone)]));
  const all = [
    runner.call(outer, undefined, { deadline: 5000 }),
    runner.call(leaf, undefined, { deadline: 5000 }),
    runner.call(outer, undefined, { deadline: 5000 }),
  ];
  await clock.until(Promise.all(all));
});
