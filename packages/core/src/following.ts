import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Flow, type Handle, type Observable, type Sink } from './flow.ts';
import { Hold } from './hold.ts';
import type { Next } from './interceptor.ts';
import type { Verdict } from './verdict.ts';

/** What is told of one run of what is inside an interceptor: what an unsubscribe cannot say. */
export interface RunFollower {
  /** A work inside has begun: once. */
  began?(): void;
  /** It has ended, in whatever way: once, before anybody further out hears of it. */
  ended?(status: Verdict, error: unknown): void;
  /** It has ended, but its work goes on, or cleans up: once, and only where that is so. */
  lingers?(): void;
  /** Its work has really ended, and its cleanup has run: once. */
  settled?(): void;
}

/**
 * Runs what is inside an interceptor, and tells `follower` of the run: what {@link Call.onEnd} and {@link Call.onSettled} tell, for plugins
 * that hold something for as long as work goes on, in one object rather than two closures.
 *
 * @example
 * ```ts
 * import { defineInterceptor, following, Place, wrap } from '@sluice/core';
 *
 * let running = 0;
 * const gauge = defineInterceptor({
 *   name: 'gauge',
 *   priority: Place.concurrency,
 *   intercept(call, next) {
 *     running++;
 *     return following(call, { settled: () => running-- }, next);
 *   },
 * });
 * await wrap(async () => console.assert(running === 1), gauge)();
 * console.assert(running === 0);
 * ```
 */
export function following(call: Call, follower: RunFollower, next: Next): Observable<unknown> {
  return new FollowedFlow(call as CallView, follower, next);
}

class FollowedFlow extends Flow {
  private readonly view: CallView;
  private readonly follower: RunFollower;
  private readonly next: Next;
  /** The level of the interceptor that follows. */
  private readonly level: number;

  constructor(view: CallView, follower: RunFollower, next: Next) {
    super();
    this.view = view;
    this.follower = follower;
    this.next = next;
    this.level = view.reached;
  }

  drive(sink: Sink): Handle | null {
    const { level, next } = this;
    let { view } = this;
    if (view.reached > level) {
      // What has been inside before is there for another attempt.
      view = view.again({ error: view.root.lastError });
      view.enter(level);
    }
    return new Hold(view, level + 1, null, sink, this.follower).driveNext(view, next);
  }

  teardownThrew(error: unknown): void {
    this.view.root.environment.report(
      new InterceptorError('(following)', 'threw while it was torn down', { cause: error }),
    );
  }
}
