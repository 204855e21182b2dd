import {
  type Call,
  CallLocal,
  type Clock,
  driveNext,
  FollowedRun,
  type Handle,
  type Next,
  type Sink,
  type Verdict,
} from '@sluice/core';
import type { LimitFinder } from './limit-finder.ts';
import { QueueEntry } from './queue-entry.ts';
import { shedFor, turnedAway } from './queue-errors.ts';
import { sampledOutcome } from './sampled-outcome.ts';
import { WaitQueue } from './wait-queue.ts';

/** Who is turned away when there are too many. */
export type Shed = 'newest' | 'lowest-priority';

/** What a door tells at a glance. */
export interface DoorStats {
  /** How many may be inside, as it is now. */
  readonly max: number;
  readonly inside: number;
  /** Calls that were turned away, or sent out again for one that is preferred. */
  readonly shed: number;
}

const IN_ORDER = { order: 'fifo', ageing: Number.POSITIVE_INFINITY, share: undefined } as const;

/** How many calls are inside, waits and retries included, and who is turned away. */
export class Door {
  readonly #max: () => number;
  readonly #shed: Shed;
  readonly #finder: LimitFinder | undefined;
  /** Those that wait inside, and of which nothing has begun. */
  readonly #idle = new WaitQueue<Guest>(() => IN_ORDER);
  readonly #guests = new CallLocal<Guest>();
  #inside = 0;
  #turnedAway = 0;

  constructor(max: () => number, shed: Shed, finder: LimitFinder | undefined) {
    this.#max = max;
    this.#shed = shed;
    this.#finder = finder;
  }

  /** How many may be inside, as it is now. */
  get max(): number {
    return Math.min(this.#max(), this.#finder?.limit ?? Number.POSITIVE_INFINITY);
  }

  stats(): DoorStats {
    return { max: this.max, inside: this.#inside, shed: this.#turnedAway };
  }

  /** Lets a call in, or turns it away; for one that is preferred, one that is not may have to leave. */
  admit(call: Call, next: Next, sink: Sink): Handle | null {
    // What is made inside of what was let in is a part of it.
    if (call.parent !== undefined && this.#guests.around(call)?.inside === true) return driveNext(call, next, sink);
    if (this.#inside >= this.max) {
      const last = this.#shed === 'lowest-priority' ? this.#idle.last : undefined;
      this.#turnedAway++;
      if (last === undefined || last.priority <= call.priority) {
        call.emit('queue.full', { pool: 'admission', depth: this.#inside });
        sink.error(turnedAway(call, this.#inside));
        return null;
      }
      // Its place is taken before it leaves, and tells others.
      this.#inside++;
      last.leave(shedFor(last.call, call));
    } else {
      this.#inside++;
    }
    const guest = new Guest(this, call, sink);
    this.#guests.set(call, guest);
    this.#idle.join(guest, 0);
    return guest.enter(next);
  }

  /** Something of it has begun: it is not sent out any more. */
  began(guest: Guest): void {
    this.#idle.leave(guest);
  }

  /** It is no longer inside. */
  left(guest: Guest): void {
    this.#inside--;
    this.#idle.leave(guest);
  }

  /** Whether somebody learns from how calls end. */
  get learns(): boolean {
    return this.#finder !== undefined;
  }

  sample(clock: Clock, startedAt: number, status: Verdict, error: unknown): void {
    const now = clock.now();
    this.#finder?.sample(now - startedAt, this.#inside, sampledOutcome(status, error), now);
  }
}

/** What goes on inside of what was let in. */
class Visit extends FollowedRun {
  private readonly guest: Guest;

  constructor(guest: Guest, sink: Sink) {
    super(guest.call, sink);
    this.guest = guest;
  }

  protected override began(): void {
    this.guest.began();
  }

  protected override ended(status: Verdict, error: unknown): void {
    this.guest.ended(status, error);
  }
}

/** A call that was let in. */
class Guest extends QueueEntry implements Sink, Handle {
  readonly priority: number;
  readonly tenant = undefined;
  readonly cost = 1;
  readonly call: Call;
  readonly #door: Door;
  readonly #sink: Sink;
  readonly #startedAt: number;
  #inner: Handle | null = null;
  #over = false;

  constructor(door: Door, call: Call, sink: Sink) {
    super();
    this.#door = door;
    this.call = call;
    this.priority = call.priority;
    this.#sink = sink;
    this.#startedAt = door.learns ? call.clock.now() : 0;
  }

  enter(next: Next): Handle | null {
    const inner = new Visit(this, this).begin(next);
    if (!this.#over) {
      this.#inner = inner;
      return this;
    }
    inner?.cancel();
    return null;
  }

  /** It has to leave for another one. */
  leave(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#inner?.cancel(error);
    this.#sink.error(error);
  }

  /** Whether it is inside. */
  get inside(): boolean {
    return !this.#over;
  }

  get enough(): boolean {
    return this.#over || this.#sink.enough === true;
  }

  next(value: unknown): void {
    this.#sink.next(value);
  }

  success(value: unknown): void {
    if (this.#end()) this.#sink.success(value);
  }

  complete(): void {
    if (this.#end()) this.#sink.complete();
  }

  error(error: unknown): void {
    if (this.#end()) this.#sink.error(error);
  }

  cancel(reason?: unknown): void {
    if (this.#end()) this.#inner?.cancel(reason);
  }

  began(): void {
    this.#door.began(this);
  }

  ended(status: Verdict, error: unknown): void {
    if (this.#door.learns) this.#door.sample(this.call.clock, this.#startedAt, status, error);
    this.#door.left(this);
  }

  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    return true;
  }
}
