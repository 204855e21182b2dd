import { Observable, of, Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { createRunner } from './runner.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { wrap } from './wrap.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench(options: { grace?: number } = {}) {
  const clock = virtualClock();
  const runner = createRunner({ clock, ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const types = (): string[] => events.map(({ type }) => type);
  return { clock, runner, events, types };
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

describe('work in all forms', () => {
  const boom = new Error('boom');
  const thenable = { then: (resolve: (value: number) => void) => resolve(7) };

  it.each<[string, () => unknown, unknown]>([
    ['a value', () => 7, 7],
    ['undefined', () => undefined, undefined],
    ['an array, which is a value', () => [1, 2], [1, 2]],
    ['a promise', async () => 7, 7],
    ['a thenable', () => thenable, 7],
    ['a promise of a thenable', async () => thenable, 7],
    [
      'an async generator',
      async function* () {
        yield 1;
        yield 2;
      },
      [1, 2],
    ],
    ['an empty async generator', async function* () {}, []],
    ['an async iterable by hand', () => ({ [Symbol.asyncIterator]: () => iteratorOf([1, 2, 3]) }), [1, 2, 3]],
    ['an Observable', () => of(1, 2, 3), [1, 2, 3]],
    ['an Observable of nothing', () => of(), []],
    ['what speaks Symbol.observable', () => interop([4, 5]), [4, 5]],
    ['a function, which is a value', () => Math.max, Math.max],
    ['a Proxy around a value', () => new Proxy({ a: 1 }, {}), { a: 1 }],
  ])('may be %s', async (_, work, result) => {
    await expect(wrap(work)()).resolves.toEqual(result);
  });

  it.each<[string, () => unknown]>([
    [
      'throws at once',
      () => {
        throw boom;
      },
    ],
    ['rejects', () => Promise.reject(boom)],
    ['is a thenable that rejects', () => ({ then: (_: unknown, reject: (error: Error) => void) => reject(boom) })],
    [
      'is a thenable whose then throws when it is read',
      () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw boom;
          },
        }),
    ],
    [
      'is a generator that throws',
      async function* () {
        yield 1;
        throw boom;
      },
    ],
    ['is an Observable that fails', () => new Observable((subscriber) => subscriber.error(boom))],
    [
      'has an async iterator that throws when it is made',
      () => ({
        [Symbol.asyncIterator]() {
          throw boom;
        },
      }),
    ],
    [
      'has an iterator whose next() throws',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next() {
            throw boom;
          },
        }),
      }),
    ],
  ])('that %s rejects with its own error, unchanged', async (_, work) => {
    await expect(failure(wrap(work)())).resolves.toBe(boom);
  });

  it('that is an iterator which answers no object fails with a TypeError', async () => {
    const odd = wrap(() => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) }));
    await expect(odd()).rejects.toThrow(TypeError);
  });

  it.each<[string, unknown]>([
    ['a text', 'x'],
    ['undefined', undefined],
    ['null', null],
    ['a frozen object', Object.freeze({ a: 1 })],
    ['a Proxy that throws at any touch', hostile()],
    ['a Proxy around an Error', new Proxy(boom, {})],
  ])('that throws %s, which is no Error, is wrapped, the original in the cause', async (_, thrown) => {
    const error = await failure(
      wrap(() => {
        throw thrown;
      })(),
    );
    expect(isSluiceError(error, 'NON_ERROR')).toBe(true);
    expect((error as Error).cause).toBe(thrown);
  });

  it('that settles twice has one verdict', async () => {
    const twice = {
      then: (resolve: (value: number) => void) => {
        resolve(1);
        resolve(2);
        throw boom;
      },
    };
    await expect(wrap(() => twice)()).resolves.toBe(1);
  });

  it('keeps only the last item of a stream when asked to', async () => {
    const { runner } = bench();
    const last = tool('last', { collect: 'last' }, async function* () {
      yield 1;
      yield 2;
    });
    await expect(runner.call(last)).resolves.toBe(2);
  });
});

