import { retry } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { BoundFacts } from './bound-options.ts';
import type { Context } from './context.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { hang } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { scripted } from './testing/index.ts';
import { bench, bounded, failureOf, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

/** What is known when the limit of 100 ms of an attempt passes, in which the work does as it is told. */
async function factsOf(
  work: (context: Context, sleep: (ms: number) => Promise<void>) => unknown,
  more: Parameters<typeof bench>[0] = [],
): Promise<BoundFacts> {
  let facts: BoundFacts | undefined;
  const error = (known: BoundFacts) => {
    facts = known;
    return new CancelledError('in other words');
  };
  const one = bench([...more, bounded({ name: 'attempt', limit: 100, scope: 'attempt', pausable: true, error })]);
  await one.call(async (_: unknown, context: Context) => {
    await work(context, one.sleep);
    await new Promise((_resolve, reject) =>
      context.signal.addEventListener('abort', () => reject(context.signal.reason)),
    );
  });
  await one.clock.runAll();
  return facts as BoundFacts;
}

describe('what is known when a limit has passed', () => {
  it('of work that says nothing is how long it went on, and nothing else', async () => {
    const facts = await factsOf(() => {});
    expect(facts).toMatchObject({ limitMs: 100, elapsedMs: 100, pausedMs: 0, lagMs: 0, started: true });
    expect([facts.lastSignMs, facts.progress, facts.heartbeat, facts.partial]).toEqual(Array(4).fill(undefined));
    expect(facts.details).toEqual({
      ...{ timeout_seconds: 0.1, limit: 'attempt', limitMs: 100, elapsedMs: 100 },
      ...{ started: true, settled: true },
    });
  });

  it('is when it was last heard from, how far it had come, and what it said last', async () => {
    const facts = await factsOf(async ({ progress, heartbeat }, sleep) => {
      heartbeat({ page: 1 });
      await sleep(30);
      progress(0.4);
      await sleep(10);
      heartbeat();
    });
    const known = { lastSignMs: 60, progress: 0.4, heartbeat: { page: 1 } };
    expect(facts).toMatchObject(known);
    expect(facts.details).toMatchObject(known);
  });

  it('is what it had achieved, but not twice', async () => {
    const facts = await factsOf(({ partial }) => partial({ pages: 3 }));
    expect(facts.partial).toEqual({ pages: 3 });
    expect(facts.details).not.toHaveProperty('partial');
    expect(facts.lastSignMs).toBe(100);
  });

  it('is how long it had paused, if it did', async () => {
    const facts = await factsOf(async ({ pause }, sleep) => {
      const resume = pause('asks');
      await sleep(70);
      resume();
    });
    expect(facts).toMatchObject({ elapsedMs: 170, pausedMs: 70 });
    expect(facts.details['pausedMs']).toBe(70);
  });

  it('is which other limits there are, and how far they were', async () => {
    const idle = bounded({ name: 'attempt', limit: 150, extend: () => 0, sign: () => undefined });
    const facts = await factsOf(
      async ({ heartbeat }, sleep) => {
        await sleep(20);
        heartbeat();
      },
      [bounded({ name: 'total', limit: 400 })],
    );
    expect(facts.details['hard']).toEqual({ scope: 'tool:work', leftMs: 300 });
    expect(facts.details).not.toHaveProperty('idle');
    const one = bench([bounded({ name: 'total', limit: 90 }), idle]);
    const error = failureOf(await one.call(scripted([{ do: 'hang' }], { clock: one.clock })));
    expect(error.details['idle']).toEqual({ limitMs: 150, silentMs: 90 });
    expect(error.details).not.toHaveProperty('hard');
  });

  it('is nothing of what was said before the part that the limit is around began', async () => {
    const repeat = defineInterceptor({
      name: 'repeat',
      priority: Place.retry,
      intercept: (call, next) => next(call).pipe(retry(1)),
    });
    const one = bench([repeat, bounded({ name: 'attempt', limit: 100 })]);
    const error = failureOf(
      await one.call(async (_: unknown, { heartbeat, attempt, signal }: Context) => {
        if (attempt === 1) {
          heartbeat('first');
          await one.sleep(30);
          throw new Error('no');
        }
        await hang(signal);
      }),
    );
    expect(one.clock.now()).toBe(130);
    expect(error.details).not.toHaveProperty('lastSignMs');
  });

  it('is how late the loop was, if that is worth saying', async () => {
    for (const [block, lagMs, elapsedMs] of [
      [10, undefined, 105],
      [200, 215, 315],
    ]) {
      const one = bench([bounded({ name: 'attempt', limit: 100 })]);
      one.clock.schedule(95, () => one.clock.block(Number(block)));
      const { details } = failureOf(await one.call(scripted([{ do: 'hang' }], { clock: one.clock })));
      expect([details['lagMs'], details['elapsedMs']]).toEqual([lagMs, elapsedMs]);
    }
  });

  it('says that nothing had started, and so that all has settled, where that is so', async () => {
    const one = bench([bounded({ name: 'total', limit: 0 })]);
    const work = scripted([{ do: 'succeed' }], { clock: one.clock });
    expect(failureOf(await one.call(work)).details).toMatchObject({ started: false, settled: true, elapsedMs: 0 });
    expect(work.calls).toBe(0);
  });
});

describe('the error of a limit that nobody has words for', () => {
  it.each([
    ['total', 'Tool "work" exceeded its total timeout of 100 ms', 'Raise the total timeout of "work" (100 ms)'],
    ['deadline', 'Tool "work" exceeded its deadline of 100 ms', 'Raise the deadline of "work" (100 ms)'],
  ])('of %s names it, the call and the number, and what can be done', async (name, message, remediation) => {
    const one = bench([bounded(() => ({ limit: 100, name, retryable: true, scope: 'mine' }))]);
    const error = failureOf(await one.call(scripted([{ do: 'emit', items: [1], then: 'hang' }], { clock: one.clock })));
    expect(error).toMatchObject({
      message,
      scope: 'mine',
      retryable: true,
      partial: [1],
      call: { name: 'work', attempt: 1 },
    });
    expect(error.remediation).toContain(remediation);
  });

  it('says that repeating does not help, and that it is the call’s own, unless told otherwise', async () => {
    const one = bench([bounded({ name: 'total', limit: 100 })]);
    expect(failureOf(await one.call(scripted([{ do: 'hang' }], { clock: one.clock })))).toMatchObject({
      retryable: false,
      scope: 'tool:work',
    });
  });
});
