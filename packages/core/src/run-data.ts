import { isDeepStrictEqual, types } from 'node:util';
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
  value: unknown;
  /** Who has set it, with what each set last. */
  readonly sets: Map<Writer, unknown>;
  /** Of those, the ones whom no other that set it follows. */
  setters: readonly Writer[];
  /** Who has merged into it. */
  readonly mergers: Set<Writer>;
}

/** The data of a run, with who wrote what. */
export class RunData {
  readonly #entries = new Map<string, Entry>();
  readonly #reducing = new Set<string>();

  constructor(initial: ReadonlyMap<string, unknown> = new Map()) {
    for (const [key, value] of initial) this.#entries.set(key, entryOf(value));
  }

  /** The data as one writer sees them. `usable` says whether it may still write, and is told of what comes too late. */
  for(writer: Writer, usable: () => boolean): Data {
    return {
      get: (key) => this.#entries.get(key)?.value,
      has: (key) => this.#entries.has(key),
      entries: () => [...this.#entries].map(([key, { value }]) => [key, value]),
      set: (key, value) => {
        this.#check(key);
        if (usable()) this.#set(writer, key, value);
      },
      merge: (key, value, reducer) => {
        this.#check(key);
        if (typeof reducer !== 'function') {
          throw new ConfigError(`data.merge: expected a function (current, value) => merged, got ${describe(reducer)}`);
        }
        const merged = this.#reduce(key, value, reducer as never) as never;
        if (usable()) this.#merge(writer, key, merged);
        return merged;
      },
    };
  }

  #set(writer: Writer, key: string, value: unknown): void {
    const entry = this.#entries.get(key) ?? entryOf(undefined);
    const setters = besides(writer, entry.setters);
    const against = besides(writer, entry.mergers);
    // Who follows the last that set it follows all that did.
    if (setters.length > 0) {
      for (const other of besides(writer, entry.sets.keys())) {
        if (!isDeepStrictEqual(entry.sets.get(other), value)) against.push(other);
      }
    }
    if (against.length > 0) throw conflict(writer, against, key);
    entry.value = value;
    entry.sets.set(writer, value);
    entry.setters = [...setters, writer];
    this.#entries.set(key, entry);
  }

  #merge(writer: Writer, key: string, merged: unknown): void {
    const entry = this.#entries.get(key) ?? entryOf(undefined);
    const setters = besides(writer, entry.setters);
    if (setters.length > 0) throw conflict(writer, setters, key);
    entry.value = merged;
    entry.mergers.add(writer);
    this.#entries.set(key, entry);
  }

  /** What the reducer makes of what is there. It must not write there itself: what it wrote would be lost. */
  #reduce(key: string, value: unknown, reducer: (current: never, value: never) => unknown): unknown {
    this.#reducing.add(key);
    let merged: unknown;
    try {
      merged = reducer(this.#entries.get(key)?.value as never, value as never);
    } finally {
      this.#reducing.delete(key);
    }
    if (!types.isPromise(merged)) return merged;
    merged.catch(() => {});
    throw new ConfigError('data.merge: the reducer answered a promise; merge what it resolves to');
  }

  #check(key: unknown): void {
    if (typeof key !== 'string') throw new ConfigError(`data: expected a key that is a text, got ${describe(key)}`);
    if (this.#reducing.has(key)) throw new ConfigError(`data: a reducer must not write to ${describe(key)} itself`);
  }
}

function entryOf(value: unknown): Entry {
  return { value, sets: new Map(), setters: [], mergers: new Set() };
}

/** Those among `others` for whom this writer does not wait. */
function besides(writer: Writer, others: Iterable<Writer>): Writer[] {
  return [...others].filter((other) => other !== writer && !writer.follows(other));
}

function conflict(writer: Writer, beside: readonly Writer[], key: string): DataConflictError {
  const names = [...beside, writer].map(({ name }) => `"${name}"`);
  return new DataConflictError(
    `Stages ${names.slice(0, -1).join(', ')} and ${names.at(-1)} write "${key}" of the run's data, and none waits for the other`,
    { details: { key, stages: [...beside, writer].map(({ name }) => name) } },
  );
}
