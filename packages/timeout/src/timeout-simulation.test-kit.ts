import { type Call, isSluiceError, type Outcome, type SluiceError } from '@sluice/core';
import type { VirtualClock } from '@sluice/core/testing';

// What the simulation of timeouts keeps on record, and what it expects: worked out from the record alone, without looking at core.

/** The limits of one call; what is left out is none. */
export interface Limits {
  readonly total?: number;
  readonly queue?: number;
  readonly attempt?: number;
  readonly soft?: number;
  readonly idle?: number;
  readonly strict?: boolean;
  readonly deadline?: number;
  readonly grace: number;
  readonly cleanup: number;
}

/** What calls are made in: a run, or an attempt. */
export type Around = RunRecord | AttemptRecord;

/** What runs beside each other share: the clock, and how late the loop may make things; 0 as long as nothing blocks it. */
export interface Loop {
  readonly clock: VirtualClock;
  slack: number;
}

/** Everything that is on record for one simulated run. */
export class Story {
  readonly loop: Loop;
  readonly calls: CallRecord[] = [];
  readonly breaches: string[] = [];
  /** Cancels the run. */
  cancel: (reason: Error) => void = () => {};
  /** The moments at which somebody cancelled something, or something ended that may have stopped others. */
  readonly stops: { readonly at: number; readonly by: unknown }[] = [];

  constructor(loop: Loop) {
    this.loop = loop;
  }

  get now(): number {
    return this.loop.clock.now();
  }

  get slack(): number {
    return this.loop.slack;
  }

  expect(kept: boolean, what: () => string): void {
    if (!kept) this.breaches.push(`at ${this.now}: ${what()}`);
  }

  stop(by: unknown): void {
    this.stops.push({ at: this.now, by });
  }

  /** Whether something other than `record` itself was stopped, or ended, just now. */
  stoppedNow(record: CallRecord): boolean {
    return this.stops.some(({ at, by }) => at === this.now && by !== record);
  }
}

/** A run of a pipeline. */
export class RunRecord {
  readonly story: Story;
  readonly around: AttemptRecord | undefined;
  readonly deadline: number;
  readonly began: number;

  constructor(story: Story, around: AttemptRecord | undefined, deadline: number) {
    this.story = story;
    this.around = around;
    this.deadline = deadline;
    this.began = story.now;
  }
}

/** One call of a stage or a tool. */
export class CallRecord {
  readonly story: Story;
  readonly around: Around;
  readonly title: string;
  readonly limits: Limits;
  readonly began: number;
  readonly attempts: AttemptRecord[] = [];
  endedAt: number | undefined;
  status: string | undefined;
  /** The same, but for what a limit around it has ended: that is cancelled. */
  verdict: string | undefined;
  answeredAt: number | undefined;

  constructor(around: Around, call: Call, limits: Limits) {
    const story = around instanceof RunRecord ? around.story : around.call.story;
    this.story = story;
    this.around = around;
    this.title = `${call.target}:${call.name}`;
    this.limits = limits;
    this.began = story.now;
    story.calls.push(this);
  }

  get started(): boolean {
    return this.attempts.some(({ startedAt }) => startedAt !== undefined);
  }

  /** When each of its own limits on the call as a whole is over. */
  get ends(): Record<string, number> {
    const { deadline = NONE, total = NONE, queue = NONE } = this.limits;
    return {
      deadline: this.began + deadline,
      total: this.began + total,
      queue: this.started ? NONE : this.began + queue,
    };
  }

