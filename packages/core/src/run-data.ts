import { isDeepStrictEqual } from 'node:util';
import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import { DataConflictError } from './errors/data-conflict-error.ts';

/**
 * What the stages of one run share, by key. A map: nothing that is called `__proto__` can do harm.
 *
 * Two stages neither of which waits for the other must not set one key to different values: whichever came last would win by
 * chance, and the other would be lost. That is a `DATA_CONFLICT`. What is meant to come together is merged.
 */
export interface Data {
  /** The value under `key`; undefined when there is none. */
  get(key: string): unknown;
  /** Whether there is a value under `key`. */
  has(key: string): boolean;
  /** Puts `value` under `key`. Throws a {@link DataConflictError} when a stage beside this one has put something else there. */
  set(key: string, value: unknown): void;
  /**
   * Joins `value` to what is there: `reducer` gets both, the former undefined at first, and answers what is to stand there. Stages
   * beside one another may merge into one key; the order is theirs. A repeated attempt merges again.
   */
  merge<T, V>(key: string, value: V, reducer: (current: T | undefined, value: V) => T): T;
  /** All keys with their values. */
  entries(): [key: string, value: unknown][];
}

/** Who writes: something with a name, of which it is known what came before it. */
export interface Writer {
  readonly name: string;
  /** Whether `other` has always ended before this one begins. */
  follows(other: Writer): boolean;
}

interface Entry {
  readonly value: unknown;
  readonly how: 'set' | 'merge';
  /** Who wrote it since it was last written by somebody whom all of them follow. */
  readonly writers: readonly Writer[];
}

/** The data of a run, with who wrote what. */
export class RunData {
  readonly #entries = new Map<string, Entry>();

  constructor(initial: ReadonlyMap<string, unknown> = new Map()) {
    for (const [key, value] of initial) this.#entries.set(key, { value, how: 'set', writers: [] });
  }

  /** The data as one writer sees them. `usable` says whether it may still write, and is told of what comes too late. */
  for(writer: Writer, usable: () => boolean): Data {
    return {
      get: (key) => this.#entries.get(key)?.value,
      has: (key) => this.#entries.has(key),
      entries: () => [...this.#entries].map(([key, { value }]) => [key, value]),
      set: (key, value) => {
        checkKey(key);
        if (usable()) this.#set(writer, key, value);
      },
      merge: (key, value, reducer) => {
        checkKey(key);
        if (typeof reducer !== 'function') {
          throw new ConfigError(`data.merge: expected a function (current, value) => merged, got ${describe(reducer)}`);
        }
        const merged = reducer(this.#entries.get(key)?.value as never, value);
        if (usable()) this.#merge(writer, key, merged);
        return merged;
      },
    };
  }

  #set(writer: Writer, key: string, value: unknown): void {
    const beside = this.#beside(writer, key);
    const entry = this.#entries.get(key);
    if (beside.length > 0 && entry !== undefined) {
      if (entry.how === 'merge' || !isDeepStrictEqual(entry.value, value)) throw conflict(writer, beside, key);
    }
    this.#entries.set(key, { value, how: 'set', writers: [...beside, writer] });
  }

  #merge(writer: Writer, key: string, merged: unknown): void {
    const beside = this.#beside(writer, key);
    const entry = this.#entries.get(key);
    if (beside.length > 0 && entry?.how === 'set') throw conflict(writer, beside, key);
    this.#entries.set(key, { value: merged, how: 'merge', writers: [...beside, writer] });
  }

  /** Those who have written the key without this writer waiting for them. */
  #beside(writer: Writer, key: string): Writer[] {
    const writers = this.#entries.get(key)?.writers ?? [];
    return writers.filter((other) => other !== writer && !writer.follows(other));
  }
}

function conflict(writer: Writer, beside: readonly Writer[], key: string): DataConflictError {
  const names = [...beside, writer].map(({ name }) => `"${name}"`);
  return new DataConflictError(
    `Stages ${names.slice(0, -1).join(', ')} and ${names.at(-1)} write "${key}" of the run's data, and none waits for the other`,
    { details: { key, stages: [...beside, writer].map(({ name }) => name) } },
  );
}

function checkKey(key: unknown): void {
  if (typeof key !== 'string') throw new ConfigError(`data: expected a key that is a text, got ${describe(key)}`);
}
