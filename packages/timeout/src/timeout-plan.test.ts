import {
  type Context,
  createRunner,
  defineInterceptor,
  isSluiceError,
  Place,
  pipeline,
  type SluiceEvent,
  tool,
} from '@sluice/core';
import { leakLedger, scripted, virtualClock } from '@sluice/core/testing';
import { Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TimeoutOptions, timeout } from './timeout.ts';
import { readTimeout, timeoutDefaults } from './timeout-options.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** Holds every attempt back for so long before its work may start. */
const gate = (waits: readonly number[]) => {
  let passed = 0;
  return defineInterceptor({
    name: 'gate',
    priority: Place.concurrency,
    intercept: (call, next) => {
      const wait = waits[Math.min(passed++, waits.length - 1)] ?? 0;
      return new Observable((subscriber) => {
        const cancel = call.clock.schedule(wait, () => subscriber.add(next(call).subscribe(subscriber)));
        subscriber.add(cancel);
      });
    },
  });
};

/** Tries again once, whatever went wrong. */
const again = defineInterceptor({
  name: 'again',
  priority: Place.retry,
  intercept: (call, next) =>
    new Observable((subscriber) => {
      subscriber.add(
        next(call).subscribe({
          next: (value) => subscriber.next(value),
          complete: () => subscriber.complete(),
          error: (error: unknown) => subscriber.add(next(call.again({ error })).subscribe(subscriber)),
        }),
      );
    }),
});

function bench(options: TimeoutOptions, ...more: Parameters<typeof defineInterceptor>[0][]) {
  const clock = virtualClock();
  const runner = createRunner({ clock, grace: 0, use: [timeout(options), ...more] });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const end = (work: ReturnType<typeof tool>): Promise<unknown> =>
    clock.until(runner.call(work).catch((error: unknown) => error));
  return { clock, runner, events, end };
}

