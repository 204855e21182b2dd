import { type Backoff, type Duration, Problems, readPlain } from '@sluice/core';
import { readJitter, readWait } from './backoff-options.ts';
import { CeilingBackoff } from './ceiling-backoff.ts';
import type { CeilingJitter } from './jitter.ts';

/** How waits are spread that would otherwise be exact. */
export interface SpreadOptions {
  /** How waits are spread below what they would be; `'none'` unless set. */
  readonly jitter?: CeilingJitter | undefined;
}

/** The jitters of {@link SpreadOptions}, the default first. */
const SPREADS: readonly [CeilingJitter, ...CeilingJitter[]] = ['none', 'full', 'equal'];

/**
 * Waits the same each time, exactly, unless a jitter spreads it.
 *
 * Use it where a service says how often it may be asked, or where one caller polls; `constant(0)` does not wait at all. Where many callers
 * fail together, let them be spread: `constant('1s', { jitter: 'equal' })`.
 *
 * @param delay - the wait, in milliseconds or as text
 *
 * @example
 * ```ts
 * import { constant } from '@sluice/retry';
 *
 * const backoff = constant('1s');
 * console.assert(backoff.delay(1, 0, Math.random) === 1_000 && backoff.delay(7, 1_000, Math.random) === 1_000);
 * ```
 *
 * @see {@link exponential}
 */
export function constant(delay: Exclude<Duration, 'none'>, options: SpreadOptions = {}): Backoff {
  const problems = new Problems();
  const wait = readWait(delay, 'constant.delay', problems);
  const jitter = readSpread(options, 'constant', problems);
  problems.throwIfAny();
  return new CeilingBackoff(() => wait, jitter, `constant ${wait} ms`);
}

/** The jitter of {@link SpreadOptions} of the factory `name`, noting all that is wrong. */
export function readSpread(options: unknown, name: string, problems: Problems): CeilingJitter {
  const given = readPlain(options, `${name}: options`, problems) ?? {};
  problems.unknownKeys(given, ['jitter'], name);
  return readJitter(given['jitter'], SPREADS, `${name}.jitter`, problems);
}
