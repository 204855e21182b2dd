import type { Backoff } from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HUGE, waits } from './backoffs.test-kit.ts';
import { constant } from './constant.ts';
import { decorrelated } from './decorrelated.ts';
import { exponential } from './exponential.ts';
import type { Jitter } from './jitter.ts';
import { linear } from './linear.ts';

/** The least and the most that a wait may be by its formula, written again, and for failures at which nothing overflows. */
type Bounds = (failure: number, previous: number) => readonly [number, number];

const power =
  (part: number): Bounds =>
  (failure) => {
    const ceiling = Math.min(20_000, 200 * 2 ** (failure - 1));
    return [ceiling * part, ceiling];
  };
const threefold =
  (base: number, max: number): Bounds =>
  (failure, previous) => [base, Math.min(max, 3 * (failure === 1 ? base : previous))];
const step =
  (part: number): Bounds =>
  (failure) => [Math.min(20_000, 700 * failure) * part, Math.min(20_000, 700 * failure)];

const formulas: [name: string, backoff: Backoff, bounds: Bounds][] = [
  ['exponential, full', exponential(), power(0)],
  ['exponential, equal', exponential({ jitter: 'equal' }), power(0.5)],
  ['exponential, none', exponential({ jitter: 'none' }), power(1)],
  ['exponential, decorrelated', exponential({ jitter: 'decorrelated' }), threefold(200, 20_000)],
  ['decorrelated', decorrelated({ base: 50, max: 3_000 }), threefold(50, 3_000)],
  ['constant', constant(300), () => [300, 300]],
  ['constant, full', constant(300, { jitter: 'full' }), () => [0, 300]],
  ['linear', linear(700), step(1)],
  ['linear, full', linear(700, undefined, { jitter: 'full' }), step(0)],
  ['linear, equal', linear(700, undefined, { jitter: 'equal' }), step(0.5)],
];

describe('a million waits are within the bounds of their formula', () => {
  const SERIES = 5_000;
  const FAILURES = 20;

  it.each(formulas)('%s', (_name, backoff, bounds) => {
    const strays: unknown[] = [];
    const random = seededRandom(11);
    for (let series = 0; series < SERIES; series++) {
      let previous = 0;
      for (let failure = 1; failure <= FAILURES; failure++) {
        const wait = backoff.delay(failure, previous, random);
        const [least, most] = bounds(failure, previous);
        // So that NaN is none of them. What rounding adds is not more than a billionth.
        if (!(wait >= least && wait <= most * (1 + 1e-9) && wait <= backoff.longest(failure))) {
          strays.push({ failure, previous, wait, least, most });
        }
        previous = wait;
      }
    }
    expect(strays).toEqual([]);
  });
});

it('no backoff ever waits NaN, less than nothing, or longer than it says and its max', () => {
  const wait = fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0, 5e-324, 1e300));
  const failure = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(...HUGE), fc.maxSafeNat());
  const previous = fc.oneof(wait, fc.constantFrom(Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN));
  const jitter = fc.constantFrom<Jitter>('full', 'equal', 'decorrelated', 'none');
  const factor = fc.oneof(fc.constant(1), fc.double({ min: 1, max: 10, noNaN: true }), fc.constant(1e300));
  const chance = fc.oneof(
    fc.constantFrom(0, 1 - Number.EPSILON / 2),
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  );
  fc.assert(
    fc.property(wait, wait, fc.boolean(), factor, jitter, failure, previous, chance, (one, other, capped, ...rest) => {
      const [by, spread, number, before, random] = rest;
      const [base, top] = [Math.min(one, other), Math.max(one, other)];
      const max = capped ? top : 'none';
      const limit = capped ? top : Number.MAX_VALUE;
      const still = spread === 'decorrelated' ? 'none' : spread;
      for (const backoff of [
        exponential({ base, factor: by, max, jitter: spread }),
        decorrelated({ base, max }),
        linear(base, max, { jitter: still }),
        constant(Math.min(base, limit), { jitter: still }),
      ]) {
        const delay = backoff.delay(Math.max(1, number), before, () => random);
        const longest = backoff.longest(Math.max(1, number));
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(longest);
        expect(longest).toBeLessThanOrEqual(limit);
      }
    }),
    { numRuns: 1_000 },
  );
});

describe('five clients that fail together', () => {
  const CLIENTS = 5;
  const GROUPS = 200;
  const RETRIES = 8;

  /** The pairs of clients of which one retries within 1 ms of the other, as a part of all pairs and retries. */
  function together(backoff: Backoff): number {
    let close = 0;
    let pairs = 0;
    for (let group = 0; group < GROUPS; group++) {
      const clients = Array.from({ length: CLIENTS }, (_, client) => {
        let at = 0;
        return waits(backoff, RETRIES, seededRandom(group * CLIENTS + client)).map((wait) => {
          at += wait;
          return at;
        });
      });
      clients.forEach((one, index) => {
        for (const other of clients.slice(index + 1)) {
          one.forEach((at, retry) => {
            pairs++;
            if (Math.abs(at - (other[retry] as number)) < 1) close++;
          });
        }
      });
    }
    return close / pairs;
  }

  it.each([
    ['full', exponential()],
    ['equal', exponential({ jitter: 'equal' })],
    ['decorrelated', decorrelated()],
    ['a spread constant', constant('1s', { jitter: 'equal' })],
    ['a spread linear', linear('1s', undefined, { jitter: 'full' })],
  ])('do not retry together: %s', (_name, backoff) => {
    expect(together(backoff)).toBeLessThan(0.01);
  });

  it('do so where nothing spreads them', () => {
    for (const backoff of [exponential({ jitter: 'none' }), constant('1s'), linear('1s')]) {
      expect(together(backoff)).toBe(1);
    }
  });
});
