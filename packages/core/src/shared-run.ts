import type { Sign } from './bound-options.ts';
import type { Call, Deadline } from './call.ts';
import type { CallView } from './call-view.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { Handle, Sink } from './flow.ts';
import type { Next } from './interceptor.ts';
import type { Invocation, Receiver } from './invocation.ts';
import { SharedCall } from './shared-call.ts';
import { SharedWaiter } from './shared-waiter.ts';
import { Unwinding } from './unwinding.ts';
import type { Verdict } from './verdict.ts';
import { madeIn } from './works.ts';

/** What a shared run came to. */
export interface SharedOutcome {
  readonly status: Verdict;
  /** The result of an `ok`. */
  readonly value: unknown;
  /** What any other ended with. */
  readonly error: unknown;
  /** The items, of a stream. */
  readonly items: readonly unknown[] | undefined;
}

/**
 * One run of what is inside an interceptor, for several calls at once: each joins it, keeps its own deadline and can be stopped by itself. It goes
 * on for as long as anybody waits for it, be that whoever began it or not, and is stopped with the last that leaves.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Flow, Place, type SharedRun, shareRun, wrap } from '@sluice/core';
 *
 * let shared: SharedRun | undefined;
 * const once = defineInterceptor({
 *   name: 'once',
 *   priority: Place.idempotency,
 *   intercept: (call, next) =>
 *     new (class extends Flow {
 *       drive(sink: Parameters<Flow['drive']>[0]) {
 *         shared ??= shareRun(call, next);
 *         return shared.join(call, sink);
 *       }
 *       teardownThrew(error: unknown): void {
 *         console.error(error);
 *       }
 *     })(),
 * });
 * let runs = 0;
 * const load = wrap(async () => ++runs, once);
 * const [first, second] = await Promise.all([load(), load()]);
 * console.assert(first === 1 && second === 1);
 * ```
 */
export class SharedRun implements Receiver {
  /** What it came to; undefined while it goes on. */
  outcome: SharedOutcome | undefined = undefined;
  readonly #call: SharedCall;
  readonly #waiting = new Set<SharedWaiter>();
  readonly #items: unknown[] = [];
  readonly #ended: (outcome: SharedOutcome) => void;
  /** What those that have waited for it stay for. */
  readonly #unwinding: Unwinding[] = [];
  readonly #whenSettled: (() => void)[] = [];
  #begun = false;

  /** Made by {@link shareRun}. */
  constructor(lead: CallView, next: Next, idempotencyKey: string | undefined, ended: (outcome: SharedOutcome) => void) {
    this.#call = new SharedCall(this, lead, next, idempotencyKey);
    this.#ended = ended;
  }

