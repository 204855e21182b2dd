import { types } from 'node:util';
import type { Backoff } from '@sluice/core';

/**
 * A backoff whose waits a user's function says, from the number of the failed attempt, 1 for the first, and its error. Its `delay` throws
 * what the function throws, and a TypeError for an answer that is no time.
 */
export function computed(fn: (attempt: number, error: unknown) => number): Backoff {
  return new Computed(fn);
}

class Computed implements Backoff {
  readonly #fn: (attempt: number, error: unknown) => unknown;

  constructor(fn: (attempt: number, error: unknown) => unknown) {
    this.#fn = fn;
  }

  delay(failure: number, _previous: number, _random: () => number, error?: unknown): number {
    const fn = this.#fn;
    const answer = fn(failure, error);
    if (typeof answer === 'number' && answer >= 0 && Number.isFinite(answer)) return answer;
    throw new TypeError(
      `The backoff function answered ${inShort(answer)} after attempt ${failure}; expected a finite number of milliseconds ≥ 0`,
    );
  }

  longest(): number {
    return Number.POSITIVE_INFINITY;
  }

  describe(): string {
    return 'computed';
  }
}

/** What an answer is, without running any code of its own. */
function inShort(answer: unknown): string {
  if (typeof answer === 'string') return 'a text';
  if (types.isPromise(answer)) return 'a promise';
  if (typeof answer === 'function' || typeof answer === 'symbol') return `a ${typeof answer}`;
  return typeof answer === 'object' && answer !== null ? 'an object' : String(answer);
}
