import type { CircuitBreakerOptions } from '@sluice/circuit-breaker';
import { defineInterceptor, following, type Interceptor, Place, type RunFollower } from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { type Bench, bench, CIRCUIT, type Limits, overstayed, sleep } from './whole-stack.test-kit.ts';

// Whole stacks of any numbers, around a tool that does whatever can go wrong, and callers that lose their patience.

/** The longest that a call may go on after its verdict: what it cleans up after a result. */
const CLEANUP = 1_000;

/** What went through the circuit breaker, seen from its two sides. */
interface Passages {
  through: number;
  admitted: number;
  /** Outcomes that say something about the tool, and those of them that are bad. */
  told: number;
  bad: number;
}

function watching(passages: Passages): Interceptor[] {
  return [
    defineInterceptor({
      name: 'outside',
      priority: Place.breaker - 1,
      intercept(call, next) {
        passages.through++;
        return next(call);
      },
    }),
    defineInterceptor({
      name: 'inside',
      priority: Place.breaker + 1,
      intercept(call, next) {
        passages.admitted++;
        let begun = false;
        const follower: RunFollower = {
          began() {
            begun = true;
          },
          // What never began says nothing about the tool, and what was cancelled does not either.
          ended(status) {
            if (!begun || status === 'cancelled') return;
            passages.told++;
            if (status !== 'ok') passages.bad++;
          },
        };
        return following(call, follower, next);
      },
    }),
  ];
}

function limitsOf({ integer }: Simulation): Limits {
  const attempt = integer(50, 2_000);
  return {
    total: attempt + integer(1, 6_000),
    attempt,
    idle: integer(20, 1_500),
    attempts: integer(1, 4),
    permits: integer(1, 4),
    probes: integer(1, 3),
  };
}

function circuitOf({ integer, pick }: Simulation): CircuitBreakerOptions {
  const window = pick<NonNullable<CircuitBreakerOptions['window']>>([
    { type: 'consecutive', size: integer(1, 4) },
    { type: 'count', size: integer(2, 8), minimum: 2 },
    { type: 'time', size: integer(2_000, 10_000), minimum: integer(1, 4) },
  ]);
  return { window, openFor: integer(10, 2_000), failureRate: pick([0.3, 0.5, 1]), probeTimeout: integer(200, 5_000) };
}

/** One call: what it came to, and when. */
async function oneCall(made: Bench, { clock, chance, integer }: Simulation, runId: string): Promise<void> {
  await sleep(clock, integer(0, 3_000));
  const patience = chance(0.2) ? new AbortController() : undefined;
  const stop = (): void => {
    made.stopped.set(runId, clock.now());
    patience?.abort(new Error('impatient'));
  };
  const cancel = patience && clock.schedule(integer(0, 1_000), stop);
  const began = clock.now();
  await made.runner.call(made.flaky, { id: 1 }, { runId, signal: patience?.signal }).catch(() => {});
  cancel?.();
  const verdictAt = made.of('verdict').find((event) => event.runId === runId)?.at ?? Number.NaN;
  expect(verdictAt - began).toBeLessThanOrEqual(made.limits.total);
  expect(clock.now() - verdictAt).toBeLessThanOrEqual(CLEANUP);
}

async function program(simulation: Simulation): Promise<() => void> {
  const { clock, random, integer, chance } = simulation;
  const passages: Passages = { through: 0, admitted: 0, told: 0, bad: 0 };
  const made = bench({
    clock,
    random,
    limits: limitsOf(simulation),
    circuit: circuitOf(simulation),
    queue: chance(0.5) ? {} : { max: integer(0, 3), timeout: integer(10, 1_000) },
    faults: { fails: random() * 0.6, hangs: random() * 0.3, ignores: random() * 0.2, cleansSlowly: random() * 0.4 },
    beside: watching(passages),
  });
  const calls = Array.from({ length: integer(2, 8) }, (_, index) => oneCall(made, simulation, `call ${index}`));
  await Promise.all(calls);
  return () => expectNothingLeft(made, passages, calls.length);
}

function expectNothingLeft(made: Bench, passages: Passages, calls: number): void {
  const { of, limits } = made;
  expect(made.breaches).toEqual([]);
  expect([of('tool.start').length, of('verdict').length, of('tool.end').length]).toEqual([calls, calls, calls]);
  expect(of('attempt.start').length).toBe(made.attempts.length);
  expect(of('attempt.end').length).toBe(made.attempts.length);
  for (const { attempt } of made.attempts) expect(attempt).toBeLessThanOrEqual(limits.attempts);
  // Permits, orphans.
  expect(made.permits.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
  expect(made.runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  expect(of('orphan').length).toBe(overstayed(made).length);
  expect(of('orphan.end').length).toBe(of('orphan').length);
  // The breaker: all that came was let through or refused, and what it has counted is what was told.
  const { totals, probing } = made.breaker.stats().circuits[CIRCUIT] ?? { totals: NOTHING, probing: 0 };
  expect(probing).toBe(0);
  expect(totals.refused).toBe(of('circuit.reject').length);
  expect(totals.opened).toBe(of('circuit.open').length);
  expect(passages.through).toBe(passages.admitted + totals.refused);
  expect(totals.calls).toBeLessThanOrEqual(passages.told);
  expect(totals.failures).toBeLessThanOrEqual(passages.bad);
  if (totals.opened === 0) expect([totals.calls, totals.failures]).toEqual([passages.told, passages.bad]);
}

const NOTHING = { calls: 0, failures: 0, slow: 0, refused: 0, opened: 0 };

it('whatever the numbers and whatever goes wrong: no permit and no probe too many, no attempts beside each other, no deadline missed, nothing uncounted, nothing left', async () => {
  const { runs } = await simulate({ runs: 3_000, program });
  expect(runs).toBeGreaterThan(0);
});