describe('the verdict', () => {
  it('is one of completion and deadline, whichever is first, and the same for the same seed', async () => {
    for (const { after, expected } of [
      { after: 99, expected: 'done' },
      { after: 100, expected: 'done' },
      { after: 101, expected: 'TIMEOUT' },
    ]) {
      for (let awaits = 0; awaits <= 3; awaits++) {
        const { clock, runner } = bench();
        const work = scripted([{ do: 'succeed', value: 'done', after, ignoreSignal: true }], { clock });
        const slow = tool('slow', {}, async () => {
          const value = await work();
          for (let left = awaits; left > 0; left--) await null;
          return value;
        });
        const ended = runner.call(slow, undefined, { deadline: 100 }).catch((error: { code: string }) => error.code);
        await expect(clock.until(ended)).resolves.toBe(expected);
        await clock.runAll();
      }
    }
  });

  it('is not changed by a value that comes late, which is dropped, counted and handed to onLate', async () => {
    const { clock, runner, types } = bench();
    const disposed: unknown[] = [];
    const late = tool('late', {}, async (_: unknown, { onLate }: Context) => {
      onLate((value) => disposed.push(value));
      await new Promise<void>((resolve) => clock.schedule(500, resolve));
      return 'too late';
    });
    const error = await clock.until(failure(runner.call(late, undefined, { deadline: 100 })));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:late' });
    await clock.runAll();
    expect(disposed).toEqual(['too late']);
    expect(runner.stats()).toMatchObject({ late: 1, orphans: 0, running: 0 });
    expect(types()).toContain('late');
  });

  it('is not changed by a rejection that comes late, which never becomes an unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { clock, runner } = bench();
    const late = scripted([{ do: 'fail', after: 500, ignoreSignal: true }], { clock });
    await clock.until(failure(runner.call(tool('late', {}, late), undefined, { deadline: 100 })));
    await clock.runAll();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(runner.stats().late).toBe(1);
  });

  it('does not count it as late when stopped work unwinds with the reason it was given', async () => {
    const { clock, runner } = bench();
    const polite = scripted([{ do: 'hang' }], { clock });
    await clock.until(failure(runner.call(tool('polite', {}, polite), undefined, { deadline: 100 })));
    await clock.runAll();
    expect(runner.stats().late).toBe(0);
  });

  it('counts a late rejection that is no unwinding, hands none to onLate, and counts no AbortError', async () => {
    for (const { name, late } of [
      { name: 'AbortError', late: 0 },
      { name: 'TypeError', late: 1 },
    ]) {
      const { clock, runner } = bench();
      const disposed: unknown[] = [];
      const work = tool('work', {}, async (_: unknown, { onLate, signal }: Context) => {
        onLate((value) => disposed.push(value));
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => clock.schedule(20, resolve)));
        throw Object.assign(new Error('unwinding'), { name });
      });
      await clock.until(failure(runner.call(work, undefined, { deadline: 100 })));
      await clock.runAll();
      expect(runner.stats().late).toBe(late);
      expect(disposed).toEqual([]);
    }
  });

  it('is known to a signal that is first read when the work has been stopped', async () => {
    const { clock, runner } = bench();
    let context: Context | undefined;
    const work = tool('work', {}, async (_: unknown, given: Context) => {
      context = given;
      await new Promise<void>((resolve) => clock.schedule(120, resolve));
    });
    const error = await clock.until(failure(runner.call(work, undefined, { deadline: 100 })));
    expect(context?.signal.aborted).toBe(true);
    expect(context?.signal.reason).toBe(error);
  });

  it('survives a disposer of late values that throws or rejects', async () => {
    const { clock, runner, types } = bench();
    const late = tool('late', {}, async (_: unknown, { onLate }: Context) => {
      onLate(() => {
        throw new Error('no');
      });
      onLate(async () => {
        throw new Error('no either');
      });
      await new Promise<void>((resolve) => clock.schedule(500, resolve));
    });
    await clock.until(failure(runner.call(late, undefined, { deadline: 100 })));
    await clock.runAll();
    expect(types().filter((type) => type === 'cleanup.error')).toHaveLength(2);
  });
});

describe('verdict and settling', () => {
  it('are two things: the answer waits for what unwinds, but no longer than the grace', async () => {
    for (const { unwinds, answered } of [
      { unwinds: 0, answered: 100 },
      { unwinds: 20, answered: 120 },
      { unwinds: 500, answered: 150 },
    ]) {
      const { clock, runner, events } = bench();
      const slow = tool('slow', {}, async (_: unknown, { signal }: Context) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => clock.schedule(unwinds, resolve)));
        throw signal.reason;
      });
      await clock.until(failure(runner.call(slow, undefined, { deadline: 100 })));
      expect(clock.now()).toBe(answered);
      expect(events.find(({ type }) => type === 'verdict')?.at).toBe(100);
      await clock.runAll();
    }
  });

  it('report what has not settled after its grace as an orphan, until it really settles', async () => {
    const { clock, runner, types } = bench();
    const deaf = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock });
    await clock.until(failure(runner.call(tool('deaf', {}, deaf), undefined, { deadline: 100 })));
    expect(runner.stats()).toMatchObject({ orphans: 1, running: 0 });
    expect(types()).toContain('orphan');
    await clock.advance(900);
    expect(runner.stats()).toMatchObject({ orphans: 0, late: 1 });
    expect(types().at(-1)).toBe('orphan.end');
  });

  it('say of an orphan whether it is the work or its cleanup, and how long it was one', async () => {
    const { clock, runner, events } = bench();
    const work = scripted(
      [
        { do: 'succeed', after: 1_000, ignoreSignal: true },
        { do: 'hang', cleanup: 500 },
      ],
      { clock },
    );
    const one = tool('one', {}, work);
    await clock.until(failure(runner.call(one, undefined, { deadline: 100 })));
    await clock.runAll();
    await clock.until(failure(runner.call(one, undefined, { deadline: 100 })));
    await clock.runAll();
    const told = events.flatMap((event) => (event.type === 'orphan' ? [event.what] : []));
    const ages = events.flatMap((event) => (event.type === 'orphan.end' ? [event.ageMs] : []));
    expect(told).toEqual(['work', 'cleanup']);
    expect(ages).toEqual([850, 450]);
  });

  it('take the grace that the runner was made with', async () => {
    const { clock, runner } = bench({ grace: 5 });
    const deaf = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock });
    await clock.until(failure(runner.call(tool('deaf', {}, deaf), undefined, { deadline: 100 })));
    expect(clock.now()).toBe(105);
    await clock.runAll();
  });
});

