import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { ratioBudget, throttleBudget } from './other-budgets.test-kit.ts';
import { retryBudget } from './retry-budget.ts';
import {
  attemptLoop,
  type LoopOptions,
  type Scene,
  simulateService,
  type Trace,
} from './service-simulation.test-kit.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Four attempts, as the scene has it. */
function simulate(scene: Omit<Scene, 'client'>, budgets: LoopOptions['budgets']): Promise<Trace> {
  return simulateService({ ...scene, client: attemptLoop({ attempts: 4, budgets: budgets ?? [] }) });
}

const always = (probability: number) => (): number => probability;

/** A service that does less the more is asked of it beyond what it can: what fails has cost it as much. */
function collapsing(capacity: (at: number) => number): Scene['failing'] {
  return (at, load) => (load <= capacity(at) ? 0.005 : 1 - (capacity(at) / load) ** 2);
}

describe('in a total outage', () => {
  it.each([10, 60, 600])(
    'of %i s, at 100 calls a second, there are at most 1.2 attempts for each call',
    async (seconds) => {
      const scene = { ms: seconds * 1000, failing: always(1) };
      const { amplification, calls } = await simulate(scene, [retryBudget()]);
      expect(calls / seconds).toBeGreaterThan(85);
      expect(amplification).toBeLessThanOrEqual(1.2);
      expect(amplification).toBeGreaterThan(1);
      expect((await simulate(scene, [])).amplification).toBe(4);
    },
  );

  it('there are the first hundred retries, then one each ten seconds', async () => {
    const { calls, attempts } = await simulate({ ms: 10 * MINUTE, failing: always(1) }, [retryBudget()]);
    expect(attempts - calls).toBeGreaterThanOrEqual(158);
    expect(attempts - calls).toBeLessThanOrEqual(161);
  });

  it('that comes again each two minutes, it is 1.2 over all of them', async () => {
    const failing = (at: number): number => (at % (2 * MINUTE) < MINUTE ? 1 : 0.01);
    const trace = await simulate({ ms: 10 * MINUTE, failing }, [retryBudget()]);
    for (let at = 0; at < 10 * MINUTE; at += 2 * MINUTE) {
      expect(trace.between(at, at + MINUTE).amplification).toBeLessThanOrEqual(1.2);
      expect(trace.between(at + MINUTE + 5_000, at + 2 * MINUTE - 5_000).success).toBe(1);
    }
  });
});

describe('at a steady share of failures', () => {
  it.each([1, 2, 3, 4, 5])(
    'of a fifth, 99.5 percent of calls succeed, as many as without a budget (seed %i)',
    async (seed) => {
      const scene = { ms: 5 * MINUTE, failing: always(0.2), seed };
      const bounded = await simulate(scene, [retryBudget()]);
      expect(bounded.success).toBeGreaterThanOrEqual(0.995);
      expect(bounded).toMatchObject({ attempts: (await simulate(scene, [])).attempts });
    },
  );

  it('of 30 %, at least 98.5 % of calls still succeed', async () => {
    const { success } = await simulate({ ms: 5 * MINUTE, failing: always(0.3) }, [retryBudget()]);
    expect(success).toBeGreaterThanOrEqual(0.985);
  });

  it('of any size, there are at most half as many retries as calls, and no more calls fail than at a first attempt', async () => {
    for (let percent = 0; percent <= 100; percent += 5) {
      const trace = await simulate({ ms: MINUTE, failing: always(percent / 100) }, [retryBudget()]);
      expect(trace.amplification).toBeLessThanOrEqual(1.5);
      expect(trace.success).toBeGreaterThanOrEqual(1 - percent / 100 - 0.01);
    }
  });
});

describe('after an outage of ten minutes', () => {
  it('calls succeed as before within ten seconds', async () => {
    const failing = (at: number): number => (at < 10 * MINUTE ? 1 : 0.2);
    const trace = await simulate({ ms: 11 * MINUTE, failing }, [retryBudget()]);
    const after = (seconds: number): number => 10 * MINUTE + seconds * 1000;
    expect(trace.between(after(0), after(5)).success).toBeGreaterThan(0.95);
    expect(trace.between(after(10), after(50)).success).toBeGreaterThanOrEqual(0.995);
  });
});

