import type { Sign } from './bound-options.ts';
import type { CallView } from './call-view.ts';
import type { Handle, Sink } from './flow.ts';
import type { Invocation } from './invocation.ts';
import type { SharedOutcome, SharedRun } from './shared-run.ts';
import { tellSign } from './signs.ts';

/** One call that waits for a shared run. */
export class SharedWaiter implements Handle {
  readonly view: CallView;
  over = false;
  readonly #shared: SharedRun;
  readonly #sink: Sink;
  /** Whether it is the one that has begun it. */
  readonly #began: boolean;

  constructor(shared: SharedRun, view: CallView, sink: Sink, began: boolean) {
    this.#shared = shared;
    this.#began = began;
    this.view = view;
    this.#sink = sink;
    // What it is told, it is told from within somebody else's.
    view.root.keepContext();
  }

  get root(): Invocation {
    return this.view.root;
  }

  /** What a work that is no stream answers comes as an item as well. */
  item(value: unknown): void {
    if (this.over || !this.#shared.streaming) return;
    this.root.inContext(() => {
      this.#streams();
      if (!this.#began) tellSign(this.view.watch, this.root, 'item', this.view.clock.now());
      this.#sink.next(value);
      if (this.#sink.enough === true) this.cancel(undefined);
    });
  }

  done(outcome: SharedOutcome, call: Invocation): void {
    if (this.over) return;
    this.over = true;
    this.root.tookOver(call, this.#began);
    this.root.inContext(() => this.#tell(outcome, call));
  }

  #tell({ status, value, error, items }: SharedOutcome, { instead }: Invocation): void {
    if (instead !== undefined) {
      this.#sink.success(instead.value);
    } else if (status !== 'ok') {
      this.#sink.error(error);
    } else if (items === undefined) {
      this.#sink.success(value);
    } else {
      this.#streams();
      this.#sink.complete();
    }
  }

  #streams(): void {
    if (!this.root.streaming) this.root.streamStarts();
  }

  heard(sign: Sign, at: number, details: unknown): void {
    this.root.heard(sign, at, details);
    // Those around the one that began it are around what it has begun.
    if (!this.#began) tellSign(this.view.watch, this.root, sign, this.view.clock.now(), details);
  }

  cancel(reason?: unknown): void {
    if (this.over) return;
    this.over = true;
    // By way of RxJS no reason arrives.
    this.#shared.leave(this, reason ?? this.view.stopReason());
  }
}
