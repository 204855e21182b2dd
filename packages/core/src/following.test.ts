import { map, Observable, retry } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { following, type RunFollower } from './following.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

function bench(...more: Interceptor[]) {
  const clock = virtualClock();
  const log: string[] = [];
  const faults: string[] = [];
  let runs = 0;
  const follows = defineInterceptor({
    name: 'follows',
    priority: Place.concurrency,
    intercept(call, next) {
      return new Observable((to) => {
        const run = ++runs;
        const say = (what: string) => void log.push(`${run} ${what} @${clock.now()}`);
        const follower: RunFollower = {
          began: () => say('began'),
          ended: (status) => say(`ended ${status}`),
          lingers: () => say('lingers'),
          settled: () => say('settled'),
        };
        return following(call, follower, next).subscribe(to);
      });
    },
  });
  const logger = { debug() {}, info() {}, warn: (line: unknown) => void faults.push(String(line)), error() {} };
  const runner = createRunner({ use: [follows, ...more], clock, grace: 0, logger });
  return { clock, log, faults, runner };
}

describe('following a run', () => {
  it('tells that it began, how it ended, and that it has settled', async () => {
    const { clock, log, runner } = bench();
    const work = tool('work', {}, scripted([{ do: 'succeed', value: 1, after: 10 }], { clock }));
    expect(await clock.until(runner.call(work))).toBe(1);
    expect(heard(log)).toEqual(['1 began @0', '1 ended ok @10', '1 settled @10']);
  });

  it('tells of a failure before anybody further out hears of it', async () => {
    const order: string[] = [];
    const outside = defineInterceptor({
      name: 'outside',
      priority: Place.observe,
      intercept(call, next) {
        call.onEnd(() => order.push('outside'));
        return following(call, { ended: () => void order.push('outer follower') }, next);
      },
    });
    const inside = defineInterceptor({
      name: 'inside',
      priority: Place.chaos,
      intercept: (call, next) => following(call, { ended: () => void order.push('inner follower') }, next),
    });
    const { clock, runner } = bench(outside, inside);
    const fails = tool('fails', {}, scripted([{ do: 'fail' }], { clock }));
    await clock.until(runner.call(fails).catch(() => {}));
    expect(order[0]).toBe('inner follower');
    expect(order).toHaveLength(3);
  });

  it('tells of work that goes on after its verdict, and of its real end', async () => {
    const ledger = leakLedger();
    const { clock, log, runner } = bench();
    const deaf = tool('deaf', {}, scripted([{ do: 'succeed', after: 50, ignoreSignal: true }], { clock }));
    await clock.until(runner.call(deaf, undefined, { deadline: 20 }).catch(() => {}));
    await clock.runAll();
    expect(log).toEqual(['1 began @0', '1 ended timeout @20', '1 lingers @20', '1 settled @50']);
    ledger.assertEmpty();
  });

  it('tells of a cleanup that goes on after a success', async () => {
    const { clock, log, runner } = bench();
    const slow = tool('slow', {}, scripted([{ do: 'succeed', cleanup: 30 }], { clock }));
    await clock.until(runner.call(slow));
    await clock.runAll();
    expect(log).toEqual(['1 began @0', '1 ended ok @0', '1 lingers @0', '1 settled @30']);
  });

  it('tells each attempt for itself, though the one before goes on', async () => {
    const { clock, log, runner } = bench();
    const again = defineInterceptor({
      name: 'again',
      priority: Place.retry,
      intercept: (call, next) => next(call).pipe(retry(1)),
    });
    const both = bench(again);
    const flaky = scripted(
      [
        { do: 'fail', after: 5 },
        { do: 'succeed', value: 'done', after: 5 },
      ],
      { clock: both.clock },
    );
    expect(await both.clock.until(both.runner.call(tool('flaky', {}, flaky)))).toBe('done');
    const run = (number: number) => heard(both.log).filter((line) => line.startsWith(`${number} `));
    expect(run(1)).toEqual(['1 began @0', '1 ended failed @5', '1 settled @5']);
    expect(run(2)).toEqual(['2 began @5', '2 ended ok @10', '2 settled @10']);
    expect([log, clock.pending, runner.stats().running]).toEqual([[], 0, 0]);
  });

  it('tells nothing of a beginning where none was', async () => {
    const refuses = defineInterceptor({
      name: 'refuses',
      priority: Place.attempt,
      intercept: () =>
        new Observable((to) => {
          to.error(new Error('no'));
        }),
    });
    const { clock, log, runner } = bench(refuses);
    await clock.until(runner.call(tool('never', {}, () => 1)).catch(() => {}));
    expect(log).toEqual(['1 ended failed @0', '1 settled @0']);
  });

  it('has settled only when what was called in it has as well', async () => {
    const { clock, log, runner } = bench();
    const inner = tool('inner', {}, scripted([{ do: 'succeed', after: 50, ignoreSignal: true }], { clock }));
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      void call(inner).catch(() => {});
      await new Promise<void>((resolve) => clock.schedule(10, resolve));
      return 'gone';
    });
    await clock.until(runner.call(outer));
    await clock.runAll();
    expect(log.filter((line) => line.includes('settled'))).toEqual(['2 settled @50', '1 settled @50']);
    expect(log.filter((line) => line.startsWith('1 ended'))).toEqual(['1 ended ok @10']);
  });

  it('survives a follower that throws, and says so', async () => {
    const clock = virtualClock();
    const said: unknown[] = [];
    const broken = defineInterceptor({
      name: 'broken',
      priority: Place.rate,
      intercept(call, next) {
        const fail = () => {
          throw new Error('broken follower');
        };
        return following(call, { began: fail, ended: fail, settled: fail }, next);
      },
    });
    const logger = {
      debug() {},
      info() {},
      warn: (...line: unknown[]) => void said.push(line),
      error: (...line: unknown[]) => void said.push(line),
    };
    const runner = createRunner({ use: [broken], clock, logger });
    expect(await clock.until(runner.call(tool('work', {}, async () => 7)))).toBe(7);
    expect(JSON.stringify(said)).toContain('threw when it was told of a run');
  });

  it('takes what a stranger makes of what is inside', async () => {
    const stranger = defineInterceptor({
      name: 'stranger',
      priority: Place.attempt,
      intercept: (call, next) => next(call).pipe(map((value) => Number(value) + 1)),
    });
    const { clock, log, runner } = bench(stranger);
    expect(await clock.until(runner.call(tool('work', {}, async () => 1)))).toBe(2);
    expect(heard(log)).toEqual(['1 began @0', '1 ended ok @0', '1 settled @0']);
  });
});

/** All but what is said of work that only has to settle: that is a matter of microtasks. */
function heard(log: readonly string[]): string[] {
  return log.filter((line) => !line.includes('lingers'));
}

it('a work has begun when it has, not when what stands further in waits before it', async () => {
  const told: string[] = [];
  const clock = virtualClock();
  const outer = defineInterceptor({
    name: 'outer',
    priority: Place.observe,
    intercept: (call, next) => following(call, { began: () => void told.push('began') }, next),
  });
  const waits = defineInterceptor({
    name: 'waits',
    priority: Place.rate,
    intercept(call, next) {
      call.onEnd(() => {});
      return new Observable((to) => {
        clock.schedule(10, () => {
          told.push('next');
          to.add(next(call).subscribe(to));
        });
      });
    },
  });
  const runner = createRunner({ use: [outer, waits], clock });
  await clock.until(
    runner.call(
      tool('work', {}, () => {
        told.push('work');
      }),
    ),
  );
  expect(told).toEqual(['next', 'began', 'work']);
});
