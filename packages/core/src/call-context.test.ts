import { AsyncLocalStorage } from 'node:async_hooks';
import { Observable } from 'rxjs';
import { expect, it } from 'vitest';
import { inCallContext, keepCallContext } from './call-context.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

const user = new AsyncLocalStorage<string>();

function bench() {
  const clock = virtualClock();
  const waiting: (() => void)[] = [];
  const queue = defineInterceptor({
    name: 'queue',
    priority: Place.concurrency,
    intercept(call, next) {
      keepCallContext(call);
      return new Observable((to) => {
        waiting.push(() => inCallContext(call, () => to.add(next(call).subscribe(to))));
      });
    },
  });
  return { clock, waiting, runner: createRunner({ use: [queue], clock }) };
}

it('what goes on by the hand of another one has the context of its own caller', async () => {
  const { clock, waiting, runner } = bench();
  const who = tool('who', {}, async () => user.getStore());
  const calls = ['ada', 'bob', undefined].map((name) =>
    name === undefined ? runner.call(who) : user.run(name, () => runner.call(who)),
  );
  await clock.advance(0);
  user.run('somebody else', () => {
    for (const go of waiting.reverse()) go();
  });
  expect(await clock.until(Promise.all(calls))).toEqual(['ada', 'bob', undefined]);
});

it('whoever lets it go on keeps a context of its own', async () => {
  const { clock, waiting, runner } = bench();
  const call = user.run('ada', () => runner.call(tool('who', {}, async () => user.getStore())));
  await clock.advance(0);
  user.run('eve', () => {
    waiting[0]?.();
    expect(user.getStore()).toBe('eve');
  });
  expect(await clock.until(call)).toBe('ada');
});

it('what is thrown in it is thrown where it was let go on', async () => {
  const { clock, runner } = bench();
  let thrown: unknown;
  const throwing = defineInterceptor({
    name: 'throwing',
    priority: Place.rate,
    intercept(call, next) {
      keepCallContext(call);
      try {
        inCallContext(call, () => {
          throw new Error('own');
        });
      } catch (error) {
        thrown = error;
      }
      return next(call);
    },
  });
  await clock.until(createRunner({ use: [throwing], clock }).call(tool('work', {}, async () => 1)));
  expect(String(thrown)).toBe('Error: own');
  expect(runner.stats().running).toBe(0);
});
