import fc from 'fast-check';
import type { OutcomeWindow } from './outcome-window.ts';
import type { WindowSpec } from './window-spec.ts';

/** A piece of news that a window was told, and when. */
export interface News {
  readonly of: 'outcome' | 'pace';
  readonly bad: boolean;
  readonly at: number;
}

export interface Counts {
  readonly calls: number;
  readonly failures: number;
  readonly paced: number;
  readonly slow: number;
}

/** What a window should count, by its definition, from all that it was ever told. */
export function countsOf(spec: WindowSpec, log: readonly News[], now: number): Counts {
  const [outcomes, paces] = (['outcome', 'pace'] as const).map((of) => {
    const all = log.filter((news) => news.of === of);
    if (spec.type === 'count') return all.slice(-spec.size);
    if (spec.type === 'consecutive') return all.slice(all.findLastIndex(({ bad }) => !bad) + 1);
    const width = spec.sizeMs / 20;
    return all.filter(({ at }) => Math.floor(at / width) > Math.floor(now / width) - 20);
  }) as [News[], News[]];
  const bad = (list: readonly News[]): number => list.filter((news) => news.bad).length;
  return { calls: outcomes.length, failures: bad(outcomes), paced: paces.length, slow: bad(paces) };
}

/** What a window does count. */
export function countsIn(window: OutcomeWindow, now: number): Counts {
  window.advance(now);
  const { calls, failures, paced, slow } = window;
  return { calls, failures, paced, slow };
}

/** A window, and a list of all that it was told. */
export class Told {
  readonly log: News[] = [];
  readonly #window: OutcomeWindow;

  constructor(window: OutcomeWindow) {
    this.#window = window;
  }

  ended(failed: boolean, at: number): void {
    this.#window.ended(failed, at);
    this.log.push({ of: 'outcome', bad: failed, at }, { of: 'pace', bad: false, at });
  }

  slowed(at: number): void {
    this.#window.slowed(at);
    this.log.push({ of: 'pace', bad: true, at });
  }

  endedSlow(failed: boolean, at: number): void {
    this.#window.endedSlow(failed, at);
    this.log.push({ of: 'outcome', bad: failed, at });
  }
}

export const anySpec: fc.Arbitrary<WindowSpec> = fc.oneof(
  fc.record({
    type: fc.constant('count' as const),
    size: fc.integer({ min: 1, max: 70 }),
    minimum: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    type: fc.constant('time' as const),
    sizeMs: fc.constantFrom(20, 100, 1_000),
    minimum: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ type: fc.constant('consecutive' as const), size: fc.integer({ min: 1, max: 5 }) }),
);

export const anyNews: fc.Arbitrary<{
  readonly after: number;
  readonly do: 'ended' | 'slowed' | 'endedSlow';
  readonly failed: boolean;
}> = fc.record({
  // A clock that stands still, goes on, and jumps.
  after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.constantFrom(95, 100, 999, 1_000, 3_600_000)),
  do: fc.constantFrom('ended', 'slowed', 'endedSlow'),
  failed: fc.boolean(),
});
