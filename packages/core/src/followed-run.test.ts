import { retry as again } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { driveNext } from './drive-next.ts';
import { driven } from './driven.ts';
import type { Sink } from './flow.ts';
import { FollowedRun } from './followed-run.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { runInstead } from './substitute.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import type { Verdict } from './verdict.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** Says what it hears. */
class Told extends FollowedRun {
  private readonly say: (what: string) => void;

  constructor(call: Call, sink: Sink, say: (what: string) => void) {
    super(call, sink);
    this.say = say;
  }

  protected override began(): void {
    this.say('began');
  }

  protected override ended(status: Verdict): void {
    this.say(`ended ${status}`);
  }

  protected override lingered(): void {
    this.say('lingers');
  }

  protected override settled(): void {
    this.say('settled');
  }
}

function bench(...more: Interceptor[]) {
  const clock = virtualClock();
  const log: string[] = [];
  const follows = (name: string, priority: number): Interceptor =>
    defineInterceptor({
      name,
      priority,
      intercept: driven({ name }, (call, next, sink) =>
        new Told(call, sink, (what) => log.push(`${name} ${what} @${clock.now()}`)).begin(next),
      ),
    });
  const runner = createRunner({
    clock,
    grace: 10,
    use: [follows('outer', Place.breaker), follows('inner', Place.concurrency), ...more],
  });
  return { clock, log, runner, follows };
}

it('hears in turn that work began, how the run ended, and that it has settled, the inner before the outer', async () => {
  const { clock, log, runner } = bench();
  const work = tool('work', {}, scripted([{ do: 'succeed', value: 1, after: 10 }], { clock }));
  await clock.until(runner.call(work));
  expect(log.filter((line) => line.includes('began')).sort()).toEqual(['inner began @0', 'outer began @0']);
  expect(log.slice(2)).toEqual(['inner ended ok @10', 'outer ended ok @10', 'inner settled @10', 'outer settled @10']);
});

it('lingers until the work that ignored its end has really ended', async () => {
  const { clock, log, runner } = bench();
  const slow = tool('slow', {}, () => new Promise((resolve) => clock.schedule(100, () => resolve('late'))));
  const ended = runner.call(slow, undefined, { deadline: 20 }).then(
    () => expect.unreachable('it is too slow'),
    () => {},
  );
  await clock.runAll();
  await ended;
  for (const name of ['inner', 'outer']) {
    const heard = log.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length + 1));
    expect(heard.slice(0, 2)).toEqual(['began @0', 'ended timeout @20']);
    expect(heard.slice(2)).toEqual([expect.stringMatching(/^lingers @/), 'settled @100']);
  }
});

it('stands around one attempt where it is further in than what repeats it', async () => {
  const repeats = defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept: (call, next) => next(call).pipe(again(1)),
  });
  const { clock, log, runner } = bench(repeats);
  const work = tool(
    'work',
    {},
    scripted(
      [
        { do: 'fail', error: new Error('no'), after: 10 },
        { do: 'succeed', value: 1, after: 10 },
      ],
      { clock },
    ),
  );
  await clock.until(runner.call(work));
  // An operator begins anew while it is being told: what came before settles after that.
  const heard = log.filter((line) => line.startsWith('inner'));
  expect(heard.sort()).toEqual([
    'inner began @0',
    'inner began @10',
    'inner ended failed @10',
    'inner ended ok @20',
    'inner settled @10',
    'inner settled @20',
  ]);
});

it('is found from inside, with those around it, and not from a call in it', async () => {
  const found: number[] = [];
  const depth = (call: Call): number => {
    let count = 0;
    for (let run = FollowedRun.around(call); run !== null; run = run.outer) count++;
    return count;
  };
  const looks = defineInterceptor({
    name: 'looks',
    priority: Place.chaos,
    intercept(call, next) {
      found.push(depth(call), call.parent === undefined ? -1 : depth(call.parent));
      return next(call);
    },
  });
  const { clock, runner } = bench({ ...looks, applies: 'tool' });
  const inner = tool('inner', {}, async () => 1);
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(inner));
  await clock.until(runner.call(outer));
  expect(found).toEqual([2, -1, 2, 2]);
});

it('never begins where work is stopped before it starts, and settles at once', async () => {
  const refuses = defineInterceptor({
    name: 'refuses',
    priority: Place.attempt,
    intercept: driven({ name: 'refuses' }, (_call, _next, sink) => {
      sink.error(new Error('no'));
      return null;
    }),
  });
  const { clock, log, runner } = bench(refuses);
  await clock.until(
    runner.call(tool('work', {}, async () => 1)).then(
      () => expect.unreachable('it is refused'),
      () => {},
    ),
  );
  expect(log).toEqual(['inner ended failed @0', 'outer ended failed @0', 'inner settled @0', 'outer settled @0']);
});

it('says that work lingers also where that began before the run has ended', async () => {
  const repeats = defineInterceptor({
    name: 'again',
    priority: Place.rate,
    intercept: (call, next) => next(call).pipe(again(1)),
  });
  const { clock, log, runner } = bench(repeats);
  const work = tool('work', {}, ({ ms }: { ms: number }, { attempt, onCleanup }: Context) => {
    if (attempt > 1) return 'done';
    onCleanup(() => new Promise<void>((resolve) => clock.schedule(ms, resolve)));
    throw new Error('first');
  });
  const result = runner.call(work, { ms: 40 });
  await clock.runAll();
  expect(await result).toBe('done');
  expect(log.filter((line) => line.startsWith('outer'))).toEqual([
    'outer began @0',
    'outer ended ok @0',
    'outer lingers @0',
    'outer settled @40',
  ]);
});

it('hears nothing of work that is tried in place of what it has followed', async () => {
  const refuses = defineInterceptor({
    name: 'refuses',
    priority: Place.attempt,
    intercept: driven({ name: 'refuses' }, (_call, _next, sink) => {
      sink.error(new Error('no'));
      return null;
    }),
  });
  const instead = defineInterceptor({
    name: 'instead',
    priority: Place.fallback,
    intercept: driven({ name: 'instead' }, (call, next, sink) =>
      driveNext(call, next, {
        next: (value) => sink.next(value),
        success: (value) => sink.success(value),
        complete: () => sink.complete(),
        error: (error) => void runInstead(call, () => 'instead', error, sink),
      }),
    ),
  });
  const { clock, log, runner } = bench(refuses, instead);
  expect(await clock.until(runner.call(tool('work', {}, async () => 'work')))).toBe('instead');
  expect(log.filter((line) => line.includes('began'))).toEqual([]);
});
