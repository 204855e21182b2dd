import type { Call } from './call.ts';
import { DrivenFlow } from './driven.ts';
import type { Observable, Sink } from './flow.ts';
import { FollowedRun } from './followed-run.ts';
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
 * Runs what is inside an interceptor, and tells `follower` of the run: what {@link Call.onEnd} and {@link Call.onSettled} tell, in one object
 * rather than two closures.
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
 *
 * @see {@link FollowedRun} to be the run that is followed
 */
export function following(call: Call, follower: RunFollower, next: Next): Observable<unknown> {
  return new DrivenFlow(
    '(following)',
    (inner, inside, sink) => new Following(inner, follower, sink).begin(inside),
    call,
    next,
  );
}

/** A run that tells somebody else what it hears. */
class Following extends FollowedRun {
  private readonly follower: RunFollower;

  constructor(call: Call, follower: RunFollower, sink: Sink) {
    super(call, sink);
    this.follower = follower;
  }

  protected override began(): void {
    this.follower.began?.();
  }

  protected override ended(status: Verdict, error: unknown): void {
    this.follower.ended?.(status, error);
  }

  protected override lingered(): void {
    this.follower.lingers?.();
  }

  protected override settled(): void {
    this.follower.settled?.();
  }
}
