import {
  ByKey,
  type Call,
  type Clock,
  ConfigError,
  driveNext,
  type Handle,
  InterceptorError,
  type Next,
  Problems,
  reportFault,
  type Sink,
  systemClock,
  turnTime,
} from '@sluice/core';
import { Observable } from 'rxjs';
import { type Asker, askStore } from './ask-store.ts';
import { circuitOpen } from './circuit-open.ts';
import { type CircuitPlan, sameSettings } from './circuit-plan.ts';
import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitSnapshot } from './circuit-snapshot.ts';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitStats, CircuitTotals } from './circuit-stats.ts';
import { type CircuitOwner, KeyedCircuit, type PermitAnswer } from './keyed-circuit.ts';
import type { CallPermit, CircuitStore } from './store.ts';
import { isLater } from './store.ts';
import { Trial } from './trial.ts';

/** The circuits of one plugin, by key: made when first asked for, forgotten when there are too many and they are as good as new. */
export class Circuits implements CircuitOwner {
  readonly name: string;
  readonly store: CircuitStore;
  /** How often the options were changed: what was planned before does not change a circuit any more. */
  epoch = 0;
  readonly #base: () => CircuitSettings;
  readonly #byName: boolean;
  readonly #circuits = new ByKey<KeyedCircuit>();
  /** The time as of this turn of the event loop. */
  turnTime: () => number = turnTime(systemClock);
  /** That of the first call. */
  #clock: Clock | undefined;
  #forgotten: CircuitTotals = { calls: 0, failures: 0, slow: 0, refused: 0, opened: 0 };

  /** @param byName - whether there is one for each target by name, and keys are `tool:search` and the like */
  constructor(name: string, store: CircuitStore, base: () => CircuitSettings, byName = false) {
    this.#byName = byName;
    this.name = name;
    this.store = store;
    this.#base = base;
  }

  get clock(): Clock {
    return this.#clock ?? systemClock;
  }

  // What calls do.

  /** Lets a call through, or refuses it. */
  admit(plan: CircuitPlan, call: Call, next: Next, sink: Sink): Handle | null {
    const circuit = plan.kept;
    // Most calls come to the circuit of the one before, and it is closed.
    if (circuit !== null && circuit.key === plan.key && circuit.settings === plan.settings && !circuit.closed) {
      const permit = circuit.free;
      if (permit !== 0) return new Trial(circuit, plan, call, permit, sink).begin(next);
    }
    return this.#admit(plan, call, next, sink);
  }

