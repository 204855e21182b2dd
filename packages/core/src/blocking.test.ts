import { describe, expect, it } from 'vitest';
import { Blocking } from './blocking.ts';
import type { CallView } from './call-view.ts';
import type { Context } from './context.ts';
import { scripted } from './testing/index.ts';
import { tool } from './tool.ts';
import { bench, bounded, failureOf, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

/** A call as far as blocking knows it, and what is told of it. */
function view(name: string, now: () => number, deadline = Number.POSITIVE_INFINITY) {
  const told: unknown[] = [];
  const call = {
    ...{ target: 'tool', name, clock: { now }, deadline: { at: deadline } },
    emit: (type: string, data: unknown) => told.push([type, data]),
  };
  return { call: call as unknown as CallView, told };
}

describe('who has blocked the loop', () => {
  it('is told when a deadline passed so late that the loop must have been blocked', () => {
    const { call, told } = view('late', () => 300);
    new Blocking().tell(call, 150);
    expect(told).toEqual([['blocked', { lagMs: 150, blockedMs: 150 }]]);
  });

  it('is not asked for lateness of up to 20 ms: then the loop was busy', () => {
    const { call, told } = view('late', () => 300);
    new Blocking().tell(call, 20);
    expect(told).toEqual([]);
    new Blocking().tell(call, 20.5);
    expect(told).toHaveLength(1);
  });

  it('is named where it is known: it went on over the moment at which the deadline was', () => {
    const blocking = new Blocking();
    const culprit = view('culprit', () => 300);
    blocking.note(culprit.call, 100, 300);
    for (const lagMs of [200, 100, 25]) {
      const late = view('late', () => 300);
      blocking.tell(late.call, lagMs);
      expect(late.told).toEqual([['blocked', { by: 'tool:culprit', blockedMs: 200, lagMs }]]);
    }
    expect(culprit.told).toEqual([]);
  });

  it('is not named for what was late at another time', () => {
    const blocking = new Blocking();
    blocking.note(view('culprit', () => 300).call, 100, 300);
    for (const [now, lagMs] of [
      [300, 201],
      [500, 199],
    ] as const) {
      const late = view('late', () => now);
      blocking.tell(late.call, lagMs);
      expect(late.told).toEqual([['blocked', { lagMs, blockedMs: lagMs }]]);
    }
  });

  it('is told once of itself: when it let go, if its own deadline was over by then', () => {
    const blocking = new Blocking();
    const culprit = view('culprit', () => 300, 180);
    blocking.note(culprit.call, 100, 300);
    expect(culprit.told).toEqual([['blocked', { by: 'tool:culprit', blockedMs: 200, lagMs: 120 }]]);
    blocking.tell(culprit.call, 120);
    expect(culprit.told).toHaveLength(1);
  });

  it('is nobody who took no more than 20 ms', async () => {
    for (const [ms, told] of [
      [20, []],
      [21, [[21, 11]]],
    ] as const) {
      const one = bench([bounded({ name: 'total', limit: 10 })]);
      await one.call(() => one.clock.block(ms));
      expect(one.told('blocked', 'lagMs')).toEqual(told);
    }
  });

  it('is on the record of real calls: the culprit is named by whom it made late', async () => {
    const one = bench([bounded(({ name }) => ({ limit: name === 'victim' ? 100 : 9_999, name: 'total' }))]);
    const victim = tool('victim', {}, scripted([{ do: 'hang' }], { clock: one.clock }));
    const culprit = tool('culprit', {}, () => one.clock.block(500));
    const lost = one.runner.call(victim).catch((error: unknown) => error);
    await one.clock.advance(50);
    await one.answer(culprit);
    expect(failureOf(await one.clock.until(lost)).details).toMatchObject({ lagMs: 470, elapsedMs: 570 });
    expect(one.events.filter(({ type }) => type === 'blocked')).toEqual([
      expect.objectContaining({ name: 'victim', by: 'tool:culprit', blockedMs: 500, lagMs: 470 }),
    ]);
  });

  it('is told of work that blocks past its own deadline and ends with that: it is ok, and on the record', async () => {
    const one = bench([bounded({ name: 'total', limit: 100 })]);
    const answer = await one.call((_: unknown, _context: Context) => {
      one.clock.block(500);
      return 'done';
    });
    expect(answer).toBe('done');
    expect(one.told('blocked', 'lagMs')).toEqual([[500, 400]]);
  });
});
