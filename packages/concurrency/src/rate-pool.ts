import {
  alarm,
  type Call,
  type Clock,
  errorStatus,
  type Handle,
  isSluiceError,
  type Next,
  onActualCost,
  retryAfterMs,
  type Sink,
  type Verdict,
} from '@sluice/core';
import { Passage } from './passage.ts';
import { queueFull, queueTimedOut } from './queue-errors.ts';
import { rateLimited } from './rate-error.ts';
import type { Admission, Costs, RateGateStats, ServiceLimit } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';
import { RateWaiter } from './rate-waiter.ts';
import { type Answer, isLater, type Rates } from './store.ts';
import { WaitQueue } from './wait-queue.ts';

/** What a rate tells at a glance. */
export interface RatePoolStats extends RateGateStats {
  readonly queued: number;
  /** For how long the one that has waited longest does, in milliseconds. */
  readonly oldestWaitMs: number;
  /** Calls that were refused. */
  readonly rejected: number;
}

const IN_ORDER = { order: 'fifo', ageing: Number.POSITIVE_INFINITY, share: undefined } as const;

/** So many are let go at a time before the event loop gets its turn. */
const AT_A_TIME = 256;

/** The rates of one key: who may go, and who waits, in order, on one timer. */
export class RatePool {
  readonly key: string;
  readonly #clock: Clock;
  readonly #rates: Rates;
  readonly #heard: WeakSet<object>;
  #fields: RateFields;
  readonly #queue = new WaitQueue<RateWaiter>(() => IN_ORDER);
  #cancelAlarm: (() => void) | null = null;
  #pumping = false;
  #rejected = 0;
  /** How much those want that wait, by dimension. */
  readonly #queued = new Map<string, number>();

  /** @param heard - answers of services that somebody further in has heard already */
  constructor(key: string, clock: Clock, rates: Rates, fields: RateFields, heard: WeakSet<object> = new WeakSet()) {
    this.#heard = heard;
    this.key = key;
    this.#clock = clock;
    this.#rates = rates;
    this.#fields = fields;
  }

  /** Goes on with other options, but for the rates themselves. */
  configure(fields: RateFields): void {
    this.#fields = fields;
  }

  get fields(): RateFields {
    return this.#fields;
  }

  /** Whether it is as good as new: it may be forgotten. */
  get idle(): boolean {
    return this.#queue.size === 0 && !this.#pumping && this.#rates.idle(this.#clock.now());
  }

  /** It is forgotten. */
  close(): void {
    this.#rates.close?.();
  }

  stats(): RatePoolStats {
    const now = this.#clock.now();
    const { oldest, size } = this.#queue;
    return {
      ...this.#rates.stats(now),
      queued: size,
      oldestWaitMs: oldest === undefined ? 0 : now - oldest,
      rejected: this.#rejected,
    };
  }

