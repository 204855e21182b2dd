import {
  type Aftermath,
  type BoundFacts,
  type BoundOptions,
  type Call,
  driveNext,
  drivenNext,
  driveWithin,
  type Handle,
  Limit,
  type Next,
  type PolicySource,
  type Sink,
  type SluiceError,
  type Verdict,
} from '@sluice/core';
import { isAdaptiveLimit } from './adaptive-limit.ts';
import type { LearnedLimit } from './learned-limit.ts';
import { timeoutErrorOf } from './timeout-error.ts';
import type { TimeoutFields } from './timeout-options.ts';
import type { TimeoutRecord } from './timeout-stats.ts';

const NONE = Number.POSITIVE_INFINITY;

/** What the limits of one target amount to, worked out once: what its calls stand in, and where they are counted. */
export class TimeoutPlan {
  readonly #total: Limit;
  readonly #queue: Limit | undefined;
  readonly #attempt: Limit | undefined;
  readonly #learned: LearnedLimit | undefined;
  readonly #soft: number | undefined;
  readonly #record: TimeoutRecord;

  constructor(
    fields: TimeoutFields,
    subject: { readonly target: string; readonly name: string },
    record: TimeoutRecord,
    from: Readonly<Record<string, PolicySource>>,
  ) {
    const { total, attempt, queue, soft } = fields;
    this.#record = record;
    this.#soft = soft === NONE ? undefined : soft;
    this.#total = new Limit(new TotalLimit(fields, record));
    if (queue !== NONE) this.#queue = new Limit(new QueueLimit(queue, record, total === NONE));
    if (isAdaptiveLimit(attempt)) this.#learned = attempt.of(subject);
    else if (attempt !== NONE || this.#soft !== undefined) this.#attempt = this.#attemptOf(attempt, total === NONE);
    // What is said for one call, or one run, does not hold for the others.
    if (Object.values(from).includes('run')) return;
    const learned = this.#learned;
    record.limits = () => ({
      ...(total === NONE ? {} : { total }),
      ...(learned !== undefined ? { attempt: learned.limit } : attempt === NONE ? {} : { attempt: attempt as number }),
    });
  }

  /** Stands around the call as a whole. */
  around(call: Call, next: Next, sink: Sink): Handle | null {
    const queue = this.#queue;
    return driveWithin(call, this.#total, queue === undefined ? next : whileQueued(queue, next), sink);
  }

  /** Stands around one attempt. */
  aroundAttempt(call: Call, next: Next, sink: Sink): Handle | null {
    const learned = this.#learned;
    // A limit that is learned is another for each attempt.
    let limit = learned === undefined ? this.#attempt : this.#attemptOf(learned.limit, this.#total.ms === NONE);
    if (limit === undefined) return driveNext(call, next, sink);
    const { timeFactor } = call;
    if (timeFactor !== 1) limit = this.#attemptOf(limit.ms * timeFactor, this.#total.ms === NONE);
    return driveWithin(call, limit, next, sink);
  }

  #attemptOf(limit: number, alone: boolean): Limit {
    return new Limit(new AttemptLimit(limit, this.#soft, this.#learned, this.#record, alone));
  }
}

/** What is inside of the limit on waiting. */
function whileQueued(queue: Limit, next: Next): Next {
  return drivenNext('timeout', (view, sink) => driveWithin(view, queue, next, sink));
}

/** The limit of the call as a whole. */
class TotalLimit implements BoundOptions {
  readonly limit: number;
  readonly name = 'total';
  readonly grace: number | undefined;
  readonly cleanup: number | undefined;
  readonly partial: 'reject' | 'resolve';
  readonly #record: TimeoutRecord;

  constructor({ total, grace, cleanup, partial }: TimeoutFields, record: TimeoutRecord) {
    this.limit = total;
    this.grace = grace;
    this.cleanup = cleanup;
    this.partial = partial;
    this.#record = record;
  }

  error(facts: BoundFacts): SluiceError {
    return timeoutErrorOf('total', false, facts);
  }

  ended(status: Verdict, durationMs: number): void {
    if (this.limit !== NONE) this.#record.ended(status, durationMs);
  }

  after(what: Aftermath): void {
    this.#record.after(what);
  }
}

/** The limit on waiting for the work to start. */
class QueueLimit implements BoundOptions {
  readonly limit: number;
  readonly name = 'queue';
  readonly until = 'started';
  readonly #record: TimeoutRecord;
  readonly #alone: boolean;

  /** @param alone - whether no limit around it counts the calls */
  constructor(limit: number, record: TimeoutRecord, alone: boolean) {
    this.limit = limit;
    this.#record = record;
    this.#alone = alone;
  }

  error(facts: BoundFacts): SluiceError {
    if (this.#alone) this.#record.ended('timeout', facts.elapsedMs);
    return timeoutErrorOf('queue', false, facts);
  }

  after(what: Aftermath): void {
    this.#record.after(what);
  }
}

/** The limit of one attempt. */
class AttemptLimit implements BoundOptions {
  readonly limit: number;
  readonly soft: number | undefined;
  readonly name = 'attempt';
  readonly scope = 'attempt';
  readonly retryable = true;
  readonly pausable = true;
  readonly ended?: (status: Verdict, durationMs: number, pausedMs: number) => void;
  readonly #learned: LearnedLimit | undefined;
  readonly #record: TimeoutRecord;

  /** @param alone - whether no limit around it counts the calls */
  constructor(
    limit: number,
    soft: number | undefined,
    learned: LearnedLimit | undefined,
    record: TimeoutRecord,
    alone: boolean,
  ) {
    this.limit = limit;
    this.soft = soft;
    this.#learned = learned;
    this.#record = record;
    if (learned === undefined && !alone) return;
    this.ended = (status, durationMs, pausedMs) => {
      if (status === 'ok') learned?.learn(durationMs - pausedMs);
      if (alone) record.ended(status, durationMs);
    };
  }

  error(facts: BoundFacts): SluiceError {
    this.#record.attemptTimeouts++;
    this.#learned?.cutOff();
    return timeoutErrorOf('attempt', true, facts);
  }

  after(what: Aftermath): void {
    this.#record.after(what);
  }
}
