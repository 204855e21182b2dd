import { getEventListeners } from 'node:events';
import { Observable, of, take } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callTool, streamTool } from './call-tool.ts';
import type { Context } from './context.ts';
import { Environment } from './environment.ts';
import { pipeline } from './pipeline.ts';
import { hang } from './pipeline-bench.test-kit.ts';
import { beginRun } from './run.ts';
import { Stack } from './stack.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { type AnyTool, tool } from './tool.ts';
import { wrapIn } from './wrap.ts';

let ledger = leakLedger();
const unhandled = vi.fn();
beforeEach(() => {
  ledger = leakLedger();
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  ledger.assertEmpty();
});

function bench(graceMs = 50) {
  const clock = virtualClock();
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const environment = new Environment(new Stack([]), { clock, graceMs, logger });
  const { root } = environment;
  const onIdle = vi.fn(() => expect(root.open).toBe(0));
  root.onIdle = onIdle;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  const call = (one: AnyTool, input?: unknown, options?: object): Promise<unknown> =>
    callTool(environment, one, input, options, null);
  return { clock, environment, root, onIdle, sleep, call };
}

type Bench = ReturnType<typeof bench>;

const hanging = tool('hanging', {}, (_: undefined, { signal }: Context) => hang(signal));
const aborted = AbortSignal.abort(new Error('before'));
const items = tool('items', {}, () => of(1, 2, 3));
const endless = tool('endless', {}, () => new Observable<number>((subscriber) => subscriber.next(1)));

/** Every way in which something can begin and end. */
const WAYS: Readonly<Record<string, (bench: Bench) => unknown>> = {
  'a call that answers at once': ({ call }) => call(tool('a', {}, () => 1)),
  'a call that answers later': ({ call, sleep }) => call(tool('a', {}, () => sleep(10))),
  'a call that throws at once': ({ call }) =>
    call(
      tool('a', {}, () => {
        throw new Error('boom');
      }),
    ),
  'a call that fails later': ({ call, sleep }) =>
    call(tool('a', {}, () => sleep(10).then(() => Promise.reject(Error('x'))))),
  'a call with items': ({ call }) => call(items),
  'a call with a call in it': ({ call }) => call(tool('a', {}, (_: undefined, ctx: Context) => ctx.call(items))),
  'a call that does not wait for the call in it': ({ call }) =>
    call(
      tool('a', {}, (_: undefined, ctx: Context) => {
        ctx.call(hanging).catch(() => {});
        return 1;
      }),
    ),
  'a call that skips': ({ call }) => call(tool('a', {}, (_: undefined, { skip }: Context) => skip('why'))),
  'a call that cancels itself': ({ call }) => call(tool('a', {}, (_: undefined, { cancel }: Context) => cancel('why'))),
  'a call that cleans up': ({ call, sleep }) =>
    call(tool('a', {}, (_: undefined, ctx: Context) => ctx.onCleanup(() => sleep(20)))),
  'a call with a deadline of 0': ({ call }) => call(hanging, undefined, { deadline: 0 }),
  'a call that times out': ({ call }) => call(hanging, undefined, { deadline: 10 }),
  'a call that times out and does not heed it': ({ call, sleep }) =>
    call(
      tool('a', {}, () => sleep(500)),
      undefined,
      { deadline: 10 },
    ),
  'a call under a signal that was aborted before': ({ call }) => call(hanging, undefined, { signal: aborted }),
  'a call under a signal that is aborted': ({ call, clock }) => {
    const controller = new AbortController();
    clock.schedule(10, () => controller.abort());
    return call(hanging, undefined, { signal: controller.signal });
  },
  'a call whose work aborts its own signal as it starts': ({ call }) => {
    const controller = new AbortController();
    const { signal } = controller;
    return call(
      tool('a', {}, () => controller.abort()),
      undefined,
      { signal },
    );
  },
  'a call with an input that does not fit': ({ call }) => {
    const issues = [{ message: 'no' }];
    const input = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } } as const;
    return call(tool('a', { input }, () => 1));
  },
  'a call with options that are wrong': ({ call }) => call(items, undefined, { deadline: 'soon' }),
  'a call of what is no tool': ({ call }) => call({} as AnyTool),
  'a call that is refused': ({ call, root }) => {
    root.closing = true;
    return call(items);
  },
  'a call under a signal that is refused': ({ call, root }) => {
    root.closing = true;
    return call(items, undefined, { signal: new AbortController().signal });
  },
  'a stream to its end': ({ environment }) => {
    streamTool(environment, items, undefined, undefined, null).subscribe();
  },
  'a stream that nobody subscribes to': ({ environment }) => {
    streamTool(environment, items, undefined, undefined, null);
  },
  'a stream that is left at its first item': ({ environment }) => {
    streamTool(environment, endless, undefined, undefined, null).pipe(take(1)).subscribe();
  },
  'a stream that is left later': ({ environment, clock }) => {
    const subscription = streamTool(environment, endless, undefined, undefined, null).subscribe();
    clock.schedule(10, () => subscription.unsubscribe());
  },
  'a stream that fails': ({ environment }) => {
    const failing = tool('a', {}, async function* () {
      yield 1;
      throw new Error('boom');
    });
    streamTool(environment, failing, undefined, undefined, null).subscribe({ error: () => {} });
  },
  'a wrapped function': ({ environment }) => wrapIn(environment, async (a: number) => a, {})(1),
  'a wrapped function that throws': ({ environment }) =>
    wrapIn(
      environment,
      () => {
        throw new Error('boom');
      },
      {},
    )(),
  'a run': ({ environment }) =>
    beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      undefined,
      null,
    ),
  'a run without stages': ({ environment }) => beginRun(environment, pipeline('p'), undefined, undefined, null),
  'a run that fails': ({ environment }) =>
    beginRun(
      environment,
      pipeline('p')
        .stage('s', () => Promise.reject(new Error('boom')))
        .stage('t', ['s'], () => 1),
      undefined,
      undefined,
      null,
    ),
  'a run with a deadline of 0': ({ environment }) =>
    beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      { deadline: 0 },
      null,
    ),
  'a run that is cancelled before it begins': ({ environment }) => {
    const run = beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      undefined,
      null,
    );
    run.cancel();
    return run;
  },
  'a run under a signal that was aborted before': ({ environment }) =>
    beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      { signal: aborted },
      null,
    ),
  'a run with a run in it': ({ environment, sleep }) => {
    const inner = pipeline('inner').stage('s', () => sleep(10));
    const outer = pipeline('outer').stage('s', (_, { run }) => run(inner));
    return beginRun(environment, outer, undefined, undefined, null);
  },
  'a run with options that are wrong': ({ environment }) =>
    beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      { deadline: 'soon' },
      null,
    ),
  'a run that is refused': ({ environment, root }) => {
    root.closing = true;
    return beginRun(
      environment,
      pipeline('p').stage('s', () => 1),
      undefined,
      undefined,
      null,
    );
  },
};

