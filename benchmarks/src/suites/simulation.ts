import { circuitBreaker } from '@sluice/circuit-breaker';
import { concurrency } from '@sluice/concurrency';
import { type Context, createRunner, tool } from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import type { Part, Suite } from '../part.ts';

/** How many runs before those that count. */
const WARM_UP = 5_000;
const RUNS = 10_000;

/** Work that takes any time, fails as often as not, and mostly does as its signal says. */
function flaky({ clock, integer, chance }: Simulation): (input: undefined, context: Context) => Promise<string> {
  return (_, { signal }) =>
    new Promise((resolve, reject) => {
      const stop = clock.schedule(integer(0, 3_000), () => (chance(0.5) ? resolve('done') : reject(new Error('no'))));
      if (!chance(0.7)) return;
      signal.addEventListener('abort', () => {
        stop();
        reject(signal.reason);
      });
    });
}

/** The recommended stack with any numbers, around so many calls of a flaky tool, whose callers lose their patience now and then. */
function program(calls: number): (simulation: Simulation) => Promise<void> {
  return async (simulation) => {
    const { clock, integer, chance } = simulation;
    const attempt = integer(50, 2_000);
    const runner = createRunner({
      clock,
      use: [
        timeout({ total: attempt + integer(1, 6_000), attempt }),
        heartbeat(integer(20, 1_500)),
        retry({ attempts: integer(1, 4) }),
        circuitBreaker({ window: { type: 'consecutive', size: integer(1, 4) }, openFor: integer(10, 2_000) }),
        concurrency(integer(1, 4)),
      ],
    });
    const work = tool('flaky', {}, flaky(simulation));
    const call = async (): Promise<void> => {
      const patience = chance(0.2) ? new AbortController() : undefined;
      const forget = patience && clock.schedule(integer(0, 1_000), () => patience.abort(new Error('impatient')));
      await runner.call(work, undefined, { signal: patience?.signal }).catch(() => {});
      forget?.();
    };
    await Promise.all(Array.from({ length: calls }, call));
  };
}

/** How many runs a minute, each with a seed of its own, and each checked to leave nothing alive. */
function perMinute(calls: number): Part {
  return {
    name: calls === 1 ? 'a call in a run' : `${calls} calls in a run`,
    unit: 'runs a minute',
    async measure() {
      // What the order check says of numbers that are drawn is of no interest here.
      process.removeAllListeners('warning');
      await simulate({ runs: WARM_UP, program: program(calls) });
      const start = performance.now();
      await simulate({ runs: RUNS, seed: WARM_UP + 1, program: program(calls) });
      return { 'the whole stack': (RUNS / (performance.now() - start)) * 60_000 };
    },
  };
}

export const simulations: Suite = {
  name: 'simulation',
  about: 'Seeded schedules of the recommended stack on a virtual clock, stacks and runners made anew for each.',
  parts: [perMinute(1), perMinute(5)],
};
