import { Observable, type Observer, type Operator, Subscriber, type Subscription } from './flow.ts';

/** Hears of a listener that threw. */
export type ListenerThrew = (error: unknown) => void;

/**
 * A hot Observable whose listeners cannot harm anybody: one that throws, at the stream itself or behind any operators, is reported
 * and the others, the run and the process go on. RxJS itself would end the process.
 */
export class EventStream<T> extends Observable<T> {
  readonly #threw: ListenerThrew;

  constructor(threw: ListenerThrew, listen?: (listener: (event: T) => void) => () => void) {
    super(listen && ((subscriber) => listen((event) => subscriber.next(event))));
    this.#threw = threw;
  }

  // The two hooks by which RxJS builds `pipe`: what is piped from this is of its kind.
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new EventStream<R>(this.#threw);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
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

  #guarded(observer: Partial<Observer<T>>): Observer<T> {
    const guard = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        this.#threw(error);
      }
    };
    return {
      next: (value) => guard(() => observer.next?.(value)),
      error: (error: unknown) =>
        observer.error === undefined ? this.#threw(error) : guard(() => observer.error?.(error)),
      complete: () => guard(() => observer.complete?.()),
    };
  }
}
