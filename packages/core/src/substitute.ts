import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import type { Context } from './context.ts';
import { Execution } from './execution.ts';
import type { Handle, Sink } from './flow.ts';

/**
 * Notes that what the caller gets is not from the work of the call: the report of a stage says so, and in place of which error it is.
 *
 * @see {@link runInstead} for something that has to be worked out
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, substituted, wrap } from '@sluice/core';
 * import { catchError, of } from 'rxjs';
 *
 * const zero = defineInterceptor({
 *   name: 'zero',
 *   priority: Place.fallback,
 *   intercept: (call, next) =>
 *     next(call).pipe(
 *       catchError((error: unknown) => {
 *         substituted(call, 'fallback', error);
 *         return of(0);
 *       }),
 *     ),
 * });
 * console.assert((await wrap(async (): Promise<number> => { throw new Error('no'); }, zero)()) === 0);
 * ```
 */
export function substituted(call: Call, origin: 'fallback' | 'cache', error?: unknown): void {
  (call as CallView).root.substituted({ origin, error });
}

/**
 * Gives the caller something else in place of what the work of the call came to, or of running it: a value, or the items of a stream. The
 * report of a stage says so.
 *
 * @param error - in place of which error it is
 *
 * @example
 * ```ts
 * import { defineInterceptor, Flow, giveInstead, Place, wrap } from '@sluice/core';
 *
 * const known = defineInterceptor({
 *   name: 'known',
 *   priority: Place.idempotency,
 *   intercept: (call) =>
 *     new (class extends Flow {
 *       drive = (sink: Parameters<Flow['drive']>[0]) => giveInstead(call, { value: 42 }, 'cache', sink);
 *       teardownThrew(error: unknown): void {
 *         console.error(error);
 *       }
 *     })(),
 * });
 * console.assert((await wrap(async () => 7, known)()) === 42);
 * ```
 */
export function giveInstead(
  call: Call,
  { value, items }: { readonly value?: unknown; readonly items?: readonly unknown[] | undefined },
  origin: 'fallback' | 'cache',
  sink: Sink,
  error?: unknown,
): null {
  const { root } = call as CallView;
  root.setAside();
  root.substituted({ origin, error });
  if (items === undefined) {
    sink.success(value);
    return null;
  }
  root.streamStarts();
  for (const item of items) {
    if (sink.enough === true) return null;
    sink.next(item);
  }
  sink.complete();
  return null;
}

/**
 * Runs other work in place of that of the call, after that has failed: with a scope, a signal and a cleanup of its own, in whatever deadlines
 * are around the call here, and with `previous.error` in its context. It is no further attempt. Answers how to stop it, or null when it has
 * ended already.
 *
 * @example
 * ```ts
 * import { defineInterceptor, driveNext, Flow, Place, runInstead, wrap } from '@sluice/core';
 *
 * const cached = defineInterceptor({
 *   name: 'cached',
 *   priority: Place.fallback,
 *   intercept: (call, next) =>
 *     new (class extends Flow {
 *       drive = (sink: Parameters<Flow['drive']>[0]) =>
 *         driveNext(call, next, {
 *           next: (value) => sink.next(value),
 *           success: (value) => sink.success(value),
 *           complete: () => sink.complete(),
 *           error: (error) => void runInstead(call, async () => 'from the cache', error, sink),
 *         });
 *       teardownThrew(error: unknown): void {
 *         console.error(error);
 *       }
 *     })(),
 * });
 * console.assert((await wrap(async () => { throw new Error('no'); }, cached)()) === 'from the cache');
 * ```
 */
export function runInstead(
  call: Call,
  work: (input: unknown, context: Context) => unknown,
  error: unknown,
  sink: Sink,
): Handle | null {
  const { root } = call as CallView;
  const view = (call as CallView).aside(error);
  const refusal = view.refusal();
  if (refusal !== undefined) {
    sink.error(refusal);
    return null;
  }
  return new Standby(view, new Trial(sink, root.setAside()), work).begin();
}

/** Follows what is tried in place of a call. As long as nothing has come of it, what the call itself came to stays what it came to. */
class Trial implements Sink {
  private readonly sink: Sink;
  private readonly putBack: () => void;
  private emitted = false;

  constructor(sink: Sink, putBack: () => void) {
    this.sink = sink;
    this.putBack = putBack;
  }

  get enough(): boolean {
    return this.sink.enough === true;
  }

  next(value: unknown): void {
    this.emitted = true;
    this.sink.next(value);
  }

  success(value: unknown): void {
    this.sink.success(value);
  }

  complete(): void {
    this.sink.complete();
  }

  error(error: unknown): void {
    if (!this.emitted) this.putBack();
    this.sink.error(error);
  }
}

/** A run of other work than the target's own. */
class Standby extends Execution {
  private readonly other: (input: unknown, context: Context) => unknown;

  constructor(view: CallView, sink: Sink, other: (input: unknown, context: Context) => unknown) {
    super(view, sink);
    this.other = other;
  }

  override begin(): Handle | null {
    // It is no attempt, and will be counted as one.
    this.call.root.begun--;
    return super.begin();
  }

  protected override work(): unknown {
    return this.other(this.call.input, this.context);
  }
}
