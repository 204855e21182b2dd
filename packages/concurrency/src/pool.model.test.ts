import { createRunner, tool } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concurrency } from './index.ts';
import { PoolWorld, planned } from './pool-model.test-kit.ts';

type Step =
  | { readonly do: 'call'; readonly priority: number; readonly deaf: boolean }
  | { readonly do: 'finish'; readonly which: number }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'turns'; readonly count: number }
  | { readonly do: 'wait'; readonly ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        priority: fc.integer({ min: -1, max: 1 }),
        deaf: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.oneof(
        fc.record({ do: fc.constant('finish' as const), which: fc.nat() }),
        fc.record({ do: fc.constant('abort' as const), which: fc.nat() }),
      ),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 4 }) }) },
    // So many promises settle before the next step: an abort meets a permit on every part of its way.
    { weight: 4, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.nat({ max: 6 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 60 }) }) },
  ),
  { minLength: 10, maxLength: 80 },
);

interface Known {
  readonly id: number;
  readonly priority: number;
  readonly deaf: boolean;
  readonly controller: AbortController;
  answered: boolean;
  startedAt: number | undefined;
  settled: boolean;
  abortedAt: number | undefined;
  finish: () => void;
}

const LEASE = 100;

it('a semaphore: acquired, aborted, released and resized at any moment, it loses no permit and no waiter', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (all, initial) => {
      const ledger = leakLedger();
      const clock = virtualClock();
      const plugin = concurrency({
        limit: initial,
        ageing: 'none',
        orphanLease: LEASE,
        priority: (call) => of(call).priority,
      });
      const of = (call: { readonly input: unknown }): Known => calls[call.input as number] as Known;
      const runner = createRunner({ use: [plugin], clock, grace: 0, logger: SILENT });
      const calls: Known[] = [];
      const starts: Known[] = [];
      let limit = initial;
      const holds = (): Known[] =>
        calls.filter(({ startedAt, settled, abortedAt }) => {
          if (startedAt === undefined || settled) return false;
          return abortedAt === undefined || clock.now() - Math.max(abortedAt, startedAt) < LEASE;
        });
      const work = tool('work', {}, (id: number, { signal }) => {
        const known = calls[id] as Known;
        if (holds().length >= limit) throw new Error(`more than ${limit} began`);
        known.startedAt = clock.now();
        starts.push(known);
        return new Promise<void>((resolve, reject) => {
          known.finish = resolve;
          if (!known.deaf) signal.addEventListener('abort', () => reject(signal.reason));
        }).finally(() => {
          known.settled = true;
        });
      });
      const check = (): void => {
        const { active, queued, orphans } = plugin.stats();
        const waiting = calls.filter(
          ({ startedAt, answered, abortedAt }) => !answered && startedAt === undefined && abortedAt === undefined,
        );
        expect(active).toBe(holds().length);
        expect(queued).toBe(waiting.length);
        expect(orphans).toBe(holds().filter(({ answered }) => answered).length);
        if (queued > 0) expect(active).toBeGreaterThanOrEqual(limit);
      };
      const failures: unknown[] = [];
      const begin = (step: Extract<Step, { do: 'call' }>): void => {
        const controller = new AbortController();
        const known: Known = {
          ...{ id: calls.length, priority: step.priority, deaf: step.deaf, controller, answered: false },
          ...{ startedAt: undefined, settled: false, abortedAt: undefined, finish: () => {} },
        };
        calls.push(known);
        runner.call(work, known.id, { signal: controller.signal }).then(
          () => {
            known.answered = true;
          },
          (error: unknown) => {
            known.answered = true;
            if (known.abortedAt === undefined) failures.push(error);
          },
        );
      };
      const abort = (known: Known | undefined): void => {
        if (known === undefined || known.answered || known.abortedAt !== undefined) return;
        known.abortedAt = clock.now();
        known.controller.abort(new Error('abort'));
      };
      for (const step of all) {
        if (step.do === 'call') begin(step);
        else if (step.do === 'finish') {
          const going = calls.filter(({ startedAt, settled }) => startedAt !== undefined && !settled);
          going[step.which % Math.max(1, going.length)]?.finish();
        } else if (step.do === 'abort') {
          const open = calls.filter(({ answered, abortedAt }) => !answered && abortedAt === undefined);
          abort(open[step.which % Math.max(1, open.length)]);
        } else if (step.do === 'resize') {
          limit = step.to;
          plugin.setLimit(step.to);
        } else if (step.do === 'turns') {
          for (let turn = 0; turn < step.count; turn++) await null;
        } else {
          await clock.advance(step.ms);
          check();
        }
      }
      await clock.advance(0);
      check();
      for (let left = 1; left > 0; ) {
        for (const { finish } of calls) finish();
        await clock.advance(LEASE);
        check();
        left = plugin.stats().queued;
      }
      for (const { finish } of calls) finish();
      await clock.runAll();
      check();
      expect(failures).toEqual([]);
      expect(calls.every(({ answered }) => answered)).toBe(true);
      expect(plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
      for (const priority of [-1, 0, 1]) {
        const ids = starts.filter((known) => known.priority === priority).map(({ id }) => id);
        expect(ids).toEqual([...ids].sort((a, b) => a - b));
      }
      ledger.assertEmpty();
    }),
    { numRuns: 400 },
  );
}, 60_000);

it('calls in calls, heavy ones, ones that are alone, stopped and resized at random: the limit holds, and all of them end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(planned(2, ALONE_INSIDE), { minLength: 1, maxLength: 8 }),
      fc.array(fc.record({ at: fc.nat({ max: 100 }), limit: fc.integer({ min: 1, max: 4 }) }), { maxLength: 2 }),
      fc.integer({ min: 1, max: 4 }),
      async (plans, resizes, limit) => {
        const world = new PoolWorld(limit);
        await world.run(plans, resizes);
        expect(world.breaches).toEqual([]);
        expect(world.answers).toHaveLength(plans.length);
        expect(world.plugin.stats()).toMatchObject({ active: 0, queued: 0, orphans: 0 });
      },
    ),
    { numRuns: 400 },
  );
}, 60_000);

/** Whether a call in a call may have to be alone. */
const ALONE_INSIDE = true;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
