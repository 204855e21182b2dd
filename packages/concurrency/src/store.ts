import type { Rate } from './rate.ts';
import type { Admission, Costs, RateGateStats, ServiceLimit } from './rate-gate.ts';

/** What a store answers: at once, or later. The one in memory answers at once, so that nothing waits for nothing. */
export type Answer<T> = T | PromiseLike<T>;

/** Whether a store answers later. */
export function isLater<T>(answer: Answer<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === 'function';
}

/** How much of a limit is asked for. */
export interface PermitRequest {
  /** How many permits. */
  readonly cost: number;
  /** How many there are. */
  readonly limit: number;
  /** Whether it must be alone. */
  readonly exclusive: boolean;
  /** How many of those that are taken do not count: whoever asks holds them himself, and waits meanwhile. */
  readonly spare: number;
}

/** What was taken, until it is given back. */
export interface Lease {
  readonly cost: number;
  readonly exclusive: boolean;
}

/** The permits of one key: how many are taken, by whom ever. */
export interface Permits {
  /** Takes permits; answers undefined where there are not enough. */
  acquire(request: PermitRequest): Answer<Lease | undefined>;
  /** Keeps a lease from running out. Answers false when it has. */
  renew(lease: Lease): Answer<boolean>;
  /** Gives permits back. */
  release(lease: Lease): Answer<void>;
  /** After how many milliseconds a lease that is not renewed runs out; undefined for never. */
  readonly leaseMs?: number | undefined;
  /** Calls `listener` when permits may have become free that somebody else had taken. Answers how to stop that. */
  changes(listener: () => void): () => void;
  /** Nobody here needs it any more. */
  close(): void;
}

/**
 * Where limits are kept. The one in memory is for one process; another one can share limits between processes.
 *
 * @see {@link memoryStore}
 */
export interface Store {
  /** The permits of one key. Asked once for each key that is in use. */
  permits(key: string): Permits;
  /** The rates of one key. Asked once for each key that is in use. */
  rates(key: string, limits: RateSpec): Rates;
}

/** Which rates a key has. */
export interface RateSpec {
  readonly rates: Readonly<Record<string, Rate>>;
  readonly burst: number;
  readonly algorithm: 'gcra' | 'sliding-window' | undefined;
}

/** The rates of one key: what has been taken of them, by whom ever. `now` is the time of whoever asks; a store with a clock of its own may know better. */
export interface Rates {
  /** Takes all of it, or nothing. */
  take(costs: Costs, now: number): Answer<Admission>;
  /** What was reserved has cost something else. */
  settle(reserved: Costs, actual: Costs, now: number, takenAt: number): Answer<void>;
  /** Lets nobody through for so many milliseconds. */
  pause(ms: number, now: number): Answer<void>;
  /** The service has said what remains. */
  correct(limits: Readonly<Record<string, ServiceLimit>>, now: number): Answer<void>;
  /** Whether it is as good as new, so that it may be forgotten. */
  idle(now: number): boolean;
  stats(now: number): RateGateStats;
  /** Nobody here needs it any more. */
  close?(): void;
}

/** Whether `value` can keep limits. */
export function isStore(value: unknown): value is Store {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['permits', 'rates'].every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function')
  );
}