describe('what goes on in a runner', () => {
  it.each(Object.keys(WAYS))('is counted as long as it is open, and leaves nothing: %s', async (name) => {
    for (const graceMs of [50, 0]) {
      const made = bench(graceMs);
      const begun = WAYS[name]?.(made);
      expect(made.root.open).toBeGreaterThanOrEqual(0);
      // What is answered is open no more.
      const openThen = (): number => (begun === undefined ? 0 : made.root.open);
      const answered = Promise.resolve(begun).then(openThen, openThen);
      await made.clock.runAll();
      expect(await answered).toBe(0);
      expect(made.root.open).toBe(0);
      expect(made.root.hasChildren).toBe(false);
      expect(made.root.unreleased).toBe(0);
      expect(made.environment.gauges.running).toBe(0);
    }
  });

  it('is one for each call that is no part of another, until it is answered', async () => {
    const { clock, root, call, sleep, onIdle } = bench();
    const inner = tool('inner', {}, () => sleep(10));
    const calls = [1, 2, 3].map(() =>
      call(tool('outer', {}, (_: undefined, ctx: Context) => ctx.callAll([[inner], [inner]]))),
    );
    expect(root.open).toBe(3);
    expect([...root.children()]).toHaveLength(3);
    await clock.until(Promise.all(calls));
    expect(root.open).toBe(0);
    expect(onIdle).toHaveBeenCalledOnce();
  });

  it('does not include what was answered and has not ended; that is found as an orphan until it has', async () => {
    const { clock, root, call, sleep, onIdle } = bench();
    const ended = call(
      tool('deaf', {}, () => sleep(500)),
      undefined,
      { deadline: 10 },
    ).catch(() => {});
    await clock.until(ended);
    expect(root.open).toBe(0);
    expect(onIdle).toHaveBeenCalledOnce();
    expect([...root.orphans()]).toEqual([{ kind: 'tool', name: 'deaf', attempt: 1, ageMs: 0 }]);
    await clock.runAll();
    expect([...root.orphans()]).toEqual([]);
    expect(root.hasChildren).toBe(false);
  });

  it('is told each time that nothing is open any more', async () => {
    const { call, onIdle, clock, sleep } = bench();
    await call(items);
    await call(items);
    expect(onIdle).toHaveBeenCalledTimes(2);
    await clock.until(Promise.all([call(tool('a', {}, () => sleep(10))), call(items)]));
    expect(onIdle).toHaveBeenCalledTimes(3);
  });

  it('leaves no trace of 10,000 calls, 1,000 runs and 1,000 signals', async () => {
    const { root, environment, clock, call, sleep } = bench();
    const slow = tool('slow', {}, () => sleep(1));
    const p = pipeline('p').stage('s', (_, ctx) => ctx.call(slow));
    const all: PromiseLike<unknown>[] = [];
    for (let n = 0; n < 10_000; n++) all.push(n % 2 === 0 ? call(slow) : call(items));
    for (let n = 0; n < 1_000; n++) {
      all.push(beginRun(environment, p, undefined, undefined, null));
      all.push(call(slow, undefined, { signal: new AbortController().signal }));
    }
    expect(root.open).toBe(7_000);
    await clock.until(Promise.all(all));
    expect(root.open).toBe(0);
    expect(root.hasChildren).toBe(false);
    expect([...root.descendants()]).toEqual([]);
  });
});