  end({ status, error }: Outcome): void {
    const { story } = this;
    story.expect(this.endedAt === undefined, () => `${this.title} has ended twice`);
    this.endedAt = story.now;
    this.status = status;
    const own = isSluiceError(error) && this.title.endsWith(`:${error.call?.name}`);
    this.verdict = status === 'timeout' && !own ? 'cancelled' : status;
    checkInTime(this);
    if (this.deadlineOf(error) === undefined && (status === 'cancelled' || status === 'timeout')) {
      // Its own limits did not do it, so something around it, beside it, or in it did.
      const own = isSluiceError(error, 'TIMEOUT') || isSluiceError(error, 'HEARTBEAT_LOST');
      const named = own && this.attempts.some(({ failedWith }) => failedWith === error);
      story.expect(
        named || story.stoppedNow(this) || ownerOf(error, this),
        () => `${this.title} ended ${status} for no reason`,
      );
    }
    story.stop(this);
    for (const watching of around(this.around)) if (watching instanceof AttemptRecord) watching.alive();
  }

  /** When the limit was over that `error` names as this call's own; undefined if it names another's. */
  deadlineOf(error: unknown): number | undefined {
    if (!isSluiceError(error, 'TIMEOUT') || error.scope !== this.title) return undefined;
    return this.ends[String(error.details['limit'])];
  }
}

/** One attempt of a call. */
export class AttemptRecord {
  readonly call: CallRecord;
  startedAt: number | undefined;
  endedAt: number | undefined;
  failedWith: unknown;
  /** When it was last heard from, and when before that: what ends with it is heard of in the same moment. */
  lastAt: number | undefined;
  #beforeAt: number | undefined;
  /** How to end the pauses that are not over. */
  readonly resumes: Set<() => void> = new Set();
  /** Whether its work looks at its soft limit, and was warned. */
  looks = false;
  #warned = false;
  beats = 0;
  #pauses = 0;
  #pausedAt = 0;
  #pausedMs = 0;

  constructor(call: CallRecord) {
    this.call = call;
    call.attempts.push(this);
  }

  get open(): boolean {
    return this.startedAt !== undefined && this.endedAt === undefined && this.call.endedAt === undefined;
  }

  /** For how long its clock has been running: pauses do not count. */
  get spent(): number {
    const { now } = this.call.story;
    const standing = this.#pauses > 0 ? now - this.#pausedAt : 0;
    return now - (this.startedAt ?? now) - this.#pausedMs - standing;
  }

  /** For how long it had been silent before this moment. */
  get silentBefore(): number {
    const { now } = this.call.story;
    const at = this.lastAt === now ? this.#beforeAt : this.lastAt;
    return at === undefined ? this.spent : now - at;
  }

