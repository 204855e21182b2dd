import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { pipeline } from './pipeline.ts';
import { scripted } from './testing/index.ts';
import { tool } from './tool.ts';
import { bench, bounded, failureOf, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

const pausable = (limit: number, more: object = {}) => bounded({ name: 'attempt', limit, pausable: true, ...more });

describe('a pause', () => {
  it('stops the clock until it is over, and what was left is left then', async () => {
    const one = bench([pausable(100)]);
    const error = failureOf(
      await one.call(async (_: unknown, { pause, signal }: Context) => {
        await one.sleep(30);
        const resume = pause('consent');
        await one.sleep(1_000);
        resume();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }),
    );
    expect(one.clock.now()).toBe(1_100);
    expect(error.details).toMatchObject({ limitMs: 100, elapsedMs: 1_100, pausedMs: 1_000 });
    expect(one.told('pause', 'reason')).toEqual([[30, 'consent']]);
    expect(one.told('resume', 'pausedMs')).toEqual([[1_030, 1_000]]);
  });

  it('does not stop a clock that may not stand still', async () => {
    const one = bench([bounded({ name: 'total', limit: 200 }), pausable(100)]);
    const error = failureOf(
      await one.call((_: unknown, { pause }: Context) => {
        pause('consent');
        return one.sleep(1_000);
      }),
    );
    expect([one.clock.now() >= 200, error.details['limit'], error.details['elapsedMs']]).toEqual([true, 'total', 200]);
    await one.clock.runAll();
  });

  it('ends once: whoever calls again changes nothing', async () => {
    const one = bench([pausable(100)]);
    await one.call(async (_: unknown, { pause, signal }: Context) => {
      const first = pause('first');
      const second = pause('second');
      first();
      first();
      await one.sleep(500);
      second();
      second();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    expect(one.clock.now()).toBe(600);
    expect(one.told('resume', 'reason')).toEqual([
      [0, 'first'],
      [500, 'second'],
    ]);
  });

  it('stops the clocks of all calls around it, out of runs as well', async () => {
    const one = bench([
      bounded(({ name }) => ({ limit: name === 'inner' ? 300 : 100, name: 'attempt', pausable: true })),
    ]);
    const inner = tool('inner', {}, async (_: unknown, { pause }: Context) => {
      const resume = pause('consent');
      await one.sleep(1_000);
      resume();
      await one.sleep(50);
      return 'done';
    });
    const stages = pipeline('stages').stage('only', (_, { call }) => call(inner));
    const outer = async (_: unknown, { run }: Context): Promise<string> => (await run(stages)).only;
    expect(await one.call(outer, 'outer')).toBe('done');
    expect(one.clock.now()).toBe(1_050);
  });

  it('is over when its work ends, in whatever way: the clocks around it go on', async () => {
    const one = bench([
      bounded(({ name }) => ({ limit: name === 'outer' ? 100 : 1_000, name: 'attempt', pausable: true })),
    ]);
    for (const end of ['succeed', 'fail'] as const) {
      const from = one.clock.now();
      const inner = tool('inner', {}, async (_: unknown, { pause }: Context) => {
        pause('forgotten');
        await one.sleep(500);
        if (end === 'fail') throw new Error('no');
      });
      const outer = async (_: unknown, { call, signal }: Context): Promise<unknown> => {
        await call(inner).catch(() => {});
        return scripted([{ do: 'hang' }], { clock: one.clock })(undefined, { signal } as Context);
      };
      expect(failureOf(await one.call(outer, 'outer')).details).toMatchObject({ elapsedMs: 600, pausedMs: 500 });
      expect(one.clock.now() - from).toBe(600);
    }
    expect(one.told('resume')).toHaveLength(2);
  });

  it('of work that is stopped while it pauses is over as well', async () => {
    const one = bench([bounded({ name: 'total', limit: 50 }), pausable(20)]);
    await one.call((_: unknown, { pause, signal }: Context) => {
      pause('forgotten');
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    expect(one.told('resume', 'pausedMs')).toEqual([[50, 50]]);
  });

  it('after the work has ended is none', async () => {
    const one = bench([pausable(100)]);
    let late: Context | undefined;
    await one.call((_: unknown, context: Context) => {
      late = context;
    });
    expect(late?.pause('late')).toBeTypeOf('function');
    late?.pause('late')();
    expect(one.told('pause')).toEqual([]);
  });

  it('stands still before a soft limit too, and the hard one follows it at its distance', async () => {
    const one = bench([pausable(100, { soft: 40 })]);
    const error = failureOf(
      await one.call(async (_: unknown, { pause, signal }: Context) => {
        const resume = pause('first');
        await one.sleep(10);
        resume();
        await one.sleep(45);
        const again = pause('second');
        await one.sleep(10);
        again();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }),
    );
    expect(one.told('timeout.soft')).toEqual([50]);
    expect([one.clock.now(), error.details['pausedMs']]).toEqual([120, 20]);
  });

  it('takes the deadline from whoever asks for it, until it is over', async () => {
    const one = bench([pausable(100)]);
    const ats = await one.call(async (_: unknown, context: Context) => {
      const before = context.deadline.at;
      const resume = context.pause('asks');
      const meanwhile = context.deadline.at;
      await one.sleep(30);
      resume();
      return [before, meanwhile, context.deadline.at];
    });
    expect(ats).toEqual([100, Number.POSITIVE_INFINITY, 130]);
  });

  it('is a sign of life when it ends', async () => {
    const signs: unknown[] = [];
    const one = bench([pausable(100, { sign: (sign: string, at: number) => void signs.push([sign, at]) })]);
    await one.call(async (_: unknown, { pause }: Context) => {
      const first = pause('first');
      const second = pause('second');
      await one.sleep(10);
      first();
      await one.sleep(10);
      second();
    });
    expect(signs).toEqual([['resume', 20]]);
  });

  it('needs a reason', async () => {
    const one = bench([]);
    expect(await one.call((_: unknown, { pause }: Context) => pause(7 as never))).toMatchObject({
      message: 'pause: expected a reason, got 7',
    });
  });
});