  /** Lets a call go, or wait, or refuses it. */
  admit(call: Call, costs: Costs, next: Next, sink: Sink): Handle | null {
    const now = this.#clock.now();
    if (this.#queue.size > 0 || this.#pumping) return this.#wait(new RateWaiter(this, call, costs, next, sink), 0, '');
    const answer = this.#take(costs, now);
    if (isLater(answer)) {
      const waiter = new RateWaiter(this, call, costs, next, sink);
      this.#join(waiter);
      this.#later(answer, waiter);
      return waiter;
    }
    if (answer.ok) return this.run(call, costs, now, next, sink);
    return this.#wait(new RateWaiter(this, call, costs, next, sink), answer.waitMs, answer.dimension);
  }

  /** Runs what is inside, and hears of it what it says of the rate. */
  run(call: Call, costs: Costs, takenAt: number, next: Next, sink: Sink): Handle | null {
    let counted = costs;
    const settle = (actual: Costs): void => {
      const reserved = counted;
      ignored(() => this.#rates.settle(reserved, actual, this.#clock.now(), takenAt));
      // Said again, it replaces what was said before.
      counted = { ...counted, ...actual };
      this.#look();
    };
    onActualCost(call, this, settle);
    const ended = (begun: boolean, status: Verdict, error: unknown): void => {
      // It was refused, or stopped, further in: nothing has gone.
      if (!begun) settle(nothing(costs));
      this.#ended(call, status, error);
    };
    return new Passage(call, ended, sink).begin(next);
  }

  /** One that was told to wait has told it to all: nobody goes until then. */
  #ended(call: Call, status: Verdict, error: unknown): void {
    if (status !== 'failed' || isSluiceError(error) || typeof error !== 'object' || error === null) return;
    // The rate that is nearest to the work is the one that it is about.
    if (this.#heard.has(error)) return;
    const told = retryAfterMs(error);
    const ms = told ?? (errorStatus(error) === 429 ? this.#fields.coolDown : 0);
    if (ms <= 0) return;
    this.#heard.add(error);
    this.pause(ms);
    call.emit('rate.pause', { pool: this.key, pauseMs: ms });
  }

  /** Lets nobody go for so many milliseconds. */
  pause(ms: number): void {
    ignored(() => this.#rates.pause(ms, this.#clock.now()));
    this.#look();
  }

  /** The service has said what remains. */
  correct(limits: Readonly<Record<string, ServiceLimit>>): void {
    ignored(() => this.#rates.correct(limits, this.#clock.now()));
    this.#look();
  }

  #wait(waiter: RateWaiter, waitMs: number, dimension: string): RateWaiter | null {
    const { call } = waiter;
    const depth = this.#queue.size;
    if (this.#refused(waiter, Math.max(waitMs, this.#ahead(waiter.costs)), dimension, waitMs > 0)) return null;
    if (depth >= this.#fields.queueMax) {
      this.#rejected++;
      call.emit('queue.full', { pool: this.key, depth });
      waiter.refuse(queueFull(call, this.key, depth, this.#fields.queueMax, waitMs === 0 ? undefined : waitMs));
      return null;
    }
    this.#join(waiter);
    call.emit('rate.wait', { pool: this.key, waitMs, dimension, depth: depth + 1 });
    if (depth === 0 && !this.#pumping) this.#lookIn(waitMs);
    return waiter;
  }

  /** Refuses one that must not wait, or whose time would come after its deadline. Answers whether it did. */
  #refused(waiter: RateWaiter, waitMs: number, dimension: string, denied: boolean): boolean {
    const { call } = waiter;
    const { mode } = this.#fields;
    const left = call.deadline.remaining();
    if (!(mode === 'reject' && denied) && waitMs <= left) return false;
    this.#rejected++;
    call.emit('rate.limited', { pool: this.key, waitMs, dimension });
    waiter.refuse(rateLimited(call, this.key, this.#fields, dimension, waitMs, waitMs > left ? left : undefined));
    return true;
  }

  /** How long those that wait already keep the rates busy at the least, and one more with these costs, in milliseconds. */
  #ahead(costs: Costs): number {
    if (this.#queue.size === 0) return 0;
    const { dimensions } = this.#rates.stats(this.#clock.now());
    let waitMs = 0;
    for (const [name, { limit, perMs, remaining, burst }] of Object.entries(dimensions)) {
      const queued = (this.#queued.get(name) ?? 0) + Math.min(costs[name] ?? 0, burst);
      waitMs = Math.max(waitMs, ((queued - Math.max(remaining, 0)) / limit) * perMs);
    }
    return waitMs;
  }

  #join(waiter: RateWaiter): void {
    const { queueTimeout } = this.#fields;
    this.#queue.join(waiter, this.#clock.now());
    this.#counted(waiter, 1);
    if (queueTimeout === Number.POSITIVE_INFINITY) return;
    waiter.cancelTimeout = alarm(this.#clock, queueTimeout, () => {
      if (waiter.level === null) return;
      const waitedMs = this.#clock.now() - waiter.waitsSince;
      const depth = this.#queue.size;
      this.#rejected++;
      this.abandoned(waiter);
      waiter.call.emit('queue.timeout', { pool: this.key, waitedMs, depth });
      waiter.refuse(queueTimedOut(waiter.call, this.key, waitedMs, queueTimeout, depth));
    });
  }

  /** It was stopped while it waited: it had taken nothing, and who stood behind it is next. */
  abandoned(waiter: RateWaiter): void {
    if (waiter.level === null) return;
    const first = this.#queue.next(0) === waiter;
    this.#leave(waiter);
    if (first) this.#look();
  }

  #leave(waiter: RateWaiter): void {
    this.#queue.leave(waiter);
    this.#counted(waiter, -1);
  }

  /** Keeps how much those want that wait. */
  #counted({ costs }: RateWaiter, sign: 1 | -1): void {
    for (const [name, cost] of Object.entries(costs)) {
      this.#queued.set(name, (this.#queued.get(name) ?? 0) + sign * cost);
    }
  }

  #lookIn(ms: number): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = alarm(this.#clock, ms, () => {
      this.#cancelAlarm = null;
      this.#look();
    });
  }

  /** A store that throws fails one call with that, and holds up no other. */
  #take(costs: Costs, now: number): Answer<Admission> {
    try {
      return this.#rates.take(costs, now);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Lets as many go as may, and looks again when the next one may. */
  #look(): void {
    if (this.#pumping) return;
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
    this.#pumping = true;
    for (let left = AT_A_TIME; ; left--) {
      const now = this.#clock.now();
      const waiter = this.#queue.next(now);
      if (waiter === undefined) break;
      if (left === 0) {
        this.#lookIn(0);
        break;
      }
      const answer = this.#take(waiter.costs, now);
      if (isLater(answer)) {
        this.#later(answer, waiter);
        return;
      }
      if (!answer.ok) {
        if (this.#turnedAway(waiter, answer)) continue;
        this.#lookIn(answer.waitMs);
        break;
      }
      this.#leave(waiter);
      waiter.start(now);
    }
    this.#pumping = false;
  }

  /** It is its turn, and it may not go: it leaves if it must not wait for as long as that. Answers whether it does. */
  #turnedAway(waiter: RateWaiter, { waitMs, dimension }: Denial): boolean {
    const refused = this.#fields.mode === 'reject' || waitMs > waiter.call.deadline.remaining();
    if (refused) {
      this.#leave(waiter);
      this.#refused(waiter, waitMs, dimension, true);
    }
    return refused;
  }

  /** A store that is elsewhere answers later: nobody else is looked at until it has. */
  #later(answer: PromiseLike<Admission>, waiter: RateWaiter): void {
    this.#pumping = true;
    const over = (): void => {
      this.#pumping = false;
    };
    answer.then(
      (admission) => {
        over();
        // It was taken between then and now: earlier than that, a meter would hold it for over.
        const takenAt = this.#clock.now();
        if (!admission.ok) {
          if (waiter.level === null || this.#turnedAway(waiter, admission)) this.#look();
          else this.#lookIn(admission.waitMs);
          return;
        }
        if (waiter.level === null) {
          // It left in the meantime: what was taken for it goes back.
          ignored(() => this.#rates.settle(waiter.costs, nothing(waiter.costs), takenAt, takenAt));
        } else {
          this.#leave(waiter);
          waiter.start(takenAt);
        }
        this.#look();
      },
      (error: unknown) => {
        over();
        if (waiter.level !== null) {
          this.#leave(waiter);
          waiter.refuse(error);
        }
        this.#look();
      },
    );
  }
}

type Denial = Extract<Admission, { readonly ok: false }>;

/** What it did not cost after all. */
function nothing(costs: Costs): Costs {
  return Object.fromEntries(Object.keys(costs).map((name) => [name, 0]));
}

/** A store that is elsewhere may fail; what is only reported to it is then lost, and nothing else. */
function ignored(tell: () => Answer<void>): void {
  try {
    tell()?.then(undefined, () => {});
  } catch {
    // As when it answers later that it failed.
  }
}
