import type { Source } from './source.ts';

/** Whom an iteration serves. */
export interface IterationOwner {
  /** An item; also one that comes after the iteration was cancelled. */
  item(value: unknown): void;
  /** The iterator came to its end by itself. */
  done(): void;
  /** The iterator failed by itself. */
  failed(error: unknown): void;
  /** After a cancel: the iterator has ended. */
  stopped(): void;
  /** After a cancel: the iterator threw while it ended. */
  stopThrew(error: unknown): void;
}

/** A generator that yields while it ends is let go on this often; one that still goes on is left to itself. */
const PATIENCE = 1_000;

/**
 * Pulls an async iterator dry, one item at a time. When it is cancelled, it calls the iterator's `return()` at once: a generator
 * takes it as soon as its pending `next()` allows. What it yields after that is not passed off as a result.
 */
export class AsyncIteration implements Source {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #owner: IterationOwner;
  #pulling = false;
  #returning = false;
  #cancelled = false;
  #over = false;
  #yields = 0;
  readonly #onItem = (result: IteratorResult<unknown>): void => this.#pulled(result);
  readonly #onFailure = (error: unknown): void => this.#pullFailed(error);

  constructor(iterator: AsyncIterator<unknown>, owner: IterationOwner) {
    this.#iterator = iterator;
    this.#owner = owner;
  }

  start(): void {
    this.#pull();
  }

  #pull(): void {
    this.#pulling = true;
    try {
      settle(this.#iterator.next(), this.#onItem, this.#onFailure);
    } catch (error) {
      this.#pullFailed(error);
    }
  }

  cancel(): void {
    if (this.#over || this.#cancelled) return;
    this.#cancelled = true;
    this.#return();
  }

  #pulled(result: IteratorResult<unknown>): void {
    this.#pulling = false;
    if (typeof result !== 'object' || result === null) {
      this.#pullFailed(new TypeError('The async iterator answered something that is no object'));
      return;
    }
    let done: unknown;
    let value: unknown;
    try {
      ({ done, value } = result);
    } catch (error) {
      this.#pullFailed(error);
      return;
    }
    if (done !== true) {
      this.#owner.item(value);
      if (!this.#cancelled) this.#pull();
      else this.#checkStopped();
      return;
    }
    this.#over = true;
    if (this.#cancelled) this.#checkStopped();
    else this.#owner.done();
  }

  #pullFailed(error: unknown): void {
    this.#pulling = false;
    this.#over = true;
    if (!this.#cancelled) {
      this.#owner.failed(error);
      return;
    }
    this.#owner.stopThrew(error);
    this.#checkStopped();
  }

  #return(): void {
    this.#returning = true;
    try {
      const returned = this.#iterator.return?.();
      if (returned === undefined) this.#returned({ done: true, value: undefined });
      else
        settle(
          returned,
          (result) => this.#returned(result),
          (error) => this.#returnFailed(error),
        );
    } catch (error) {
      this.#returnFailed(error);
    }
  }

  #goOn(): void {
    try {
      settle(
        this.#iterator.next(),
        (result) => this.#returned(result),
        (error) => this.#returnFailed(error),
      );
    } catch (error) {
      this.#returnFailed(error);
    }
  }

  #returned(result: IteratorResult<unknown>): void {
    if (result?.done === false && !this.#over) {
      // It yields while it ends: it is let go on, for another return would leave the rest of its `finally` undone. Past all patience
      // it is not called stopped either: work that goes on is an orphan, for as long as it does.
      if (this.#yields++ < PATIENCE) this.#goOn();
      return;
    }
    this.#returning = false;
    this.#checkStopped();
  }

  #returnFailed(error: unknown): void {
    this.#returning = false;
    this.#over = true;
    this.#owner.stopThrew(error);
    this.#checkStopped();
  }

  #checkStopped(): void {
    if (!this.#pulling && !this.#returning) this.#owner.stopped();
  }
}

/** Iterators by hand may answer anything where a promise is due. */
function settle<T>(promise: PromiseLike<T> | T, ok: (value: T) => void, failed: (error: unknown) => void): void {
  if (promise instanceof Promise) promise.then(ok, failed);
  else Promise.resolve(promise).then(ok, failed);
}
