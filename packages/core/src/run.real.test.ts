import { AsyncLocalStorage } from 'node:async_hooks';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SluiceError } from './errors/sluice-error.ts';
import { pipeline } from './pipeline.ts';
import { createRunner } from './runner.ts';
import { leakLedger } from './testing/index.ts';

let ledger = leakLedger();
const unhandled = vi.fn();
beforeEach(() => {
  ledger = leakLedger();
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await sleep(5);
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  ledger.assertEmpty();
});

const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );

const boom = new Error('boom');

describe('real: a run', () => {
  it('with a deadline of 100 ms ends within 100 ms of it, and never early: 200 times', async () => {
    const runner = createRunner();
    const shape = pipeline('p')
      .stage('quick', () => 1)
      .stage('hangs', ['quick'], (_, { signal }) => hang(signal))
      .stage('after', ['hangs'], () => 2);
    const took = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const report = await runner.run(shape, undefined, { deadline: 100 }).report;
        expect(report).toMatchObject({ status: 'timeout', output: { quick: 1 } });
        expect(report.durationMs).toBeGreaterThanOrEqual(100);
        // What the loop was late by, it says.
        return report.durationMs - Number(report.error?.details['lagMs'] ?? 0);
      }),
    );
    expect(Math.min(...took)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...took)).toBeLessThan(200);
  });

  it('of which nobody asks anything may fail, time out and be cancelled, and the process lives', async () => {
    const runner = createRunner();
    runner.run(pipeline('p').stage('s', () => Promise.reject(boom)));
    runner.run(pipeline('p').stage('s', () => Promise.reject()));
    const hanging = pipeline('p').stage('s', (_, { signal }) => hang(signal));
    runner.run(hanging, undefined, { deadline: 5 });
    const cancelled = runner.run(hanging);
    const late = runner.run(
      pipeline('p').stage('s', () => sleep(30).then(() => Promise.reject(boom))),
      undefined,
      { deadline: 5 },
    );
    await sleep(1);
    cancelled.cancel('enough');
    await sleep(100);
    expect((await late.report).status).toBe('timeout');
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });

  it('starts in the next microtask, before any timer or I/O', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('immediate'));
    process.nextTick(() => order.push('tick'));
    const run = createRunner().run(pipeline('p').stage('s', () => void order.push('stage')));
    run.events$.subscribe(({ type }) => type === 'run.start' && order.push(type));
    order.push('returned');
    await run;
    expect(order.slice(0, 1)).toEqual(['returned']);
    expect(order.indexOf('run.start')).toBeLessThan(order.indexOf('stage'));
    expect(order).not.toContain('immediate');
  });

  it("sees its caller's AsyncLocalStorage in every stage, behind real timers and real I/O", async () => {
    const store = new AsyncLocalStorage<number>();
    const runner = createRunner();
    const shape = pipeline('p')
      .stage('timer', async () => {
        await sleep(5);
        return store.getStore();
      })
      .stage('io', ['timer'], async () => {
        await readFile(import.meta.filename);
        return store.getStore();
      })
      .stage('stream', ['io'], async function* () {
        for (let n = 0; n < 3; n++) {
          await sleep(1);
          yield store.getStore();
        }
      })
      .stage('last', ['stream'], () => store.getStore());
    const outputs = await Promise.all(Array.from({ length: 20 }, (_, n) => store.run(n, () => runner.run(shape))));
    expect(outputs).toEqual(Array.from({ length: 20 }, (_, n) => ({ timer: n, io: n, stream: [n, n, n], last: n })));
  });

  it('under AbortSignal.timeout is stopped with its reason, unchanged', async () => {
    const signal = AbortSignal.timeout(20);
    const run = createRunner().run(
      pipeline('p').stage('s', (_, context) => hang(context.signal)),
      undefined,
      { signal },
    );
    const error = await failure(run);
    expect(error).toMatchObject({ code: 'CANCELLED', scope: 'run' });
    expect(error.cause).toBe(signal.reason);
    expect(run.signal.reason).toBe(signal.reason);
  });

  it('whose stage blocks the loop past the deadline says how late that was, and starts nothing after it', async () => {
    const after = vi.fn();
    const run = createRunner().run(
      pipeline('p')
        .stage('blocks', (_, { signal }) => {
          for (const end = performance.now() + 300; performance.now() < end; );
          return hang(signal);
        })
        .stage('after', ['blocks'], after),
      undefined,
      { deadline: 50 },
    );
    const from = performance.now();
    const error = await failure(run);
    expect(performance.now() - from).toBeLessThan(500);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'run' });
    expect(Number(error.details['lagMs'])).toBeGreaterThan(200);
    expect(after).not.toHaveBeenCalled();
  });

  it('that races its deadline at −50 … +50 ms has one verdict, and its report agrees with it: 1,000 times', async () => {
    const runner = createRunner();
    const shape = pipeline<number>('p')
      .stage('first', ({ input }) => sleep(input / 2))
      .stage('second', ['first'], async ({ input }) => {
        await sleep(input / 2);
        return 'done';
      });
    const runs = Array.from({ length: 1_000 }, (_, n) => runner.run(shape, 50 + (n % 101), { deadline: 100 }));
    const verdicts = await Promise.all(
      runs.map((run) =>
        run.then(
          () => 'ok',
          (error: SluiceError) => error.verdict,
        ),
      ),
    );
    for (const [n, run] of runs.entries()) {
      const { status, output, error, stages } = await run.report;
      expect(status).toBe(verdicts[n]);
      expect(status === 'ok').toBe(error === undefined);
      expect(output.second).toBe(stages.second.status === 'ok' ? 'done' : undefined);
      if (status === 'ok') expect(stages.second.status).toBe('ok');
    }
    expect(new Set(verdicts)).toEqual(new Set(['ok', 'timeout']));
    await sleep(100);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });

  it('as one of 1,000 at once, of ten stages each, is over well within 5 s of its deadline of 200 ms', async () => {
    const runner = createRunner();
    let shape = pipeline('p').stage('s0', (_, { signal }) => hang(signal));
    for (let n = 1; n < 10; n++) shape = shape.stage(`s${n}`, (_, { signal }) => hang(signal)) as never;
    const from = performance.now();
    const reports = await Promise.all(
      Array.from({ length: 1_000 }, () => runner.run(shape, undefined, { deadline: 200 }).report),
    );
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(reports.every(({ status, orphans }) => status === 'timeout' && orphans.length === 0)).toBe(true);
  });
});
