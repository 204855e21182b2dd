import type { Call } from './call.ts';
import { type CallView, title } from './call-view.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { Execution } from './execution.ts';
import { sweep } from './scope.ts';

/** Work of a call that has its outcome, and goes on, or cleans up. */
export interface UnsettledWork {
  /** How long it may take to end, from its outcome: its grace where it was stopped, the time for cleanup where it ended by itself. */
  readonly patienceMs: number;
  /** Calls `fn` once, when all of it has really ended. */
  onSettled(fn: () => void): void;
}

/**
 * Ends an attempt that has failed, before another one begins: stops what is still open in it, which nobody waits for, and answers the work
 * that has not really ended, be it of whatever attempt; undefined when there is none. Asked once the failure has been told: while an
 * interceptor is being told of it, the work has not had the time to end.
 *
 * @example
 * ```ts
 * import { defineInterceptor, endAttempt, Place, wrap } from '@sluice/core';
 *
 * const curious = defineInterceptor({
 *   name: 'curious',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     console.assert(endAttempt(call) === undefined); // nothing has begun
 *     return next(call);
 *   },
 * });
 * await wrap(async () => 42, curious)();
 * ```
 */
export function endAttempt(call: Call): UnsettledWork | undefined {
  const { root } = call as CallView;
  if (!root.hasChildren) return undefined;
  const open = root.unsettledWorks().filter((work) => work.open);
  if (open.length > 0)
    sweep(open, new CancelledError(`The attempt of ${title(call)} that it was a part of has failed`));
  const works = root.unsettledWorks();
  if (works.length === 0) return undefined;
  return {
    patienceMs: Math.max(
      ...works.map((work) => (work.aborted || work.released ? root.graceMs : Math.max(root.graceMs, root.cleanupMs))),
    ),
    onSettled: (fn) => whenSettled(works, fn),
  };
}

function whenSettled(works: readonly Execution[], fn: () => void): void {
  let open = 0;
  const settled = (): void => {
    open--;
    if (open === 0) fn();
  };
  for (const work of works) if (work.followedBy({ heard() {}, settled })) open++;
  if (open === 0) fn();
}

/**
 * Whether a work of the call has begun, in whatever attempt: from then on what it was to do may have been done.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, workHasBegun, wrap } from '@sluice/core';
 *
 * const curious = defineInterceptor({
 *   name: 'curious',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     console.assert(!workHasBegun(call));
 *     call.onEnd(() => console.assert(workHasBegun(call)));
 *     return next(call);
 *   },
 * });
 * await wrap(async () => 42, curious)();
 * ```
 */
export function workHasBegun(call: Call): boolean {
  return (call as CallView).root.begun > 0;
}

/**
 * What the work of a call has achieved so far, be it in an attempt that has failed; undefined when that is nothing.
 *
 * @example
 * ```ts
 * import { achieved, createRunner, defineInterceptor, Place, tool } from '@sluice/core';
 *
 * const curious = defineInterceptor({
 *   name: 'curious',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     call.onEnd(() => console.assert(achieved(call) === 'half'));
 *     return next(call);
 *   },
 * });
 * const work = tool('work', {}, async (_: undefined, ctx) => ctx.partial('half'));
 * await createRunner({ use: [curious] }).call(work);
 * ```
 */
export function achieved(call: Call): unknown {
  return (call as CallView).root.partial;
}

/**
 * Whether `inner` was made in the work of `outer`, be it by way of other calls.
 *
 * @example
 * ```ts
 * import { type Call, createRunner, defineInterceptor, madeIn, Place, tool } from '@sluice/core';
 *
 * const seen: Call[] = [];
 * const watching = defineInterceptor({
 *   name: 'watching',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     seen.push(call);
 *     return next(call);
 *   },
 * });
 * const inner = tool('inner', {}, async () => 'done');
 * const outer = tool('outer', {}, (_: undefined, ctx) => ctx.call(inner));
 * await createRunner({ use: [watching] }).call(outer);
 * const [first, second] = seen as [Call, Call];
 * console.assert(madeIn(second, first) && !madeIn(first, second));
 * ```
 */
export function madeIn(inner: Call, outer: Call): boolean {
  const { root } = outer as CallView;
  for (let { caller } = (inner as CallView).root; caller !== null; ) {
    const call: CallView | null = caller.call;
    if (call === null) return false;
    if (call.root === root) return true;
    caller = call.root.caller;
  }
  return false;
}
