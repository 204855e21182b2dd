import { type Context, pipeline, tool } from '@sluice/core';
import { describe, expect, it, vi } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft, times } from './timeout-bench.test-kit.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('an async generator', () => {
  /** A tool that streams under a limit of 200 ms, with a grace of 50. */
  async function streaming(work: (context: Context, sleep: (ms: number) => Promise<void>) => AsyncGenerator<unknown>) {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const bench = workbench({ use: [timeout({ total: 200, grace: 50 })] });
    const { clock, runner, of, sleep } = bench;
    const stream = tool('stream', {}, (_: unknown, context: Context) => work(context, sleep));
    const error = await clock.until(failure(runner.call(stream)));
    const answeredAt = clock.now();
    const orphans = runner.stats().orphans;
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:stream' });
    expect(of('verdict').map(({ at, status }) => `${status} at ${at}`)).toEqual(['timeout at 200']);
    const kept = structuredClone(error.partial);
    await clock.runAll();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(error.partial).toEqual(kept);
    return { ...bench, error, answeredAt, orphans };
  }

  it('of 100 yields, one in 50 ms, under 200 ms: the items yielded by then are the partial result, in order', async () => {
    let finished = 0;
    const { error, answeredAt, orphans } = await streaming(async function* (_, sleep) {
      try {
        for (let n = 0; n < 100; n++) {
          await sleep(50);
          yield { n };
        }
      } finally {
        finished++;
      }
    });
    const kept = error.partial as { n: number }[];
    // The fourth falls due with the limit itself, and what arrives in the same turn counts.
    expect([3, 4]).toContain(kept.length);
    expect(kept).toEqual(times(kept.length, (n) => ({ n })));
    expect(finished).toBe(1);
    expect(answeredAt).toBeLessThanOrEqual(250);
    expect(orphans).toBe(0);
  });

  it('parked at a yield when it is stopped is returned at once, and its finally runs before anybody is answered', async () => {
    const { clock, runner, of } = workbench({ use: [timeout('1h')] });
    const controller = new AbortController();
    const seen: string[] = [];
    const stream = tool('stream', {}, async function* () {
      try {
        yield 'one';
        seen.push('went on');
      } finally {
        seen.push('finally');
      }
    });
    // Stopped in the very moment in which it has yielded: nobody has asked for the next item yet.
    const items = runner.stream(stream, undefined, { signal: controller.signal });
    const ended = new Promise((resolve) => {
      items.subscribe({ next: () => controller.abort('stop'), error: resolve });
    });
    expect(await clock.until(ended)).toMatchObject({ code: 'CANCELLED', cause: 'stop' });
    expect(seen).toEqual(['finally']);
    expect(of('tool.item')).toHaveLength(1);
    expect(runner.stats().orphans).toBe(0);
    expect(clock.now()).toBe(0);
  });

  it('parked at a yield behind a next() that does not answer is returned at its limit, and is an orphan until it does', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 200, grace: 50 })] });
    const seen: string[] = [];
    const generator = (async function* () {
      try {
        yield 'one';
        yield 'two';
      } finally {
        seen.push(`finally at ${clock.now()}`);
      }
    })();
    let asked = 0;
    let answer: (end: IteratorResult<string>) => void = () => {};
    const parked: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => (asked++ === 0 ? generator.next() : new Promise((resolve) => (answer = resolve))),
        return: () => generator.return(undefined),
      }),
    };
    const error = await clock.until(failure(runner.call(tool('parked', {}, () => parked))));
    expect(error.partial).toEqual(['one']);
    expect(seen).toEqual(['finally at 200']);
    expect(clock.now()).toBe(250);
    expect(runner.stats().orphans).toBe(1);
    answer({ done: true, value: undefined });
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('waiting in next() is told by its signal, and ends within its grace', async () => {
    const { error, answeredAt, orphans } = await streaming(async function* ({ signal }) {
      yield 1;
      await hang(signal);
      yield 2;
    });
    expect({ partial: error.partial, answeredAt, orphans }).toEqual({ partial: [1], answeredAt: 200, orphans: 0 });
  });

  it('waiting in next() and deaf is an orphan until that has ended, and what it yields then goes nowhere', async () => {
    let finished = -1;
    const { clock, error, answeredAt, orphans, of, runner } = await streaming(async function* (_, sleep) {
      try {
        yield 1;
        await sleep(1_000);
        yield 'too late';
        yield 'never asked for';
      } finally {
        finished = 1;
      }
    });
    expect({ partial: error.partial, answeredAt, orphans }).toEqual({ partial: [1], answeredAt: 250, orphans: 1 });
    expect(of('late').map(({ what }) => what)).toEqual(['value']);
    expect(of('tool.item')).toHaveLength(1);
    expect(finished).toBe(1);
    expect(clock.now()).toBe(1_000);
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 1 });
  });

  it.each([
    { way: 'is slow within the grace', ms: 30, answered: 230, orphan: 0 },
    { way: 'is slower than the grace', ms: 500, answered: 250, orphan: 1 },
  ])('with a finally that $way keeps the limit', async ({ ms, answered, orphan }) => {
    let finishedAt = -1;
    const { answeredAt, orphans, clock } = await streaming(async function* ({ signal }, sleep) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        await sleep(ms);
        finishedAt = 200 + ms;
      }
    });
    expect({ answeredAt, orphans }).toEqual({ answeredAt: answered, orphans: orphan });
    expect(finishedAt).toBe(200 + ms);
    expect(clock.now()).toBe(200 + ms);
  });

  it('with a finally that throws keeps its timeout: what was thrown is suppressed or late, and goes nowhere else', async () => {
    const boom = new Error('in finally');
    const { error, answeredAt, orphans, of, runner } = await streaming(async function* ({ signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
        throw boom;
      }
    });
    expect(error.cause).toBeUndefined();
    expect({ answeredAt, orphans }).toEqual({ answeredAt: 200, orphans: 0 });
    expect(of('cleanup.error').length + runner.stats().late).toBe(1);
  });

  it('with a finally that yields again leaks nothing outwards', async () => {
    const { error, orphans, of } = await streaming(async function* ({ signal }) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        yield 'again';
        yield 'and again';
      }
    });
    expect(error.partial).toEqual([1]);
    expect(orphans).toBe(0);
    expect(of('tool.item')).toHaveLength(1);
  });

  it('with a finally that hangs is an orphan for as long as it does', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 200, grace: 50 })] });
    let free: () => void = () => {};
    const stream = tool('stream', {}, async function* (_: unknown, { signal }: Context) {
      try {
        yield 1;
        await hang(signal);
      } finally {
        await new Promise<void>((resolve) => (free = resolve));
      }
    });
    const error = await clock.until(failure(runner.call(stream)));
    expect(error.partial).toEqual([1]);
    expect(clock.now()).toBe(250);
    expect(runner.stats().orphans).toBe(1);
    await clock.advance(3_600_000);
    expect(runner.stats().orphans).toBe(1);
    free();
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
    expect(of('orphan.end').map(({ ageMs }) => ageMs)).toEqual([3_600_000]);
  });

  it('that goes on yielding for ever, whatever it is told, cannot extend its limit, and is an orphan', async () => {
    const { clock, runner, of, sleep } = workbench({ use: [timeout({ total: 200, grace: 50 })] });
    let stopped = false;
    const stream = tool('stream', {}, async function* () {
      for (let n = 0; !stopped; n++) {
        try {
          await sleep(20);
          yield n;
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
          if (!stopped) continue;
        }
      }
    });
    const error = await clock.until(failure(runner.call(stream)));
    expect(clock.now()).toBe(250);
    const items = of('tool.item').length;
    expect((error.partial as number[]).length).toBe(items);
    expect(runner.stats().orphans).toBe(1);
    await clock.advance(500);
    expect(of('tool.item')).toHaveLength(items);
    stopped = true;
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('abandoned early by who took its items is returned, and leaves no timer behind', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout('1h')] });
    let finished = 0;
    const stream = tool('stream', {}, async function* () {
      try {
        for (let n = 0; ; n++) {
          await sleep(50);
          yield n;
        }
      } finally {
        finished++;
      }
    });
    const items: unknown[] = [];
    const subscription = runner.stream(stream).subscribe((item) => {
      items.push(item);
      if (item === 2) subscription.unsubscribe();
    });
    await clock.runAll();
    expect(items).toEqual([0, 1, 2]);
    expect(finished).toBe(1);
    expect(clock.now()).toBeLessThanOrEqual(200);
    expect(clock.pending).toBe(0);
  });
});

