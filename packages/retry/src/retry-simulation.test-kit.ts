import type { SluiceEvent } from '@sluice/core';
import { isLocalRejection } from './classify.ts';
import type { GiveUp } from './give-up.ts';

// What the simulation of retries keeps on record of each call, and what must hold of it: worked out from the record alone.

/** The rules of one target, as far as they can be checked. */
export interface Known {
  readonly attempts: number;
  readonly overlap: boolean | 'wait';
  readonly restartable: boolean;
  /** The wait after each failure that asks for none itself; undefined where chance decides. */
  readonly delay: ((attempt: number) => number) | undefined;
  readonly total: number;
}

/** One attempt, as what stands inside of the retry sees it. */
export interface AttemptSeen {
  readonly at: number;
  endedAt?: number;
  status?: string;
  error?: unknown;
  settledAt?: number;
}

/** One call, as what stands outside of the retry sees it. */
export class CallSeen {
  readonly known: Known;
  readonly began: number;
  readonly attempts: AttemptSeen[] = [];
  readonly breaches: string[] = [];
  /** Since when somebody has been stopping it. */
  cancelledAt: number | undefined;
  endedAt: number | undefined;
  status: string | undefined;
  error: unknown;
  /** Its works that go on, or clean up, each with how much of it does. */
  readonly alive: Map<object, number> = new Map();
  /** What retries have said of it. */
  readonly waits: {
    readonly at: number;
    readonly failed: number;
    readonly delayMs: number;
    readonly error: unknown;
  }[] = [];
  gaveUp: GiveUp | undefined;

  constructor(known: Known, now: number) {
    this.known = known;
    this.began = now;
  }

  breach(what: string): void {
    this.breaches.push(what);
  }

  /** An attempt begins. */
  begins(now: number): AttemptSeen {
    const { known, attempts, waits } = this;
    const attempt: AttemptSeen = { at: now };
    attempts.push(attempt);
    if (attempts.length > known.attempts) this.breach(`attempt ${attempts.length} of ${known.attempts}`);
    if (this.endedAt !== undefined) this.breach('an attempt began after the end');
    if (this.cancelledAt !== undefined) this.breach('an attempt began after the call was stopped');
    if (now >= this.began + known.total) this.breach('an attempt began after the total');
    if (attempts.length > 1) this.beginsAgain(now, waits.at(-1));
    return attempt;
  }

  private beginsAgain(now: number, wait: CallSeen['waits'][number] | undefined): void {
    const { attempts, known } = this;
    if (this.waits.length !== attempts.length - 1)
      this.breach(`${this.waits.length} waits, ${attempts.length} attempts`);
    if (wait === undefined) return;
    const settled = attempts.slice(0, -1).map(({ settledAt = Number.POSITIVE_INFINITY }) => settledAt);
    const due = wait.at + wait.delayMs;
    const expected = known.overlap === true ? due : Math.max(due, ...settled);
    if (now !== expected) this.breach(`an attempt began at ${now}, and was due at ${expected}`);
  }

  /** Something of a work begins (1), or has ended (-1). */
  lives(work: object, by: 1 | -1): void {
    const { alive, known } = this;
    const left = (alive.get(work) ?? 0) + by;
    if (left === 0) alive.delete(work);
    else alive.set(work, left);
    if (alive.size > 1 && known.overlap !== true) this.breach(`${alive.size} attempts were alive at once`);
  }

  waitsFor(event: Extract<SluiceEvent, { readonly type: 'retry.wait' }>, now: number): void {
    const { failed, delayMs, error } = event;
    const { known, attempts } = this;
    if (this.endedAt !== undefined || this.cancelledAt !== undefined) this.breach('a wait after the end');
    if (failed !== attempts.length) this.breach(`a wait after ${failed} of ${attempts.length}`);
    if (failed >= known.attempts) this.breach('a wait after the last attempt');
    if (now + delayMs >= this.began + known.total) this.breach('a wait that does not fit');
    const asked = (error as { readonly retryAfterMs?: number } | undefined)?.retryAfterMs;
    const expected = asked ?? known.delay?.(failed);
    if (expected !== undefined && delayMs !== expected) this.breach(`a wait of ${delayMs} in place of ${expected}`);
    this.waits.push({ at: now, failed, delayMs, error });
  }

  givesUp({ because, attempts }: Extract<SluiceEvent, { readonly type: 'retry.giveup' }>): void {
    if (this.gaveUp !== undefined) this.breach('it gave up twice');
    if (this.endedAt !== undefined) this.breach('it gave up after the end');
    if (attempts !== this.attempts.length) this.breach(`it gave up after ${attempts} of ${this.attempts.length}`);
    this.gaveUp = because;
  }

  ends(status: string, error: unknown, now: number): void {
    if (this.endedAt !== undefined) this.breach('it ended twice');
    if (now > this.began + this.known.total) this.breach('it ended after its total');
    this.endedAt = now;
    this.status = status;
    this.error = error;
  }

  /** How many of its attempts were paid for, were made, and have failed. */
  get spent(): number {
    return this.attempts.slice(1).filter((one) => failedItself(one) && !isLocalRejection(one.error)).length;
  }
}

/** Whether an attempt failed, rather than being stopped by what stands around the retry. */
export function failedItself({ status, error }: AttemptSeen): boolean {
  if (status === 'failed') return true;
  return status === 'timeout' && (error as { readonly scope?: string }).scope === 'attempt';
}
