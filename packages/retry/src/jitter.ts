/**
 * How waits are spread, so that callers who failed together do not come back together. `'full'`: anything up to the wait; `'equal'`: half
 * of it for certain; `'decorrelated'`: from the shortest wait up to some times the last one; `'none'`: not at all.
 */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none';

/** The jitters that need to know nothing but the wait that they spread. */
export type CeilingJitter = Exclude<Jitter, 'decorrelated'>;

/** Uniform in [0, ceiling]. */
export function fullJitter(ceiling: number, random: () => number): number {
  return random() * ceiling;
}

/** Uniform in [ceiling / 2, ceiling]. */
export function equalJitter(ceiling: number, random: () => number): number {
  const half = ceiling / 2;
  // The half of the smallest numbers that there are is rounded up.
  return Math.min(ceiling, half + random() * half);
}

/** The ceiling itself; chance is not asked. */
export function noJitter(ceiling: number): number {
  return ceiling;
}

/** min(max, uniform in [base, last · factor]), for a last wait of at least base. */
export function decorrelatedJitter(
  base: number,
  last: number,
  factor: number,
  max: number,
  random: () => number,
): number {
  // Finite, or a random number of 0 would make it NaN.
  const high = Math.min(last * factor, Number.MAX_VALUE);
  return Math.min(max, base + random() * (high - base));
}

/** The formulas of {@link CeilingJitter}, by name. */
export const JITTERS: Readonly<Record<CeilingJitter, (ceiling: number, random: () => number) => number>> = {
  full: fullJitter,
  equal: equalJitter,
  none: noJitter,
};
