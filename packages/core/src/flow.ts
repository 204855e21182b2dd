import { from, isObservable, Observable, type Observer, type Operator, Subscriber, type Subscription } from 'rxjs';
import { account } from './ledger.ts';

// The one file of core that knows RxJS: everything else speaks of flows, sinks and handles.

/**
 * Where a flow delivers. After `success`, `complete` or `error`, or after its handle was cancelled, nothing more comes.
 */
export interface Sink {
  /** True when nothing more is wanted: a source that emits in a loop looks at it after each item. Never, where it is left out. */
  readonly enough?: boolean;
  /** One item of a stream. */
  next(value: unknown): void;
  /** The only value, and the end, in one. */
  success(value: unknown): void;
  /** The end of a stream. */
  complete(): void;
  /** The end, by an error. */
  error(error: unknown): void;
}

/** How to stop a flow that has not ended. Does nothing when it has. */
export interface Handle {
  /** Stops everything inside; `reason` arrives unchanged at every signal below. */
  cancel(reason?: unknown): void;
}

/** What all flows have, and nothing else. */
const FLOW: unique symbol = Symbol('flow');

/**
 * An Observable that the chain can drive without a Subscriber for each level.
 *
 * To RxJS it is an Observable like any other: any operator works on it, and each subscription is a run of its own. To core it
 * is a source that is driven with a {@link Sink} and answers a {@link Handle}, or null when it has ended already.
 *
 * Built-in plugins are made of flows, because a sink costs a tenth of an operator. For an interceptor of your own, operators do.
 *
 * @example
 * ```ts
 * import { type Call, defineInterceptor, Flow, type Handle, Place, type Sink, wrap } from '@sluice/core';
 *
 * class Doubled extends Flow {
 *   readonly #inside: Flow;
 *   constructor(inside: Flow) {
 *     super();
 *     this.#inside = inside;
 *   }
 *   drive(sink: Sink): Handle | null {
 *     return this.#inside.drive({
 *       next: (value) => sink.next(value),
 *       success: (value) => sink.success(Number(value) * 2),
 *       complete: () => sink.complete(),
 *       error: (error) => sink.error(error),
 *     });
 *   }
 *   teardownThrew(error: unknown): void {
 *     console.error(error);
 *   }
 * }
 *
 * const doubled = defineInterceptor({
 *   name: 'doubled',
 *   priority: Place.observe,
 *   intercept: (call: Call, next) => new Doubled(next(call) as Flow),
 * });
 * console.assert((await wrap(() => 21, doubled)()) === 42);
 * ```
 */
export abstract class Flow extends Observable<unknown> {
  /** Starts one more run of it. */
  abstract drive(sink: Sink): Handle | null;

  /** Hears of a teardown that threw around this flow. */
  abstract teardownThrew(error: unknown): void;

  /** The hook through which RxJS subscribes to its own class. */
  _subscribe(subscriber: Subscriber<unknown>): (() => void) | undefined {
    const handle = this.drive(new Outlet(subscriber, this));
    return handle === null ? undefined : () => handle.cancel();
  }
}

Object.defineProperty(Flow.prototype, FLOW, { value: true });

/** Whether `value` is a flow. Asked at every level: `instanceof` walks up from each kind of flow anew, and takes several times as long. */
export function isFlow(value: unknown): value is Flow {
  try {
    return (value as { readonly [FLOW]?: true } | null | undefined)?.[FLOW] === true;
  } catch {
    return false;
  }
}

/** Lets a flow out into RxJS. A teardown that throws there surfaces here, in the middle of somebody else's delivery. */
class Outlet implements Sink {
  readonly #subscriber: Subscriber<unknown>;
  readonly #flow: Flow;

  constructor(subscriber: Subscriber<unknown>, flow: Flow) {
    this.#subscriber = subscriber;
    this.#flow = flow;
  }

  get enough(): boolean {
    return this.#subscriber.closed;
  }

  next(value: unknown): void {
    try {
      this.#subscriber.next(value);
    } catch (error) {
      this.#flow.teardownThrew(error);
    }
  }

  success(value: unknown): void {
    this.next(value);
    this.complete();
  }

  complete(): void {
    try {
      this.#subscriber.complete();
    } catch (error) {
      this.#flow.teardownThrew(error);
    }
  }

  error(reason: unknown): void {
    try {
      this.#subscriber.error(reason);
    } catch (error) {
      this.#flow.teardownThrew(error);
    }
  }
}

/** Lets a plain Observable in: drives a sink with what it emits. */
export abstract class Inlet extends Subscriber<unknown> implements Handle {
  protected readonly sink: Sink;
  private opened = false;

  constructor(sink: Sink) {
    super();
    this.sink = sink;
  }

  /** Hears of a teardown that threw. */
  protected abstract teardownThrew(error: unknown): void;

  /** Subscribes. Answers the handle, or null when the source has ended already. */
  begin(source: Observable<unknown>): Handle | null {
    if (this.closed) return null;
    account.subscriptions++;
    this.opened = true;
    try {
      const subscription: unknown = source.subscribe(this);
      // An Observable of another library answers a subscription of its own.
      if (subscription !== this) this.add(subscription as Subscription);
    } catch (error) {
      // A teardown that ran at once, and threw; or an Observable of somebody else's making.
      if (this.opened) this.error(error);
      else this.teardownThrew(error);
    }
    return this.opened ? this : null;
  }

  /** Also before it was begun: then it never opens. */
  cancel(): void {
    if (this.opened) this.end();
    else this.unsubscribe();
  }

  protected override _next(value: unknown): void {
    this.sink.next(value);
    if (this.sink.enough === true) this.end();
  }

  // The source is torn down before its end is told: a work has ended only when its teardown has run.

  protected override _error(error: unknown): void {
    this.end();
    this.sink.error(error);
  }

  protected override _complete(): void {
    this.end();
    this.sink.complete();
  }

  /** Called once, when it was begun and has ended in any way. */
  protected ended(): void {}

  protected end(): void {
    if (!this.opened) return;
    this.opened = false;
    account.subscriptions--;
    this.ended();
    try {
      this.unsubscribe();
    } catch (error) {
      this.teardownThrew(error);
    }
  }
}

/** Lets in what a `next` of somebody's own returns. */
export class PlainInlet extends Inlet {
  private readonly report: (error: unknown) => void;

  constructor(sink: Sink, report: (error: unknown) => void) {
    super(sink);
    this.report = report;
  }

  protected override teardownThrew(error: unknown): void {
    this.report(error);
  }
}

/** The Observable that `value` is, or stands for by `Symbol.observable`; undefined when it is none. */
export function asObservable(value: object): Observable<unknown> | undefined {
  if (isObservable(value)) return value;
  const interop = (value as Record<PropertyKey, unknown>)[OBSERVABLE];
  return typeof interop === 'function' ? from(value as Observable<unknown>) : undefined;
}

const OBSERVABLE: PropertyKey = (Symbol as { readonly observable?: symbol }).observable ?? '@@observable';

export { Observable, type Observer, type Operator, Subscriber, type Subscription };
