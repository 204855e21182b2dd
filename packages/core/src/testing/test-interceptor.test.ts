import { catchError, EMPTY, finalize, map, of, retry, tap, timer } from 'rxjs';
import { mergeMap } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import type { CallView } from '../call-view.ts';
import { Flow, type Handle, type Sink } from '../flow.ts';
import { defineInterceptor, type Interceptor } from '../interceptor.ts';
import { Place } from '../place.ts';
import { within } from '../within.ts';
import { testInterceptor } from './test-interceptor.ts';

function made(intercept: Interceptor['intercept']): () => Interceptor {
  return () => defineInterceptor({ name: 'tested', priority: Place.retry, intercept });
}

/** A retry in the style of the built-in ones: a flow that drives sinks, and the call of the next attempt. */
class Twice extends Flow {
  readonly #call: CallView;
  readonly #next: (call: CallView) => Flow;

  constructor(call: CallView, next: (call: CallView) => Flow) {
    super();
    this.#call = call;
    this.#next = next;
  }

  drive(sink: Sink): Handle | null {
    const inner: { handle: Handle | null; over: boolean } = { handle: null, over: false };
    const second: Sink = {
      next: (value) => sink.next(value),
      success: (value) => sink.success(value),
      complete: () => sink.complete(),
      error: (error) => sink.error(error),
    };
    const first: Sink = {
      ...second,
      error: (error) => {
        inner.over = true;
        inner.handle = this.#next(this.#call.again({ error })).drive(second);
      },
    };
    const handle = this.#next(this.#call).drive(first);
    if (!inner.over) inner.handle = handle;
    return inner.handle && { cancel: (reason) => inner.handle?.cancel(reason) };
  }

  teardownThrew(): void {}
}

const KEEPING: Record<string, () => Interceptor> = {
  'passes through': made((call, next) => next(call)),
  'observes by hooks': made((call, next) => {
    call.onEnd(() => {});
    call.onSettled(() => {});
    return next(call);
  }),
  'observes by an operator': made((call, next) => next(call).pipe(tap(() => {}))),
  'retries by an operator': made((call, next) => next(call).pipe(retry(2))),
  'retries in the built-in style': made((call, next) => new Twice(call as CallView, next as never)),
  'waits before it retries': made((call, next) => next(call).pipe(retry({ count: 2, delay: () => of(0) }))),
  'sets a deadline': made((call, next) => within(call, { limit: 1_000, name: 'total' }, next)),
  'answers by itself': made(() => of('cached')),
  'turns a failure into a value': made((call, next) => next(call).pipe(catchError(() => of('instead')))),
  'changes the value': made((call, next) => next(call).pipe(map((value) => value))),
  throws: made(() => {
    throw new Error('broken');
  }),
  'returns no Observable': made(() => 'oops' as never),
  'throws when it is torn down': made((call, next) =>
    next(call).pipe(
      finalize(() => {
        throw new Error('broken');
      }),
    ),
  ),
};

const BREAKING: Record<string, { factory: () => Interceptor; says: string }> = {
  'turns a failure into nothing': {
    factory: made((call, next) => next(call).pipe(catchError(() => of(undefined)))),
    says: 'success without a value',
  },
  'throws away the error for one that is not typed': {
    factory: made((call, next) =>
      next(call).pipe(
        catchError(() => {
          throw new Error('lost');
        }),
      ),
    ),
    says: 'neither its own nor one of Sluice',
  },
  'reads the signal of every call': {
    factory: made((call, next) => {
      new AbortController();
      return next(call);
    }),
    says: 'nobody had asked for one',
  },
  'keeps the value of one call for the next': {
    factory: () => {
      let last: unknown;
      return made((call, next) => next(call).pipe(map((value) => (last ??= value))))();
    },
    says: 'got the result of another',
  },
  'swallows every second item': {
    factory: made((call, next) => next(call).pipe(mergeMap((value) => (value === 2 ? EMPTY : of(value))))),
    says: 'came as',
  },
};

describe('testInterceptor', () => {
  it.each(Object.entries(KEEPING))('finds nothing wrong with an interceptor that %s', async (_, factory) => {
    const { results } = await testInterceptor(factory);
    expect(results.every(({ broken }) => broken === undefined)).toBe(true);
    expect(new Set(results.map(({ among }) => among)).size).toBe(3);
  });

  it.each(Object.entries(BREAKING))('says what is wrong with an interceptor that %s', async (_, { factory, says }) => {
    await expect(testInterceptor(factory)).rejects.toThrow(says);
  });

  it('does not take a timer of RxJS, which the virtual clock cannot see, for a result', async () => {
    const sleepy = made((call, next) => timer(60_000).pipe(mergeMap(() => next(call))));
    await expect(testInterceptor(sleepy)).rejects.toThrow('never will');
  });
});
