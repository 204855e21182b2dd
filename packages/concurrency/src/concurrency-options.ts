import {
  type Call,
  type Duration,
  type Per,
  type PluginOptions,
  type PolicyFields,
  type PolicyLayers,
  type Problems,
  readDuration,
  readPer,
  readPlain,
} from '@sluice/core';
import { type AdaptiveConcurrency, isAdaptiveConcurrency } from './adaptive.ts';
import { isCount, type QueueOptions, readQueue } from './queue-options.ts';
import { isStore, type Store } from './store.ts';

/** How tenants share a limit, when there is not enough for all. */
export interface FairOptions {
  /** Whose share a call counts against. */
  readonly by: (call: Call) => string;
  /** How large the share of each is beside those of the others, above 0; 1 unless set. */
  readonly share?: ((tenant: string) => number) | undefined;
}

/** What may be said of a limit, for everything, by kind, per stage, tool, function and run. */
export interface ConcurrencyLimits {
  /** How many may go on at once, 1 or more; `Infinity` for as many as come. */
  readonly limit?: number | AdaptiveConcurrency | undefined;
  readonly queue?: QueueOptions | undefined;
  /** Which calls go first: those with the smaller number, a whole one from -1,000 to 1,000; the `priority` of its run unless set. */
  readonly priority?: number | ((call: Call) => number) | undefined;
  /** After how long in the queue a call counts as one class better, so that none starves; 5 s unless set, `'none'` for never. */
  readonly ageing?: Duration | undefined;
  /** How many permits a call takes, 1 or more; 1 unless set. One that takes more than there are goes on alone. */
  readonly weight?: number | ((call: Call) => number) | undefined;
  /** Whether a call must be alone in its pool; none must unless set. */
  readonly exclusive?: boolean | ((call: Call) => boolean) | undefined;
  /** How tenants share the limit; first come, first served unless set. */
  readonly fair?: FairOptions | undefined;
  /** When a permit is given back: when the work has really ended (`'settled'`, the default), or already at its verdict. */
  readonly release?: 'settled' | 'verdict' | undefined;
  /** How long work that goes on after its verdict may keep its permit; 5 min unless set, `'none'` for as long as it likes. */
  readonly orphanLease?: Duration | undefined;
}

/** What is said in one place: a limit, or the options one by one; `'none'` for no limit. */
export type ConcurrencyPolicy = number | AdaptiveConcurrency | 'none' | ConcurrencyLimits;

/** What {@link concurrency} takes. */
export interface ConcurrencyOptions
  extends ConcurrencyLimits,
    PolicyLayers<ConcurrencyPolicy>,
    Omit<PluginOptions, 'priority'> {
  /** By what limits are told apart; one for all unless set. */
  readonly per?: Per | undefined;
  /** Where limits are kept; in this process unless set. */
  readonly store?: Store | undefined;
  /** Where it stands in the chain: the larger, the further in; `Place.concurrency` unless set. */
  readonly place?: number | undefined;
}

/** {@link ConcurrencyLimits}, checked, flat, times in milliseconds. */
export interface ConcurrencyFields {
  readonly limit: number | AdaptiveConcurrency;
  readonly queueMax: number;
  readonly queueTimeout: number;
  readonly order: 'fifo' | 'lifo';
  readonly priority: number | ((call: Call) => number) | undefined;
  readonly ageing: number;
  readonly weight: number | ((call: Call) => number);
  readonly exclusive: boolean | ((call: Call) => boolean);
  readonly fair: FairOptions | undefined;
  readonly release: 'settled' | 'verdict';
  readonly orphanLease: number;
}

declare module '@sluice/core' {
  interface Policies {
    /** How many may go on at once: opens a limit of its own inside the shared one. */
    readonly concurrency?: ConcurrencyPolicy | undefined;
  }
  interface CallEvents {
    /** A call waits for its turn in a pool. */
    'queue.enter': { readonly pool: string; readonly depth: number; readonly priority: number };
    /** It waits no longer: its turn has come, or it was stopped. */
    'queue.leave': { readonly pool: string; readonly waitedMs: number; readonly granted: boolean };
    'queue.full': { readonly pool: string; readonly depth: number };
    'queue.timeout': { readonly pool: string; readonly waitedMs: number; readonly depth: number };
    /** Work went on for so long after its verdict that its permit was given back without it. */
    'queue.lease': { readonly pool: string; readonly leaseMs: number };
  }
}

