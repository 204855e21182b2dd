import { Circuit } from './circuit.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitChange, CircuitStore, CircuitStoreHost, StoredCircuit } from './store.ts';

/**
 * Keeps circuits in this process: the default of {@link circuitBreaker}. Hand one to several plugins of the same name, and they share their
 * circuits by key: what one of them opens is open for all.
 *
 * @example
 * ```ts
 * import { circuitBreaker, memoryCircuits } from '@sluice/circuit-breaker';
 *
 * const store = memoryCircuits();
 * const [here, there] = [circuitBreaker({ store }), circuitBreaker({ store })];
 * here.isolate('tool:search');
 * console.assert(there.state('tool:search') === 'isolated');
 * ```
 */
export function memoryCircuits(): CircuitStore {
  const circuits = new Map<string, MemoryCircuit>();
  return {
    circuit(key, settings, host) {
      const shared = circuits.get(key) ?? new MemoryCircuit(settings, host, () => circuits.delete(key));
      circuits.set(key, shared);
      shared.users++;
      return shared;
    },
  };
}

class MemoryCircuit extends Circuit implements StoredCircuit {
  users = 0;
  readonly #listeners: Set<(change: CircuitChange) => void>;
  readonly #forget: () => void;

  constructor(settings: CircuitSettings, { random, fault }: CircuitStoreHost, forget: () => void) {
    const listeners = new Set<(change: CircuitChange) => void>();
    super(settings, {
      random,
      fault,
      changed(from, to, because) {
        for (const listener of [...listeners]) listener({ from, to, because });
      },
    });
    this.#listeners = listeners;
    this.#forget = forget;
  }

  changes(listener: (change: CircuitChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.users--;
    if (this.users === 0) this.#forget();
  }
}
