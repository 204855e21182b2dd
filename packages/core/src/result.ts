import type { Observable } from './flow.ts';

/** What emits, as far as types are concerned: an Observable, of RxJS or, with a single signature, of any other library. */
type Emitting<T> =
  | Observable<T>
  | { subscribe(observer: { next(value: T): void; error(error: unknown): void; complete(): void }): unknown };

/** What work amounts to that returns `R`: a value is itself, a promise what it resolves to, a stream the array of its items. */
export type ResultOf<R> =
  R extends PromiseLike<unknown>
    ? Awaited<R>
    : R extends AsyncIterable<infer Item>
      ? Item[]
      : R extends Emitting<infer Item>
        ? Item[]
        : R;

/** What work emits that returns `R`: the items of a stream, or its only value. */
export type ItemOf<R> =
  R extends PromiseLike<unknown>
    ? Awaited<R>
    : R extends AsyncIterable<infer Item>
      ? Item
      : R extends Emitting<infer Item>
        ? Item
        : R;

/** What work amounts to of whose stream only the last item is kept. */
export type LastOf<R> =
  R extends PromiseLike<unknown>
    ? Awaited<R>
    : R extends AsyncIterable<infer Item>
      ? Item | undefined
      : R extends Emitting<infer Item>
        ? Item | undefined
        : R;
