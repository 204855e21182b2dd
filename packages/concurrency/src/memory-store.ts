import { Gcra } from './gcra.ts';
import type { Meter } from './meter.ts';
import { type Admission, type Costs, RateGate, type RateGateStats, type ServiceLimit } from './rate-gate.ts';
import { SlidingWindow } from './sliding-window.ts';
import type { Lease, PermitRequest, Permits, RateSpec, Rates, Store } from './store.ts';

/**
 * Keeps limits in this process: the default of {@link concurrency}. Hand one to several plugins, and they share their limits by key.
 *
 * @example
 * ```ts
 * import { concurrency, memoryStore } from '@sluice/concurrency';
 *
 * const store = memoryStore();
 * const plugins = [concurrency({ limit: 5, store }), concurrency({ limit: 5, store })]; // five in all
 * console.assert(plugins.length === 2);
 * ```
 */
export function memoryStore(): Store {
  const gates = new Map<string, { gate: RateGate; users: number }>();
  const counts = new Map<string, { count: Count; users: number }>();
  return {
    permits(key) {
      const shared = counts.get(key) ?? { count: new Count(), users: 0 };
      counts.set(key, shared);
      shared.users++;
      return new MemoryPermits(shared.count, () => {
        shared.users--;
        if (shared.users === 0) counts.delete(key);
      });
    },
    rates(key, spec) {
      const shared = gates.get(key) ?? { gate: gateOf(spec), users: 0 };
      gates.set(key, shared);
      shared.users++;
      return new MemoryRates(shared.gate, () => {
        shared.users--;
        if (shared.users === 0) gates.delete(key);
      });
    },
  };
}

function gateOf({ rates, burst, algorithm }: RateSpec): RateGate {
  const meters = Object.entries(rates).map(([name, rate]): [string, Meter] => [
    name,
    // Calls go evenly; what they cost besides, as it comes: an even pace of tokens, or of a day's calls, would be of no use.
    (algorithm ?? (name === 'requests' ? 'gcra' : 'sliding-window')) === 'gcra'
      ? new Gcra(rate, burst)
      : new SlidingWindow(rate),
  ]);
  return new RateGate(Object.fromEntries(meters));
}

/** What is taken of one key. */
class Count {
  taken = 0;
  /** Somebody must be alone, and is. */
  exclusive = 0;
  readonly listeners = new Set<() => void>();
  /** How many they are: asked for with every call. */
  heard = 0;
}

/** What most calls have: it is counted, and told from others by nobody. */
const ONE: Lease = Object.freeze({ cost: 1, exclusive: false });

class MemoryPermits implements Permits {
  readonly #count: Count;
  readonly #closed: () => void;
  #own: (() => void) | undefined;

  constructor(count: Count, closed: () => void) {
    this.#count = count;
    this.#closed = closed;
  }

  acquire({ cost, limit, exclusive, spare }: PermitRequest): Lease | undefined {
    const count = this.#count;
    const others = count.taken - spare;
    if (count.exclusive > 0 || (exclusive ? others > 0 : others > 0 && others + cost > limit)) return undefined;
    count.taken += cost;
    if (exclusive) count.exclusive++;
    return cost === 1 && !exclusive ? ONE : { cost, exclusive };
  }

  renew(): boolean {
    return true;
  }

  release({ cost, exclusive }: Lease): void {
    const count = this.#count;
    count.taken -= cost;
    if (exclusive) count.exclusive--;
    // Whoever gives back knows it already.
    if (count.heard > 1) for (const listener of [...count.listeners]) if (listener !== this.#own) listener();
  }

  changes(listener: () => void): () => void {
    this.#own = listener;
    const count = this.#count;
    count.listeners.add(listener);
    count.heard = count.listeners.size;
    return () => {
      count.listeners.delete(listener);
      count.heard = count.listeners.size;
    };
  }

  close(): void {
    this.#closed();
  }
}

/** The gate of one key, for as long as somebody uses it. */
class MemoryRates implements Rates {
  readonly #gate: RateGate;
  readonly #closed: () => void;

  constructor(gate: RateGate, closed: () => void) {
    this.#gate = gate;
    this.#closed = closed;
  }

  take(costs: Costs, now: number): Admission {
    return this.#gate.take(costs, now);
  }

  settle(reserved: Costs, actual: Costs, now: number, takenAt: number): void {
    this.#gate.settle(reserved, actual, now, takenAt);
  }

  pause(ms: number, now: number): void {
    this.#gate.pause(ms, now);
  }

  correct(limits: Readonly<Record<string, ServiceLimit>>, now: number): void {
    this.#gate.correct(limits, now);
  }

  idle(now: number): boolean {
    return this.#gate.idle(now);
  }

  stats(now: number): RateGateStats {
    return this.#gate.stats(now);
  }

  close(): void {
    this.#closed();
  }
}
