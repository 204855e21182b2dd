import { failedInWords, slowInWords, slowProbesInWords } from './because.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { OutcomeWindow } from './outcome-window.ts';
import type { Probes } from './probes.ts';
import { minimumOf, newWindow } from './window-spec.ts';

/** Whether bad news is bad enough: what it answers, if anything, is the reason to open a circuit, in words. */
export class Judge {
  readonly window: OutcomeWindow;
  readonly #settings: CircuitSettings;
  readonly #minimum: number;

  constructor(settings: CircuitSettings, window: OutcomeWindow = newWindow(settings.window)) {
    this.window = window;
    this.#settings = settings;
    this.#minimum = minimumOf(settings.window);
  }

  /** A call has failed, and the window knows. */
  failed(): string | undefined {
    const { calls, failures } = this.window;
    // Divided, a rate is exactly what its literal is; multiplied, 0.07 of 100 is more than 7.
    const enough = calls >= this.#minimum && failures / calls >= this.#settings.failureRate;
    return enough ? failedInWords(this.#settings.window, failures, calls) : undefined;
  }

  /** A call has become slow, and the window knows. */
  slowed(): string | undefined {
    const { paced, slow } = this.window;
    const { slowCall, window } = this.#settings;
    const enough = slowCall !== undefined && paced >= this.#minimum && slow / paced >= slowCall.rate;
    return enough ? slowInWords(window, slow, paced, slowCall.afterMs) : undefined;
  }

  /** A probe has become slow, and they know: the rate is judged of all places for probes. */
  probeSlowed({ slow, size }: Probes): string | undefined {
    const { slowCall } = this.#settings;
    const enough = slowCall !== undefined && slow / size >= slowCall.rate;
    return enough ? slowProbesInWords(slow, size, slowCall.afterMs) : undefined;
  }
}
