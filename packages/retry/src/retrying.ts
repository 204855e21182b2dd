import {
  achieved,
  alarm,
  type Call,
  driveNext,
  endAttempt,
  type Handle,
  inCallContext,
  isSluiceError,
  isTimed,
  keepCallContext,
  type Next,
  reportFault,
  type Sink,
  sinceBegun,
  type UnsettledWork,
} from '@sluice/core';
import type { FailedAttempt } from './attempt-record.ts';
import type { BudgetAccount } from './budget.ts';
import { isLocalRejection } from './classify.ts';
import { exhausted } from './exhausted.ts';
import type { GiveUp } from './give-up.ts';
import { nextStep } from './next-step.ts';
import type { RetryPlan } from './retry-plan.ts';
import { keepRecord } from './retry-record.ts';
import { refundAll, takeAll } from './take-all.ts';

/** An attempt is being started right now. */
const STARTING = 0;
/** An attempt goes on, or the wait for the next one does. */
const ONGOING = 1;
/** The next attempt is due as soon as the one that is being started has unwound. */
const DUE = 2;
/** It has ended, or was stopped. */
const OVER = 3;

/** What is told to it happens in a microtask, without the resource that `queueMicrotask` makes for each. */
const NOW: Promise<void> = Promise.resolve();

/** One call and all of its attempts: it passes on what the last of them ends with. */
export class Retrying implements Sink, Handle {
  private readonly plan: RetryPlan;
  private readonly call: Call;
  private readonly inside: Next;
  private readonly sink: Sink;
  private inner: Handle | null = null;
  private attempts = 1;
  private phase: typeof STARTING | typeof ONGOING | typeof DUE | typeof OVER = STARTING;
  /** Items have been handed on. */
  private emitted = false;
  /** When it began; null where somebody else knows. */
  private readonly startedAt: number | null;
  private failures: Failures | null = null;

  constructor(plan: RetryPlan, call: Call, next: Next, sink: Sink) {
    this.plan = plan;
    this.call = call;
    this.inside = next;
    this.sink = sink;
    this.startedAt = isTimed(call) ? null : call.clock.now();
    plan.counts.calls++;
  }

  begin(): Handle | null {
    this.run(this.call);
    return this.isOver ? null : this;
  }

  /** Never one attempt inside another: those that fail at once would fill the stack. */
  private run(first: Call): void {
    for (let view: Call | undefined = first; view !== undefined; view = this.again()) {
      const inner = this.start(view);
      if (this.phase === DUE) {
        this.phase = ONGOING;
        continue;
      }
      if (this.phase === STARTING) {
        this.inner = inner;
        this.phase = ONGOING;
      } else {
        // It was stopped while it was being started.
        inner?.cancel();
      }
      return;
    }
  }

  private start(view: Call): Handle | null {
    this.phase = STARTING;
    return driveNext(view, this.inside, this);
  }

  private get isOver(): boolean {
    return this.phase === OVER;
  }

  // What arrives from the attempt.

  get enough(): boolean {
    return this.isOver || this.sink.enough === true;
  }

  next(value: unknown): void {
    this.emitted = true;
    this.sink.next(value);
  }

  success(value: unknown): void {
    if (this.isOver) return;
    this.succeeded();
    this.sink.success(value);
  }

  complete(): void {
    if (this.isOver) return;
    this.succeeded();
    this.sink.complete();
  }

  private succeeded(): void {
    this.phase = OVER;
    const { plan, failures } = this;
    if (failures !== null) {
      plan.counts.recovered++;
      this.refund();
      return;
    }
    try {
      plan.succeeded(this.call);
    } catch (cause) {
      this.budgetThrew(cause);
    }
  }

