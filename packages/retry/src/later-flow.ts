import { Flow, type Handle, type Sink } from '@sluice/core';

/** What goes on when something that has to be asked for has been answered, unless it was stopped meanwhile. */
export class LaterFlow<T> extends Flow {
  readonly #ask: () => Promise<T>;
  readonly #goOn: (answer: T, sink: Sink) => Handle | null;

  constructor(ask: () => Promise<T>, goOn: (answer: T, sink: Sink) => Handle | null) {
    super();
    this.#ask = ask;
    this.#goOn = goOn;
  }

  drive(sink: Sink): Handle {
    let inner: Handle | null = null;
    let over = false;
    this.#ask().then(
      (answer) => {
        if (!over) inner = this.#goOn(answer, sink);
      },
      (error: unknown) => {
        if (!over) sink.error(error);
      },
    );
    return {
      cancel(reason) {
        over = true;
        inner?.cancel(reason);
      },
    };
  }

  teardownThrew(error: unknown): void {
    throw error;
  }
}
