import type { Call } from './call.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Verdict } from './verdict.ts';

/** What shows that work is alive: what it says, what it emits, and what becomes of the calls that it makes. */
export type Sign = 'heartbeat' | 'progress' | 'partial' | 'item' | 'call' | 'resume';

/** What is known when a limit has passed, for whoever puts it in words. */
export interface BoundFacts {
  readonly call: Call;
  /** Whose limit it was: `'tool:search'`, `'attempt'`. */
  readonly scope: string;
  /** The limit, in milliseconds. */
  readonly limitMs: number;
  /** For how long what is inside has been going on, pauses included. */
  readonly elapsedMs: number;
  /** For how long of that the clock stood still, because the work paused it. */
  readonly pausedMs: number;
  /** How late the event loop was in noticing. */
  readonly lagMs: number;
  /** What had been achieved. */
  readonly partial: unknown;
  /** How far the work said it had come, from 0 to 1; undefined if it never did. */
  readonly progress: number | undefined;
  /** How long before the end the work was last heard from; undefined if never, or if nobody was to know. */
  readonly lastSignMs: number | undefined;
  /** What came with its last heartbeat. */
  readonly heartbeat: unknown;
  /** Which attempt it was: the one under way, else the last one. */
  readonly attempt: number;
  /** Whether work had begun at all; if not, the time went into waiting. */
  readonly started: boolean;
  /** Whether work was under way when the limit passed; if not, it waited, be it to begin again. */
  readonly running: boolean;
  /** Facts for programs, in the same shape for every limit. To be handed on as they are: `settled` becomes true when it is. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What is heard of work that was stopped by a limit, after its verdict. */
export type Aftermath = 'late' | 'orphan' | 'orphan.end';

/** One run of what is inside a deadline, as whoever set it hears of it: one deadline may stand around many calls. */
export interface BoundRun {
  readonly call: Call;
  /** For whoever set it to keep what belongs to this run; undefined at first. */
  state: unknown;
}

/** A deadline that an interceptor sets around what is inside it. */
export interface BoundOptions {
  /** How long what is inside may take, in milliseconds; `Infinity` for ever, `0` not at all. */
  readonly limit: number;
  /** What the limit is called in the error: `total` and `attempt` are the habit. */
  readonly name: string;
  /** Whose deadline it is; the call's own (`tool:search`) unless given. */
  readonly scope?: string | undefined;
  /** Whether the error says that repeating may help; no unless given. */
  readonly retryable?: boolean | undefined;
  /** What the limit ends with: the work (the habit), or only its start, which makes it a limit on waiting. */
  readonly until?: 'ended' | 'started' | undefined;
  /** Whether its clock stands still while the work has paused; no unless given. A deadline that is a promise to somebody does not. */
  readonly pausable?: boolean | undefined;
  /** When to warn, in milliseconds: an event, and the work's `softDeadline`; never unless given. */
  readonly soft?: number | undefined;
  /** How long what is stopped may take to unwind, in milliseconds; what the runner says unless given. */
  readonly grace?: number | undefined;
  /** How long cleanup may take after work that ended by itself, in milliseconds; what the runner says unless given. */
  readonly cleanup?: number | undefined;
  /** What a call that timed out does with what it had achieved: rejects with it attached (the habit), or resolves to it. */
  readonly partial?: 'reject' | 'resolve' | undefined;
  /**
   * Hears of each sign of life, with the moment, whether it is of the call itself or of one in it, and what came with it. May answer in
   * how many milliseconds it wants to be asked by `extend`, if that is sooner than it would be.
   */
  sign?(sign: Sign, at: number, own: boolean, details: unknown, run: BoundRun): number | undefined;
  /** Hears of a heartbeat that came too late to count. */
  ignored?(run: BoundRun): void;
  /** Asked when the time is over: how many milliseconds more it gets; none, unless given. */
  extend?(now: number, run: BoundRun): number;
  /** Makes the error; a `TimeoutError` unless given. */
  error?(facts: BoundFacts, run: BoundRun): SluiceError;
  /** Hears, once, how each run of what is inside ended, and after how long: 0 for what ended within the turn in which it began. */
  ended?(status: Verdict, durationMs: number, pausedMs: number): void;
  /** Hears, once, how a run of what is inside ended for which something was kept. */
  endedWith?(status: Verdict, run: BoundRun): void;
  /** Hears what becomes of work that it has stopped. */
  after?(what: Aftermath): void;
}

/** What a call that timed out resolves to under `partial: 'resolve'`. */
export interface PartialResult<P = unknown> {
  readonly partial: true;
  /** What it had achieved. */
  readonly value: P;
  /** Why that is not all. */
  readonly error: SluiceError;
}
