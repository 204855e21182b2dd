import type { EventHub } from './event-hub.ts';
import type { Log } from './log.ts';

/** How many different reports are remembered, so that each is made once without growing for ever. */
const REMEMBERED = 1_000;

/**
 * Says what went wrong beside a call, where no verdict can say it: a hook or a teardown that threw, a finding of the order check.
 * Each thing is said once: to the logger, or as a process warning where there is none, and as a `warning` event.
 */
export class Reporter {
  readonly #events: EventHub;
  readonly #log: Log | undefined;
  readonly #clean: (text: string) => string;
  readonly #said = new Set<string>();

  /** @param clean - takes the secrets out of what is said to the process */
  constructor(events: EventHub, log: Log | undefined, clean: (text: string) => string = (text) => text) {
    this.#events = events;
    this.#log = log;
    this.#clean = clean;
  }

  /** Says `message` once; `details` are for programs. */
  warn(message: string, details: Readonly<Record<string, unknown>> = {}): void {
    if (this.#said.has(message)) return;
    if (this.#said.size >= REMEMBERED) this.#said.clear();
    this.#said.add(message);
    if (this.#events.listening) this.#events.emit('warning', {}, null, { message, ...details });
    if (this.#log === undefined) {
      const { code } = details;
      // What may be acknowledged is so by its code.
      if (typeof code === 'string') process.emitWarning(this.#clean(message), 'SluiceWarning', code);
      else process.emitWarning(this.#clean(message), 'SluiceWarning');
      return;
    }
    const { err, ...facts } = details;
    this.#log.write('warn', message, { type: 'warning', ...facts }, err);
  }
}
