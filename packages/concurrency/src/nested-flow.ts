import { Flow, type Handle, type Sink } from '@sluice/core';

/** A flow of another one, inside it. */
export class NestedFlow extends Flow {
  readonly #around: Flow;
  readonly #enter: (sink: Sink) => Handle | null;

  constructor(around: Flow, enter: (sink: Sink) => Handle | null) {
    super();
    this.#around = around;
    this.#enter = enter;
  }

  drive(sink: Sink): Handle | null {
    return this.#enter(sink);
  }

  teardownThrew(error: unknown): void {
    this.#around.teardownThrew(error);
  }
}
