import { AsyncLocalStorage } from 'node:async_hooks';
import { catchError, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { withContext } from './with-context.ts';
import { within } from './within.ts';
import { wrap } from './wrap.ts';

const storage = new AsyncLocalStorage<string>();

const limit = defineInterceptor({
  name: 'limit',
  priority: Place.total,
  intercept: (call, next) => within(call, { limit: 20, name: 'total' }, next),
});

const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe("real: the caller's AsyncLocalStorage context", () => {
  it('is kept by the work, its signal, its cleanup, and what interceptors do at a deadline: for each of many callers', async () => {
    const fallback = defineInterceptor({
      name: 'fallback',
      priority: Place.fallback,
      intercept: (call, next) => next(call).pipe(catchError(() => of(storage.getStore()))),
    });
    const call = (name: string): Promise<string[]> => {
      const seen: string[] = [];
      const note = (what: string): void => void seen.push(`${what} ${storage.getStore()}`);
      const work = withContext(async ({ signal, onCleanup }: Context) => {
        note('work');
        signal.addEventListener('abort', () => note('signal'));
        onCleanup(() => note('cleanup'));
        await hang(signal);
      });
      return storage.run(name, async () => {
        const value = await wrap(work, limit, fallback)();
        seen.push(`fallback ${value}`);
        note('caller');
        return seen;
      });
    };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const all = await Promise.all(names.map(call));
    for (const [index, name] of names.entries()) {
      expect(all[index]).toEqual([
        `work ${name}`,
        `signal ${name}`,
        `cleanup ${name}`,
        `fallback ${name}`,
        `caller ${name}`,
      ]);
    }
  });

  it('is kept by cleanup that starts only when the grace is over', async () => {
    const seen: (string | undefined)[] = [];
    const work = withContext(async ({ signal, onCleanup }: Context) => {
      onCleanup(() => void seen.push(storage.getStore()));
      onCleanup(() => new Promise((resolve) => setTimeout(resolve, 80)));
      await hang(signal);
    });
    await storage.run('caller', () => wrap(work, limit)().catch(() => {}));
    expect(seen).toEqual(['caller']);
  });
});
