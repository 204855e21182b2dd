import { expect, it } from 'vitest';
import { alarm } from './alarm.ts';
import { systemClock } from './clock.ts';
import { virtualClock } from './testing/index.ts';
import { turnTime } from './turn-time.ts';

it('is that of the clock while nothing was armed in this turn', () => {
  let now = 5;
  const clock = { ...systemClock, now: () => now };
  const time = turnTime(clock);
  expect(time()).toBe(5);
  now = 7;
  expect(time()).toBe(7);
});

it('is the moment of the first that was armed, until the turn is over', async () => {
  let now = 5;
  let over = (): void => {};
  const clock = {
    ...systemClock,
    now: () => now,
    schedule(delayMs: number, fire: () => void) {
      if (delayMs === 0) over = fire;
      return () => {};
    },
  };
  const time = turnTime(clock);
  const callOff = alarm(clock, 100, () => {});
  now = 8;
  expect(time()).toBe(5);
  callOff();
  expect(time()).toBe(5);
  over();
  expect(time()).toBe(8);
});

it('goes with a virtual clock', async () => {
  const clock = virtualClock();
  const time = turnTime(clock);
  alarm(clock, 50, () => {});
  expect(time()).toBe(0);
  await clock.advance(10);
  expect(time()).toBe(10);
  await clock.runAll();
});
