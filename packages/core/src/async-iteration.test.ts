import { take } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TimeoutError } from './errors/timeout-error.ts';
import { createRunner } from './runner.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench() {
  const clock = virtualClock();
  const runner = createRunner({ clock });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  const timeOut = (work: () => AsyncIterable<unknown>, deadline = 200): Promise<TimeoutError> =>
    clock.until(
      runner.call(tool('generator', {}, work), undefined, { deadline }).then(
        () => expect.unreachable('it should have timed out'),
        (error: TimeoutError) => error,
      ),
    );
  return { clock, runner, sleep, timeOut };
}

describe('an async generator', () => {
  it('keeps what it has yielded by its limit as the partial result, and is asked to return', async () => {
    const { clock, runner, sleep, timeOut } = bench();
    let closed = -1;
    const error = await timeOut(async function* () {
      try {
        for (let n = 0; n < 100; n++) {
          await sleep(50);
          yield n;
        }
      } finally {
        closed = clock.now();
      }
    });
    expect(error.partial).toEqual([0, 1, 2, 3]);
    expect(clock.now()).toBeLessThanOrEqual(250);
    await clock.runAll();
    expect(closed).toBe(250);
    expect(runner.stats()).toMatchObject({ orphans: 0 });
  });

  it('waiting in next() returns as soon as that allows', async () => {
    const { clock, runner, sleep, timeOut } = bench();
    let closed = -1;
    await timeOut(async function* () {
      try {
        await sleep(220);
        yield 1;
      } finally {
        closed = clock.now();
      }
    });
    expect(clock.now()).toBe(220);
    expect(closed).toBe(220);
    expect(runner.stats()).toMatchObject({ late: 1, orphans: 0 });
  });

  it('whose finally is slow is an orphan meanwhile', async () => {
    const { clock, runner, sleep, timeOut } = bench();
    await timeOut(async function* () {
      try {
        yield 1;
        await sleep(210);
        yield 2;
      } finally {
        await sleep(1_000);
      }
    });
    expect(clock.now()).toBe(250);
    expect(runner.stats().orphans).toBe(1);
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('whose finally throws keeps the timeout as its error', async () => {
    const { clock, sleep, timeOut } = bench();
    const error = await timeOut(async function* () {
      try {
        await sleep(220);
        yield 1;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
        throw new Error('finally');
      }
    });
    expect(error.code).toBe('TIMEOUT');
    await clock.runAll();
  });

  it('that yields again in its finally cannot leak a value outwards, and ends', async () => {
    const { clock, runner, sleep, timeOut } = bench();
    const error = await timeOut(async function* () {
      try {
        yield 1;
        await sleep(210);
        yield 2;
      } finally {
        yield 3;
        yield 4;
      }
    });
    expect(error.partial).toEqual([1]);
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('that swallows its return and goes on is an orphan, for as long as it does', async () => {
    const { clock, runner, timeOut } = bench();
    const stubborn: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((resolve) => clock.schedule(150, () => resolve({ done: false, value: 1 }))),
        return: async () => ({ done: false, value: 7 }),
      }),
    };
    const error = await timeOut(() => stubborn);
    await clock.runAll();
    expect(error.partial).toEqual([1]);
    expect(runner.stats().orphans).toBe(1);
    // It never ends, and so it stays on the books.
    expect(ledger.left()).toEqual({ calls: 1, works: 1 });
    ledger = leakLedger();
  });

  it('by hand, without return(), is left alone, and has settled with its pending next()', async () => {
    const { clock, runner, timeOut } = bench();
    const simple = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<number>>((resolve) =>
            clock.schedule(150, () => resolve({ done: false, value: 1 })),
          ),
      }),
    };
    await timeOut(() => simple);
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 1 });
  });

  it('by hand, whose return() throws or rejects, keeps the timeout as its error', async () => {
    for (const refuse of [
      () => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
    ]) {
      const { clock, timeOut } = bench();
      const bad = {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise<IteratorResult<number>>((resolve) =>
              clock.schedule(220, () => resolve({ done: false, value: 1 })),
            ),
          return: refuse,
        }),
      };
      expect((await timeOut(() => bad as unknown as AsyncIterable<unknown>)).code).toBe('TIMEOUT');
      await clock.runAll();
    }
  });

  it('that is left early by its consumer is returned from, and nothing more is pulled', async () => {
    const { clock, runner } = bench();
    let pulled = 0;
    let closed = false;
    const endless = tool('endless', {}, async function* () {
      try {
        for (;;) yield ++pulled;
      } finally {
        closed = true;
      }
    });
    const got: unknown[] = [];
    await clock.until(
      new Promise<void>((resolve) =>
        runner
          .stream(endless)
          .pipe(take(3))
          .subscribe({ next: (n) => got.push(n), complete: resolve }),
      ),
    );
    await clock.runAll();
    expect(got).toEqual([1, 2, 3]);
    expect(pulled).toBe(3);
    expect(closed).toBe(true);
  });
});
