import { type Context, createRunner, isSluiceError, type Runner, type SluiceEvent, tool } from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HeartbeatOptions, heartbeat } from './heartbeat.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

interface Watched {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  /** The heartbeats that were told: when, and with what. */
  readonly told: [number, unknown][];
  readonly sleep: (ms: number) => Promise<void>;
  /** Calls work to its end, and answers what it failed with. */
  call(work: (input: unknown, context: Context) => unknown): Promise<unknown>;
}

function watched(options: HeartbeatOptions): Watched {
  const clock = virtualClock();
  const runner = createRunner({ clock, use: [heartbeat(options)] });
  const told: [number, unknown][] = [];
  runner.events$.subscribe((event: SluiceEvent) => {
    if (event.type === 'heartbeat') told.push([event.at, event.details]);
  });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  const call = (work: (input: unknown, context: Context) => unknown): Promise<unknown> =>
    clock.until(
      runner.call(tool('work', {}, work)).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  return { clock, runner, told, sleep, call };
}

const silent = ({ signal }: Context): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('the watch over one attempt', () => {
  it('tells the waiting heartbeat when it is due, though nothing else happens then, and the latest of several', async () => {
    const one = watched({ timeout: 100 });
    await one.call(async (_, { heartbeat: beat }) => {
      beat(1);
      await one.sleep(10);
      beat(2);
      await one.sleep(10);
      beat(3);
      await one.sleep(65);
    });
    expect(one.told).toEqual([
      [0, 1],
      [80, 3],
    ]);
  });

  it('tells it in time also after it was asked for something else in between', async () => {
    const one = watched({ timeout: 100 });
    const error = await one.call(async (_, context) => {
      await one.sleep(90);
      context.heartbeat(1);
      await one.sleep(5);
      context.heartbeat(2);
      await silent(context);
    });
    // At 100 the first silence would have been over: what waits is due at 170, and the next silence is over at 195.
    expect(one.told).toEqual([
      [90, 1],
      [170, 2],
    ]);
    expect(one.clock.now()).toBe(195);
    expect(isSluiceError(error, 'HEARTBEAT_LOST')).toBe(true);
  });

  it('without a limit tells heartbeats at most once a second, and never loses an attempt', async () => {
    const one = watched({});
    await one.call(async (_, { heartbeat: beat }) => {
      for (let n = 0; n < 25; n++) {
        beat(n);
        await one.sleep(100);
      }
    });
    expect(one.told).toEqual([
      [0, 0],
      [1_000, 10],
      [2_000, 20],
    ]);
  });

  it('counts heartbeats, those that came too late, and attempts that were lost', async () => {
    const one = watched({ timeout: 50 });
    let late: Context | undefined;
    await one.call(async (_, context) => {
      late = context;
      context.heartbeat();
      context.progress(0.5);
      await silent(context);
    });
    late?.heartbeat();
    late?.heartbeat();
    await one.call((_, context) => silent(context));
    expect(one.runner.stats().interceptors['heartbeat']).toEqual({
      'tool:work': { beats: 1, ignored: 2, lost: 2, late: 0, orphans: 0 },
    });
  });

  it('of one that only heartbeats refresh is moved by nothing else, but for the end of a pause', async () => {
    const one = watched({ timeout: 100, refreshOn: 'heartbeat' });
    await one.call(async (_, context) => {
      await one.sleep(60);
      const resume = context.pause('asks');
      await one.sleep(500);
      resume();
      await one.sleep(50);
      context.progress(0.5);
      context.partial('half');
      await silent(context);
    });
    expect(one.clock.now()).toBe(660);
  });
});
