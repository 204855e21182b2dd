import { type Context, isSluiceError, pipeline, tool } from '@sluice/core';
import { leakLedger, simulate } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

describe('an event loop that is blocked for 0 to 2 s at random', () => {
  it('fires nothing early and nothing twice, says how late it is, and loses no result that was there: 500 seeds', async () => {
    let [won, lost, lagging] = [0, 0, 0];
    await simulate({
      runs: 500,
      async program({ clock, integer }) {
        const bench = workbench({ clock, use: [timeout('1s')] });
        const began = clock.now();
        for (let n = 0; n < 4; n++) clock.schedule(integer(0, 1_500), () => clock.block(integer(0, 2_000)));
        const one = async (): Promise<void> => {
          const takes = integer(1, 3_000);
          const work = tool('work', {}, () => new Promise((resolve) => clock.schedule(takes, () => resolve('done'))));
          const end = await bench.runner.call(work).catch((error: unknown) => error);
          const at = clock.now() - began;
          if (end === 'done') {
            won++;
            return;
          }
          lost++;
          const { elapsedMs, lagMs = 0 } = (end as { details: { elapsedMs: number; lagMs?: number } }).details;
          expect(takes).toBeGreaterThan(1_000);
          expect(at).toBeGreaterThanOrEqual(1_000);
          expect(elapsedMs).toBeGreaterThanOrEqual(1_000);
          expect(elapsedMs - lagMs).toBeLessThanOrEqual(1_020);
          if (lagMs > 0) lagging++;
        };
        await Promise.all([one(), one(), one(), one()]);
        return () => {
          expect(bench.of('verdict')).toHaveLength(4);
          const timeouts = bench.of('timeout');
          expect(timeouts.length).toBe(bench.of('verdict').filter(({ status }) => status === 'timeout').length);
          expect(bench.of('blocked').length).toBe(timeouts.filter(({ lagMs }) => lagMs > 20).length);
        };
      },
    });
    expect([won, lost, lagging].every((count) => count > 100)).toBe(true);
  });

  it('loses no beats either: work that could not beat because of it gets to beat before it is said to be silent', async () => {
    const bench = workbench({ use: [heartbeat('1s')] });
    const work = tool('work', {}, async (_: unknown, ctx: Context) => {
      for (let n = 0; n < 20; n++) {
        await bench.sleep(500);
        ctx.heartbeat();
      }
      return 'done';
    });
    const call = bench.runner.call(work);
    for (const at of [600, 4_100]) bench.clock.schedule(at, () => bench.clock.block(2_000));
    await expect(bench.clock.until(call)).resolves.toBe('done');
    expect(bench.of('timeout')).toEqual([]);
  });

  it('is told of, with who has blocked it where that can be known, and with nobody where it cannot', async () => {
    const bench = workbench({ use: [timeout('100ms')] });
    const waits = tool('waits', {}, (_: unknown, { signal }: Context) => hang(signal));
    const blocks = tool('blocks', { timeout: 'none' }, () => bench.clock.block(700));
    const waiting = failure(bench.runner.call(waits));
    await bench.clock.advance(50);
    await bench.runner.call(blocks);
    const error = await bench.clock.until(waiting);
    expect(error.details).toMatchObject({ lagMs: 670, elapsedMs: 770 });
    expect(bench.of('blocked')).toMatchObject([{ name: 'waits', by: 'tool:blocks', blockedMs: 700, lagMs: 670 }]);

    const again = failure(bench.runner.call(waits));
    await bench.clock.advance(50);
    bench.clock.block(700);
    expect((await bench.clock.until(again)).remediation).toContain('event loop');
    expect(bench.of('blocked')[1]).not.toHaveProperty('by');
  });

  it('is told of by the work that blocks past its own limit, by name, also if it ends with that', async () => {
    const bench = workbench({ use: [timeout('100ms')] });
    const flow = pipeline('flow').stage('busy', async (_, ctx) => {
      bench.clock.block(700);
      await hang(ctx.signal);
    });
    const report = await bench.clock.until(bench.runner.run(flow).report);
    expect(report.stages.busy).toMatchObject({ status: 'timeout', error: { scope: 'stage:busy' } });
    expect(bench.of('blocked')).toMatchObject([{ by: 'stage:busy', blockedMs: 700, lagMs: 600 }]);

    await bench.clock.advance(1);
    const ends = tool('ends', {}, () => {
      bench.clock.block(700);
      return 'finished behind the block';
    });
    await expect(bench.clock.until(bench.runner.call(ends))).resolves.toBe('finished behind the block');
    expect(bench.of('blocked')[1]).toMatchObject({ by: 'tool:ends', blockedMs: 700, lagMs: 600 });
  });
});

describe('work that does what no work should', () => {
  const evil: Readonly<Record<string, () => unknown>> = {
    'a promise that settles twice': () =>
      new Promise((resolve, reject) => {
        resolve('first');
        resolve('second');
        reject(new Error('third'));
      }),
    'a thenable that answers twice': () => ({
      then(resolve: (value: string) => void, reject: (error: Error) => void) {
        resolve('first');
        reject(new Error('second'));
        resolve('third');
      },
    }),
    'a thenable that answers and then throws': () => ({
      then(resolve: (value: string) => void) {
        resolve('first');
        throw new Error('second');
      },
    }),
    'a throw at once': () => {
      throw new Error('at once');
    },
    'a throw of undefined': () => {
      throw undefined;
    },
    'a rejection with undefined': () => Promise.reject(undefined),
    'a throw of a text': () => {
      throw 'text';
    },
    'a throw of something frozen': () => {
      throw Object.freeze({ frozen: true });
    },
    'a throw of a revoked proxy': () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    },
    'an error with a getter that throws': () => {
      throw Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('getter');
        },
      });
    },
    'a thenable with a getter that throws': () => ({
      get then() {
        throw new Error('getter');
      },
    }),
    'a thenable that throws': () => ({
      then() {
        throw new Error('in then');
      },
    }),
    'a thenable that never answers': () => ({ then() {} }),
  };

  it.each(Object.entries(evil))('%s has one verdict, and an error that one can use', async (name, work) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): number => unhandled.push(error);
    process.on('unhandledRejection', note);
    const bench = workbench({ use: [timeout({ total: '1s', attempt: '500ms' }), heartbeat('400ms')] });
    const flow = pipeline('flow').stage('evil', () => work());
    const report = await bench.clock.until(bench.runner.run(flow).report);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(bench.of('verdict')).toHaveLength(1);
    const { evil: stage } = report.stages;
    if (stage.status === 'ok') {
      expect(name).toMatch(/twice|answers and/);
      expect(stage.value).toBe('first');
      return;
    }
    expect(stage.status).toBe(name.includes('never') ? 'timeout' : 'failed');
    expect(isSluiceError(report.error)).toBe(true);
    expect(report.error?.message).toContain('evil');
    expect(JSON.parse(JSON.stringify(report.error))).toMatchObject({ code: report.error?.code });
    expect(report.error?.remediation).not.toBe('');
    // Some never settle: nothing can be done about those but to say so.
    if (stage.status === 'timeout') expect(report.orphans).toMatchObject([{ name: 'evil', kind: 'stage' }]);
    if (stage.status === 'timeout') ledger = leakLedger();
  });
});