  error(error: unknown): void {
    if (this.isOver) return;
    this.inner = null;
    const { call, plan, attempts, emitted } = this;
    this.failures ??= new Failures();
    const { failures } = this;
    // What was taken for an attempt that failed is spent; what was stopped has not failed, and what was refused here was never made.
    if (isCancelled(error) || isLocalRejection(error)) this.refund();
    failures.taken = [];
    const step = nextStep(call, plan.rules, { error, attempt: attempts, previousMs: failures.delayMs, emitted });
    // Whom it asks may stop it.
    if (this.stopped()) return;
    if ('because' in step) {
      if (step.cause !== undefined) reportFault(call, plan.name, step.reason, step.cause);
      this.giveUp(error, step.because, step.reason);
      return;
    }
    const poor = this.takeToken(failures);
    if (this.stopped()) return;
    if (poor !== undefined) {
      this.giveUp(error, 'budget', poor);
      return;
    }
    const { delayMs } = step;
    failures.add(this.failed(error, delayMs));
    call.emit('retry.wait', { failed: attempts, delayMs, error });
    // Whoever hears of it may stop the call: then nothing follows that there is to tell of.
    if (this.stopped()) return;
    this.tell(error, delayMs);
    if (this.stopped()) return;
    if (delayMs > 0) this.wait(delayMs, () => this.goOn());
    else if (this.phase === STARTING) this.phase = DUE;
    else NOW.then(() => this.goOn());
  }

  cancel(reason?: unknown): void {
    if (this.isOver) return;
    this.phase = OVER;
    this.failures?.cancelWait?.();
    this.refund();
    this.inner?.cancel(reason);
  }

  // What follows a failure.

  private failed(error: unknown, delayMs?: number): FailedAttempt {
    const { call, attempts } = this;
    const partial = achieved(call);
    return {
      attempt: attempts,
      error,
      atMs: this.elapsed(),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(partial === undefined ? {} : { partial }),
    };
  }

  /** For how long it has been going on, in milliseconds. */
  private elapsed(): number {
    const { call, startedAt } = this;
    return startedAt === null ? (sinceBegun(call) ?? 0) : call.clock.now() - startedAt;
  }

  /** Whether nobody wants another attempt: it was stopped, be it by who cannot say so yet, while it is still being started. */
  private stopped(): boolean {
    if (!this.enough) return false;
    this.phase = OVER;
    this.refund();
    return true;
  }

  private goOn(): void {
    const view = this.again();
    if (view !== undefined) this.run(view);
  }

  /** The call of the next attempt; undefined when there is none, or not yet. */
  private again(): Call | undefined {
    const { call, plan, failures } = this;
    if (this.stopped() || failures === null) return undefined;
    const { overlap, timeoutFactor } = plan.rules;
    const left = endAttempt(call);
    if (left !== undefined && overlap !== true) {
      this.awaitEnd(left, failures);
      return undefined;
    }
    const { error } = failures.last;
    if (call.deadline.remaining() <= 0) {
      this.leave('deadline', 'the deadline has passed');
      return undefined;
    }
    this.attempts++;
    plan.counts.retries++;
    const timeFactor = Math.min(call.timeFactor * timeoutFactor ** (this.attempts - 1), Number.MAX_VALUE);
    return call.again({ error, timeFactor });
  }

  /** The work of the last attempt goes on. */
  private awaitEnd(left: UnsettledWork, failures: Failures): void {
    let heard = false;
    const ended = (): void => {
      if (heard) return;
      heard = true;
      failures.cancelWait?.();
      failures.cancelWait = null;
      // What has just ended is in the middle of saying so.
      queueMicrotask(() => inCallContext(this.call, () => this.goOn()));
    };
    if (this.plan.rules.overlap === false) {
      const { atMs } = failures.last;
      const patienceMs = atMs + left.patienceMs - this.elapsed();
      if (patienceMs <= 0) {
        this.leave('unsettled', 'the work of the last attempt has not ended');
        return;
      }
      this.wait(patienceMs, () => {
        heard = true;
        this.goOn();
      });
    }
    left.onSettled(ended);
  }

  private wait(ms: number, then: () => void): void {
    const { call } = this;
    const failures = this.failures as Failures;
    keepCallContext(call);
    failures.cancelWait = alarm(call.clock, ms, () => {
      failures.cancelWait = null;
      inCallContext(call, then);
    });
  }

