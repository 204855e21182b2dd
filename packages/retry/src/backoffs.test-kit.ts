import { type Backoff, ConfigError } from '@sluice/core';
import { expect } from 'vitest';

/** Numbers of failures at which sums and powers overflow somewhere. */
export const HUGE: readonly number[] = [10, 1_100, 2 ** 31, Number.MAX_SAFE_INTEGER];

/** All that a factory says is wrong with its options. */
export function refusals(make: () => Backoff): string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => issue.message);
    throw error;
  }
  return expect.unreachable('it should have been refused');
}

/** The waits after the failures 1 to `count`, each told of the one before. */
export function waits(backoff: Backoff, count: number, random: () => number): number[] {
  const all: number[] = [];
  let previous = 0;
  for (let failure = 1; failure <= count; failure++) {
    previous = backoff.delay(failure, previous, random);
    all.push(previous);
  }
  return all;
}
