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
import { isCount, type QueueOptions, readQueue } from './queue-options.ts';
import { type Rate, type RateInput, readRate } from './rate.ts';
import type { Costs } from './rate-gate.ts';
import { isStore, type Store } from './store.ts';

/** What may be said of rates, for everything, by kind, per stage, tool, function and run. */
export interface RateLimits {
  /** How many calls may begin in a span of time: `'60/m'`, or `{ limit: 60, per: '1m' }`. */
  readonly requests?: RateInput | undefined;
  /** How much of what calls cost beside themselves may be spent in a span of time: `'90000/m'`. */
  readonly tokens?: RateInput | undefined;
  /** More of them, each by a name of your own: `{ day: '1000/d' }`; a call costs one of each unless `cost` says otherwise. */
  readonly limits?: Readonly<Record<string, RateInput>> | undefined;
  /** How many may go at once; 1 unless set: they go evenly. Means nothing to a sliding window, in which all may. */
  readonly burst?: number | undefined;
  /**
   * What a call is likely to cost, by dimension, or in tokens; one request, and no tokens, unless set. It is taken beforehand, and `ctx.settle` says
   * what it was.
   */
  readonly cost?: number | Costs | ((call: Call) => number | Costs) | undefined;
  /** Whether a call that may not go yet waits for its turn (`'wait'`, the default), or is refused. */
  readonly mode?: 'wait' | 'reject' | undefined;
  /** How many may wait, and how long. */
  readonly queue?: Omit<QueueOptions, 'order'> | undefined;
}

/** What is said in one place: how many may begin in a span of time, or the options one by one; `'none'` for no limit. */
export type RatePolicy = RateInput | 'none' | RateLimits;

/** What {@link rateLimit} takes. */
export interface RateLimitOptions extends RateLimits, PolicyLayers<RatePolicy>, PluginOptions {
  /** By what limits are told apart; one for all unless set. */
  readonly per?: Per | undefined;
  /**
   * `'gcra'` lets them go evenly, `'sliding-window'` as they come, for as long as the span of time that lies behind has room. Requests go evenly
   * and all else as it comes, unless set.
   */
  readonly algorithm?: 'gcra' | 'sliding-window' | undefined;
  /** How long nobody goes after a 429 that does not say for how long, in milliseconds or as text; 1 s unless set. */
  readonly coolDown?: Duration | undefined;
  /** Where rates are kept; in this process unless set. */
  readonly store?: Store | undefined;
}

/** {@link RateLimits}, checked, flat, times in milliseconds. */
export interface RateFields {
  readonly rates: Readonly<Record<string, Rate>>;
  readonly burst: number;
  readonly cost: RateLimits['cost'];
  readonly mode: 'wait' | 'reject';
  readonly queueMax: number;
  readonly queueTimeout: number;
  readonly algorithm: 'gcra' | 'sliding-window' | undefined;
  readonly coolDown: number;
}

declare module '@sluice/core' {
  interface Policies {
    /** How many may begin in a span of time: opens a rate of its own inside the shared one. */
    readonly rateLimit?: RatePolicy | undefined;
  }
  interface CallEvents {
    /** A call waits until its rate lets it go. */
    'rate.wait': { readonly pool: string; readonly waitMs: number; readonly dimension: string; readonly depth: number };
    /** It was refused, because it may not go yet. */
    'rate.limited': { readonly pool: string; readonly waitMs: number; readonly dimension: string };
    /** A service has asked to be left alone: everybody waits. */
    'rate.pause': { readonly pool: string; readonly pauseMs: number };
  }
}

/** The names of the options. */
export const RATE_OPTIONS: readonly string[] = [
  'requests',
  'tokens',
  'limits',
  'burst',
  'cost',
  'mode',
  'queue',
  'per',
  'algorithm',
  'coolDown',
  'store',
];

/** What holds where nobody says anything. */
export const RATE_DEFAULTS: PolicyFields = {
  rates: {},
  burst: 1,
  mode: 'wait',
  queueMax: 10_000,
  queueTimeout: Number.POSITIVE_INFINITY,
  coolDown: 1_000,
};