describe('a client that calls once a minute', () => {
  it('has all its retries, also after hours of an outage', async () => {
    const scene = { ms: 24 * HOUR, rate: 1 / 60, failing: (at: number) => (at < 12 * HOUR ? 1 : 0.2) };
    const trace = await simulate(scene, [retryBudget()]);
    expect(trace.attempts).toBe((await simulate(scene, [])).attempts);
    expect(trace.between(12 * HOUR, 24 * HOUR).success).toBeGreaterThanOrEqual(0.995);
  });
});

describe('a service that breaks down under what it cannot do', () => {
  it('comes back by itself after a brown-out, which it does not without a budget', async () => {
    const failing = collapsing((at) => (at > MINUTE && at < 1.25 * MINUTE ? 60 : 130));
    const scene = { ms: 5 * MINUTE, failing };
    const later = async (budgets: LoopOptions['budgets']): Promise<number> =>
      (await simulate(scene, budgets)).between(2 * MINUTE, 5 * MINUTE).success;
    expect(await later([retryBudget()])).toBeGreaterThan(0.99);
    expect(await later([])).toBeLessThan(0.9);
  });

  it('does twice as much of what it can when it has a tenth too much to do', async () => {
    const scene = { ms: 2 * MINUTE, failing: collapsing(() => 90) };
    const [bounded, unbounded] = [await simulate(scene, [retryBudget()]), await simulate(scene, [])];
    expect(bounded.success).toBeGreaterThan(2 * unbounded.success);
  });
});

describe('beside other designs', () => {
  it('it lets fewer through in an outage than a ratio, and more at 20 % failures than throttling', async () => {
    const outage = { ms: MINUTE, failing: always(1) };
    const some = { ms: MINUTE, failing: always(0.2) };
    const [own, ratio] = [await simulate(outage, [retryBudget()]), await simulate(outage, [ratioBudget()])];
    expect(ratio.amplification).toBeGreaterThan(1.25);
    expect(own.amplification).toBeLessThan(1.05);
    const [mine, throttled] = [await simulate(some, [retryBudget()]), await simulate(some, [throttleBudget()])];
    expect(throttled.success).toBeLessThan(0.9);
    expect(mine.success).toBeGreaterThanOrEqual(0.995);
  });
});

describe('several budgets at once', () => {
  it('are held all of them: nobody gets more than the smallest allows', async () => {
    const budgets = [retryBudget(), retryBudget({ size: 10, per: 'all' })];
    const { calls, attempts } = await simulate({ ms: 10_000, failing: always(1) }, budgets);
    expect(attempts - calls).toBeLessThanOrEqual(12);
    expect(budgets.map((each) => Object.values(each.stats())[0]?.granted)).toEqual([
      attempts - calls,
      attempts - calls,
    ]);
  });

  it('that are one for two clients bound both of them together', async () => {
    const shared = retryBudget();
    const scene = { ms: 10_000, failing: always(1) };
    const runs = [await simulate(scene, [shared]), await simulate({ ...scene, seed: 2 }, [shared])];
    const extra = runs.reduce((sum, { calls, attempts }) => sum + attempts - calls, 0);
    expect(extra).toBeLessThanOrEqual(102);
  });
});

describe('the simulation', () => {
  it('is the same for the same seed, and on a clock for promises too', async () => {
    const scene = { ms: 3_000, failing: always(0.3), client: attemptLoop({ attempts: 4 }) };
    const runs = [
      await simulateService(scene),
      await simulateService(scene),
      await simulateService({ ...scene, seed: 2 }),
    ];
    expect(runs[0]?.attempts).toBe(runs[1]?.attempts);
    expect(runs[0]?.attempts).not.toBe(runs[2]?.attempts);
    const { calls, amplification } = await simulateService(scene, virtualClock());
    expect(calls).toBe(runs[0]?.calls);
    expect(amplification).toBeGreaterThan(1.2);
  });
});