  #hear(): void {
    const { now } = this.call.story;
    if (this.lastAt !== now) this.#beforeAt = this.lastAt;
    this.lastAt = now;
  }

  /** For how long it has been silent; nothing while its clock stands still. */
  get silent(): number {
    if (this.#pauses > 0) return 0;
    return this.lastAt === undefined ? this.spent : this.call.story.now - this.lastAt;
  }

  start(): void {
    this.startedAt = this.call.story.now;
  }

  /** Something in it has shown that it is alive. */
  alive(own = false): void {
    if (!this.open) return;
    const { idle = NONE, strict } = this.call.limits;
    if (strict === true && !own) return;
    const { story } = this.call;
    story.expect(
      this.silent <= idle + story.slack,
      () => `${this.call.title} was silent for ${this.silent} of ${idle}`,
    );
    this.#hear();
  }

  /** A soft limit of its own or around it is over, and has been for no longer than it has known. */
  warned(): void {
    const { story, title } = this.call;
    this.#warned = true;
    const over = [...around(this)].some(
      (one) => one instanceof AttemptRecord && one.spent >= (one.call.limits.soft ?? NONE),
    );
    story.expect(over, () => `${title} was warned too early`);
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#pausedAt = this.call.story.now;
  }

  resume(): void {
    if (--this.#pauses > 0) return;
    const { now } = this.call.story;
    this.#pausedMs += now - this.#pausedAt;
    this.#hear();
  }

  end({ error }: Outcome): void {
    const { call } = this;
    const { story, limits } = call;
    story.expect(this.endedAt === undefined, () => `an attempt of ${call.title} has ended twice`);
    for (const resume of this.resumes) resume();
    checkInTime(call);
    this.checkOwn(error, limits);
    this.endedAt = story.now;
    this.failedWith = error;
    story.stop(this);
  }

  private checkOwn(error: unknown, { attempt = NONE, idle = NONE, soft = NONE }: Limits): void {
    const { story, title } = this.call;
    const within = story.slack;
    if (this.startedAt === undefined) return;
    if (this.looks && soft < attempt && this.spent > soft + within)
      story.expect(this.#warned, () => `${title} was not warned at ${soft}`);
    if (!isSluiceError(error) || error.scope !== 'attempt' || error.call?.name !== this.call.title.split(':')[1])
      return;
    if (isThrownBy(error, this)) return;
    if (error.code === 'TIMEOUT') {
      const { spent } = this;
      story.expect(spent >= attempt && spent <= attempt + within, () => `${title} was ended at ${spent} of ${attempt}`);
    } else if (error.code === 'HEARTBEAT_LOST') {
      const silent = this.silentBefore;
      story.expect(silent >= idle && silent <= idle + within, () => `${title} was lost after ${silent} of ${idle}`);
    }
  }
}

const NONE = Number.POSITIVE_INFINITY;

/** An error of another attempt that the work has only passed on. */
function isThrownBy(error: SluiceError, attempt: AttemptRecord): boolean {
  return attempt.call.story.calls.some(
    ({ attempts }) => attempts.some(({ failedWith }) => failedWith === error) && !attempts.includes(attempt),
  );
}

/** All runs and attempts around something, from the nearest outwards. */
export function* around(from: Around | undefined): Generator<Around> {
  for (let one = from; one !== undefined; one = one instanceof RunRecord ? one.around : one.call.around) yield one;
}

/** No limit around a call, nor its own, may have been over before now. */
function checkInTime(call: CallRecord): void {
  const { story } = call;
  const late = (what: string, end: number): void =>
    story.expect(story.now <= end + story.slack, () => `${call.title} ended after ${what} was over, at ${end}`);
  const own = [call, ...around(call.around)];
  for (const one of own) {
    if (one instanceof RunRecord) late('a run', one.began + one.deadline);
    const its = one instanceof AttemptRecord ? one.call : one;
    if (its instanceof CallRecord)
      for (const [name, end] of Object.entries(its.ends)) late(`${its.title} ${name}`, end);
    const attempt = its instanceof CallRecord ? its.attempts.at(-1) : undefined;
    if (attempt?.open !== true) continue;
    const { attempt: limit = NONE, idle = NONE } = attempt.call.limits;
    story.expect(attempt.spent <= limit + story.slack, () => `${attempt.call.title} took ${attempt.spent} of ${limit}`);
    story.expect(attempt.silent <= idle + story.slack, () => `${attempt.call.title} was silent for too long`);
  }
}

/** Whether the limit that `error` names is one around `call`, or its own, and is over just now. */
function ownerOf(error: unknown, call: CallRecord): boolean {
  const { story } = call;
  const cause = isSluiceError(error, 'CANCELLED') && isSluiceError(error.cause) ? error.cause : error;
  if (!isSluiceError(cause)) return false;
  const inTime = (end: number): boolean => end <= story.now && story.now <= end + story.slack;
  for (const one of around(call.around)) {
    if (one instanceof RunRecord) {
      if (cause.scope === 'run' && inTime(one.began + one.deadline)) return true;
      continue;
    }
    const its = one.call;
    const end = its.deadlineOf(cause);
    if (end !== undefined && inTime(end)) return true;
    const { attempt = NONE, idle = NONE } = its.limits;
    if (cause.code === 'HEARTBEAT_LOST' && one.silentBefore >= idle) return true;
    if (cause.scope === 'attempt' && one.spent >= attempt && one.spent <= attempt + story.slack) return true;
  }
  return false;
}