describe('the limits of a plan', () => {
  it('on waiting ends a call whose work has not started in time, and says whose limit it was', async () => {
    const { clock, end } = bench({ queue: 50, total: 1_000 }, gate([200]));
    const work = scripted([{ do: 'succeed' }], { clock });
    const error = await end(tool('work', {}, work));
    expect(clock.now()).toBe(50);
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      scope: 'tool:work',
      retryable: false,
      message: 'Tool "work" waited longer than its queue timeout of 50 ms',
      details: { limit: 'queue', started: false, settled: true },
    });
    await clock.runAll();
    expect(work.calls).toBe(0);
  });

  it('on waiting says no more once the work has started, not even while a second attempt waits', async () => {
    const { clock, end } = bench({ queue: 50, total: 1_000 }, gate([40, 300]), again);
    const work = scripted(
      [
        { do: 'fail', after: 100 },
        { do: 'succeed', value: 'done', after: 100 },
      ],
      { clock },
    );
    expect(await end(tool('work', {}, work))).toBe('done');
    expect(clock.now()).toBe(540);
  });

  it('of an attempt begins when its work starts, for each anew, and that of the call goes on', async () => {
    const { clock, events, end } = bench({ attempt: 100, total: 350 }, gate([60, 60]), again);
    const error = await end(tool('work', {}, scripted([{ do: 'hang' }], { clock })));
    const attempts = events.flatMap((event) => (event.type === 'timeout' ? [[event.at, event.limit]] : []));
    expect(attempts).toEqual([
      [160, 'attempt'],
      [320, 'attempt'],
    ]);
    expect(error).toMatchObject({ scope: 'attempt', retryable: true, details: { limit: 'attempt', limitMs: 100 } });
  });

  it('of the call ends an attempt that still has time, and is what is named', async () => {
    const { clock, end } = bench({ attempt: 100, total: 150 }, gate([60]));
    const error = await end(tool('work', {}, scripted([{ do: 'hang' }], { clock })));
    expect(clock.now()).toBe(150);
    expect(error).toMatchObject({ scope: 'tool:work', retryable: false, details: { limit: 'total', started: true } });
  });

  it('that are over in the same moment are named from the outside: that of the call before that on waiting', async () => {
    const { clock, end } = bench({ total: 50, queue: 50, attempt: 50 }, gate([200]));
    expect(await end(tool('work', {}, scripted([{ do: 'hang' }], { clock })))).toMatchObject({
      details: { limit: 'total' },
    });
    const both = bench({ total: 50, attempt: 50 });
    const hang = tool('work', {}, scripted([{ do: 'hang' }], { clock: both.clock }));
    expect(await both.end(hang)).toMatchObject({ details: { limit: 'total' } });
  });

  it('of 0 ends a call before its work starts: in all, per attempt, and for waiting', async () => {
    for (const limit of ['total', 'attempt', 'queue'] as const) {
      const { clock, end } = bench({ total: 100, [limit]: 0 });
      const work = scripted([{ do: 'succeed' }], { clock });
      expect(await end(tool('work', {}, work))).toMatchObject({ code: 'TIMEOUT', details: { limit, limitMs: 0 } });
      expect([work.calls, clock.now()]).toEqual([0, 0]);
    }
  });

  it('that is soft stands also where an attempt has no other, and counts from the start of each', async () => {
    const { clock, events, end } = bench({ total: 'none', soft: 30 }, gate([20]), again);
    const soft: number[] = [];
    const work = tool('work', {}, (_: unknown, { softDeadline, attempt }: Context) => {
      softDeadline.addEventListener('abort', () => soft.push(clock.now()));
      return scripted([{ do: attempt === 1 ? 'fail' : 'succeed', after: 50 }], { clock })();
    });
    await end(work);
    expect(soft).toEqual([50, 120]);
    expect(events.filter(({ type }) => type === 'timeout.soft')).toHaveLength(2);
  });

  it('are none at all when everything is none: nothing is armed, and nothing counted', async () => {
    const { clock, runner } = bench({ total: 'none' });
    const call = runner.call(tool('work', {}, scripted([{ do: 'succeed', after: 10 }], { clock })));
    expect(clock.pending).toBe(1);
    await clock.until(call);
    expect(runner.stats().interceptors['timeout']).toMatchObject({ 'tool:work': { ok: 0, limits: {} } });
  });

  it('hold for the grace and the cleanup as well', async () => {
    const { clock, events, end } = bench({ total: 100, grace: 30, cleanup: 70 });
    const deaf = tool('deaf', {}, scripted([{ do: 'succeed', after: 500, ignoreSignal: true }], { clock }));
    await end(deaf);
    expect(clock.now()).toBe(130);
    const untidy = tool('untidy', {}, scripted([{ do: 'succeed', cleanup: 500 }], { clock }));
    await end(untidy);
    expect(clock.now()).toBe(200);
    expect(events.filter(({ type }) => type === 'orphan').map(({ at }) => at)).toEqual([130, 200]);
    await clock.runAll();
  });

  it('are those of the stage, the tool and the kind that they were said of', async () => {
    const clock = virtualClock();
    const runner = createRunner({
      clock,
      grace: 0,
      use: [timeout({ total: 100, kinds: { agent: 200 }, stages: { slow: 300 }, tools: { slow: 400 } })],
    });
    const hang = () => scripted([{ do: 'hang' }], { clock });
    const took = async (call: PromiseLike<unknown>): Promise<number> => {
      const from = clock.now();
      await clock.until(call.then(null, (error: unknown) => isSluiceError(error, 'TIMEOUT')));
      return clock.now() - from;
    };
    expect(await took(runner.call(tool('plain', {}, hang())))).toBe(100);
    expect(await took(runner.call(tool('plain', { kind: 'agent' }, hang())))).toBe(200);
    expect(await took(runner.call(tool('slow', { kind: 'agent' }, hang())))).toBe(400);
    expect(await took(runner.call(tool('slow', { timeout: 20 }, hang())))).toBe(20);
    const stages = pipeline('p').stage('slow', { kind: 'agent' }, hang());
    expect(await took(runner.run(stages))).toBe(300);
    expect(await took(runner.run(stages, undefined, { timeout: 50 }))).toBe(50);
  });
});

describe('what is written of limits', () => {
  it('has a total of 30 s by default, unless there is a limit on attempts', () => {
    expect(timeoutDefaults({})).toMatchObject({ total: 30_000, attempt: Number.POSITIVE_INFINITY, partial: 'reject' });
    expect(timeoutDefaults({ attempt: 5 })['total']).toBe(Number.POSITIVE_INFINITY);
    expect(readTimeout('2s', 'timeout', undefined as never)).toEqual({ total: 2_000 });
  });
});
