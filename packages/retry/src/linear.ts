import { type Backoff, type Duration, Problems } from '@sluice/core';
import { checkOrder, inRange, readMax, readWait } from './backoff-options.ts';
import { CeilingBackoff } from './ceiling-backoff.ts';
import { readSpread, type SpreadOptions } from './constant.ts';

/**
 * Waits `step` longer after each failure, exactly, unless a jitter spreads it, and never longer than `max`.
 *
 * Use it where waits should grow, but slowly: where what is waited for is on its way, as a resource that is being made.
 *
 * @param step - the first wait, and by how much each is longer than the one before, in milliseconds or as text, up to `max`
 * @param max - the longest wait, in milliseconds or as text; 20 s unless set, `'none'` or `Infinity` for no cap
 *
 * @example
 * ```ts
 * import { linear } from '@sluice/retry';
 *
 * const backoff = linear(500, '2s');
 * const waits = [1, 2, 3, 4, 5].map((failure) => backoff.delay(failure, 0, Math.random));
 * console.assert(waits.join() === '500,1000,1500,2000,2000');
 * ```
 *
 * @see {@link exponential}
 */
export function linear(step: Exclude<Duration, 'none'>, max?: Duration, options: SpreadOptions = {}): Backoff {
  const problems = new Problems();
  const wait = readWait(step, 'linear.step', problems);
  const longest = readMax(max, 'linear.max', problems);
  const jitter = readSpread(options, 'linear', problems);
  checkOrder(wait, longest, step, 'linear.step', problems);
  problems.throwIfAny();
  const words = `linear + ${wait} ms, ${inRange(wait, longest)}`;
  return new CeilingBackoff((failure) => Math.min(longest, wait * failure), jitter, words);
}