  /** Gives up where another attempt was paid for already. */
  private leave(because: GiveUp, reason: string): void {
    this.refund();
    const { delayMs: _, ...last } = (this.failures as Failures).attempts.pop() as FailedAttempt;
    this.giveUp(last.error, because, reason, last);
  }

  private giveUp(error: unknown, because: GiveUp, reason: string, last?: FailedAttempt): void {
    this.phase = OVER;
    const { call, plan, attempts, sink } = this;
    const failures = this.failures as Failures;
    if (!isCancelled(error)) {
      failures.add(last ?? this.failed(error));
      // What never was to be tried again is no news.
      if (because !== 'error' || attempts > 1) {
        plan.counts.gaveUp(because);
        call.emit('retry.giveup', { because, reason, attempts, error });
      }
      if (attempts > 1) keepCause(error, failures);
    }
    const told = because === 'attempts' && attempts > 1 ? exhausted(call, failures.attempts) : error;
    const record = { because, reason, attempts: failures.attempts };
    keepRecord(told, call, record);
    // Further out its cause may be all that is left of it.
    if (told !== error && call.parent !== undefined) keepRecord(error, call, record);
    sink.error(told);
  }

  // What it costs, and whom it is told.

  /** Takes what another attempt costs; answers in words what is missing. */
  private takeToken(failures: Failures): string | undefined {
    const { call, plan } = this;
    if (plan.rules.budget.list.length === 0) return undefined;
    let poor: BudgetAccount | undefined;
    try {
      const accounts = plan.accounts(call);
      poor = takeAll(accounts, call.clock.now());
      if (poor === undefined) failures.taken = accounts;
    } catch (cause) {
      reportFault(call, plan.name, 'could not ask its budget', cause);
      return 'the budget could not be asked';
    }
    return poor === undefined ? undefined : `the budget of "${poor.key}" is spent`;
  }

  private refund(): void {
    const { failures } = this;
    if (failures === null || failures.taken.length === 0) return;
    const { taken } = failures;
    failures.taken = [];
    try {
      refundAll(taken, this.call.clock.now());
    } catch (cause) {
      this.budgetThrew(cause);
    }
  }

  private tell(error: unknown, delayMs: number): void {
    const { call, plan, attempts } = this;
    const { onRetry } = plan.rules;
    if (onRetry === undefined) return;
    const threw = (cause: unknown): void => reportFault(call, plan.name, 'threw in onRetry', cause);
    try {
      const told: unknown = onRetry({ call, attempt: attempts, error, delayMs });
      if (told instanceof Promise) told.catch(threw);
    } catch (cause) {
      threw(cause);
    }
  }

  /** Budgets may be of somebody else's making. */
  private budgetThrew(cause: unknown): void {
    reportFault(this.call, this.plan.name, 'could not tell its budget', cause);
  }
}

/** A refusal of this process is not what went wrong: that is what the last real attempt failed with. */
function keepCause(error: unknown, { attempts }: Failures): void {
  if (!isLocalRejection(error) || (error as Error).cause !== undefined) return;
  const cause = attempts.findLast((one) => !isLocalRejection(one.error))?.error;
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
}

/** What was stopped has neither succeeded nor failed. */
function isCancelled(error: unknown): boolean {
  return isSluiceError(error, 'CANCELLED');
}

/** How many failed attempts of a call are remembered. */
const KEPT = 100;

/** What most calls never have. */
class Failures {
  readonly attempts: FailedAttempt[] = [];
  /** What the attempt that goes on, or is waited for, was taken from. */
  taken: readonly BudgetAccount[] = [];
  cancelWait: (() => void) | null = null;

  get last(): FailedAttempt {
    return this.attempts.at(-1) as FailedAttempt;
  }

  /** The last wait. */
  get delayMs(): number {
    return this.attempts.at(-1)?.delayMs ?? 0;
  }

  add(attempt: FailedAttempt): void {
    // Of very many, the first and the last are kept: a call may go on for days.
    if (this.attempts.length === KEPT) this.attempts.splice(KEPT / 2, 1);
    this.attempts.push(attempt);
  }
}
