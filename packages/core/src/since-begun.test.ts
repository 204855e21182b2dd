import { expect, it } from 'vitest';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { isTimed, sinceBegun } from './since-begun.ts';
import { virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

function bench({ deadline, listen = false, timeouts }: { deadline?: number; listen?: boolean; timeouts?: 'off' }) {
  const clock = virtualClock();
  const seen: unknown[] = [];
  const around = defineInterceptor({
    name: 'around',
    priority: Place.total,
    intercept: (call, next) =>
      deadline === undefined ? next(call) : within(call, { limit: deadline, name: 'total' }, next),
  });
  const curious = defineInterceptor({
    name: 'curious',
    priority: Place.retry,
    intercept(call, next) {
      seen.push(isTimed(call));
      call.onEnd(() => seen.push(sinceBegun(call)));
      return next(call);
    },
  });
  const runner = createRunner({ use: [around, curious], clock, ...(timeouts === undefined ? {} : { timeouts }) });
  if (listen) runner.events$.subscribe();
  const work = tool('work', {}, () => new Promise<void>((resolve) => clock.schedule(30, resolve)));
  return { clock, seen, run: () => clock.until(runner.call(work)) };
}

it.each([
  ['a deadline around it', { deadline: 100 }],
  ['a listener', { listen: true }],
])('with %s it is known for how long a call has been going on', async (_, options) => {
  const { run, seen } = bench(options);
  await run();
  expect(seen).toEqual([true, 30]);
});

it('without either nobody takes the time, until somebody asks to hear of the end', async () => {
  const { run, seen } = bench({});
  await run();
  expect(seen[0]).toBe(false);
});

it('while deadlines are switched off none of them knows', async () => {
  const { run, seen } = bench({ deadline: 100, timeouts: 'off' });
  await run();
  expect(seen[0]).toBe(false);
});
