export type { BreakerSnapshot } from './breaker-snapshot.ts';
export type { TrialResult } from './circuit.ts';
export { type CircuitBreakerPlugin, type CircuitBreakerStats, circuitBreaker } from './circuit-breaker.ts';
export type {
  CircuitBreakerOptions,
  CircuitPolicy,
  CircuitRules,
  SlowCallOptions,
  WindowOptions,
} from './circuit-options.ts';
export { CircuitRefusal } from './circuit-refusal.ts';
export type { CircuitSettings } from './circuit-settings.ts';
export type { CircuitSnapshot } from './circuit-snapshot.ts';
export type { CircuitState } from './circuit-state.ts';
export type { CircuitStats, CircuitTotals } from './circuit-stats.ts';
export type { Counts, ErrorClassifier } from './counts.ts';
export { memoryCircuits } from './memory-circuits.ts';
export type { CallPermit, CircuitChange, CircuitStore, CircuitStoreHost, StoredCircuit } from './store.ts';
export type { WindowSpec } from './window-spec.ts';