/** Whether it is a rate, as `{ limit: 10, per: '1s' }`, and no options. */
export function isRate(written: object): boolean {
  return Object.hasOwn(written, 'limit');
}

/** Turns what was written at `path` into fields of {@link RateFields}, noting all that is wrong. */
export function readRateLimit(written: unknown, path: string, problems: Problems): PolicyFields {
  // `{ limit: 10, per: '1s' }` is a rate, and so are all texts.
  if (typeof written !== 'object' || isRate(written as object))
    return { rates: { requests: readRate(written, path, problems) } };
  const given = written as Readonly<Record<string, unknown>>;
  // Of a stage it would have to mean something: that it is limited at all.
  if (path !== 'rateLimit' && Object.values(given).every((value) => value === undefined)) {
    problems.say(path, `says nothing; name an option, such as cost: 1, or write 'none'`);
  }
  const { requests, tokens, limits, burst, cost, mode, queue, per, algorithm, coolDown, store } = given;
  const { order, ...fields } = readQueue(queue, `${path}.queue`, problems) as Record<string, unknown>;
  if (order !== undefined) problems.say(`${path}.queue.order`, 'waiting for a rate is first come, first served');
  const rates = readRates(requests, tokens, limits, path, problems);
  if (Object.keys(rates).length > 0) fields['rates'] = rates;
  if (burst !== undefined) fields['burst'] = burst;
  if (burst !== undefined && !isCount(burst)) problems.add(`${path}.burst`, 'an integer ≥ 1', burst);
  if (cost !== undefined) fields['cost'] = readCost(cost, `${path}.cost`, problems);
  if (mode !== undefined) fields['mode'] = mode;
  if (mode !== undefined && mode !== 'wait' && mode !== 'reject')
    problems.add(`${path}.mode`, "'wait' or 'reject'", mode);
  if (per !== undefined) fields['per'] = readPer(per, `${path}.per`, problems);
  if (algorithm !== undefined) fields['algorithm'] = algorithm;
  if (algorithm !== undefined && algorithm !== 'gcra' && algorithm !== 'sliding-window') {
    problems.add(`${path}.algorithm`, "'gcra' or 'sliding-window'", algorithm);
  }
  if (coolDown !== undefined) fields['coolDown'] = readDuration(coolDown, `${path}.coolDown`, problems);
  if (store !== undefined) fields['store'] = store;
  if (store !== undefined && !isStore(store)) problems.add(`${path}.store`, 'a store', store);
  return fields;
}

function readRates(
  requests: unknown,
  tokens: unknown,
  limits: unknown,
  path: string,
  problems: Problems,
): Record<string, Rate> {
  const rates: Record<string, Rate> = Object.create(null);
  if (requests !== undefined) rates['requests'] = readRate(requests, `${path}.requests`, problems);
  if (tokens !== undefined) rates['tokens'] = readRate(tokens, `${path}.tokens`, problems);
  const more = limits === undefined ? {} : (readPlain(limits, `${path}.limits`, problems) ?? {});
  for (const [name, rate] of Object.entries(more)) {
    if (rate === undefined) continue;
    if (name in rates) problems.say(`${path}.limits.${name}`, `is said by "${name}" already`);
    rates[name] = readRate(rate, `${path}.limits.${name}`, problems);
  }
  return rates;
}

function readCost(cost: unknown, path: string, problems: Problems): unknown {
  if (typeof cost === 'function') return cost;
  if (typeof cost === 'number') {
    if (!(cost >= 0 && Number.isFinite(cost))) problems.add(path, 'a finite number ≥ 0', cost);
    return cost;
  }
  const costs = readPlain(cost, path, problems, 'a number, numbers by dimension, or a function (call) => cost') ?? {};
  for (const [name, each] of Object.entries(costs)) {
    if (!(typeof each === 'number' && each >= 0 && Number.isFinite(each))) {
      problems.add(`${path}.${name}`, 'a finite number ≥ 0', each);
    }
  }
  return costs;
}
