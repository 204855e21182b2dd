import type { Call } from './call.ts';
import { CallView, callInfo, scopeOf, title } from './call-view.ts';
import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { Flow, type Handle, Inlet, type Observable, type Sink } from './flow.ts';
import type { Next } from './interceptor.ts';
import type { Part } from './part.ts';
import { sweep } from './scope.ts';
import type { TimerNode } from './timers.ts';

/** A deadline that an interceptor sets around what is inside it. */
export interface BoundOptions {
  /** How long what is inside may take, in milliseconds; `Infinity` for ever, `0` not at all. */
  readonly limit: number;
  /** What the limit is called in the error: `total` and `attempt` are the habit. */
  readonly name: string;
  /** Whose deadline it is; the call's own (`tool:search`) unless given. */
  readonly scope?: string;
  /** Whether the error says that repeating may help; no unless given. */
  readonly retryable?: boolean;
}

/**
 * Sets a deadline around everything inside an interceptor: core's one mechanism of time, for plugins to use.
 *
 * When it passes, all that is inside is stopped in one sweep with a {@link TimeoutError} as the reason, and that error is what the
 * interceptor gets. A result that arrives in the same turn of the event loop wins. A deadline around it that passes earlier
 * stays in force, and is named in the error as its owner.
 *
 * @example
 * ```ts
 * import { defineInterceptor, isSluiceError, Place, within, wrap } from '@sluice/core';
 *
 * const brief = defineInterceptor({
 *   name: 'brief',
 *   priority: Place.attempt,
 *   intercept: (call, next) => within(call, { limit: 20, name: 'attempt', scope: 'attempt', retryable: true }, next),
 * });
 * const hang = wrap(() => new Promise<never>(() => {}), brief);
 * await hang().catch((error: unknown) => console.assert(isSluiceError(error, 'TIMEOUT')));
 * ```
 */
export function within(call: Call, options: BoundOptions, next: Next): Observable<unknown> {
  const view = call as CallView;
  if (!(options.limit >= 0))
    throw new ConfigError(`within: expected a limit of 0 ms or more, got ${describe(options.limit)}`);
  if (options.limit === Number.POSITIVE_INFINITY || !view.root.environment.timeouts) return next(call);
  return new BoundFlow(view, options, next);
}

/** The level of a view that has gone on inside a deadline, as another view. */
const INSIDE = Number.POSITIVE_INFINITY;

class BoundFlow extends Flow {
  private readonly view: CallView;
  private readonly options: BoundOptions;
  private readonly next: Next;

  constructor(view: CallView, options: BoundOptions, next: Next) {
    super();
    this.view = view;
    this.options = options;
    this.next = next;
  }

  drive(sink: Sink): Handle | null {
    const { view } = this;
    // What has been inside a deadline before is there for another attempt.
    const fresh = view.reached === INSIDE ? view.again({ error: view.root.lastError }) : view;
    fresh.reached = INSIDE;
    return new Bound(fresh, this.options, sink).begin(this.next);
  }

  teardownThrew(error: unknown): void {
    this.view.root.environment.report(
      new InterceptorError('(within)', 'threw while it was torn down', { cause: error }),
    );
  }
}

/** One run of what is inside a deadline: the view of the call there, and the timer's node. */
class Bound extends CallView implements Sink, Part, TimerNode {
  partBefore: Part | null = null;
  partAfter: Part | null = null;
  timerAt = 0;
  timerSlot = -1;
  timerOrder = 0;
  timerBefore: TimerNode | null = null;
  timerAfter: TimerNode | null = null;
  declare readonly patient: true;
  private readonly options: BoundOptions;
  private readonly sink: Sink;
  private inner: Handle | null = null;

  constructor(view: CallView, options: BoundOptions, sink: Sink) {
    super(view.root, view, view.attempt, view.previous, view);
    this.options = options;
    this.sink = sink;
  }

  /** Arms the deadline, then starts what is inside: never the other way round. */
  begin(next: Next): Handle | null {
    const { limit } = this.options;
    const { root } = this;
    if (limit <= 0) {
      this.closed = true;
      this.tell(0);
      this.sink.error(this.timeout(0));
      return null;
    }
    root.keepContext();
    root.openPart(this);
    root.environment.timers.arm(this, limit);
    let inside: Observable<unknown>;
    try {
      inside = next(this);
    } catch (error) {
      this.error(error);
      return null;
    }
    const inner =
      inside instanceof Flow ? inside.drive(this) : new PlainInlet(this, root.environment.report).begin(inside);
    if (!this.closed) {
      this.inner = inner;
      return this;
    }
    // It was stopped while it was being started.
    inner?.cancel(this.stopReason());
    return null;
  }

  get enough(): boolean {
    return this.closed || this.sink.enough === true;
  }

  next(value: unknown): void {
    this.sink.next(value);
  }

  success(value: unknown): void {
    if (this.close()) this.sink.success(value);
  }

  complete(): void {
    if (this.close()) this.sink.complete();
  }

  error(error: unknown): void {
    if (this.close()) this.sink.error(error);
  }

  cancel(reason?: unknown): void {
    if (this.close()) this.inner?.cancel(reason ?? this.stopReason());
  }

  expire(lagMs: number): void {
    this.root.inContext(() => this.expired(lagMs));
  }

  override ownDeadline(): number {
    if (!this.closed) return this.root.environment.timers.expiry(this);
    return Number.isNaN(this.timerAt) ? Number.POSITIVE_INFINITY : this.timerAt;
  }

  override get ownScope(): string {
    return this.options.scope ?? scopeOf(this);
  }

  protected override get attemptOf(): CallView {
    return this;
  }

  private close(): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.root.closePart(this);
    this.root.environment.timers.disarm(this);
    return true;
  }

  private expired(lagMs: number): void {
    if (!this.close()) return;
    const error = this.timeout(lagMs);
    this.failure = error;
    // What is set off by this cannot be first any more: the deadline was.
    this.root.whileDeciding(() => {
      this.tell(lagMs);
      sweep(this.root.worksWithin(this), error, () => this.inner?.cancel(error));
      this.sink.error(error);
    });
  }

  private tell(lagMs: number): void {
    const { name, limit } = this.options;
    this.emit('timeout', { scope: this.ownScope, limit: name, limitMs: limit, lagMs });
  }

  private timeout(lagMs: number): TimeoutError {
    const { limit, name, retryable = false } = this.options;
    const what = name === 'deadline' ? 'deadline' : `${name} timeout`;
    const late = lagMs > 20 ? { lagMs } : {};
    return new TimeoutError(`${title(this)} exceeded its ${what} of ${limit} ms`, {
      call: callInfo(this),
      scope: this.ownScope,
      retryable,
      partial: this.root.partial,
      remediation: `Raise the ${what} of "${this.name}" (${limit} ms) or split its work.`,
      details: { timeout_seconds: limit / 1000, limit: name, limitMs: limit, elapsedMs: limit + lagMs, ...late },
    });
  }
}

/** Lets in what a `next` of somebody's own returns. */
class PlainInlet extends Inlet {
  private readonly report: (error: unknown) => void;

  constructor(sink: Sink, report: (error: unknown) => void) {
    super(sink);
    this.report = report;
  }

  protected override teardownThrew(error: unknown): void {
    this.report(error);
  }
}

Object.defineProperty(Bound.prototype, 'patient', { value: true });
