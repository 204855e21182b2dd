import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { SluiceEvent } from './events.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { type Tool, tool } from './tool.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const failure = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => expect.unreachable('it should have failed'),
    (error: Error) => error,
  );

describe('the scope tree', () => {
  it('stops 10,000 nested calls in one synchronous sweep, with one reason, and lets go of all of them', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const controller = new AbortController();
    const reasons = new Set<unknown>();
    let depth = 0;
    const nested: Tool<undefined, unknown> = tool('nested', {}, async (_: undefined, { call, signal }: Context) => {
      signal.addEventListener('abort', () => reasons.add(signal.reason));
      if (++depth === 10_000)
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      await null;
      return call(nested);
    });
    const ended = failure(runner.call(nested, undefined, { signal: controller.signal }));
    await clock.advance(0);
    expect(runner.stats().running).toBe(10_000);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(runner.stats().running).toBe(0);
    expect([...reasons]).toEqual([reason]);
    expect(await clock.until(ended)).toMatchObject({ code: 'CANCELLED', cause: reason });
  });

  it('settles 10,000 nested calls that wait only for the innermost', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    let depth = 0;
    let left = 0;
    const nested: Tool<undefined, unknown> = tool('nested', {}, async (_: undefined, { call, onCleanup }: Context) => {
      if (++depth === 10_000) {
        onCleanup(() => new Promise<void>((resolve) => clock.schedule(900, resolve)));
        return 'bottom';
      }
      await null;
      left++;
      const inner = call(nested);
      return depth === 10_000
        ? inner
        : Promise.race([inner, new Promise((resolve) => clock.schedule(10, () => resolve('early')))]);
    });
    await clock.until(runner.call(nested));
    await clock.runAll();
    expect(left).toBe(9_999);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });

  it('stops the outer before the inner, and every one before any of its code runs', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const order: string[] = [];
    const started: string[] = [];
    const tail = tool('tail', {}, () => started.push('tail'));
    const level = (name: string, inside: Tool<undefined, unknown>[]): Tool<undefined, unknown> =>
      tool(name, {}, (_: undefined, { call, signal }: Context) => {
        signal.addEventListener('abort', () => {
          order.push(name);
          call(tail).catch(() => {});
        });
        if (inside.length === 0)
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        return Promise.all(inside.map((tool) => call(tool)));
      });
    const tree = level('root', [level('a', [level('a1', []), level('a2', [])]), level('b', [])]);
    await clock.until(failure(runner.call(tree, undefined, { deadline: 100 })));
    await clock.runAll();
    const place = (name: string): number => order.indexOf(name);
    expect(order.toSorted()).toEqual(['a', 'a1', 'a2', 'b', 'root']);
    expect(place('root')).toBe(0);
    expect(place('a')).toBeLessThan(Math.min(place('a1'), place('a2')));
    expect(started).toEqual([]);
  });
});

describe('an outer signal', () => {
  it('aborts the call with its own reason, which arrives everywhere unchanged', async () => {
    for (const reason of [new Error('enough'), 'a text', 7, Object.freeze({ why: 'frozen' }), null]) {
      const clock = virtualClock();
      const controller = new AbortController();
      let seen: unknown = 'nothing';
      const hang = tool('hang', {}, (_: unknown, { signal }: Context) => {
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            seen = signal.reason;
            reject(signal.reason);
          }),
        );
      });
      const ended = failure(createRunner({ clock }).call(hang, undefined, { signal: controller.signal }));
      controller.abort(reason);
      const error = await clock.until(ended);
      expect(seen).toBe(reason);
      expect(error).toMatchObject({ code: 'CANCELLED', scope: 'tool:hang' });
      expect(error.cause).toBe(reason);
    }
  });

  it('that was aborted before lets nothing start', async () => {
    const work = scripted([{ do: 'succeed' }]);
    const error = await failure(
      createRunner().call(tool('work', {}, work), undefined, { signal: AbortSignal.abort('before') }),
    );
    expect(error).toMatchObject({ code: 'CANCELLED', cause: 'before' });
    expect(work.calls).toBe(0);
  });

  it('that is aborted with a cancellation of Sluice hands on that error itself', async () => {
    const controller = new AbortController();
    const ended = failure(createRunner().call(tool('hang', {}, polite), undefined, { signal: controller.signal }));
    const reason = new CancelledError('shutting down');
    controller.abort(reason);
    expect(await ended).toBe(reason);
  });

  it('that is aborted after the end changes nothing', async () => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const work = tool('work', {}, (_: unknown, context: Context) => {
      signal = context.signal;
      return 'done';
    });
    await expect(createRunner().call(work, undefined, { signal: controller.signal })).resolves.toBe('done');
    controller.abort();
    expect(signal?.aborted).toBe(false);
  });

  it('has one listener for all the calls under it, and none when they have ended', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const { signal } = new AbortController();
    const work = tool('work', {}, scripted([{ do: 'succeed', after: 10 }], { clock }));
    const calls = Array.from({ length: 1_000 }, () => runner.call(work, undefined, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await clock.until(Promise.all(calls));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends also a call that is made in another call', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const controller = new AbortController();
    const inner = tool('inner', {}, polite);
    const outer = tool('outer', {}, (_: unknown, { call }: Context) =>
      call(inner, undefined, { signal: controller.signal }).catch((error: Error) => error.cause),
    );
    const ended = runner.call(outer);
    await clock.advance(5);
    controller.abort('only the inner');
    await expect(clock.until(ended)).resolves.toBe('only the inner');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('and the end of the outer call both let go of the other signal', async () => {
    const clock = virtualClock();
    const { signal } = new AbortController();
    const inner = tool('inner', {}, polite);
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner, undefined, { signal }));
    await clock.until(failure(createRunner({ clock }).call(outer, undefined, { deadline: 50 })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('nothing starts in an aborted scope', () => {
  it('also when the abort falls between scheduling and start', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const work = scripted([{ do: 'succeed' }], { clock });
    const controller = new AbortController();
    const slowSchema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          new Promise<{ value: unknown }>((resolve) => clock.schedule(10, () => resolve({ value }))),
      },
    };
    const checked = tool('checked', { input: slowSchema }, work);
    const ended = failure(runner.call(checked, 1, { signal: controller.signal }));
    await clock.advance(5);
    controller.abort('in between');
    expect(await clock.until(ended)).toMatchObject({ code: 'CANCELLED' });
    await clock.runAll();
    expect(work.calls).toBe(0);
  });

  it('and events say of each call that it started, had one verdict, and ended', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const events: SluiceEvent[] = [];
    runner.events$.subscribe((event) => events.push(event));
    await failure(runner.call(tool('never', {}, polite), undefined, { signal: AbortSignal.abort() }));
    expect(events.map(({ type }) => type)).toEqual(['tool.start', 'verdict', 'tool.end']);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });
});

function polite(_: unknown, { signal }: Context): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
