import type { CircuitState } from './circuit-state.ts';

/**
 * Why a call is refused, and until when: what a {@link CircuitStore} answers in place of a permit. It is the same one for everybody who is refused
 * for the same reason, so it costs nothing.
 *
 * @example
 * ```ts
 * import { CircuitRefusal } from '@sluice/circuit-breaker';
 *
 * const refusal = new CircuitRefusal('open', '6 of 10 calls failed in 10 s', 30_000);
 * console.assert(refusal.retryAfterMs(10_000) === 20_000);
 * ```
 */
export class CircuitRefusal {
  readonly state: CircuitState;
  /** In words, such as "6 of 10 calls failed in 10 s". */
  readonly because: string;
  readonly #retryAt: number | undefined;

  constructor(state: CircuitState, because: string, retryAt?: number) {
    this.state = state;
    this.because = because;
    this.#retryAt = retryAt;
  }

  /** After how many milliseconds it is worth another try: never too early; undefined when no time changes anything. */
  retryAfterMs(now: number): number | undefined {
    const at = this.#retryAt;
    if (at === undefined) return undefined;
    // Added to `now`, it must not fall short by a rounding.
    let ms = Math.max(0, at - now);
    while (now + ms < at) ms *= 1 + Number.EPSILON;
    return ms;
  }
}
