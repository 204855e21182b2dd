/** What a store answers: at once, or later. The one in memory answers at once. */
export type StoreAnswer<T> = T | PromiseLike<T>;

/** What a call came to, under its key. */
export interface IdempotencyRecord {
  /** What tells its input from others. */
  readonly fingerprint: string;
  /** Its result. */
  readonly value: unknown;
  /** Its items, if it is a stream. */
  readonly items?: readonly unknown[] | undefined;
}

/**
 * Where results are kept by key, to be given again. The one in memory is for one process; another one can outlive it.
 *
 * @see {@link memoryIdempotencyStore}
 */
export interface IdempotencyStore {
  /** What is kept under a key; undefined for nothing. `now` is the time of whoever asks, in milliseconds on a clock that does not go back. */
  get(key: string, now: number): StoreAnswer<IdempotencyRecord | undefined>;
  /** Keeps a result for so many milliseconds, `Infinity` for as long as there is room. */
  set(key: string, record: IdempotencyRecord, ttlMs: number, now: number): StoreAnswer<void>;
}

/** Whether `value` can keep results. */
export function isIdempotencyStore(value: unknown): value is IdempotencyStore {
  if (typeof value !== 'object' || value === null) return false;
  const { get, set } = value as Partial<Record<keyof IdempotencyStore, unknown>>;
  return typeof get === 'function' && typeof set === 'function';
}
