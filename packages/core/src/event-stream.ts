import { Observable, type Observer, type Operator, Subscriber, type Subscription } from './flow.ts';

/** Hears of a listener that threw. */
export type ListenerThrew = (error: unknown) => void;

/** What a stream tells its listeners with. */
export type Listener<T> = Pick<Observer<T>, 'next' | 'error' | 'complete'>;

/**
 * A hot Observable whose listeners cannot harm anybody: one that throws, at the stream itself or behind any operators, is reported
 * and the others, the run and the process go on. RxJS itself would end the process.
 */
export class EventStream<T> extends Observable<T> {
  readonly #threw: ListenerThrew;
  readonly #unheard: ListenerThrew;

  /**
   * @param listen - takes in a listener; answers how to let go of it
   * @param unheard - hears of an error of the stream for which a listener has no handler
   */
  constructor(threw: ListenerThrew, listen?: (listener: Listener<T>) => () => void, unheard: ListenerThrew = threw) {
    super(listen);
    this.#threw = threw;
    this.#unheard = unheard;
    // The hook by which RxJS's own operators build what they return. Some Observables borrow it from their source, so it takes
    // nothing from `this` but the source.
    this.lift = function lift<R>(this: Observable<T>, operator?: Operator<T, R>): Observable<R> {
      const lifted = new EventStream<R>(threw, undefined, unheard);
      lifted.source = this;
      lifted.operator = operator;
      return lifted;
    };
    const pipe = (...operators: readonly unknown[]): unknown => this.#kept(Reflect.apply(super.pipe, this, operators));
    this.pipe = pipe as Observable<T>['pipe'];
  }

  override subscribe(observer?: Partial<Observer<T>>): Subscription;
  override subscribe(next: (value: T) => void): Subscription;
  override subscribe(
    next?: ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription;
  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // An operator's own subscriber: whoever stands at the end of the pipe has been wrapped below.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : { ...(observerOrNext && { next: observerOrNext }), ...(error && { error }), ...(complete && { complete }) };
    return super.subscribe(this.#guarded(observer));
  }

  /** What an operator has made without `lift`, made to be of this kind. */
  #kept(piped: unknown): unknown {
    if (typeof piped !== 'object' || piped === null || Object.getPrototypeOf(piped) !== Observable.prototype)
      return piped;
    const kept = new EventStream<unknown>(this.#threw, undefined, this.#unheard);
    kept.source = piped as Observable<unknown>;
    return kept;
  }

  #guarded(observer: Partial<Observer<T>>): Observer<T> {
    let said = false;
    // Said once: what is said becomes an event, at which it may throw again, and so on without end.
    const threw: ListenerThrew = (error) => {
      if (!said) this.#threw(error);
      said = true;
    };
    const guard = (run: () => unknown): void => {
      try {
        const answer = run();
        // An async listener throws by rejecting.
        if (answer instanceof Promise) answer.catch(threw);
      } catch (error) {
        threw(error);
      }
    };
    return {
      next: (value) => guard(() => observer.next?.(value)),
      error: (error: unknown) =>
        observer.error === undefined ? this.#unheard(error) : guard(() => observer.error?.(error)),
      complete: () => guard(() => observer.complete?.()),
    };
  }
}