/** The names of the options. */
export const CONCURRENCY_OPTIONS: readonly string[] = [
  'limit',
  'queue',
  'priority',
  'ageing',
  'weight',
  'exclusive',
  'fair',
  'release',
  'orphanLease',
  'per',
  'store',
];

/** What holds where nobody says anything. */
export const CONCURRENCY_DEFAULTS: PolicyFields = {
  limit: Number.POSITIVE_INFINITY,
  queueMax: 10_000,
  queueTimeout: Number.POSITIVE_INFINITY,
  order: 'fifo',
  ageing: 5_000,
  weight: 1,
  exclusive: false,
  release: 'settled',
  orphanLease: 300_000,
};

/** Turns what was written at `path` into fields of {@link ConcurrencyFields}, noting all that is wrong. */
export function readConcurrency(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object' || isAdaptiveConcurrency(written))
    return { limit: readLimit(written, path, problems) };
  const given = written as Readonly<Record<string, unknown>>;
  const { limit, queue, priority, ageing, weight, exclusive, fair, release, orphanLease, per, store } = given;
  const fields: Record<string, unknown> = { ...readQueue(queue, `${path}.queue`, problems) };
  if (limit !== undefined) fields['limit'] = readLimit(limit, `${path}.limit`, problems);
  if (priority !== undefined) {
    fields['priority'] = priority;
    if (typeof priority !== 'function' && !(typeof priority === 'number' && Number.isFinite(priority))) {
      problems.add(`${path}.priority`, 'a finite number, or a function (call) => number', priority);
    }
  }
  if (ageing !== undefined) fields['ageing'] = readAgeing(ageing, `${path}.ageing`, problems);
  if (weight !== undefined) {
    fields['weight'] = weight;
    if (typeof weight !== 'function' && !isCount(weight)) {
      problems.add(`${path}.weight`, 'an integer ≥ 1, or a function (call) => integer', weight);
    }
  }
  if (exclusive !== undefined) {
    fields['exclusive'] = exclusive;
    if (typeof exclusive !== 'function' && typeof exclusive !== 'boolean') {
      problems.add(`${path}.exclusive`, 'true, false, or a function (call) => boolean', exclusive);
    }
  }
  if (fair !== undefined) fields['fair'] = readFair(fair, `${path}.fair`, problems);
  if (release !== undefined) {
    fields['release'] = release;
    if (release !== 'settled' && release !== 'verdict')
      problems.add(`${path}.release`, "'settled' or 'verdict'", release);
  }
  if (orphanLease !== undefined) fields['orphanLease'] = readDuration(orphanLease, `${path}.orphanLease`, problems);
  if (per !== undefined) fields['per'] = readPer(per, `${path}.per`, problems);
  if (store !== undefined) fields['store'] = store;
  if (store !== undefined && !isStore(store)) problems.add(`${path}.store`, 'a store', store);
  return fields;
}

function readLimit(limit: unknown, path: string, problems: Problems): unknown {
  if (isCount(limit) || limit === Number.POSITIVE_INFINITY || isAdaptiveConcurrency(limit)) return limit;
  problems.add(path, 'an integer ≥ 1, Infinity, or adaptive()', limit);
  return undefined;
}

/** At 0 everything would be better than everything at once. */
function readAgeing(ageing: unknown, path: string, problems: Problems): number {
  const ms = readDuration(ageing, path, problems);
  if (ms === 0) problems.add(path, "a duration above 0 ms, or 'none'", ageing);
  return ms;
}

function readFair(given: unknown, path: string, problems: Problems): FairOptions | undefined {
  const fair = readPlain(given, path, problems) ?? {};
  problems.unknownKeys(fair, ['by', 'share'], path);
  const { by, share } = fair;
  if (typeof by !== 'function') problems.add(`${path}.by`, 'a function (call) => tenant', by);
  if (share !== undefined && typeof share !== 'function')
    problems.add(`${path}.share`, 'a function (tenant) => number', share);
  return { by, share } as FairOptions;
}
