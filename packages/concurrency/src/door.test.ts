import { type Context, createRunner, type Interceptor, pipeline, tool } from '@sluice/core';
import { leakLedger, recorder, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdmissionOptions, adaptive, admission, concurrency, rateLimit } from './index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench(options: AdmissionOptions, ...more: Interceptor[]) {
  const clock = virtualClock();
  const door = admission(options);
  const runner = createRunner({ use: [door, ...more], clock, grace: 0 });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  const started: string[] = [];
  const work = tool('work', {}, async (name: string) => {
    started.push(name);
    await sleep(10);
    return name;
  });
  const once = pipeline<{ readonly name: string }>('once').stage('only', async ({ input: { name } }) => {
    started.push(name);
    await sleep(10);
    return name;
  });
  /** How the stage of a run of that priority ends. */
  const call = async (name: string, priority = 0): Promise<string> => {
    const { stages } = await runner.run(once, { name }, { priority }).report;
    const { value, error } = stages.only as { readonly value?: string; readonly error?: { readonly code: string } };
    return value ?? String(error?.code);
  };
  return { clock, door, runner, sleep, started, work, call };
}

describe('a door', () => {
  it('lets in as many as may be inside, and turns the others away at once', async () => {
    const { clock, door, call } = bench({ max: 2 });
    const calls = ['a', 'b', 'c', 'd'].map((name) => call(name));
    await clock.advance(1);
    expect(door.stats()).toEqual({ max: 2, inside: 2, shed: 2 });
    expect(await clock.until(Promise.all(calls))).toEqual(['a', 'b', 'QUEUE_FULL', 'QUEUE_FULL']);
    expect(clock.now()).toBe(10);
    expect(await clock.until(call('e'))).toBe('e');
    expect(door.stats()).toMatchObject({ inside: 0 });
  });

  it('counts what waits inside, and what has failed no more', async () => {
    const { clock, door, runner, call } = bench({ max: 3 }, concurrency(1));
    const fails = tool('fails', {}, async () => {
      throw new Error('no');
    });
    await clock.until(runner.call(fails).catch(() => {}));
    expect(door.stats().inside).toBe(0);
    const calls = ['a', 'b', 'c', 'd'].map((name) => call(name));
    expect(await clock.until(Promise.all(calls))).toEqual(['a', 'b', 'c', 'QUEUE_FULL']);
  });

  it('lets calls in calls in as parts of what is inside already', async () => {
    const { clock, door, runner, work } = bench({ max: 1 });
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      const all = await Promise.allSettled([call(work, 'one'), call(work, 'other')]);
      return all.map(({ status }) => status);
    });
    expect(await clock.until(runner.call(outer))).toEqual(['fulfilled', 'fulfilled']);
    expect(door.stats()).toMatchObject({ inside: 0, shed: 0 });
  });

  it('says who was turned away, by an event', async () => {
    const { clock, runner, call } = bench({ max: 1 });
    const recorded = recorder(runner);
    await clock.until(Promise.all([call('a'), call('b')]));
    recorded.expectTimeline('0 queue.full only pool=admission depth=1');
    recorded.stop();
  });
});

describe('a door that sends out who is preferred least', () => {
  it('makes room only for one that is preferred, and only where nothing has begun', async () => {
    const { clock, door, started, call } = bench({ max: 2, shed: 'lowest-priority' }, concurrency(1));
    const calls = [call('runs', 9), call('waits', 5), call('equal', 5), call('urgent', 1)];
    expect(await clock.until(Promise.all(calls))).toEqual(['runs', 'QUEUE_FULL', 'QUEUE_FULL', 'urgent']);
    expect(started).toEqual(['runs', 'urgent']);
    expect(door.stats()).toEqual({ max: 2, inside: 0, shed: 2 });
  });

  it('sends out the one that came last of those that are preferred least', async () => {
    const { clock, call } = bench({ max: 4, shed: 'lowest-priority' }, concurrency(1));
    const names: [string, number][] = [
      ['runs', 0],
      ['a', 5],
      ['b', 5],
      ['c', 2],
      ['d', 1],
      ['e', 1],
      ['f', 1],
    ];
    const ended = await clock.until(Promise.all(names.map(([name, priority]) => call(name, priority))));
    expect(ended).toEqual(['runs', 'QUEUE_FULL', 'QUEUE_FULL', 'QUEUE_FULL', 'd', 'e', 'f']);
  });

  it('takes what it sends out from whatever it waits for', async () => {
    const limit = concurrency(1);
    const rate = rateLimit({ stages: { only: '1/s' } });
    const { clock, started, call } = bench({ max: 2, shed: 'lowest-priority' }, rate, limit);
    const ended = await clock.until(Promise.all([call('a', 3), call('b', 3), call('c', 2)]));
    expect(ended).toEqual(['a', 'QUEUE_FULL', 'c']);
    expect(started).toEqual(['a', 'c']);
    expect(limit.stats()).toMatchObject({ active: 0, queued: 0 });
    expect(rate.stats()).toMatchObject({ [Object.keys(rate.stats())[0] as string]: { queued: 0 } });
  });
});

describe('a door that learns', () => {
  it('lets in no more than its maximum, nor than it has learned', () => {
    expect(admission({ max: 100, shed: adaptive({ min: 1, max: 50, initial: 7 }) }).stats().max).toBe(7);
    expect(admission({ max: 3, shed: adaptive({ min: 1, max: 50, initial: 7 }) }).stats().max).toBe(3);
  });

  it('lets fewer in when what is inside times out', async () => {
    const { clock, door, runner } = bench({ max: 100, shed: adaptive({ min: 1, max: 50, initial: 20 }) });
    const hangs = tool('hangs', {}, (_: undefined, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    for (let round = 0; round < 30; round++) {
      const calls = Array.from({ length: 20 }, () => runner.call(hangs, undefined, { deadline: 50 }).catch(() => {}));
      await clock.until(Promise.all(calls));
    }
    expect(door.stats().max).toBeLessThan(15);
  });
});
