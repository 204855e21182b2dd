import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Call, type Context, createRunner, tool } from '@sluice/core';
import { seededRandom, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { AsyncStore } from './async-store.test-kit.ts';
import { admission, concurrency } from './index.ts';
import { Saturation } from './saturation.ts';
import { Turns } from './turns.ts';

nothingIsLeft();

it('a call that is refused after it has begun to wait leaves no timer behind', async () => {
  const clock = virtualClock();
  const store = new AsyncStore({ clock, random: seededRandom(1), delayMs: 0 });
  store.fails = (what) => what === 'acquire';
  const plugin = concurrency({ limit: 1, store, queue: { timeout: '1h' } });
  const { runner } = bench({ use: [plugin], grace: 0 }, clock);
  const work = tool('work', {}, () => 'ok');
  const answers = await clock.until(Promise.all(times(3, () => ending(runner.call(work)))));
  expect(answers).toEqual(times(3, () => 'the store failed at acquire'));
  expect(clock.pending).toBe(0);
});

describe('among calls that must be alone', () => {
  it('nothing is kept of those that have waited', async () => {
    const plugin = concurrency({
      limit: 1,
      per: ({ name }: Call) => (name === 'write' ? 'file' : 'workers'),
      exclusive: ({ name }: Call) => name === 'write',
    });
    const clock = virtualClock();
    const runner = createRunner({ use: [plugin], clock, grace: 0 });
    const work = tool('work', {}, (_: number) => sleep(clock, 1));
    const write = tool('write', {}, (n: number, { call }: Context) => call(work, n));
    const round = async (): Promise<void> => {
      for (let n = 0; n < 4_000; n++) {
        await clock.until(Promise.all([runner.call(work, n), runner.call(write, n), runner.call(write, n)]));
        // The last of these has its turn when nobody is alone any more.
        const calls = [runner.call(work, n), runner.call(write, n)];
        await clock.advance(1);
        calls.push(runner.call(work, n), runner.call(work, n));
        await clock.until(Promise.all(calls));
      }
    };
    await round();
    const before = heapUsed();
    await round();
    expect(heapUsed() - before).toBeLessThan(2e6);
  }, 60_000);

  it('nothing is kept of keys that are forgotten', async () => {
    const plugin = concurrency({ limit: 1, per: ({ input }: Call) => String(input), exclusive: true });
    const runner = createRunner({ use: [plugin], clock: virtualClock(), grace: 0 });
    const write = tool('write', {}, (n: number) => n);
    const round = async (from: number): Promise<void> => {
      for (let n = from; n < from + 12_000; n++) await runner.call(write, n);
    };
    await round(0);
    const before = heapUsed();
    await round(12_000);
    expect(heapUsed() - before).toBeLessThan(4e6);
  }, 60_000);
});

it('a door does not send out one for another that is preferred no more', async () => {
  const { clock, runner } = bench({
    use: [admission({ max: 2, shed: 'lowest-priority' }), concurrency(1)],
    grace: 0,
  });
  const work = tool('work', {}, (who: string) => sleep(clock, 5).then(() => who));
  const calls = ['runs', 'waits', 'equal'].map((who) => ending(runner.call(work, who)));
  expect(await clock.until(Promise.all(calls))).toEqual(['runs', 'waits', 'QUEUE_FULL']);
});

it('whoever hears of saturation hears of each change, in order, also when one who hears it changes that', () => {
  let full = false;
  const saturation = new Saturation(() => full);
  const heard: string[] = [];
  const first = saturation.saturated$.subscribe((is) => {
    heard.push(`first ${is}`);
    if (!is) return;
    full = false;
    saturation.check();
  });
  const second = saturation.saturated$.subscribe((is) => heard.push(`second ${is}`));
  full = true;
  saturation.check();
  expect(heard.slice(2)).toEqual(['first true', 'second true', 'first false', 'second false']);
  first.unsubscribe();
  second.unsubscribe();
});

it('what was seen of turns before nobody waited says nothing of a wait after it', () => {
  const turns = new Turns();
  for (let n = 0; n < 30; n++) turns.came(10 * n);
  expect(turns.waitFor(0)).toBe(10);
  turns.pause();
  turns.came(1_000);
  turns.came(1_010);
  expect(turns.waitFor(0)).toBeUndefined();
});

it('another limit for all leaves the own limit of a tool as it is', async () => {
  const plugin = concurrency({ limit: 3, tools: { own: 1 } });
  const { clock, runner } = bench({ use: [plugin], grace: 0 });
  const own = tool('own', {}, () => sleep(clock, 5));
  await clock.until(runner.call(own));
  plugin.setLimit(2);
  expect(plugin.stats().pools).toMatchObject({ all: { limit: 2 }, 'own/tool:own': { limit: 1 } });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