describe('an Observable as work', () => {
  it('is unsubscribed from when the call is stopped, and has then settled', async () => {
    const { clock, runner } = bench();
    const subject = new Subject<number>();
    const call = failure(
      runner.call(
        tool('subject', {}, () => subject),
        undefined,
        { deadline: 100 },
      ),
    );
    await clock.advance(50);
    subject.next(1);
    await clock.advance(50);
    expect(subject.observed).toBe(false);
    expect(await call).toMatchObject({ code: 'TIMEOUT', partial: [1] });
    expect(clock.now()).toBe(100);
  });

  it('whose teardown throws keeps its verdict', async () => {
    const { runner, types } = bench();
    const odd = new Observable<number>((subscriber) => {
      subscriber.next(1);
      subscriber.complete();
      return () => {
        throw new Error('teardown');
      };
    });
    await expect(runner.call(tool('odd', {}, () => odd))).resolves.toEqual([1]);
    expect(types()).toContain('cleanup.error');
  });
});

describe('calls made in a work', () => {
  it('know their parent, its run and its correlation id', async () => {
    const { runner } = bench();
    const inner = tool('inner', {}, (_: unknown, { runId, correlationId }: Context) => ({ runId, correlationId }));
    const outer = tool('outer', {}, async (_: unknown, { call, runId, correlationId }: Context) => {
      return { own: { runId, correlationId }, inner: await call(inner) };
    });
    const ids = await runner.call(outer, undefined, { correlationId: 'request-7' });
    expect(ids.inner).toEqual(ids.own);
    expect(ids.own.correlationId).toBe('request-7');
  });

  it('that the work did not wait for are cancelled when it ends, and settle before it does', async () => {
    const { clock, runner, events } = bench();
    const hang = scripted([{ do: 'hang', cleanup: 20 }], { clock });
    const inner = tool('inner', {}, hang);
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
      call(inner);
      return 'done';
    });
    await expect(clock.until(runner.call(outer))).resolves.toBe('done');
    expect(clock.now()).toBe(20);
    expect(hang.cleaned).toBe(1);
    const ends = events.filter(({ type }) => type === 'tool.end') as Extract<SluiceEvent, { type: 'tool.end' }>[];
    expect(ends.map(({ name, status }) => `${name} ${status}`)).toEqual(['inner cancelled', 'outer ok']);
  });

  it('that were not waited for reject for nobody: that is no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { clock, runner } = bench();
    const inner = tool('inner', {}, scripted([{ do: 'hang' }], { clock }));
    const outer = tool('outer', {}, async (_: unknown, { call }: Context) => void call(inner));
    await clock.until(runner.call(outer));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('cannot be made any more when it has ended', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    let later: Context['call'] | undefined;
    await runner.call(
      tool('outer', {}, (_: unknown, { call }: Context) => {
        later = call;
      }),
    );
    expect(await failure(later?.(tool('inner', {}, work)) as Promise<unknown>)).toMatchObject({ code: 'CANCELLED' });
    expect(work.calls).toBe(0);
  });
});

function iteratorOf(items: number[]): AsyncIterator<number> {
  let index = 0;
  return {
    next: async () =>
      index < items.length ? { done: false, value: items[index++] as number } : { done: true, value: undefined },
  };
}

function interop(items: number[]): object {
  const subscribe = (observer: { next(value: number): void; complete(): void }) => {
    for (const item of items) observer.next(item);
    observer.complete();
    return { unsubscribe() {} };
  };
  return { [(Symbol as { observable?: symbol }).observable ?? '@@observable']: () => ({ subscribe }) };
}

function hostile(): object {
  const refuse = (): never => {
    throw new Error('do not touch');
  };
  return new Proxy(
    {},
    { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse },
  );
}
