import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const after = (turns: Turns, from: number, count: number, every: number): number => {
  for (let n = 0; n < count; n++) turns.came(from + n * every);
  return from + (count - 1) * every;
};

it('says nothing of a wait before it has seen enough turns', () => {
  const turns = new Turns();
  expect(waitFor(turns, 0, 0)).toBeUndefined();
  after(turns, 0, 20, 10);
  expect(waitFor(turns, 0, 190)).toBeUndefined();
  turns.came(200);
  expect(waitFor(turns, 0, 200)).toBe(10);
});

it('predicts one interval for each that goes first, and one more', () => {
  const turns = new Turns();
  const last = after(turns, 1_000, 30, 40);
  expect(waitFor(turns, 0, last)).toBe(40);
  expect(waitFor(turns, 4, last)).toBe(200);
});

it('does not count the time in which nobody waited', () => {
  const turns = new Turns();
  let now = after(turns, 0, 25, 10);
  turns.pause();
  now = after(turns, now + 60_000, 25, 10);
  expect(waitFor(turns, 0, now)).toBeCloseTo(10, 9);
});

it('follows a queue that has become slower, and one that has become faster', () => {
  const turns = new Turns();
  let now = after(turns, 0, 40, 10);
  now = after(turns, now + 100, 60, 100);
  expect(waitFor(turns, 0, now)).toBeGreaterThan(99);
  now = after(turns, now + 10, 60, 10);
  expect(waitFor(turns, 0, now)).toBeLessThan(11);
});

it('is not misled by one turn that took long', () => {
  const turns = new Turns();
  const now = after(turns, 0, 40, 10);
  turns.came(now + 110);
  expect(waitFor(turns, 0, now + 110)).toBeCloseTo(20, 9);
});

it('takes turns that come all at once for no wait at all', () => {
  const turns = new Turns();
  after(turns, 5, 40, 0);
  expect(waitFor(turns, 9, 5)).toBe(0);
});

function waitFor(turns: Turns, ahead: number, now: number): number | undefined {
  return (turns.waitFor as (ahead: number, now: number) => number | undefined).call(turns, ahead, now);
}
