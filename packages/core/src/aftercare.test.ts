import { describe, expect, it } from 'vitest';
import { Aftercare, type Follower } from './aftercare.ts';
import type { BoundOptions } from './bound-options.ts';
import type { Context } from './context.ts';
import type { Execution } from './execution.ts';
import { scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { bench, bounded, failureOf, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

/** A work that can, or cannot, be followed. */
const work = (goesOn: boolean): Execution => ({ followedBy: (_: Follower) => goesOn }) as unknown as Execution;

function care(options: Partial<BoundOptions> = {}) {
  const clock = virtualClock();
  const details: Record<string, unknown> = {};
  const reported: unknown[] = [];
  return {
    clock,
    details,
    reported,
    aftercare: new Aftercare(details, { limit: 1, name: 'total', ...options }, clock, 0, (thrown) =>
      reported.push(thrown),
    ),
  };
}

describe('what is told of a timeout after it was told', () => {
  it('is that all has settled, at once if nothing goes on', () => {
    const { aftercare, details } = care();
    aftercare.follow([work(false), work(false)]);
    expect(details['settled']).toBe(true);
  });

  it('is that all has settled once the last of several has', () => {
    const { aftercare, details } = care();
    aftercare.follow([work(true), work(false), work(true)]);
    expect(details['settled']).toBe(false);
    aftercare.settled();
    expect(details['settled']).toBe(false);
    aftercare.settled();
    expect(details['settled']).toBe(true);
  });

  it('is by how much it missed, counted from when the limit was', async () => {
    const { aftercare, details, clock } = care();
    await clock.advance(70);
    aftercare.heard('orphan');
    aftercare.heard('orphan.end');
    expect(details).toEqual({});
    aftercare.heard('late');
    expect(details['lateMs']).toBe(70);
  });

  it('is told to whoever wants to hear of it, as it comes', () => {
    const heard: string[] = [];
    const { aftercare } = care({ after: (what) => heard.push(what) });
    for (const what of ['orphan', 'late', 'orphan.end'] as const) aftercare.heard(what);
    expect(heard).toEqual(['orphan', 'late', 'orphan.end']);
    expect(() => care().aftercare.heard('late')).not.toThrow();
  });

  it('is true of work that unwinds in its grace: not settled at the verdict, settled when the caller is answered', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 50 })], { grace: 100 });
    const atVerdict: unknown[] = [];
    one.runner.events$.subscribe((event) => {
      if (event.type === 'verdict' && 'error' in event) atVerdict.push({ ...failureOf(event.error).details });
    });
    const slow = scripted([{ do: 'hang', cleanup: 30 }], { clock: one.clock });
    const error = failureOf(await one.call(slow));
    expect(one.clock.now()).toBe(80);
    expect(error.details['settled']).toBe(true);
    expect(atVerdict).toHaveLength(1);
    expect(one.told('orphan')).toEqual([]);
  });

  it('is false for as long as a call that it made goes on, and becomes true with that', async () => {
    const one = bench([bounded(({ name }) => ({ limit: name === 'outer' ? 50 : 9_999, name: 'total' }))], {
      grace: 10,
    });
    const deaf = tool('deaf', {}, scripted([{ do: 'succeed', after: 300, ignoreSignal: true }], { clock: one.clock }));
    const error = failureOf(await one.call((_: unknown, { call }: Context) => call(deaf), 'outer'));
    expect([one.clock.now(), error.details['settled']]).toEqual([60, false]);
    await one.clock.runAll();
    expect([one.clock.now(), error.details['settled']]).toEqual([300, true]);
  });

  it('of one attempt is nothing of the next one', async () => {
    const one = bench([bounded({ name: 'attempt', limit: 50 })], { grace: 10 });
    const first = failureOf(
      await one.call(scripted([{ do: 'succeed', after: 200, ignoreSignal: true }], { clock: one.clock })),
    );
    const second = failureOf(await one.call(scripted([{ do: 'hang' }], { clock: one.clock })));
    expect([first.details['settled'], second.details['settled']]).toEqual([false, true]);
    await one.clock.runAll();
    expect([first.details['lateMs'], second.details['lateMs']]).toEqual([150, undefined]);
  });
});
