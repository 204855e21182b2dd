import { NEVER, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { TimeoutError } from './errors/timeout-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { within } from './within.ts';
import { wrap } from './wrap.ts';

const limited = (limit: number, work: () => unknown): (() => Promise<unknown>) =>
  wrap(
    work,
    defineInterceptor({
      name: 'limit',
      priority: Place.total,
      intercept: (call, next) => within(call, { limit, name: 'total' }, next),
    }),
  );

const after = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(resolve, ms, 'done'));

/** Work that hangs until it is unsubscribed from. */
const hanging = (): Observable<never> => NEVER;

/** How long each of so many concurrent calls takes to fail, in milliseconds. */
async function timesToFail(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const one = async (): Promise<number> => {
    const from = performance.now();
    await call().catch(() => {});
    return performance.now() - from;
  };
  return Promise.all(Array.from({ length: count }, one));
}

describe('real: a deadline', () => {
  it('of 100 ms ends hanging work within 100 ms of it, and never early: 200 times', async () => {
    const took = await timesToFail(200, limited(100, hanging));
    expect(Math.min(...took)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...took)).toBeLessThan(200);
  });

  it('of 5,000 ms leaves work of 100 ms alone', async () => {
    await expect(limited(5_000, () => after(100))()).resolves.toBe('done');
  });

  it('of 1,000 concurrent calls passes for each within 50 ms of its limit', async () => {
    const call = limited(200, hanging);
    await timesToFail(1_000, call);
    const latest: number[] = [];
    for (let round = 0; round < 12 && !(Math.min(...latest) < 250); round++) {
      const took = await timesToFail(1_000, call);
      expect(Math.min(...took)).toBeGreaterThanOrEqual(200);
      latest.push(Math.max(...took));
    }
    // What else the machine does can only add to it: one round that was left alone is enough.
    expect(Math.min(...latest)).toBeLessThan(250);
  });

  it('lets a result win that was only waiting behind a blocked loop', async () => {
    const call = limited(50, () => after(40))();
    const until = performance.now() + 120;
    while (performance.now() < until);
    await expect(call).resolves.toBe('done');
  });

  it('gives one verdict each to 1,000 races of completion and deadline, and no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): number => unhandled.push(error);
    process.on('unhandledRejection', note);
    const verdicts: string[] = [];
    // A few at a time: a loop that stands still decides all that it holds.
    for (let first = 0; first < 1_000; first += 100) {
      const races = Array.from({ length: 100 }, (_, n) =>
        limited(100, () => after(50 + ((first + n) % 101)))().then(
          () => 'ok',
          (error: TimeoutError) => error.code,
        ),
      );
      verdicts.push(...(await Promise.all(races)));
    }
    await after(150);
    process.off('unhandledRejection', note);
    expect(verdicts.filter((verdict) => verdict === 'ok' || verdict === 'TIMEOUT')).toHaveLength(1_000);
    expect(new Set(verdicts).size).toBe(2);
    expect(unhandled).toEqual([]);
  });
});
