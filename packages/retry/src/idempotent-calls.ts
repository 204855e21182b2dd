import {
  type Call,
  callInfo,
  driveNext,
  drivenNext,
  giveInstead,
  type Handle,
  IdempotencyMismatchError,
  InterceptorError,
  type Next,
  reportFault,
  type SharedOutcome,
  type Sink,
  scopeOf,
  shareRun,
  title,
} from '@sluice/core';
import { askLater } from './ask-later.ts';
import type { IdempotencyFields } from './idempotency-options.ts';
import type { IdempotencyRecord, IdempotencyStore, StoreAnswer } from './idempotency-store.ts';
import { KeyedRun } from './keyed-run.ts';

type Found = IdempotencyRecord | null | undefined;
type LookUp = () => Promise<Found>;

/** What idempotency has seen. */
export interface IdempotencyStats {
  /** How many calls with a key were run. */
  readonly run: number;
  /** How many waited for one that went on already. */
  readonly joined: number;
  /** How many were given what one before had come to. */
  readonly replayed: number;
  /** How many had the key of another, and other input. */
  readonly mismatched: number;
  /** How many have not done what they were to do, and still may: what was stopped counts until it has really ended. */
  readonly underWay: number;
}

/** A call with a key, as it comes. */
export interface KeyedCall {
  readonly call: Call;
  readonly key: string;
  /** The key, with its target. */
  readonly scoped: string;
  /** What tells its input from others. */
  readonly input: string;
  readonly rules: IdempotencyFields;
  readonly next: Next;
}

/** The calls with keys of one plugin: those that go on, and what those came to that have ended. */
export class IdempotentCalls {
  /** What the plugin is called. */
  readonly name: string;
  readonly #store: IdempotencyStore;
  /** Those that are not over. */
  readonly #runs = new Map<string, KeyedRun>();
  readonly #counts = { run: 0, joined: 0, replayed: 0, mismatched: 0 };

  constructor(name: string, store: IdempotencyStore) {
    this.name = name;
    this.#store = store;
  }

  stats(): IdempotencyStats {
    return { ...this.#counts, underWay: [...this.#runs.values()].filter(({ goesOn }) => goesOn).length };
  }

  /** Lets a call wait for the one that goes on under its key, or gives it what one came to, or runs it. */
  enter(keyed: KeyedCall, sink: Sink): Handle | null {
    const { call, scoped, input } = keyed;
    const other = this.#runs.get(scoped);
    if (other?.usable !== true) return this.#begin(keyed, other, sink);
    if (other.input !== input) return this.#mismatch(keyed, sink);
    if (other.shared.runs(call)) {
      sink.error(new InterceptorError(this.name, `would let ${title(call)} wait for the work that it is called in`));
      return null;
    }
    this.#hit(keyed, other.shared.outcome === undefined ? 'joined' : 'replayed');
    return other.shared.join(call, sink);
  }

  /** Begins under a key under which there is nothing to wait for. */
  #begin(keyed: KeyedCall, last: KeyedRun | undefined, sink: Sink): Handle | null {
    const { call, scoped } = keyed;
    const lookUp = () => this.#store.get(scoped, call.clock.now());
    // What was stopped, or has failed, may still do what it was to do: never two at once.
    if (last !== undefined) {
      return this.#run(keyed, last, () => new Promise<void>((over) => last.whenOver(over)).then(lookUp), sink);
    }
    let found: StoreAnswer<Found>;
    try {
      found = lookUp();
      if (isLater(found)) return this.#run(keyed, undefined, () => Promise.resolve(found), sink);
    } catch (error) {
      sink.error(error);
      return null;
    }
    return isNothing(found) ? this.#run(keyed, undefined, undefined, sink) : this.#replay(keyed, found, sink);
  }

  /** Runs it, once it is known that nothing is kept under its key: that is a part of the run, which others may wait for. */
  #run(keyed: KeyedCall, last: KeyedRun | undefined, lookUp: LookUp | undefined, sink: Sink): Handle | null {
    const { call, scoped, input, rules, next, key } = keyed;
    let replayed = false;
    const inside: Next =
      lookUp === undefined
        ? next
        : drivenNext(this.name, (view, sinkOfRun) => {
            const goOn = (found: Found, to: Sink): Handle | null => {
              if (isNothing(found)) return driveNext(view, next, to);
              replayed = true;
              return this.#replay({ ...keyed, call: view }, found, to);
            };
            return askLater(lookUp, goOn, sinkOfRun);
          });
    const run = new KeyedRun(input, last, (ended) =>
      shareRun(call, inside, {
        idempotencyKey: key,
        ended: (outcome) => {
          const keeps = !replayed && outcome.status === 'ok' && rules.ttl > 0;
          ended(outcome, keeps ? this.#keep(keyed, outcome) : undefined);
        },
      }),
    );
    this.#counts.run++;
    this.#runs.set(scoped, run);
    run.whenOver(() => {
      if (this.#runs.get(scoped) === run) this.#runs.delete(scoped);
    });
    return run.shared.join(call, sink);
  }

  /** Answers what to wait for until it is kept; undefined for nothing. */
  #keep({ call, scoped, input, rules }: KeyedCall, { value, items }: SharedOutcome): Promise<void> | undefined {
    const record = { fingerprint: input, value, ...(items === undefined ? {} : { items }) };
    const failed = (cause: unknown): void => reportFault(call, this.name, 'could not keep a result', cause);
    try {
      const kept: unknown = this.#store.set(scoped, record, rules.ttl, call.clock.now());
      return isLater(kept) ? Promise.resolve(kept).then(() => {}, failed) : undefined;
    } catch (cause) {
      failed(cause);
      return undefined;
    }
  }

  #replay(keyed: KeyedCall, record: IdempotencyRecord, sink: Sink): Handle | null {
    if (!isRecord(record)) {
      sink.error(new InterceptorError(this.name, 'was answered by its store with what it has never kept'));
      return null;
    }
    if (record.fingerprint !== keyed.input) return this.#mismatch(keyed, sink);
    this.#hit(keyed, 'replayed');
    return giveInstead(keyed.call, record, 'cache', sink);
  }

  #hit({ call, key }: KeyedCall, how: 'joined' | 'replayed'): void {
    this.#counts[how]++;
    call.emit('idempotency.hit', { key, how });
  }

  #mismatch({ call, key, rules, next }: KeyedCall, sink: Sink): Handle | null {
    this.#counts.mismatched++;
    if (rules.onMismatch === 'run') return driveNext(call, next, sink);
    const message = `${title(call)} was called under the idempotency key "${key}" with other input than before`;
    sink.error(new IdempotencyMismatchError(message, { call: callInfo(call), scope: scopeOf(call), details: { key } }));
    return null;
  }
}

function isLater<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

/** A store of somebody else's may say null. */
function isNothing(record: Found): record is null | undefined {
  return record === undefined || record === null;
}

function isRecord(record: IdempotencyRecord): boolean {
  const { fingerprint, items } = record as Partial<Record<keyof IdempotencyRecord, unknown>>;
  return typeof fingerprint === 'string' && (items === undefined || Array.isArray(items));
}