describe('a signal from outside', () => {
  const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

  it('has one listener for all that goes on under it in a runner, gone with the last of it', async () => {
    const { clock, root, environment, call, sleep } = bench();
    const { signal } = new AbortController();
    const p = pipeline('p').stage('s', () => sleep(30));
    const first = call(
      tool('first', {}, () => sleep(10)),
      undefined,
      { signal },
    );
    const second = call(
      tool('second', {}, () => sleep(20)),
      undefined,
      { signal },
    );
    const run = beginRun(environment, p, undefined, { signal }, null);
    expect(listeners(signal)).toBe(1);
    expect([...root.children()]).toHaveLength(1);
    expect(root.open).toBe(3);
    await clock.until(first);
    await clock.until(second);
    expect(listeners(signal)).toBe(1);
    await clock.until(run);
    expect(listeners(signal)).toBe(0);
    expect(root.hasChildren).toBe(false);
    await call(items, undefined, { signal });
    expect(listeners(signal)).toBe(0);
  });

  it('has one listener for each runner, and stops what is under it in all of them', async () => {
    const benches = [bench(), bench()] as const;
    const controller = new AbortController();
    const { signal } = controller;
    const calls = benches.map(({ call }) => call(hanging, undefined, { signal }).catch((error) => error.code));
    expect(listeners(signal)).toBe(2);
    controller.abort(new Error('enough'));
    expect(await Promise.all(calls)).toEqual(['CANCELLED', 'CANCELLED']);
    expect(listeners(signal)).toBe(0);
    for (const { root } of benches) expect([root.open, root.hasChildren]).toEqual([0, false]);
  });

  it('stops in one sweep, with one reason, all that is under it, and nothing else', async () => {
    const { clock, environment, call, sleep, root } = bench();
    const controller = new AbortController();
    const { signal } = controller;
    const reasons: unknown[] = [];
    const noting = tool('noting', {}, (_: undefined, ctx: Context) => {
      ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason));
      return hang(ctx.signal);
    });
    const p = pipeline('p').stage('s', (_, ctx) => ctx.call(noting));
    const other = call(tool('other', {}, () => sleep(100)));
    const stopped = [
      call(noting, undefined, { signal }),
      call(
        tool('outer', {}, (_: undefined, ctx: Context) => ctx.call(noting)),
        undefined,
        { signal },
      ),
      beginRun(environment, p, undefined, { signal }, null),
    ].map((one) => Promise.resolve(one).catch((error) => error.code));
    await clock.advance(10);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(reasons).toEqual([reason, reason, reason]);
    expect(await clock.until(Promise.all(stopped))).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(root.open).toBe(1);
    await clock.until(other);
  });

  it('goes on to be listened to until an orphan under it has ended', async () => {
    const { clock, call, sleep } = bench();
    const { signal } = new AbortController();
    const deaf = tool('deaf', {}, () => sleep(500));
    await clock.until(call(deaf, undefined, { signal, deadline: 10 }).catch(() => {}));
    await clock.runAll();
    expect(listeners(signal)).toBe(0);
  });
});
