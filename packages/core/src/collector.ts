import { type Refusal, Snapshot, snapshotOf } from './snapshot.ts';

/** What a call has got so far that is not its result yet: the items of a stream, and what the work says it has achieved. */
export class Collector {
  /** Whether the latest work is a stream. */
  streaming = false;
  /** How many items have come. */
  count = 0;
  readonly #keep: 'all' | 'last' | 'none';
  #items: unknown[] = [];
  #last: unknown = undefined;
  #snapshot: Snapshot | null = null;

  /** @param keep - which items are wanted; none when somebody takes them as they come */
  constructor(keep: 'all' | 'last' | 'none') {
    this.#keep = keep;
  }

  /** A further item. */
  add(item: unknown): void {
    this.count++;
    this.#last = item;
    if (this.#keep === 'all') this.#items.push(item);
  }

  /** What the items amount to: all of a stream, or the last. */
  get result(): unknown {
    return this.streaming && this.#keep === 'all' ? this.#items : this.#last;
  }

  /** What has been achieved: what the work reported itself, or else what it has emitted. Undefined when that is nothing. */
  get partial(): unknown {
    if (this.#snapshot !== null) return this.#snapshot.value;
    if (this.#keep === 'last') return this.#last === undefined ? undefined : snapshotOf([this.#last])[0];
    return this.#items.length === 0 ? undefined : snapshotOf(this.#items);
  }

  /** Keeps a copy of what the work reports. Answers why, if it does not. */
  report(value: unknown): Refusal | undefined {
    this.#snapshot ??= new Snapshot();
    return this.#snapshot.take(value);
  }

  /** Another attempt begins: it has achieved nothing yet. */
  reset(): void {
    this.streaming = false;
    this.#items = [];
    this.#last = undefined;
    this.#snapshot = null;
  }
}