  /** How many wait for it. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Lets a call wait for what it comes to: what has come already is handed to it at once. Answers how to leave, or null when it is over. */
  join(call: Call, sink: Sink): Handle | null {
    const waiting = new SharedWaiter(this, call as CallView, sink, !this.#begun);
    waiting.root.standsFor(this.#call);
    // What comes meanwhile, because of what is handed over here, is added to the list and so not missed.
    for (const item of this.#items) waiting.item(item);
    if (waiting.over) return null;
    if (this.outcome !== undefined) {
      waiting.done(this.outcome, this.#call);
      return null;
    }
    this.#waiting.add(waiting);
    if (!this.#begun) {
      this.#begun = true;
      this.#call.stream(this);
    }
    return waiting.over ? null : waiting;
  }

  /** One does not wait any more: with the last of them it is stopped. */
  leave(waiting: SharedWaiter, reason: unknown): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0 || this.outcome !== undefined) return;
    // Whoever stops it stays until it has unwound, like whoever stops work of its own.
    this.#unwinding.push(new Unwinding(waiting.view));
    this.#call.abort(reason ?? new CancelledError('Nobody waits for it any more'));
  }

  /** Whether `call` was made in what it runs, be it by way of other calls: then it must not wait for it. */
  runs(call: Call): boolean {
    return madeIn(call, this.#call.whole);
  }

  /** The latest deadline of those that wait for it: until then it may go on. */
  get deadline(): Deadline | undefined {
    let latest: Deadline | undefined;
    for (const { view } of this.#waiting) {
      const { deadline } = view;
      if (latest === undefined || deadline.at > latest.at) latest = deadline;
    }
    return latest;
  }

  /** Calls `fn` once, when all that it has set in motion has really ended. */
  onSettled(fn: () => void): void {
    if (this.#call.settled) fn();
    else this.#whenSettled.push(fn);
  }

  /** Whether it is a stream: known with its first item. */
  get streaming(): boolean {
    return this.#call.streaming;
  }

  get enough(): boolean {
    return false;
  }

  get collects(): boolean {
    return true;
  }

  item(value: unknown): void {
    this.#items.push(value);
    for (const waiting of [...this.#waiting]) waiting.item(value);
  }

  /** Its work begins anew: what it has emitted does not count any more. */
  startsOver(): void {
    this.#items.length = 0;
    for (const { root } of this.#waiting) root.startsOver();
  }

  /** It has said something of itself. */
  heard(sign: Sign, at: number, details: unknown): void {
    for (const waiting of [...this.#waiting]) waiting.heard(sign, at, details);
  }

  decided(call: Invocation): void {
    this.#call.decided();
    const status = call.verdict as Verdict;
    const items = call.streaming ? this.#items : undefined;
    const outcome: SharedOutcome =
      status === 'ok'
        ? { status, value: call.outcome, error: undefined, items }
        : { status, value: undefined, error: call.outcome, items };
    this.outcome = outcome;
    this.#ended(outcome);
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { view } of all) this.#unwinding.push(new Unwinding(view));
    for (const waiting of all) waiting.done(outcome, call);
  }

  done(): void {
    for (const unwinding of this.#unwinding) unwinding.release();
  }

  /** All that it has set in motion has really ended. */
  settled(): void {
    for (const unwinding of this.#unwinding.splice(0)) unwinding.settle();
    for (const fn of this.#whenSettled.splice(0)) fn();
  }
}

/**
 * Begins a {@link SharedRun}, with the first call that joins it.
 *
 * @param ended - hears what it came to, before anybody else does
 *
 * @example
 * ```ts
 * import { defineInterceptor, Flow, Place, shareRun, wrap } from '@sluice/core';
 *
 * const alone = defineInterceptor({
 *   name: 'alone',
 *   priority: Place.idempotency,
 *   intercept: (call, next) =>
 *     new (class extends Flow {
 *       drive = (sink: Parameters<Flow['drive']>[0]) => shareRun(call, next).join(call, sink);
 *       teardownThrew(error: unknown): void {
 *         console.error(error);
 *       }
 *     })(),
 * });
 * console.assert((await wrap(async () => 42, alone)()) === 42);
 * ```
 */
export function shareRun(
  call: Call,
  next: Next,
  options: { readonly idempotencyKey?: string; readonly ended?: (outcome: SharedOutcome) => void } = {},
): SharedRun {
  return new SharedRun(call as CallView, next, options.idempotencyKey, options.ended ?? (() => {}));
}

/**
 * The idempotency key that the caller of a call has said with `idempotencyKey`; undefined where none was.
 *
 * @example
 * ```ts
 * import { createRunner, defineInterceptor, Place, statedIdempotencyKey, tool } from '@sluice/core';
 *
 * let stated: string | undefined;
 * const watching = defineInterceptor({
 *   name: 'watching',
 *   priority: Place.observe,
 *   intercept(call, next) {
 *     stated = statedIdempotencyKey(call);
 *     return next(call);
 *   },
 * });
 * const pay = tool('pay', {}, async () => 'paid');
 * await createRunner({ use: [watching] }).call(pay, undefined, { idempotencyKey: 'order-7' });
 * console.assert(stated === 'order-7');
 * ```
 */
export function statedIdempotencyKey(call: Call): string | undefined {
  return (call as CallView).root.statedKey;
}
