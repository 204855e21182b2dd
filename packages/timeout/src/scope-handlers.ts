import { alarm, type Clock, type Logger, messageOf, type TimeoutError } from '@sluice/core';

type Handler = (error: TimeoutError) => unknown;

/** What is to happen when a scope times out: each handler once, in order; what one throws harms no other. */
export class ScopeHandlers {
  /** Resolves when the scope is over and its handlers have ended, or their grace has. */
  readonly settled: Promise<void>;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #logger: Logger | undefined;
  readonly #handlers = new Set<{ readonly handler: Handler }>();
  #resolve: () => void = () => {};
  #running = 0;
  #ended = false;

  constructor(path: string, clock: Clock, graceMs: number, logger: Logger | undefined) {
    this.#path = path;
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#logger = logger;
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  add(handler: Handler): () => void {
    const entry = { handler };
    this.#handlers.add(entry);
    return () => this.#handlers.delete(entry);
  }

  /** The scope is over, with `error` if it timed out. */
  end(error: TimeoutError | undefined): void {
    this.#ended = true;
    if (error === undefined) this.#handlers.clear();
    else this.run(error);
    this.#check();
    if (this.#running === 0) return;
    const late = alarm(this.#clock, this.#graceMs, () => {
      this.log(
        { scope: this.#path, handlers: this.#running },
        `Scope "${this.#path}" has handlers that have not ended in time`,
      );
      this.#resolve();
    });
    this.settled.then(late);
  }

  /** Runs those that have not been run. */
  run(error: TimeoutError): void {
    for (const entry of this.#handlers) {
      this.#handlers.delete(entry);
      this.#call(entry.handler, error);
    }
  }

  #call(handler: Handler, error: TimeoutError): void {
    let result: unknown;
    try {
      result = handler(error);
      // Looked at in here, for even that may throw.
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') return;
    } catch (thrown) {
      this.#threw(thrown);
      return;
    }
    this.#running++;
    Promise.resolve(result)
      .catch((thrown: unknown) => this.#threw(thrown))
      .finally(() => {
        this.#running--;
        this.#check();
      });
  }

  #check(): void {
    if (this.#ended && this.#running === 0) this.#resolve();
  }

  #threw(err: unknown): void {
    this.log({ scope: this.#path, err }, `A timeout handler of scope "${this.#path}" threw`);
  }

  /** Says something at warn; without a logger, to the process. */
  log(facts: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#logger === undefined) {
      if ('err' in facts) process.emitWarning(`${message}: ${messageOf(facts['err'])}`, 'SluiceWarning');
      return;
    }
    try {
      this.#logger.warn(facts, message);
    } catch {
      process.emitWarning(message, 'SluiceWarning');
    }
  }
}