  #admit(plan: CircuitPlan, call: Call, next: Next, sink: Sink): Handle | null {
    let { key } = plan;
    if (key === undefined) {
      try {
        key = plan.keyOf(call);
      } catch (cause) {
        sink.error(new InterceptorError(this.name, 'could not tell whose circuit a call belongs to', { cause }));
        return null;
      }
    }
    let circuit: KeyedCircuit;
    let answer: ReturnType<KeyedCircuit['permit']>;
    let now = 0;
    try {
      circuit = this.#of(plan, key, call);
      answer = circuit.free;
      if (answer === 0) {
        now = this.clock.now();
        answer = circuit.permit(call, now);
      }
    } catch (error) {
      return this.#unasked(error, call, next, sink);
    }
    return isLater(answer)
      ? this.#ask(plan, circuit, answer, call, next, sink)
      : this.#answered(plan, circuit, answer, now, call, next, sink);
  }

  #ask(
    plan: CircuitPlan,
    circuit: KeyedCircuit,
    answer: PromiseLike<PermitAnswer>,
    call: Call,
    next: Next,
    sink: Sink,
  ): Handle {
    const asker: Asker = {
      answered: (known, inner, to) => this.#answered(plan, circuit, known, this.clock.now(), inner, next, to),
      wasted: (known) => this.#wasted(circuit, known, call),
      failed: (error, inner, to) => this.#unasked(error, inner, next, to),
    };
    return askStore(call, answer, asker, sink);
  }

  #answered(
    plan: CircuitPlan,
    circuit: KeyedCircuit,
    answer: PermitAnswer,
    now: number,
    call: Call,
    next: Next,
    sink: Sink,
  ): Handle | null {
    if (!(answer instanceof CircuitRefusal)) return new Trial(circuit, plan, call, answer, sink).begin(next);
    const { key } = circuit;
    const waitMs = answer.retryAfterMs(now);
    const retryAfterMs = waitMs === undefined ? undefined : Math.ceil(waitMs);
    call.emit('circuit.reject', rejection(key, answer, retryAfterMs, plan.shadow));
    if (plan.shadow) return driveNext(call, next, sink);
    sink.error(circuitOpen(call, key, answer, retryAfterMs));
    return null;
  }

  /** What is not known does not keep a call from its target. */
  #unasked(error: unknown, call: Call, next: Next, sink: Sink): Handle | null {
    reportFault(call, this.name, 'has a store of circuits that could not be asked, and lets calls through', error);
    return driveNext(call, next, sink);
  }

  #wasted(circuit: KeyedCircuit, answer: PermitAnswer, call: Call): void {
    if (!(answer instanceof CircuitRefusal)) circuit.report(call, answer as CallPermit, 'neutral', this.clock.now());
  }

  #of(plan: CircuitPlan, key: string, call: Call): KeyedCircuit {
    let circuit = plan.kept;
    if (circuit === null || circuit.closed || circuit.key !== key) {
      this.#adopt(call.clock);
      circuit = this.#open(key, plan.settings);
      plan.kept = circuit;
    }
    if (circuit.settings !== plan.settings) this.#settle(circuit, plan);
    return circuit;
  }

  /** A circuit goes by what holds for the call that came last. */
  #settle(circuit: KeyedCircuit, plan: CircuitPlan): void {
    if (sameSettings(circuit.settings, plan.settings)) plan.settings = circuit.settings;
    else if (plan.epoch === this.epoch) circuit.configure(plan.settings);
  }

  #open(key: string, settings: CircuitSettings): KeyedCircuit {
    let circuit = this.#circuits.get(key);
    if (circuit === undefined) {
      circuit = new KeyedCircuit(key, settings, this);
      this.#circuits.set(key, circuit);
    }
    return circuit;
  }

  /** What was done by hand before the first call was done by the clock of this machine, for want of a better one. */
  #adopt(clock: Clock): void {
    if (this.#clock !== undefined) return;
    this.#clock = clock;
    this.turnTime = turnTime(clock);
    if (clock !== systemClock) for (const circuit of this.#circuits.values()) circuit.rebase();
  }

  forgotten(circuit: KeyedCircuit): void {
    this.#forgotten = sumOf(this.#forgotten, circuit.stored.stats(this.clock.now()).totals);
  }

  // What people do.

  /** The circuit of `key`, which is made if there is none. */
  at(key: string): KeyedCircuit {
    const known = this.#keyOf(key);
    if (known === undefined) throw unknownKey(key, this.keys());
    return this.exactly(known);
  }

  /** The circuit with just this key. */
  exactly(key: string): KeyedCircuit {
    return this.#open(key, this.#base());
  }

  /** A target by its name alone is the one that has been called; undefined while it cannot be told which that is. */
  #keyOf(key: string): string | undefined {
    keyFrom(key);
    if (!this.#byName || this.#circuits.get(key) !== undefined || IS_KEY.test(key)) return key;
    const meant = TARGETS.map((target) => `${target}:${key}`).filter((one) => this.#circuits.get(one) !== undefined);
    return meant.length === 1 ? meant[0] : undefined;
  }

  /** What the next call would find. Makes no circuit. */
  state(key: string): CircuitState {
    const known = this.#circuits.get(this.#keyOf(key) ?? key);
    if (known !== undefined) return known.state;
    const peeked = this.store.circuit(`${this.name}/${key}`, this.#base(), { random: () => 0, fault: () => {} });
    const state = peeked.state(this.clock.now());
    peeked.close();
    return state;
  }

  state$(key: string): Observable<CircuitState> {
    keyFrom(key);
    return new Observable((subscriber) => this.at(key).state$.subscribe(subscriber));
  }

  keys(): string[] {
    return [...this.#circuits.entries()].map(([key]) => key);
  }

  /** What each knows of itself, and what all of them have counted, those that are forgotten included. */
  stats(): { readonly totals: CircuitTotals; readonly circuits: Record<string, CircuitStats> } {
    const now = this.clock.now();
    const each = [...this.#circuits.entries()].map(([key, { stored }]) => [key, stored.stats(now)] as const);
    const totals = each.reduce((sum, [, stats]) => sumOf(sum, stats.totals), this.#forgotten);
    return { totals, circuits: Object.fromEntries(each) };
  }

  snapshots(): Record<string, CircuitSnapshot> {
    const now = this.clock.now();
    return Object.fromEntries([...this.#circuits.entries()].map(([key, { stored }]) => [key, stored.snapshot(now)]));
  }
}

function rejection(
  circuit: string,
  { state, because }: CircuitRefusal,
  retryAfterMs: number | undefined,
  shadow: boolean,
) {
  const mode = shadow ? 'shadow' : 'enforce';
  return retryAfterMs === undefined
    ? { circuit, state, because, mode }
    : { circuit, state, because, mode, retryAfterMs };
}

function sumOf(one: CircuitTotals, other: CircuitTotals): CircuitTotals {
  return {
    calls: one.calls + other.calls,
    failures: one.failures + other.failures,
    slow: one.slow + other.slow,
    refused: one.refused + other.refused,
    opened: one.opened + other.opened,
  };
}

const TARGETS = ['tool', 'stage', 'function'] as const;
const IS_KEY = /^(tool|stage|function):/;

/** It would be the circuit of nothing. */
function unknownKey(key: string, known: readonly string[]): ConfigError {
  const keys = known.length === 0 ? '' : ` (known: ${known.slice(0, 10).join(', ')})`;
  const expected = `the key of a circuit, such as "tool:search", or the name of one thing that has been called${keys}`;
  return new ConfigError([{ path: 'key', expected, value: key, message: `key: expected ${expected}, got "${key}"` }]);
}

function keyFrom(key: unknown): string {
  if (typeof key === 'string') return key;
  const problems = new Problems();
  problems.add('key', 'the key of a circuit, such as "tool:search"', key);
  problems.throwIfAny();
  return '';
}
