import { afterEach, beforeEach, expect, it } from 'vitest';
import { driveNext } from './drive-next.ts';
import { Flow, type Sink } from './flow.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { runInstead } from './substitute.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** Tries `work` when the call has failed, whatever has become of the call meanwhile. */
const standby = (work: () => unknown, first: () => void = () => {}) =>
  defineInterceptor({
    name: 'standby',
    priority: Place.fallback,
    intercept: (call, next) =>
      new (class extends Flow {
        drive = (sink: Sink) =>
          driveNext(call, next, {
            next: (value) => sink.next(value),
            success: (value) => sink.success(value),
            complete: () => sink.complete(),
            error: (error) => {
              first();
              runInstead(call, work, error, sink);
            },
          });
        teardownThrew(error: unknown): void {
          throw error;
        }
      })(),
  });
const dead = tool('dead', {}, async (): Promise<unknown> => {
  throw new Error('down');
});

it('other work is run in place of what has failed', async () => {
  const runner = createRunner({ clock: virtualClock(), use: [standby(() => 'other')] });
  expect(await runner.call(dead)).toBe('other');
});

it('nothing is begun in a call that was stopped', async () => {
  const stop = new AbortController();
  let begun = 0;
  const use = [
    standby(
      () => ++begun,
      () => stop.abort(),
    ),
  ];
  const runner = createRunner({ clock: virtualClock(), use });
  await expect(runner.call(dead, undefined, { signal: stop.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(begun).toBe(0);
});
