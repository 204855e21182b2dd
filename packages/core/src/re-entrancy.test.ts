import { map, Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner, type Runner } from './runner.ts';
import { leakLedger, type VirtualClock, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const at = (name: string, priority: number, intercept: Interceptor['intercept']): Interceptor =>
  defineInterceptor({ name, priority, intercept });

const outcomeOf = (call: Promise<unknown>): Promise<{ value?: unknown; code?: string }> =>
  call.then(
    (value) => ({ value }),
    (error: { code: string }) => ({ code: error.code }),
  );

/** An interceptor that notes what its hooks are told. */
function watching(told: string[], operators = false): Interceptor {
  return at('watch', 10, (call, next) => {
    call.onEnd(({ status }) => told.push(status));
    call.onSettled(() => told.push('settled'));
    return operators ? next(call).pipe(map((value) => value)) : next(call);
  });
}

const longBound = at('bound', 20, (call, next) => within(call, { limit: 1_000_000, name: 'attempt' }, next));

function bench(use: Interceptor[] = []): { clock: VirtualClock; runner: Runner; controller: AbortController } {
  const clock = virtualClock();
  return { clock, runner: createRunner({ clock, use }), controller: new AbortController() };
}

describe('a call that is stopped while it is being started', () => {
  it.each([false, true])(
    'by its own work: tells every hook, and leaves no timer (operators: %s)',
    async (operators) => {
      const told: string[] = [];
      const { clock, runner, controller } = bench([watching(told, operators), longBound]);
      const work = tool('work', {}, async () => {
        controller.abort(new Error('outer'));
        return 1;
      });
      const outcome = outcomeOf(runner.call(work, undefined, { signal: controller.signal }));
      expect(await clock.until(outcome)).toEqual({ code: 'CANCELLED' });
      expect(told).toEqual(['cancelled', 'settled']);
    },
  );

  it('by an interceptor further in: tells the hooks of those outside', async () => {
    const told: string[] = [];
    const { controller } = bench();
    const aborts = at('aborts', 20, (call, next) => {
      controller.abort(new Error('outer'));
      return next(call);
    });
    const { clock, runner } = bench([watching(told), aborts]);
    await clock.until(
      outcomeOf(
        runner.call(
          tool('work', {}, () => 1),
          undefined,
          { signal: controller.signal },
        ),
      ),
    );
    expect(told).toEqual(['cancelled', 'settled']);
  });

  it('by an Observable that is being subscribed to: tears that down', async () => {
    let torn = 0;
    const { controller } = bench();
    const waits = at('waits', 0, () => {
      return new Observable(() => {
        controller.abort(new Error('outer'));
        return () => void torn++;
      });
    });
    const { clock, runner } = bench([waits]);
    await clock.until(
      outcomeOf(
        runner.call(
          tool('work', {}, () => 1),
          undefined,
          { signal: controller.signal },
        ),
      ),
    );
    expect(torn).toBe(1);
  });

  it('by a listener of attempt.start: does not start its work', async () => {
    let ran = 0;
    const { clock, runner, controller } = bench();
    runner.events$.subscribe(({ type }) => {
      if (type === 'attempt.start') controller.abort();
    });
    await clock.until(
      outcomeOf(
        runner.call(
          tool('work', {}, () => ++ran),
          undefined,
          { signal: controller.signal },
        ),
      ),
    );
    expect(ran).toBe(0);
  });

  it('by work that then returns a stream: does not start the stream', async () => {
    let subscribed = 0;
    const { clock, runner, controller } = bench();
    const work = tool('work', {}, () => {
      controller.abort(new Error('outer'));
      return new Observable<number>(() => void subscribed++);
    });
    await clock.until(outcomeOf(runner.call(work, undefined, { signal: controller.signal })));
    expect(subscribed).toBe(0);
  });
});

describe('what was first decides', () => {
  it('also when a cleanup handler then aborts the signal of the caller', async () => {
    const { clock, runner, controller } = bench();
    const work = tool('work', {}, async (_: unknown, { onCleanup }: Context) => {
      onCleanup(() => controller.abort());
      return 'value';
    });
    const call = runner.call(work, undefined, { signal: controller.signal });
    await expect(clock.until(call)).resolves.toBe('value');
  });

  it('also when an abort listener then aborts the signal of the caller', async () => {
    const { clock, runner, controller } = bench();
    const work = tool('work', {}, (_: unknown, { signal }: Context) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          controller.abort();
          reject(signal.reason);
        });
      });
    });
    const call = runner.call(work, undefined, { signal: controller.signal, deadline: 100 });
    expect(await clock.until(outcomeOf(call))).toEqual({ code: 'TIMEOUT' });
  });
});

describe('a sweep', () => {
  it('marks what is tied to the signal as well before any code of a user runs', async () => {
    const { clock, runner, controller } = bench();
    let startedAfterAbort = 0;
    let inner: Context | undefined;
    const polite = ({ signal }: Context): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const leaf = tool('leaf', {}, () => ++startedAfterAbort);
    const tied = tool('tied', {}, (_: unknown, context: Context) => {
      inner = context;
      return polite(context);
    });
    const outer = tool('outer', {}, (_: unknown, context: Context) => {
      context.call(tied, undefined, { signal: controller.signal }).catch(() => {});
      return polite(context);
    });
    const sibling = tool('sibling', {}, (_: unknown, context: Context) => {
      context.signal.addEventListener('abort', () => void inner?.call(leaf).catch(() => {}));
      return polite(context);
    });
    const calls = [
      outcomeOf(runner.call(outer, undefined, { deadline: 1_000 })),
      outcomeOf(runner.call(sibling, undefined, { signal: controller.signal })),
    ];
    await clock.advance(1);
    controller.abort(new Error('outer'));
    await clock.until(Promise.all(calls));
    await clock.runAll();
    expect(startedAfterAbort).toBe(0);
  });
});

describe('a listener that starts a call', () => {
  it('does not make others hear of it out of order', async () => {
    const { clock, runner } = bench();
    const heard: number[] = [];
    const work = tool('work', {}, () => 1);
    let started = false;
    runner.events$.subscribe(({ type }) => {
      if (started || type !== 'tool.start') return;
      started = true;
      void runner.call(work);
    });
    runner.events$.subscribe(({ seq }) => heard.push(seq));
    await clock.until(runner.call(work));
    expect(heard).toEqual(heard.map((_, index) => index + 1));
    expect(heard.length).toBeGreaterThan(8);
  });
});
