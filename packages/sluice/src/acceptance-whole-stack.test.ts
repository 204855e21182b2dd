import { rateLimit } from '@sluice/concurrency';
import { type Plugin, pipeline, type Report, type SluiceEvent } from '@sluice/core';
import { leakLedger, seededRandom, virtualClock } from '@sluice/core/testing';
import { fallback, idempotency } from '@sluice/retry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, bench, CIRCUIT, overstayed, sleep } from './whole-stack.test-kit.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const RUNS = 1_000;
/** The runs begin within so many milliseconds: at times more at once than there are permits. */
const WITHIN = 300_000;
/** How many keys they have, where they have any. */
const KEYS = 250;

/** For the tool alone: the stage around it only waits for it. */
const OFF = { timeout: 'none', heartbeat: 'none', retry: 'none', circuitBreaker: 'none' } as const;

interface Flaked {
  readonly bench: Bench;
  readonly reports: readonly Report<{ readonly fetch: string }>[];
}

/** A thousand runs of a pipeline around the flaky tool, each with an id of its own, until all that they began has ended. */
async function thousandRuns(
  seed: number,
  beside: readonly Plugin[] = [],
  idOf = (run: number): number => run,
): Promise<Flaked> {
  const clock = virtualClock({ seed });
  const random = seededRandom(seed);
  const made = bench({ clock, random, beside });
  const job = pipeline<{ id: number }>('job').stage('fetch', OFF, ({ input }, ctx) =>
    ctx.call(made.flaky, { id: input.id }),
  );
  const reports = Array.from({ length: RUNS }, async (_, run) => {
    await sleep(clock, random() * WITHIN);
    return made.runner.run(job, { id: idOf(run) }).report;
  });
  const all = await clock.until(Promise.all(reports));
  await clock.runAll();
  return { bench: made, reports: all as never };
}

/** How many events of a type there were for each of what they are about. */
function counted(events: readonly SluiceEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { runId, target, name, attempt } of events as readonly (SluiceEvent &
    Partial<Record<string, unknown>>)[]) {
    const key = [runId, target, name, attempt].join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** All that must hold whatever stands beside the recommended stack. */
function expectTheTruth({ bench: made, reports }: Flaked): void {
  const { breaker, permits, runner, of, attempts } = made;
  expect(made.breaches).toEqual([]);
  // One verdict for each run, and for each call in it.
  expect(reports).toHaveLength(RUNS);
  for (const { status } of reports) expect(['ok', 'failed', 'timeout']).toContain(status);
  expect(counted(of('verdict'))).toEqual(counted([...of('stage.start'), ...of('tool.start')]));
  // One end for each beginning, and none twice.
  for (const what of ['run', 'stage', 'tool', 'attempt'] as const) {
    const begun = counted(of(`${what}.start`));
    expect(counted(of(`${what}.end`))).toEqual(begun);
    expect([...begun.values()].every((times) => times === 1)).toBe(true);
  }
  expect(of('attempt.start').filter(({ name }) => name === 'flaky')).toHaveLength(attempts.length);
  // Everything is back.
  expect(permits.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
  expect(breaker.stats().circuits[CIRCUIT]).toMatchObject({ probing: 0 });
  expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  // Every orphan was reported, until it ended; and nothing else was.
  const orphans = counted(of('orphan').filter(({ name }) => name === 'flaky'));
  expect(counted(of('orphan.end').filter(({ name }) => name === 'flaky'))).toEqual(orphans);
  const expected = overstayed(made).map(({ runId, attempt }) => ['flaky', runId, attempt].join(' '));
  const told = of('orphan').filter(({ name }) => name === 'flaky');
  expect(told.map(({ name, runId, attempt }) => [name, runId, attempt].join(' ')).sort()).toEqual(expected.sort());
  ledger.assertEmpty();
}

describe.each([1, 2, 3])('a thousand runs of a flaky tool in the recommended stack, as of seed %i', (seed) => {
  it('each have one verdict, and give back all that they took', async () => {
    const flaked = await thousandRuns(seed);
    expectTheTruth(flaked);
    const { bench: made, reports } = flaked;
    // All that can happen did: otherwise the above says little.
    for (const type of [
      'timeout',
      'retry.wait',
      'retry.giveup',
      'circuit.open',
      'circuit.half-open',
      'late',
    ] as const) {
      expect([type, made.of(type).length > 0]).toEqual([type, true]);
    }
    expect(new Set(made.of('orphan').map(({ what }) => what))).toEqual(new Set(['work', 'cleanup']));
    expect(reports.some(({ status }) => status === 'ok')).toBe(true);
    const { opened, refused } = made.breaker.stats().circuits[CIRCUIT]?.totals ?? { opened: 0, refused: 0 };
    expect([opened, refused]).toEqual([made.of('circuit.open').length, made.of('circuit.reject').length]);
  });

  it('all end well with a fallback around it, and say where their value is from', async () => {
    const flaked = await thousandRuns(seed, [fallback('spare', { applies: 'tool' })]);
    expectTheTruth(flaked);
    const { bench: made, reports } = flaked;
    expect(reports.every(({ status }) => status === 'ok')).toBe(true);
    const spared = reports.filter(({ output }) => output.fetch === 'spare');
    expect(spared.length).toBeGreaterThan(0);
    expect(made.of('fallback')).toHaveLength(spared.length);
  });

  it('keep to a rate as well, attempt by attempt', async () => {
    const rate = rateLimit({ requests: { limit: 5, per: '1s' }, burst: 1, applies: 'tool' });
    const flaked = await thousandRuns(seed, [rate]);
    expectTheTruth(flaked);
    expect(flaked.bench.of('rate.wait').length).toBeGreaterThan(0);
    // Nobody had to wait for a permit: what the rate has let through began at once.
    expect(flaked.bench.of('queue.enter').filter(({ name }) => name === 'flaky')).toEqual([]);
    const starts = flaked.bench.attempts.map(({ startedAt }) => startedAt);
    const gaps = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200 - 1e-6);
  });

  it('with keys that come up twice, run no key twice that has a result', async () => {
    const keyed = idempotency({ key: ({ input }) => String((input as { id: number }).id), applies: 'tool' });
    const flaked = await thousandRuns(seed, [keyed], (run) => run % KEYS);
    expectTheTruth(flaked);
    const { bench: made, reports } = flaked;
    const hits = new Set(made.of('idempotency.hit').map(({ runId }) => runId));
    expect(hits.size).toBeGreaterThan(0);
    // Whoever was told, did nothing of its own; and of each key, one at most got its result by itself.
    expect(made.attempts.filter(({ runId }) => hits.has(runId))).toEqual([]);
    const own = reports.flatMap(({ id, status }, run) => (status === 'ok' && !hits.has(id) ? [run % KEYS] : []));
    expect(own.length).toBeGreaterThan(0);
    expect(new Set(own).size).toBe(own.length);
  });
});
