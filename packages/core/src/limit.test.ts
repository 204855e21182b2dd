import { expect, it } from 'vitest';
import type { BoundOptions } from './bound-options.ts';
import { Limit } from './limit.ts';

const limit = (options: Partial<BoundOptions> = {}): Limit => new Limit({ limit: 100, name: 'x', ...options });

it('is asked first when its soft limit passes, if that is before the hard one', () => {
  expect(limit().firstAlarm).toBe(100);
  expect(limit({ soft: 40 }).firstAlarm).toBe(40);
  expect(limit({ soft: 100 }).firstAlarm).toBe(100);
  expect(limit({ soft: 400 }).firstAlarm).toBe(100);
});

it('keeps a time when there is a limit, soft or hard', () => {
  const none = { limit: Number.POSITIVE_INFINITY };
  expect([limit().timed, limit(none).timed, limit({ ...none, soft: 5 }).timed]).toEqual([true, false, true]);
});

it('does more than keep a time when it listens, or says how what is inside ends', () => {
  expect(limit().doesMore).toBe(false);
  expect(limit({ partial: 'reject' }).doesMore).toBe(false);
  const more: Partial<BoundOptions>[] = [
    { sign: () => undefined },
    { grace: 0 },
    { cleanup: 0 },
    { partial: 'resolve' },
  ];
  for (const options of more) expect(limit(options).doesMore).toBe(true);
  expect([limit({ sign: () => undefined }).listens, limit({ grace: 0 }).listens]).toEqual([true, false]);
});

it('hears of ends only where somebody wants to', () => {
  expect([limit().hearsEnd, limit().hearsOfKept]).toEqual([false, false]);
  expect(limit({ ended() {} }).hearsEnd).toBe(true);
  expect(limit({ endedWith() {} }).hearsOfKept).toBe(true);
});

it('ends with the start of work where it is a limit on waiting', () => {
  expect([
    limit().untilStarted,
    limit({ until: 'ended' }).untilStarted,
    limit({ until: 'started' }).untilStarted,
  ]).toEqual([false, false, true]);
});
