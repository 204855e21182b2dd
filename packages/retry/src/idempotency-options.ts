import {
  type Call,
  type Duration,
  type PluginOptions,
  type PolicyFields,
  type PolicyLayers,
  type Problems,
  readDuration,
} from '@sluice/core';
import { type IdempotencyStore, isIdempotencyStore } from './idempotency-store.ts';

/** What may be said of idempotency, for everything, by kind, per stage, tool, function and run. */
export interface IdempotencyRules {
  /**
   * Which calls of a target are one and the same: those with the same key. The `idempotencyKey` of the call unless set; a call without a key is
   * on its own.
   */
  readonly key?: string | ((call: Call) => string | undefined) | undefined;
  /** For how long a result is given again, from its end; an hour unless set, 0 for not at all, `'none'` for as long as there is room. */
  readonly ttl?: Duration | undefined;
  /** What becomes of a call with the key of another and other input: an error (`'reject'`, the default), or a call on its own (`'run'`). */
  readonly onMismatch?: 'reject' | 'run' | undefined;
}

/** What is said in one place: a key, or the rules one by one; `'none'` for no idempotency. */
export type IdempotencyPolicy = IdempotencyRules | string;

/** What {@link idempotency} takes. */
export interface IdempotencyOptions extends IdempotencyRules, PolicyLayers<IdempotencyPolicy>, PluginOptions {
  /** Where results are kept; in this process unless set. */
  readonly store?: IdempotencyStore | undefined;
}

/** {@link IdempotencyRules}, checked. Times in milliseconds. */
export interface IdempotencyFields {
  readonly key: string | ((call: Call) => unknown) | undefined;
  readonly ttl: number;
  readonly onMismatch: 'reject' | 'run';
}

declare module '@sluice/core' {
  interface Policies {
    /** Which calls are one and the same, and run once. */
    readonly idempotency?: IdempotencyPolicy | undefined;
  }
  interface CallEvents {
    /** A call was not run: it waits for one of the same key that goes on (`'joined'`), or is given what one came to (`'replayed'`). */
    'idempotency.hit': { readonly key: string; readonly how: 'joined' | 'replayed' };
  }
}

/** The names of the options. */
export const IDEMPOTENCY_OPTIONS: readonly string[] = ['key', 'ttl', 'onMismatch', 'store'];

/** What holds where nobody says anything. */
export const IDEMPOTENCY_DEFAULTS: PolicyFields = { ttl: 3_600_000, onMismatch: 'reject' };

/** Turns what was written at `path` into fields of {@link IdempotencyFields}, noting all that is wrong. */
export function readIdempotency(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object') return { key: readKey(written, path, problems) };
  const { key, ttl, onMismatch, store } = written as Readonly<Record<string, unknown>>;
  const fields: Record<string, unknown> = {};
  if (key !== undefined) fields['key'] = readKey(key, `${path}.key`, problems);
  if (ttl !== undefined) fields['ttl'] = readDuration(ttl, `${path}.ttl`, problems);
  if (onMismatch !== undefined) fields['onMismatch'] = onMismatch;
  if (onMismatch !== undefined && onMismatch !== 'reject' && onMismatch !== 'run') {
    problems.add(`${path}.onMismatch`, "'reject' or 'run'", onMismatch);
  }
  if (store !== undefined) fields['store'] = store;
  if (store !== undefined && !isIdempotencyStore(store)) problems.add(`${path}.store`, 'a store', store);
  return fields;
}

function readKey(key: unknown, path: string, problems: Problems): unknown {
  if (typeof key === 'function' || (typeof key === 'string' && key !== '')) return key;
  problems.add(path, 'a key, or a function (call) => key', key);
  return undefined;
}
