import { leakLedger } from './leak-ledger.ts';
import { seededRandom } from './seeded-random.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

/** What one simulated run has at hand. */
export interface Simulation {
  /** The seed of this run. */
  readonly seed: number;
  readonly clock: VirtualClock;
  /** A number from 0 up to, but not including, 1. */
  random(): number;
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of the given. */
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** What is simulated, and how often. */
export interface SimulateOptions {
  /**
   * One run: throws, or rejects, when something is not as it must be. It may answer a function that checks what must hold when
   * everything has settled. It does not move the clock: that is done for it.
   */
  readonly program: (simulation: Simulation) => unknown;
  /** How many runs, each with a seed of its own; 1,000 unless set. */
  readonly runs?: number;
  /** The first seed; the following runs count up. 1 unless set. */
  readonly seed?: number;
}

/** What a simulation has done. */
export interface SimulateReport {
  readonly runs: number;
}

/**
 * Runs a program under thousands of seeded schedules on a virtual clock, and checks after each that nothing is left alive. The
 * first run that fails is named by its seed; `SLUICE_SEED=<seed>` in the environment repeats that run alone.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 * import { scripted, simulate } from '@sluice/core/testing';
 *
 * await simulate({
 *   runs: 100,
 *   async program({ clock, integer }) {
 *     const work = scripted([{ do: 'succeed', value: 'done', after: integer(0, 200) }], { clock });
 *     const call = createRunner({ clock }).call(tool('work', {}, work), undefined, { deadline: 100 });
 *     await call.catch(() => {});
 *   },
 * });
 * ```
 */
export async function simulate({ program, runs = 1_000, seed = 1 }: SimulateOptions): Promise<SimulateReport> {
  const replay = process.env['SLUICE_SEED'];
  const seeds = replay === undefined ? { from: seed, count: runs } : { from: Number(replay), count: 1 };
  for (let run = 0; run < seeds.count; run++) await simulateOne(program, seeds.from + run);
  return { runs: seeds.count };
}

async function simulateOne(program: SimulateOptions['program'], seed: number): Promise<void> {
  const ledger = leakLedger();
  const clock = virtualClock({ seed });
  try {
    const check = await clock.until(Promise.resolve(program(simulation(seed, clock))));
    await clock.runAll();
    if (typeof check === 'function') check();
    ledger.assertEmpty();
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Seed ${seed} failed: ${said}\nTo repeat it alone, set SLUICE_SEED=${seed} and run the test again.`,
      { cause },
    );
  }
}

function simulation(seed: number, clock: VirtualClock): Simulation {
  // Choices of the program and chance of the clock do not disturb each other.
  const random = seededRandom(seed ^ 0x5eed);
  const integer = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1));
  return {
    seed,
    clock,
    random,
    integer,
    chance: (probability) => random() < probability,
    pick: (choices) => choices[integer(0, choices.length - 1)] as (typeof choices)[number],
  };
}