describe('resources handed to ctx.use', () => {
  it.each(['ok', 'failed', 'timeout', 'cancelled', 'skipped'] as const)(
    'are released when the outcome is %s, by `using` and by `await using`, last in, first out',
    async (outcome) => {
      const { clock, runner, sleep } = workbench({ use: [timeout(100)] });
      const released: string[] = [];
      const shape = pipeline('p').stage('s', async (_, { use, signal, cancel, skip }) => {
        const sync = use({ name: 'sync', [Symbol.dispose]: () => void released.push('sync') });
        use({
          [Symbol.asyncDispose]: async () => {
            await sleep(10);
            released.push('async');
          },
        });
        expect(sync.name).toBe('sync');
        await sleep(50);
        if (outcome === 'failed') throw new Error('boom');
        if (outcome === 'cancelled') cancel('enough');
        if (outcome === 'skipped') return skip('nothing to do');
        return outcome === 'timeout' ? hang(signal) : 'done';
      });
      const report = await clock.until(runner.run(shape).report);
      expect(report.stages.s).toMatchObject({ status: outcome, settled: true });
      expect(released).toEqual(['async', 'sync']);
      expect(clock.now()).toBe(outcome === 'timeout' ? 110 : 60);
      expect(report.orphans).toEqual([]);
    },
  );
});
