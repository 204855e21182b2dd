import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hundreds, settings, watched } from './circuit.test-kit.ts';
import type { Circuit, Permit, TrialResult } from './circuit.ts';
import { type ModelCall, ModelCircuit } from './circuit-model.test-kit.ts';
import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import { anySpec } from './window-log.test-kit.ts';

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'call'; readonly count: number; readonly chance: number }
  /** Times out, or fails, succeeds, is cancelled; what is never ended hangs. */
  | { readonly do: 'end'; readonly which: number; readonly result: TrialResult }
  /** The newest end, as they do when they are quick. */
  | { readonly do: 'round'; readonly count: number; readonly result: TrialResult }
  | { readonly do: 'slow'; readonly which: number }
  | { readonly do: 'trip'; readonly ms: number | undefined }
  | { readonly do: 'isolate' | 'reset' | 'tick' | 'restore' };

const result = fc.constantFrom<TrialResult>('success', 'success', 'failure', 'neutral');
// No share of a ramp is exactly one of these.
const chance = fc.constantFrom(0.0123, 0.2377, 0.5111, 0.8123, 0.9877);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(60), fc.constantFrom(0, 99, 100, 101, 150, 200, 500, 1_000, 3_600_000)),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('call' as const), count: fc.constantFrom(1, 1, 2, 5), chance }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), result }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('round' as const), count: fc.integer({ min: 1, max: 4 }), result }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('slow' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('trip' as const), ms: fc.constantFrom(undefined, undefined, 0, 30, 400) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('isolate' as const, 'reset' as const, 'tick' as const, 'restore' as const, 'reset' as const),
    }),
  },
);

const anySettings: fc.Arbitrary<CircuitSettings> = fc
  .record({
    window: anySpec,
    failureRate: fc.constantFrom(0.2, 0.5, 0.6, 1),
    slowCall: fc.constantFrom(undefined, { afterMs: 40, rate: 0.5 }, { afterMs: 40, rate: 1 }),
    probes: fc.integer({ min: 1, max: 4 }),
    probeTimeoutMs: fc.constantFrom(50, 150),
    rampMs: fc.constantFrom(0, 0, 100),
  })
  .map((some) => settings({ ...some, openFor: hundreds }));

interface Known {
  permit: Permit;
  readonly model: ModelCall;
}

/** The circuit and its model, driven side by side. */
class World {
  readonly model: ModelCircuit;
  readonly made: ReturnType<typeof watched>;
  readonly #settings: CircuitSettings;
  readonly #under: Known[] = [];
  #now = 0;

  constructor(all: CircuitSettings) {
    this.#settings = all;
    this.model = new ModelCircuit(all);
    this.made = watched(all);
  }

  get circuit(): Circuit {
    return this.made.circuit;
  }

  take(step: Step): void {
    const { model, circuit } = this;
    const now = this.#now;
    if (step.do === 'wait') this.#now += step.ms;
    else if (step.do === 'call') for (let count = 0; count < step.count; count++) this.#call(step.chance);
    else if (step.do === 'end') this.#end(this.#under[step.which % Math.max(1, this.#under.length)], step.result);
    else if (step.do === 'round') {
      for (let count = 0; count < step.count; count++) if (this.#call(0)) this.#end(this.#under.at(-1), step.result);
    } else if (step.do === 'slow') this.#slow(this.#under[step.which % Math.max(1, this.#under.length)]);
    else if (step.do === 'trip') {
      model.trip(now, step.ms);
      circuit.trip(now, step.ms);
    } else if (step.do === 'restore') {
      model.restored(now);
      circuit.restore(JSON.parse(JSON.stringify(circuit.snapshot(now))), now);
    } else {
      model[step.do](now);
      circuit[step.do](now);
    }
    this.check();
  }

  check(): void {
    const { model, circuit } = this;
    const now = this.#now;
    expect(this.made.changes).toEqual(model.changes);
    expect(circuit.stats(now)).toEqual({
      state: model.state(now),
      because: model.because,
      nextChangeAt: model.era.state === 'open' ? model.era.until : undefined,
      probing: model.alive(now).length,
      window: model.counts(now),
      totals: model.totals,
    });
    expect(model.alive(now).length + model.succeeded).toBeLessThanOrEqual(this.#settings.probes);
    if (circuit.free !== 0) expect(circuit.state(now)).toBe('closed');
  }

  /** After the longest open time, and then the lease of its probes, somebody is let through: it is never stuck. */
  recovers(): void {
    if (this.circuit.state(this.#now) === 'isolated') return;
    this.#now = Math.max(this.#now, this.circuit.nextChangeAt ?? 0);
    this.#call(0);
    this.#now += this.#settings.probeTimeoutMs;
    for (let count = 0; count < this.#settings.probes && this.circuit.state(this.#now) !== 'closed'; count++) {
      expect(this.#call(0)).toBe(true);
      this.#end(this.#under.at(-1), 'success');
    }
    expect(this.circuit.state(this.#now)).toBe('closed');
    this.check();
  }

  #call(chance: number): boolean {
    this.made.chance = chance;
    const expected = this.model.permit(this.#now, chance);
    const answer = this.circuit.permit(this.#now);
    if (answer instanceof CircuitRefusal) {
      const { state, because } = answer;
      expect({ state, because, retryAfterMs: answer.retryAfterMs(this.#now) }).toEqual(expected);
      return false;
    }
    expect(expected).toHaveProperty('probe', typeof answer !== 'number');
    this.#under.push({ permit: answer, model: expected as ModelCall });
    return true;
  }

  #end(known: Known | undefined, result: TrialResult): void {
    if (known === undefined) return;
    this.#under.splice(this.#under.indexOf(known), 1);
    this.model.report(known.model, result, this.#now);
    this.circuit.report(known.permit, result, this.#now);
  }

  #slow(known: Known | undefined): void {
    if (known === undefined) return;
    this.model.slowed(known.model, this.#now);
    known.permit = this.circuit.crossedSlow(known.permit, this.#now);
  }
}

it('A circuit does what its words say, whatever is called, hangs, fails, is slow or done by hand, and when', () => {
  fc.assert(
    fc.property(anySettings, fc.array(anyStep, { minLength: 10, maxLength: 100 }), (all, steps) => {
      const world = new World(all);
      for (const step of steps) world.take(step);
      world.recovers();
    }),
    { numRuns: 1_000 },
  );
}, 60_000);
