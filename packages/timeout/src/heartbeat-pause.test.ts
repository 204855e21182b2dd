import { type Context, createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';

describe('a heartbeat and a pause', () => {
  it('a beat that came in a pause is told when it is due, not a whole limit after the pause', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [timeout('none'), heartbeat(100)] });
    const told: unknown[] = [];
    runner.events$.subscribe((event) => event.type === 'heartbeat' && told.push([event.at, event.details]));
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
    const work = tool('x', {}, async (_: unknown, { heartbeat: beat, pause, progress }: Context) => {
      beat(1);
      await sleep(10);
      const resume = pause('asks');
      await sleep(10);
      beat(2);
      await sleep(10);
      resume();
      await sleep(80);
      progress(0.5);
      await sleep(80);
    });
    await clock.until(runner.call(work));
    expect(told[1]).toEqual([80, 2]);
  });
});
