import {
  type Context,
  createRunner,
  pipeline,
  type SluiceError,
  type SluiceEvent,
  tool,
  withContext,
  wrap,
} from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { timeoutScope } from './timeout-scope.ts';
import { failure, hang, silent } from './workbench.test-kit.ts';

const after = (ms: number, value?: string): Promise<string | undefined> =>
  new Promise((resolve) => setTimeout(resolve, ms, value));

/** Nothing happens in this process for so long. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

afterEach(() => void vi.useRealTimers());

describe('real: an event loop that is blocked for 0 to 2 s at random', () => {
  it('gives each call one verdict, none early, and says how late it was; a result that was there wins', async () => {
    const random = seededRandom(3);
    const runner = createRunner({ logger: silent, use: [timeout(300)] });
    const events: SluiceEvent[] = [];
    runner.events$.subscribe((event) => events.push(event));
    const work = tool('work', {}, (ms: number) => after(ms, 'done'));
    const lags: number[] = [];
    const one = async (takes: number): Promise<void> => {
      const from = performance.now();
      const end = await runner.call(work, takes).catch((error: SluiceError) => error);
      const tookMs = performance.now() - from;
      // Of what is near the limit either may be first.
      if (takes <= 280) expect(end).toBe('done');
      if (end === 'done') return;
      const { code, details } = end as SluiceError;
      const lagMs = Number(details['lagMs'] ?? 0);
      expect(code).toBe('TIMEOUT');
      expect(tookMs).toBeGreaterThanOrEqual(300);
      expect(Number(details['elapsedMs'])).toBeGreaterThanOrEqual(300);
      expect(Number(details['elapsedMs']) - lagMs).toBeLessThan(400);
      lags.push(lagMs);
    };
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 6; n++) {
      for (let m = 0; m < 20; m++) {
        calls.push(one(random() * 3_000));
        await after(10);
      }
      block(random() * 2_000);
    }
    await Promise.all(calls);
    expect(lags.filter((lagMs) => lagMs > 100).length).toBeGreaterThan(0);
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    expect(count('verdict')).toBe(120);
    expect(count('timeout')).toBe(lags.length);
    // Until the last of the work has ended that paid no attention.
    await after(3_000);
    expect(count('verdict')).toBe(120);
    expect(count('timeout')).toBe(lags.length);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  }, 30_000);

  it('leaves work alive that beats, and finished work finished', async () => {
    const runner = createRunner({ logger: silent, use: [timeout({ total: '10s', attempt: 500 }), heartbeat(300)] });
    const beats = tool('beats', { timeout: { attempt: 'none' } }, async (_: unknown, ctx: Context) => {
      for (let n = 0; n < 10; n++) {
        await after(100);
        ctx.heartbeat();
      }
      return 'alive';
    });
    const finished = tool('finished', {}, () => after(400, 'behind the block'));
    const calls = [runner.call(beats), runner.call(finished)];
    await after(250);
    block(1_000);
    await expect(Promise.all(calls)).resolves.toEqual(['alive', 'behind the block']);
  }, 20_000);

  it('is told of, with the stage that has blocked it, for how long, and how late that made its limit', async () => {
    const runner = createRunner({ logger: silent, use: [timeout(100)] });
    const blocked: SluiceEvent[] = [];
    runner.events$.subscribe((event) => event.type === 'blocked' && blocked.push(event));
    const flow = pipeline('flow').stage('busy', async (_, ctx) => {
      block(600);
      await hang(ctx.signal);
    });
    await after(10);
    const report = await runner.run(flow).report;
    expect(report.stages.busy).toMatchObject({ status: 'timeout', error: { scope: 'stage:busy' } });
    expect(blocked).toHaveLength(1);
    const [{ by, blockedMs, lagMs }] = blocked as unknown as [{ by: string; blockedMs: number; lagMs: number }];
    expect(by).toBe('stage:busy');
    expect(blockedMs).toBeGreaterThanOrEqual(599);
    expect(lagMs).toBeGreaterThanOrEqual(499);
    expect(report.error?.details['lagMs']).toBeGreaterThanOrEqual(499);
  });
});

describe('real: a wall clock that is moved by an hour', () => {
  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('%s neither hurries nor delays what is under way', async (_, ms) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const runner = createRunner({ logger: silent, use: [timeout('400ms'), heartbeat('150ms')] });
    const beats = tool('beats', {}, async (_: unknown, ctx: Context) => {
      const stop = setInterval(() => ctx.heartbeat(), 30);
      ctx.onCleanup(() => clearInterval(stop));
      return hang(ctx.signal);
    });
    const hangs = wrap(
      withContext(({ signal }) => hang(signal)),
      timeout(400),
    );
    const scope = timeoutScope('scope', { timeout: 400 });
    const from = performance.now();
    const ended = async (call: Promise<unknown>): Promise<number> => {
      expect(await failure(call)).toMatchObject({ code: 'TIMEOUT' });
      return performance.now() - from;
    };
    const wall = Date.now();
    setTimeout(() => vi.setSystemTime(wall + ms), 100);
    const ends = await Promise.all([
      ended(runner.call(beats)),
      ended(hangs()),
      ended(scope.run(({ signal }) => hang(signal))),
    ]);
    expect(Math.abs(Date.now() - wall - ms)).toBeLessThan(10_000);
    expect(Math.min(...ends)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...ends)).toBeLessThan(5_000);
    expect(scope.elapsed()).toBeGreaterThanOrEqual(400);
  });
});
