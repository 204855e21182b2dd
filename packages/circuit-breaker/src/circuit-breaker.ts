import {
  type Duration,
  driveNext,
  driven,
  type Interceptor,
  type Per,
  Place,
  PluginPolicy,
  type PolicyFields,
  parseDuration,
} from '@sluice/core';
import type { Observable } from 'rxjs';
import { type BreakerSnapshot, readBreakerSnapshot } from './breaker-snapshot.ts';
import {
  CIRCUIT_DEFAULTS,
  CIRCUIT_ELSEWHERE,
  CIRCUIT_OPTIONS,
  type CircuitBreakerOptions,
  type CircuitFields,
  type CircuitPolicy,
  readCircuit,
} from './circuit-options.ts';
import { type CircuitPlan, planOf, settingsOf } from './circuit-plan.ts';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitStats, CircuitTotals } from './circuit-stats.ts';
import { Circuits } from './circuits.ts';
import { ruleOf } from './counts.ts';
import { memoryCircuits } from './memory-circuits.ts';
import type { CircuitStore } from './store.ts';

/** What all circuits of a plugin amount to, and each of them by its key. */
export interface CircuitBreakerStats extends CircuitTotals {
  /** How many of them do what now. */
  readonly states: Readonly<Record<CircuitState, number>>;
  readonly circuits: Readonly<Record<string, CircuitStats>>;
}

/**
 * What {@link circuitBreaker} makes. A key is what `per` says: `tool:search`, `stage:fetch`, `function:load` unless set. What is done to a key that has seen no
 * call yet holds for its first. Where each name has its own, `search` is the one thing of that name that has been called. What a store elsewhere is told, it answers later: with a promise.
 */
export interface CircuitBreakerPlugin extends Interceptor {
  /** What a circuit does now. */
  state(key: string): CircuitState;
  /** What it does now, and each change. Has a timer only while somebody listens and it is open. */
  state$(key: string): Observable<CircuitState>;
  /** The keys of all circuits. */
  keys(): string[];
  /** Opens a circuit for so long, `'none'` until it is reset, or for as long as it is its turn. One that is isolated stays so. */
  trip(key: string, duration?: Duration): void | PromiseLike<void>;
  /** Lets no call through until it is reset. */
  isolate(key: string): void | PromiseLike<void>;
  /** Closes it, as good as new and at once. */
  reset(key: string): void | PromiseLike<void>;
  stats(): CircuitBreakerStats;
  /** All that its circuits know, as JSON, without anything of the clock of this process. */
  snapshot(): BreakerSnapshot;
  /**
   * Goes on where a snapshot left off, as if no time had passed; circuits of which it knows nothing stay as they are. Throws a `ConfigError` with
   * all that is wrong with it, and changes nothing then.
   */
  restore(snapshot: unknown): void | PromiseLike<void>;
}

/**
 * Refuses calls to what has been failing, so that it can recover and its callers need not wait; lets a few through now and then to see whether it
 * works again.
 *
 * It counts attempts as they really end: one that hung, and that only a deadline outside of it ended, is a timeout. Cancellations, and what this process itself
 * refused, say nothing. What is refused fails with `CIRCUIT_OPEN`, which says why and when to come back.
 *
 * @example
 * ```ts
 * import { isSluiceError, wrap } from '@sluice/core';
 * import { circuitBreaker } from '@sluice/circuit-breaker';
 *
 * const breaker = circuitBreaker({ window: { type: 'consecutive', size: 3 } });
 * const load = wrap(async function load() {
 *   throw new Error('down');
 * }, breaker);
 * for (let call = 0; call < 3; call++) await load().catch(() => {});
 * console.assert(breaker.state('function:load') === 'open');
 * await load().catch((error: unknown) => console.assert(isSluiceError(error, 'CIRCUIT_OPEN')));
 * ```
 *
 * @see {@link memoryCircuits} to share circuits between plugins
 */
export function circuitBreaker(options?: CircuitPolicy | CircuitBreakerOptions): CircuitBreakerPlugin {
  const policy: PluginPolicy = new PluginPolicy({
    key: 'circuitBreaker',
    given: options,
    expected: "a plain object of options, or 'none'",
    options: CIRCUIT_OPTIONS,
    elsewhere: CIRCUIT_ELSEWHERE,
    wholeOnly: ['per', 'store'],
    defaults: CIRCUIT_DEFAULTS,
    read: readCircuit,
    prepare(fields, subject, from) {
      const plan = planOf(fields as unknown as CircuitFields, from, per, subject, name, circuits.epoch);
      return plan as unknown as PolicyFields;
    },
  });
  const { name, applies } = policy;
  const { per = 'name', store = memoryCircuits() } = said(policy) as { per?: Per; store?: CircuitStore };
  const base = () => settingsOf({ ...CIRCUIT_DEFAULTS, ...said(policy) } as unknown as CircuitFields);
  const circuits = new Circuits(name, store, base, per === 'name');
  return {
    name,
    policy,
    priority: policy.priority ?? Place.breaker,
    ...(applies === undefined ? {} : { applies }),
    traits(fields) {
      const { window, counts } = fields as unknown as CircuitFields;
      return {
        role: 'breaker',
        stateful: true,
        // What looks at no time forgets nothing by it.
        window: window.type === 'time' ? window.sizeMs : Number.POSITIVE_INFINITY,
        countsLocal: ruleOf(counts, name).countsLocal,
      };
    },
    update(patch) {
      const undo = policy.update(patch);
      circuits.epoch++;
      return undo;
    },
    state: (key) => circuits.state(key),
    state$: (key) => circuits.state$(key),
    keys: () => circuits.keys(),
    trip(key, duration) {
      const forMs = duration === undefined ? undefined : parseDuration(duration, 'trip');
      const circuit = circuits.at(key);
      return forMs === Number.POSITIVE_INFINITY ? circuit.isolate() : circuit.trip(forMs);
    },
    isolate: (key) => circuits.at(key).isolate(),
    reset: (key) => circuits.at(key).reset(),
    stats() {
      const { totals, circuits: each } = circuits.stats();
      const states = { closed: 0, open: 0, 'half-open': 0, isolated: 0 };
      for (const { state } of Object.values(each)) states[state]++;
      return { ...totals, states, circuits: each };
    },
    snapshot: () => ({ version: 1, circuits: circuits.snapshots() }),
    restore(snapshot) {
      const later = readBreakerSnapshot(snapshot).flatMap(([key, each]) => circuits.exactly(key).restore(each) ?? []);
      return later.length === 0 ? undefined : Promise.all(later).then(() => {});
    },
    intercept: driven(policy, (call, next, sink, options) => {
      const plan = options as unknown as CircuitPlan | undefined;
      return plan === undefined ? driveNext(call, next, sink) : circuits.admit(plan, call, next, sink);
    }),
  };
}

/** What was said of the plugin as a whole. */
function said({ options }: PluginPolicy): PolicyFields {
  return options === undefined || options === 'none' ? {} : options;
}
