import type { Bound } from './bound.ts';
import type { CallView } from './call-view.ts';

/** A time in which a work waits for something else: the clocks around it that may stand still do so until it is over. */
export class Pause {
  readonly #call: CallView;
  readonly #reason: string;
  readonly #bounds: readonly Bound[];
  readonly #from: number;
  readonly #ended: () => void;
  #over = false;

  constructor(call: CallView, reason: string, ended: () => void) {
    this.#call = call;
    this.#reason = reason;
    this.#ended = ended;
    this.#from = call.clock.now();
    this.#bounds = [...call.bounds()].filter((bound) => bound.pause());
  }

  /** Says that it begins: once its owner knows of it, and would end it. */
  tell(): void {
    this.#call.emit('pause', { reason: this.#reason });
  }

  /** Everything goes on. Once: what is called again does nothing. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const bound of this.#bounds) bound.resume();
    this.#call.emit('resume', { reason: this.#reason, pausedMs: this.#call.clock.now() - this.#from });
    this.#ended();
  }
}
