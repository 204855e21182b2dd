import { Problems, readPlain } from '@sluice/core';
import type { IdempotencyRecord, IdempotencyStore } from './idempotency-store.ts';

/** How many results are kept. */
const MOST = 10_000;

/** What {@link memoryIdempotencyStore} takes. */
export interface MemoryIdempotencyStoreOptions {
  /** How many results are kept at most, 1 or more; 10,000 unless set. The oldest go first. */
  readonly max?: number | undefined;
}

/**
 * Keeps results in this process: the default of `idempotency`. Hand one to several plugins, and they share what they know.
 *
 * @example
 * ```ts
 * import { idempotency, memoryIdempotencyStore } from '@sluice/retry';
 *
 * const store = memoryIdempotencyStore({ max: 1_000 });
 * const plugins = [idempotency({ store }), idempotency({ store })];
 * console.assert(plugins.length === 2);
 * ```
 */
export function memoryIdempotencyStore(options: MemoryIdempotencyStoreOptions = {}): IdempotencyStore {
  const problems = new Problems();
  const given = readPlain(options, 'memoryIdempotencyStore', problems) ?? {};
  problems.unknownKeys(given, ['max'], 'memoryIdempotencyStore');
  const { max = MOST } = given;
  if (!(typeof max === 'number' && Number.isSafeInteger(max) && max >= 1)) {
    problems.add('memoryIdempotencyStore.max', 'an integer ≥ 1', max);
  }
  problems.throwIfAny();
  return new MemoryStore(max as number);
}

class MemoryStore implements IdempotencyStore {
  readonly #max: number;
  /** In the order in which they were kept. */
  readonly #kept = new Map<string, { readonly record: IdempotencyRecord; readonly until: number }>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, now: number): IdempotencyRecord | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (now < kept.until) return kept.record;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, record: IdempotencyRecord, ttlMs: number, now: number): void {
    this.#kept.delete(key);
    this.#kept.set(key, { record, until: now + ttlMs });
    for (const [oldest, { until }] of this.#kept) {
      if (this.#kept.size <= this.#max && until > now) return;
      this.#kept.delete(oldest);
    }
  }
}
