import { describe, expect, it } from 'vitest';
import type { Sign } from './bound-options.ts';
import type { Context } from './context.ts';
import { pipeline } from './pipeline.ts';
import { scripted } from './testing/index.ts';
import { tool } from './tool.ts';
import { bench, bounded, nothingIsLeft } from './within-bench.test-kit.ts';

nothingIsLeft();

/** A bench whose calls write down each sign that their deadline hears of: who hears, what, when, and whether it is its own. */
function listening(applies: (name: string) => boolean = () => true) {
  const signs: unknown[] = [];
  const one = bench([
    bounded(({ name }) => ({
      limit: 9_999,
      name: 'attempt',
      ...(applies(name)
        ? {
            sign(sign: Sign, at: number, own: boolean, details: unknown): undefined {
              signs.push(details === undefined ? [name, sign, at, own] : [name, sign, at, own, details]);
            },
            ignored: () => signs.push([name, 'ignored']),
          }
        : {}),
    })),
  ]);
  return { ...one, signs };
}

describe('a sign of life', () => {
  it('is whatever shows that the work is alive, with what came with it', async () => {
    const one = listening();
    await one.call(async (_: unknown, context: Context) => {
      context.heartbeat({ page: 1 });
      await one.sleep(10);
      context.heartbeat();
      context.progress(0.5);
      context.partial('half');
      context.pause('waits')();
    });
    expect(one.signs).toEqual([
      ['work', 'heartbeat', 0, true, { page: 1 }],
      ['work', 'heartbeat', 10, true],
      ['work', 'progress', 10, true, 0.5],
      ['work', 'partial', 10, true],
    ]);
  });

  it('is each item that is emitted', async () => {
    const one = listening();
    await one.call(scripted([{ do: 'emit', items: [1, 2], every: 10 }], { clock: one.clock }));
    expect(one.signs).toEqual([
      ['work', 'item', 10, true],
      ['work', 'item', 20, true],
    ]);
  });

  it('is told to all deadlines around it, to the outer ones as not their own, and so is the end of a call', async () => {
    const one = listening();
    const inner = tool('inner', {}, async (_: unknown, { heartbeat }: Context) => {
      await one.sleep(10);
      heartbeat('in');
    });
    await one.call((_: unknown, { call }: Context) => call(inner), 'outer');
    expect(one.signs).toEqual([
      ['inner', 'heartbeat', 10, true, 'in'],
      ['outer', 'heartbeat', 10, false, 'in'],
      ['outer', 'call', 10, false],
    ]);
  });

  it('reaches past calls whose deadlines do not listen, and out of runs', async () => {
    const one = listening((name) => name === 'outer');
    const leaf = tool('leaf', {}, (_: unknown, { progress }: Context) => progress(1));
    const inside = pipeline('inside').stage('only', (_, { call }) => call(leaf));
    await one.call(async (_: unknown, { run }: Context) => {
      await run(inside);
    }, 'outer');
    expect(one.signs).toEqual([
      ['outer', 'progress', 0, false, 1],
      ['outer', 'call', 0, false],
      ['outer', 'call', 0, false],
    ]);
  });

  it('is the end of a call however it ends', async () => {
    const one = listening((name) => name === 'outer');
    const fails = tool('fails', {}, scripted([{ do: 'fail', after: 5 }], { clock: one.clock }));
    const slow = tool('slow', {}, scripted([{ do: 'hang' }], { clock: one.clock }));
    await one.call(async (_: unknown, { call }: Context) => {
      await call(fails).catch(() => {});
      await call(slow, undefined, { deadline: 10 }).catch(() => {});
    }, 'outer');
    expect(one.signs).toEqual([
      ['outer', 'call', 5, false],
      ['outer', 'call', 15, false],
    ]);
  });

  it('is none any more once the work has ended: a heartbeat is then counted as ignored, by its own deadlines only', async () => {
    const one = listening();
    let late: Context | undefined;
    const inner = tool('inner', {}, (_: unknown, context: Context) => {
      late = context;
    });
    await one.call(async (_: unknown, { call }: Context) => {
      await call(inner);
      late?.heartbeat();
      late?.progress(1);
      late?.partial(1);
      await one.sleep(5);
    }, 'outer');
    expect(one.signs).toEqual([
      ['outer', 'call', 0, false],
      ['inner', 'ignored'],
    ]);
  });

  it('is heard by each of several deadlines of one call', async () => {
    const heard: string[] = [];
    const hears = (name: 'total' | 'attempt') =>
      bounded({ name, limit: 9_999, sign: (sign, _at, own) => void heard.push(`${name} ${sign} ${own}`) });
    const one = bench([hears('total'), hears('attempt')]);
    await one.call((_: unknown, { heartbeat }: Context) => heartbeat());
    expect(heard).toEqual(['attempt heartbeat true', 'total heartbeat true']);
  });

  it('may ask to be asked again sooner, never later', async () => {
    const asked: number[] = [];
    const soon = [10, 500];
    const one = bench([
      bounded({
        name: 'attempt',
        limit: 100,
        sign: () => soon.shift(),
        extend: (now) => {
          asked.push(now);
          return now < 60 ? 50 : 0;
        },
      }),
    ]);
    await one.call(async (_: unknown, { heartbeat, signal }: Context) => {
      await one.sleep(5);
      heartbeat();
      await one.sleep(20);
      heartbeat();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    expect(asked).toEqual([15, 65]);
    expect(one.clock.now()).toBe(65);
  });

  it('of a call in which no deadline listens is told as an event, each as it comes', async () => {
    for (const use of [[], [bounded({ name: 'attempt', limit: 100 })]]) {
      const one = bench(use);
      await one.call(async (_: unknown, { heartbeat }: Context) => {
        heartbeat({ n: 1 });
        await one.sleep(1);
        heartbeat({ n: 2 });
      });
      expect(one.told('heartbeat', 'details')).toEqual([
        [0, { n: 1 }],
        [1, { n: 2 }],
      ]);
    }
  });
});
