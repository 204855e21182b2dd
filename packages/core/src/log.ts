import { loggedError } from './logged-error.ts';
import { type Level, type Logger, levelEnabled } from './logger.ts';
import { type RedactOptions, type Redactor, redactor } from './redact.ts';

/**
 * A logger as core writes to it: everything under the key `sluice`, the error under `err`, all of it without secrets. A logger that
 * throws is said once, and harms nobody.
 */
export class Log {
  readonly logger: Logger;
  readonly #clean: Redactor;
  #said = false;

  constructor(logger: Logger, redact?: RedactOptions) {
    this.logger = logger;
    this.#clean = redactor(redact);
  }

  /** Whether the logger takes lines of this level. */
  takes(level: Level): boolean {
    return levelEnabled(this.logger, level);
  }

  /** Writes a line. `error` is what it is about, if it is about one. */
  write(level: Level, message: string, facts: object, error?: unknown): void {
    const err = error === undefined ? {} : { err: this.cleanError(error) };
    this.pass(level, [{ sluice: this.#clean(facts), ...err }, this.#clean.text(message)]);
  }

  /** A copy of anything that is fit to be written down. */
  clean(value: unknown): unknown {
    return this.#clean(value);
  }

  /** A text that is fit to be written down. */
  cleanText(text: string): string {
    return this.#clean.text(text);
  }

  /** An error that is fit to be written down. Without a prototype, for pino takes the name of a constructor for that of the error. */
  cleanError(error: unknown): object {
    return Object.assign(Object.create(null), this.#clean(loggedError(error)));
  }

  /** Hands a line over as it is. */
  pass(level: Level, line: readonly unknown[]): void {
    try {
      const answer: unknown = Reflect.apply(this.logger[level], this.logger, line);
      // An async logger throws by rejecting.
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#threw(error));
    } catch (error) {
      this.#threw(error);
    }
  }

  #threw(error: unknown): void {
    if (this.#said) return;
    this.#said = true;
    const { message } = loggedError(error);
    process.emitWarning(`The logger threw: ${this.#clean.text(message)}; this is said once`, 'SluiceWarning');
  }
}
