import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import type { SluiceEvent } from './events.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import type { Outcome } from './verdict.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench() {
  const clock = virtualClock();
  const runner = createRunner({ clock });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, runner, count, sleep };
}

const settled = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('cleanup', () => {
  it('runs last in, first out, one after another, each exactly once: 1,000 handlers, in every outcome', async () => {
    const ways = {
      ok: () => 'done',
      failed: () => {
        throw new Error('no');
      },
      timeout: ({ signal }: Context) => hang(signal),
    };
    for (const [status, way] of Object.entries(ways)) {
      const { clock, runner, sleep } = bench();
      const order: number[] = [];
      const outcomes = new Set<string>();
      let running = 0;
      const work = tool('work', {}, (_: unknown, context: Context) => {
        for (let n = 0; n < 1_000; n++) {
          context.onCleanup(async (outcome) => {
            outcomes.add((outcome as Outcome).status);
            expect(running++).toBe(0);
            if (n % 100 === 0) await sleep(1);
            running--;
            order.push(n);
          });
        }
        return way(context);
      });
      await clock.until(settled(runner.call(work, undefined, { deadline: 2_000 })));
      expect(order).toEqual(Array.from({ length: 1_000 }, (_, n) => 999 - n));
      expect([...outcomes]).toEqual([status]);
    }
  });

  it('of 30 tools that all time out: 30 of 30 are clean', async () => {
    const { clock, runner } = bench();
    const clean = new Set<string>();
    const calls = Array.from({ length: 30 }, (_, n) => {
      const work = tool(`tool${n}`, {}, (_: unknown, { onCleanup, signal, name }: Context) => {
        onCleanup(() => clean.add(name));
        return hang(signal);
      });
      return settled(runner.call(work, undefined, { deadline: 2_000 }));
    });
    const errors = await clock.until(Promise.all(calls));
    expect(errors.map((error) => (error as { code: string }).code)).toEqual(Array(30).fill('TIMEOUT'));
    expect(clean.size).toBe(30);
  });

  it('that throws or rejects is suppressed, never in place of the primary error or of the result', async () => {
    const { clock, runner, count } = bench();
    const bad = (_: unknown, { onCleanup }: Context): void => {
      onCleanup(() => {
        throw new Error('cleanup');
      });
      onCleanup(async () => {
        throw new Error('cleanup');
      });
      onCleanup(() => {
        throw 'no error';
      });
    };
    await expect(
      clock.until(
        runner.call(
          tool('fine', {}, (_: unknown, context: Context) => {
            bad(_, context);
            return 'result';
          }),
        ),
      ),
    ).resolves.toBe('result');
    const primary = new Error('primary');
    const fails = tool('fails', {}, (_: unknown, context: Context) => {
      bad(_, context);
      throw primary;
    });
    expect(await clock.until(settled(runner.call(fails)))).toBe(primary);
    expect(count('cleanup.error')).toBe(6);
  });

  it('of an abort starts at once, while the work unwinds', async () => {
    const { clock, runner } = bench();
    let cleanedAt = -1;
    const work = tool('work', {}, async (_: unknown, { onCleanup, signal }: Context) => {
      onCleanup(() => {
        cleanedAt = clock.now();
      });
      await hang(signal).catch(() => {});
      await new Promise<void>((resolve) => clock.schedule(30, resolve));
    });
    await clock.until(settled(runner.call(work, undefined, { deadline: 100 })));
    expect(cleanedAt).toBe(100);
    expect(clock.now()).toBe(130);
  });

  it('that is slow is reported as late at the grace, starts what remains, and still finishes', async () => {
    const { clock, runner, count, sleep } = bench();
    const done: string[] = [];
    const work = tool('work', {}, (_: unknown, { onCleanup, signal }: Context) => {
      onCleanup(() => void done.push(`first at ${clock.now()}`));
      onCleanup(() => sleep(500).then(() => void done.push(`slow at ${clock.now()}`)));
      return hang(signal);
    });
    await clock.until(settled(runner.call(work, undefined, { deadline: 100 })));
    expect(clock.now()).toBe(150);
    expect(done).toEqual(['first at 150']);
    expect(count('cleanup.late')).toBe(1);
    expect(runner.stats().orphans).toBe(1);
    await clock.runAll();
    expect(done).toEqual(['first at 150', 'slow at 600']);
    expect(runner.stats().orphans).toBe(0);
  });

  it('after success or failure is awaited up to one second', async () => {
    for (const { takes, answered } of [
      { takes: 900, answered: 900 },
      { takes: 5_000, answered: 1_000 },
    ]) {
      const { clock, runner } = bench();
      const work = scripted([{ do: 'succeed', value: 'done', cleanup: takes }], { clock });
      await expect(clock.until(runner.call(tool('work', {}, work)))).resolves.toBe('done');
      expect(clock.now()).toBe(answered);
      await clock.runAll();
    }
  });

  it('that is registered by a handler, or after the end, runs exactly once all the same', async () => {
    const { clock, runner } = bench();
    const done: string[] = [];
    let late: Context['onCleanup'] | undefined;
    const work = tool('work', {}, (_: unknown, { onCleanup }: Context) => {
      late = onCleanup;
      onCleanup(() => {
        done.push('outer');
        onCleanup(() => void done.push('inner'));
      });
    });
    await clock.until(runner.call(work));
    late?.(() => void done.push('late'));
    late?.(async () => {
      done.push('late too');
      throw new Error('no');
    });
    await clock.runAll();
    expect(done).toEqual(['outer', 'inner', 'late', 'late too']);
  });

  it('releases what was handed to use(), asynchronously if it can, in every outcome', async () => {
    for (const way of ['ok', 'failed', 'timeout']) {
      const { clock, runner } = bench();
      const released: string[] = [];
      const work = tool('work', {}, (_: unknown, { use, signal }: Context) => {
        const first = use({ name: 'sync', [Symbol.dispose]: () => void released.push('sync') });
        expect(first.name).toBe('sync');
        use({
          [Symbol.dispose]: () => void released.push('wrong'),
          [Symbol.asyncDispose]: async () => void released.push('async'),
        });
        if (way === 'timeout') return hang(signal);
        if (way === 'failed') throw new Error('no');
        return 1;
      });
      await clock.until(settled(runner.call(work, undefined, { deadline: 100 })));
      expect(released).toEqual(['async', 'sync']);
    }
  });

  it('takes only functions, and only resources that can be released', async () => {
    const runner = createRunner();
    const work = (use: (context: Context) => unknown) =>
      settled(runner.call(tool('work', {}, (_: unknown, context: Context) => use(context))));
    expect(await work(({ onCleanup }) => onCleanup('no' as never))).toMatchObject({ code: 'CONFIG' });
    expect(await work(({ onLate }) => onLate(7 as never))).toMatchObject({ code: 'CONFIG' });
    expect(await work(({ use }) => use({} as never))).toMatchObject({ code: 'CONFIG' });
    expect(await work(({ use }) => use(null as never))).toMatchObject({ code: 'CONFIG' });
  });

  it('of 50 works that time out while each cleanup takes too long: all ends, all is reported', async () => {
    const { clock, runner, count } = bench();
    const work = scripted([{ do: 'hang', cleanup: 10_000 }], { clock });
    const cascade = tool('cascade', {}, scripted([{ do: 'hang' }], { clock }));
    const calls = Array.from({ length: 50 }, (_, n) =>
      settled(runner.call(n % 2 ? tool(`work${n}`, {}, work) : cascade, undefined, { deadline: 100 })),
    );
    await clock.until(Promise.all(calls));
    expect(clock.now()).toBe(150);
    expect(count('cleanup.late')).toBe(25);
    expect(runner.stats()).toMatchObject({ orphans: 25, running: 0 });
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });
});
