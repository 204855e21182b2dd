import { type Clock, createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { type Budget, type RetryPlugin, retry, retryBudget } from './index.ts';
import { busy, silent } from './retry-bench.test-kit.ts';
import { type Client, type Scene, simulateService, type Trace } from './service-simulation.test-kit.ts';

const MINUTE = 60_000;

/** A tool with a retry of four attempts around it, as a client of the simulated service. */
function retrying(plugin: RetryPlugin): (clock: Clock) => Client {
  return (clock) => {
    const runner = createRunner({ clock, logger: silent, use: [plugin], acknowledge: ['retry-without-deadline'] });
    const service = tool('service', {}, (attempt: (end: (ok: boolean) => void) => void) => {
      return new Promise((resolve, reject) => attempt((ok) => (ok ? resolve(true) : reject(busy()))));
    });
    return (attempt, end) => {
      runner.call(service, attempt).then(
        () => end(true),
        () => end(false),
      );
    };
  };
}

/** What is meant to bound it: its own budget unless told otherwise. */
const fourTimes = (budget?: Budget | 'none'): RetryPlugin => retry({ attempts: 4, budget });

/** 100 calls a second. */
function storm(plugin: RetryPlugin, scene: Omit<Scene, 'client'>): Promise<Trace> {
  return simulateService({ ...scene, client: retrying(plugin) }, virtualClock({ seed: scene.seed ?? 1 }));
}

const always = (probability: number) => (): number => probability;

describe('a service that is called a hundred times a second, with four attempts', { timeout: 60_000 }, () => {
  it.each([10, 30])('hears at most 1.2 attempts for each call in an outage of %i s', async (seconds) => {
    const scene = { ms: seconds * 1_000, failing: always(1) };
    const plugin = fourTimes();
    const { amplification, calls, attempts, success } = await storm(plugin, scene);
    expect(amplification).toBeLessThanOrEqual(1.2);
    // The first hundred, and one each ten seconds: it does not give up on retries altogether.
    expect(attempts - calls).toBeGreaterThanOrEqual(100 + Math.floor(seconds / 10) - 1);
    expect(attempts - calls).toBeLessThanOrEqual(100 + Math.ceil((seconds + 2) / 10));
    expect(success).toBe(0);
    expect(plugin.stats()).toMatchObject({ calls, attempts, amplification, recovered: 0 });
    const { exhausted, gaveUp } = plugin.stats();
    expect(exhausted + (gaveUp.budget ?? 0)).toBe(calls);
  });

  it('hears four for each call of them without a budget', async () => {
    const { amplification } = await storm(fourTimes('none'), { ms: 10_000, failing: always(1) });
    expect(amplification).toBe(4);
  });

  it.each([1, 2, 3])(
    'answers at least 99.5 % of them at 20 % failures, with as many attempts as without a budget (seed %i)',
    async (seed) => {
      const scene = { ms: MINUTE / 2, failing: always(0.2), seed };
      const bounded = await storm(fourTimes(), scene);
      expect(bounded.success).toBeGreaterThanOrEqual(0.995);
      expect(bounded.amplification).toBeLessThan(1.3);
      expect(bounded.attempts).toBe((await storm(fourTimes('none'), scene)).attempts);
    },
  );

  it('answers no fewer than first attempts alone would, and hears at most 1.6 of them, whatever share of them fails', async () => {
    for (let percent = 0; percent <= 100; percent += 20) {
      const scene = { ms: 10_000, failing: always(percent / 100) };
      const { success, amplification } = await storm(fourTimes(), scene);
      expect(success).toBeGreaterThanOrEqual(1 - percent / 100 - 0.02);
      expect(amplification).toBeLessThanOrEqual(1.6);
      if (percent === 0) expect([success, amplification]).toEqual([1, 1]);
    }
  });

  it('is as it was ten seconds after an outage of a minute', async () => {
    const trace = await storm(fourTimes(), { ms: 100_000, failing: (at) => (at < MINUTE ? 1 : 0.2) });
    expect(trace.between(0, MINUTE).amplification).toBeLessThanOrEqual(1.2);
    expect(trace.between(70_000, 100_000).success).toBeGreaterThanOrEqual(0.995);
  });

  it('is spared by two clients with one budget as by one of them', async () => {
    const shared = retryBudget();
    const scene = { ms: 10_000, failing: always(1) };
    const traces = [await storm(fourTimes(shared), scene), await storm(fourTimes(shared), { ...scene, seed: 2 })];
    const extra = traces.reduce((sum, { calls, attempts }) => sum + attempts - calls, 0);
    expect(extra).toBeLessThanOrEqual(103);
    const { granted, refunded, tokens } = shared.stats()['tool:service'] ?? {};
    expect({ granted, refunded }).toEqual({ granted: extra, refunded: 0 });
    expect(tokens).toBeLessThan(1);
  });
});
