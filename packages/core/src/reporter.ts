import type { EventHub } from './event-hub.ts';
import type { Logger } from './logger.ts';

/** How many different reports are remembered, so that each is made once without growing for ever. */
const REMEMBERED = 1_000;

/**
 * Says what went wrong beside a call, where no verdict can say it: a hook or a teardown that threw, a finding of the order check.
 * Each thing is said once: to the logger, or as a process warning where there is none, and as a `warning` event.
 */
export class Reporter {
  readonly #events: EventHub;
  readonly #logger: Logger | undefined;
  readonly #said = new Set<string>();

  constructor(events: EventHub, logger: Logger | undefined) {
    this.#events = events;
    this.#logger = logger;
  }

  /** Says `message` once; `details` are for programs. */
  warn(message: string, details: Readonly<Record<string, unknown>> = {}): void {
    if (this.#said.has(message)) return;
    if (this.#said.size >= REMEMBERED) this.#said.clear();
    this.#said.add(message);
    if (this.#events.listening) this.#events.emit('warning', {}, null, { message, ...details });
    if (this.#logger === undefined) {
      process.emitWarning(message, 'SluiceWarning');
      return;
    }
    try {
      this.#logger.warn(details, message);
    } catch {
      process.emitWarning(`The logger threw at: ${message}`, 'SluiceWarning');
    }
  }
}
