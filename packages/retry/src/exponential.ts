import { type Backoff, type Duration, Problems, readPlain } from '@sluice/core';
import { checkOrder, inRange, readJitter, readMax, readWait } from './backoff-options.ts';
import { CeilingBackoff } from './ceiling-backoff.ts';
import { BASE, DECORRELATED_FACTOR, Decorrelated } from './decorrelated.ts';
import { grown } from './growth.ts';
import type { Jitter } from './jitter.ts';

/** What {@link exponential} takes. */
export interface ExponentialOptions {
  /** The ceiling of the first wait, in milliseconds or as text, up to `max`; 200 ms unless set. `0` never waits. */
  readonly base?: Exclude<Duration, 'none'> | undefined;
  /**
   * How many times the ceiling before each ceiling is, a number ≥ 1; 2 unless set. With `jitter: 'decorrelated'`, how many times the last
   * wait the next one may be; 3 unless set.
   */
  readonly factor?: number | undefined;
  /** The longest wait, in milliseconds or as text; 20 s unless set, `'none'` or `Infinity` for no cap. */
  readonly max?: Duration | undefined;
  /** How waits are spread; `'full'` unless set. */
  readonly jitter?: Jitter | undefined;
}

const FACTOR = 2;
const KNOWN = ['base', 'factor', 'max', 'jitter'];
const JITTER_NAMES: readonly [Jitter, ...Jitter[]] = ['full', 'equal', 'decorrelated', 'none'];

/**
 * Waits below a ceiling that doubles with each failure: anything up to 200 ms, then 400 ms, then 800 ms, and never longer than 20 s.
 *
 * Use it where nothing else is known of the service; it is what a retry does by itself.
 *
 * @example
 * ```ts
 * import { exponential } from '@sluice/retry';
 *
 * const backoff = exponential({ base: 100, max: '5s' });
 * console.assert(backoff.longest(1) === 100 && backoff.longest(3) === 400 && backoff.longest(99) === 5_000);
 * console.assert(backoff.delay(3, 0, Math.random) <= 400);
 * ```
 *
 * @see {@link decorrelated}
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const problems = new Problems();
  const given = readPlain(options, 'exponential', problems) ?? {};
  problems.unknownKeys(given, KNOWN, 'exponential');
  const { base: wait = BASE } = given;
  const base = readWait(wait, 'exponential.base', problems);
  const max = readMax(given['max'], 'exponential.max', problems);
  const jitter = readJitter(given['jitter'], JITTER_NAMES, 'exponential.jitter', problems);
  const { factor = jitter === 'decorrelated' ? DECORRELATED_FACTOR : FACTOR } = given;
  checkOrder(base, max, wait, 'exponential.base', problems);
  if (!isFactor(factor)) problems.add('exponential.factor', 'a finite number ≥ 1', factor);
  problems.throwIfAny();
  const times = factor as number;
  if (jitter === 'decorrelated') return new Decorrelated(base, times, max);
  const words = `exponential × ${times}, ${inRange(base, max)}`;
  return new CeilingBackoff((failure) => grown(base, times, failure - 1, max), jitter, words);
}

function isFactor(value: unknown): value is number {
  return typeof value === 'number' && value >= 1 && Number.isFinite(value);
}
