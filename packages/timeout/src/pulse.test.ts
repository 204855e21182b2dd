import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pulse } from './pulse.ts';

/** One thing that happens to a pulse, some time after the last one. */
type Step = { readonly wait: number; readonly do: 'alive' | 'beat' | 'look' | 'flush' };

const steps = fc.array(
  fc.record({
    wait: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2_000 })),
    do: fc.constantFrom<Step['do']>('alive', 'beat', 'look', 'flush'),
  }),
  { maxLength: 60 },
);
// Multiples of five, so that four fifths of them are whole.
const limits = fc.oneof(
  fc.integer({ min: 1, max: 400 }).map((fives) => fives * 5),
  fc.constant(Number.POSITIVE_INFINITY),
);

/** The same, without any state but the whole story: everything is looked for in it anew. */
class Story {
  readonly #limit: number;
  readonly #interval: number;
  readonly #lives: number[] = [];
  readonly #beats: number[] = [];
  readonly #told: { readonly at: number; readonly beat: number }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    this.#interval = limit === Number.POSITIVE_INFINITY ? 1_000 : (limit / 5) * 4;
  }

  alive(now: number): void {
    this.#lives.push(now);
  }

  /** Answers which beat is told, counted from 0; undefined for none. */
  beat(now: number): number | undefined {
    this.#beats.push(now);
    const before = this.#told.at(-1);
    return before === undefined || now >= before.at + this.#interval ? this.flush(now) : undefined;
  }

  /** The beats that nobody was told of: all but the latest are forgotten. */
  get #waiting(): number | undefined {
    const latest = this.#beats.length - 1;
    return latest < 0 || this.#told.at(-1)?.beat === latest ? undefined : latest;
  }

  flush(now: number): number | undefined {
    const beat = this.#waiting;
    if (beat !== undefined) this.#told.push({ at: now, beat });
    return beat;
  }

  due(now: number): number {
    const before = this.#told.at(-1);
    return this.#waiting === undefined || before === undefined
      ? Number.POSITIVE_INFINITY
      : before.at + this.#interval - now;
  }

  left(now: number): number {
    return this.#lives.length === 0 ? 0 : Math.max(...this.#lives) + this.#limit - now;
  }
}

describe('a pulse', () => {
  it('agrees with a record of everything that happened: how long it may be silent, what is told, and when', () => {
    fc.assert(
      fc.property(limits, steps, (limit, all) => {
        const pulse = new Pulse(limit);
        const story = new Story(limit);
        let now = 0;
        let beats = 0;
        for (const step of all) {
          now += step.wait;
          if (step.do === 'alive') {
            pulse.alive(now);
            story.alive(now);
          } else if (step.do === 'beat') {
            expect(pulse.beat(now, beats++)?.details).toBe(story.beat(now));
          } else if (step.do === 'flush' || story.due(now) <= 0) {
            expect(pulse.take(now)?.details).toBe(story.flush(now));
          }
          expect(pulse.due(now)).toBe(story.due(now));
          expect(pulse.left(now)).toBe(story.left(now));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('whose waiting beats are told when they are due tells at most one in four fifths of its limit, and ends with the latest', () => {
    fc.assert(
      fc.property(
        limits,
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 60 }),
        (limit, waits) => {
          const pulse = new Pulse(limit);
          const told: { at: number; details: unknown }[] = [];
          let now = 0;
          let latest = -1;
          const tell = (at: number, details: unknown): unknown => told.push({ at, details });
          for (const wait of [...waits, Number.MAX_SAFE_INTEGER]) {
            const due = pulse.due(now);
            if (due <= wait) tell(now + due, pulse.take(now + due)?.details);
            if (wait === Number.MAX_SAFE_INTEGER) break;
            now += wait;
            const beat = pulse.beat(now, ++latest);
            if (beat !== undefined) tell(now, beat.details);
          }
          expect(told[0]).toEqual({ at: waits[0], details: 0 });
          expect(told.at(-1)?.details).toBe(latest);
          const interval = limit === Number.POSITIVE_INFINITY ? 1_000 : (limit / 5) * 4;
          told.slice(1).forEach(({ at, details }, index) => {
            expect(at - (told[index]?.at ?? 0)).toBeGreaterThanOrEqual(interval);
            expect(Number(details)).toBeGreaterThan(Number(told[index]?.details));
          });
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('that was never alive has no time left, and one without a limit has all', () => {
    expect(new Pulse(100).left(50)).toBe(0);
    expect(new Pulse(100).lastAt).toBeUndefined();
    const endless = new Pulse(Number.POSITIVE_INFINITY);
    endless.alive(7);
    expect(endless.left(1e12)).toBe(Number.POSITIVE_INFINITY);
    expect(endless.lastAt).toBe(7);
  });

  it('keeps the details as they are: undefined, too, is something that was said', () => {
    const pulse = new Pulse(100);
    const details = { page: 7 };
    expect(pulse.beat(0, details)?.details).toBe(details);
    expect(pulse.beat(1, undefined)).toBeUndefined();
    expect(pulse.take(2)).toEqual({ details: undefined });
    expect(pulse.take(3)).toBeUndefined();
  });

  it('that is told a waiting beat early begins its interval anew from there', () => {
    const pulse = new Pulse(100);
    pulse.beat(0, 'first');
    pulse.beat(10, 'second');
    expect(pulse.due(10)).toBe(70);
    expect(pulse.take(20)).toEqual({ details: 'second' });
    expect(pulse.beat(99, 'third')).toBeUndefined();
    expect(pulse.due(99)).toBe(1);
    expect(pulse.beat(100, 'fourth')).toEqual({ details: 'fourth' });
    expect(pulse.due(100)).toBe(Number.POSITIVE_INFINITY);
  });
});
