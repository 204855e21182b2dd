import { Observable } from 'rxjs';
import { expect, it } from 'vitest';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { achieved, endAttempt, madeIn, workHasBegun } from './works.ts';

/** Runs what is inside twice, each run looked at by `between`, which says when the second one begins. */
function twice(between: (call: Call, again: () => void) => void) {
  const clock = virtualClock();
  const repeat = defineInterceptor({
    name: 'repeat',
    priority: Place.retry,
    intercept: (call, next) =>
      new Observable((to) => {
        to.add(
          next(call).subscribe({
            next: (value) => to.next(value),
            complete: () => to.complete(),
            error: (error) => between(call, () => to.add(next(call.again({ error })).subscribe(to))),
          }),
        );
      }),
  });
  return { clock, runner: createRunner({ use: [repeat], clock }) };
}

it('work that has ended leaves nothing to wait for', async () => {
  const ledger = leakLedger();
  let left: unknown = 'not asked';
  const { clock, runner } = twice((call, again) =>
    queueMicrotask(() => {
      left = endAttempt(call);
      again();
    }),
  );
  const work = scripted([{ do: 'fail' }, { do: 'succeed', value: 1 }], { clock });
  expect(await clock.until(runner.call(tool('work', {}, work)))).toBe(1);
  expect(left).toBeUndefined();
  ledger.assertEmpty();
});

it('work that cleans up is waited for as long as cleanup may take, and heard of when it has ended', async () => {
  const heard: string[] = [];
  const { clock, runner } = twice((call, again) =>
    queueMicrotask(() => {
      const left = endAttempt(call);
      heard.push(`patience ${left?.patienceMs}`);
      left?.onSettled(() => {
        heard.push(`settled @${clock.now()}`);
        again();
      });
    }),
  );
  const work = scripted(
    [
      { do: 'fail', cleanup: 300 },
      { do: 'succeed', value: 1 },
    ],
    { clock },
  );
  expect(await clock.until(runner.call(tool('work', {}, work)))).toBe(1);
  expect(heard).toEqual(['patience 1000', 'settled @300']);
});

it('work that is still open in an attempt that has failed is stopped, and has its grace', async () => {
  const clock = virtualClock();
  const heard: string[] = [];
  const race = defineInterceptor({
    name: 'race',
    priority: Place.retry,
    intercept: (call, next) =>
      new Observable((to) => {
        // Two runs at once, of which nobody stops the one that is left.
        const open = next(call.again({ error: undefined })).subscribe({ error: () => {} });
        next(call).subscribe({
          error: (error) =>
            queueMicrotask(() => {
              const left = endAttempt(call);
              heard.push(`patience ${left?.patienceMs}`);
              left?.onSettled(() => {
                heard.push(`settled @${clock.now()}`);
                to.error(error);
              });
            }),
        });
        return () => open.unsubscribe();
      }),
  });
  const runner = createRunner({ use: [race], clock });
  let stopped: unknown;
  const work = tool('work', {}, async (_: undefined, { attempt, signal }: Context) => {
    if (attempt === 1) throw new Error('no');
    await new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => {
        stopped = signal.reason;
        clock.schedule(20, resolve);
      }),
    );
  });
  await expect(clock.until(runner.call(work))).rejects.toThrow('no');
  expect(String(stopped)).toContain('The attempt of Tool "work" that it was a part of has failed');
  expect(heard).toEqual(['patience 50', 'settled @20']);
});

it('a call knows whether its work has begun, and what that has achieved', async () => {
  const seen: unknown[] = [];
  const clock = virtualClock();
  const watch = defineInterceptor({
    name: 'watch',
    priority: Place.observe,
    intercept(call, next) {
      seen.push(workHasBegun(call), achieved(call));
      call.onEnd(() => seen.push(workHasBegun(call), achieved(call)));
      return next(call);
    },
  });
  const work = tool('work', {}, async (_: undefined, ctx: Context) => ctx.partial('half'));
  await clock.until(createRunner({ use: [watch], clock }).call(work));
  expect(seen).toEqual([false, undefined, true, 'half']);
});

it('a call is made in those around it, and in no other', async () => {
  const calls = new Map<string, Call>();
  const clock = virtualClock();
  const watch = defineInterceptor({
    name: 'watch',
    priority: Place.observe,
    intercept(call, next) {
      calls.set(call.name, call);
      return next(call);
    },
  });
  const leaf = tool('leaf', {}, async () => 1);
  const branch = tool('branch', {}, (_: undefined, ctx: Context) => ctx.call(leaf));
  const root = tool('root', {}, (_: undefined, ctx: Context) => ctx.call(branch));
  const beside = tool('beside', {}, async () => 2);
  const runner = createRunner({ use: [watch], clock });
  await clock.until(Promise.all([runner.call(root), runner.call(beside)]));
  const made = (inner: string, outer: string) => madeIn(calls.get(inner) as Call, calls.get(outer) as Call);
  expect([made('leaf', 'branch'), made('leaf', 'root'), made('branch', 'root')]).toEqual([true, true, true]);
  expect([made('root', 'leaf'), made('leaf', 'beside'), made('leaf', 'leaf')]).toEqual([false, false, false]);
});
