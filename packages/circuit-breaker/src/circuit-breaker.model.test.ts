import { tool } from '@sluice/core';
import { leakLedger } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bench, ending, hang } from './acceptance.test-kit.ts';
import { hundreds, settings } from './circuit.test-kit.ts';
import { type ModelCall, ModelCircuit } from './circuit-model.test-kit.ts';
import { circuitBreaker } from './index.ts';

// The whole plugin beside the model of one circuit: what calls do arrives there through the chain, in whatever way they end.

type End = 'succeed' | 'fail' | 'too many' | 'cancel';
type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'call'; readonly count: number }
  /** What is never ended hangs, until its attempt times out. */
  | { readonly do: 'end'; readonly which: number; readonly how: End }
  | { readonly do: 'round'; readonly how: End; readonly count: number }
  | { readonly do: 'trip'; readonly ms: number | undefined }
  | { readonly do: 'isolate' | 'reset' | 'carry over' };

const how = fc.constantFrom<End>('succeed', 'succeed', 'fail', 'fail', 'too many', 'cancel');
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 7, 40, 99, 100, 101, 250, 500) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), count: fc.constantFrom(1, 1, 3, 8) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), how }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('round' as const), how, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('trip' as const), ms: fc.constantFrom(undefined, 30, 400) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('isolate' as const, 'reset' as const, 'reset' as const, 'carry over' as const),
    }),
  },
);

const windows = [
  { type: 'count', size: 6, minimum: 3 },
  { type: 'time', size: 400, minimum: 3 },
  { type: 'consecutive', size: 3 },
] as const;

const anyOptions = fc.record({
  window: fc.constantFrom(...windows),
  failureRate: fc.constantFrom(0.5, 1),
  slowCall: fc.constantFrom('none' as const, { duration: 120, rate: 0.5 }),
  probes: fc.integer({ min: 1, max: 3 }),
  probeTimeout: fc.constantFrom(60, 1_000),
});

/** When a call is given up that nobody has ended. */
const ATTEMPT = 300;

interface Pending {
  readonly model: ModelCall;
  readonly startedAt: number;
  readonly end: (how: End) => void;
  readonly ended: Promise<string>;
  slowTold: boolean;
}

it('A breaker does what its model does, whatever is called, hangs, fails, is slow, is cancelled or done by hand, and when', async () => {
  await fc.assert(
    fc.asyncProperty(anyOptions, fc.array(anyStep, { minLength: 1, maxLength: 40 }), async (options, steps) => {
      const { window, failureRate, slowCall, probes, probeTimeout } = options;
      const spec =
        window.type === 'time' ? { type: 'time' as const, sizeMs: window.size, minimum: window.minimum } : window;
      const model = new ModelCircuit(
        settings({
          window: spec,
          failureRate,
          slowCall: slowCall === 'none' ? undefined : { afterMs: slowCall.duration, rate: slowCall.rate },
          openFor: hundreds,
          probes,
          probeTimeoutMs: probeTimeout,
        }),
      );
      const ledger = leakLedger();
      const breaker = circuitBreaker({ ...options, openFor: hundreds });
      const { clock, runner } = bench({ use: [timeout({ attempt: ATTEMPT, grace: 0 }), breaker] });
      const ends: ((how: End) => void)[] = [];
      const target = tool('target', {}, (_: undefined, { signal }) => {
        const hung = hang(signal);
        return new Promise<string>((resolve, reject) => {
          hung.catch(reject);
          ends.push((how) => {
            if (how === 'succeed') resolve('fine');
            else reject(Object.assign(new Error(how), how === 'too many' ? { status: 429 } : {}));
          });
        });
      });
      const pending: Pending[] = [];

      const call = async (): Promise<void> => {
        const expected = model.permit(clock.now(), 0);
        const stop = new AbortController();
        const before = ends.length;
        const ended = ending(runner.call(target, undefined, { signal: stop.signal }));
        const admitted = ends.length > before;
        expect(admitted).toBe('age' in expected);
        if (!('age' in expected)) {
          expect(await ended).toBe('CIRCUIT_OPEN');
          return;
        }
        const end = ends[before] as (how: End) => void;
        pending.push({
          model: expected,
          startedAt: clock.now(),
          slowTold: false,
          ended,
          end: (how) => (how === 'cancel' ? stop.abort() : end(how)),
        });
      };
      const end = async (one: Pending | undefined, how: End): Promise<void> => {
        if (one === undefined) return;
        pending.splice(pending.indexOf(one), 1);
        one.end(how);
        model.report(one.model, how === 'succeed' ? 'success' : how === 'fail' ? 'failure' : 'neutral', clock.now());
        await one.ended;
      };
      /** Lets time pass, moment by moment of what falls due. */
      const wait = async (ms: number): Promise<void> => {
        const until = clock.now() + ms;
        for (;;) {
          const due = pending.flatMap((one) => [
            ...(slowCall === 'none' || one.slowTold
              ? []
              : [{ at: one.startedAt + slowCall.duration, one, slow: true }]),
            { at: one.startedAt + ATTEMPT, one, slow: false },
          ]);
          const next = due.sort((a, b) => a.at - b.at)[0];
          if (next === undefined || next.at > until) break;
          await clock.advance(next.at - clock.now());
          if (next.slow) {
            next.one.slowTold = true;
            model.slowed(next.one.model, next.at);
          } else {
            pending.splice(pending.indexOf(next.one), 1);
            model.report(next.one.model, 'failure', next.at);
            expect(await next.one.ended).toBe('TIMEOUT');
          }
        }
        await clock.advance(until - clock.now());
      };

      // Its clock is that of its first call.
      await call();
      await end(pending[0], 'succeed');
      for (const step of steps) {
        if (step.do === 'wait') await wait(step.ms);
        else if (step.do === 'call') for (let count = 0; count < step.count; count++) await call();
        else if (step.do === 'end') await end(pending[step.which % Math.max(1, pending.length)], step.how);
        else if (step.do === 'round')
          for (let count = 0; count < step.count; count++) {
            const before = pending.length;
            await call();
            if (pending.length > before) await end(pending.at(-1), step.how);
          }
        else if (step.do === 'trip') {
          breaker.trip('tool:target', step.ms);
          model.trip(clock.now(), step.ms);
        } else if (step.do === 'isolate') {
          breaker.isolate('tool:target');
          model.isolate(clock.now());
        } else if (step.do === 'reset') {
          breaker.reset('tool:target');
          model.reset(clock.now());
        } else {
          // What a window over a time remembers is a little coarser afterwards.
          if (window.type === 'time') continue;
          breaker.restore(JSON.parse(JSON.stringify(breaker.snapshot())));
          model.restored(clock.now());
        }
        const stats = breaker.stats().circuits['tool:target'];
        expect(breaker.state('tool:target')).toBe(model.state(clock.now()));
        expect(stats?.totals).toEqual(model.totals);
        expect(stats?.because).toBe(model.because);
        expect(stats?.probing).toBe(model.era.state === 'half-open' ? model.alive(clock.now()).length : 0);
        expect(stats?.probing).toBeLessThanOrEqual(probes);
      }
      for (const one of [...pending]) await end(one, 'succeed');
      ledger.assertEmpty();
    }),
    { numRuns: 60 },
  );
}, 120_000);
