import { type Call, keyBy, type Per, type PolicySource } from '@sluice/core';
import { isAdaptiveConcurrency } from './adaptive.ts';
import type { ConcurrencyFields } from './concurrency-options.ts';
import { lastingKey, OUTER, ownKey, type Subject } from './own-key.ts';
import type { Pool } from './pool.ts';
import type { Claim, ClaimOf, PoolSettings } from './pool-settings.ts';

/** The pools that the calls of one target pass, the shared one before its own. */
export interface ConcurrencyPlan {
  readonly claim: ClaimOf;
  readonly shared: (call: Call) => string;
  /** The pool of the call before, where that is the same for all calls. */
  kept: Pool | null;
  readonly lasting: boolean;
  /** A limit of its own, inside the shared one. */
  readonly own: OwnPool | undefined;
}

/** The pool of a target's own. */
interface OwnPool {
  readonly key: (call: Call) => string;
  /** The same, where it is one for all calls. */
  readonly lasting: string | undefined;
  readonly settings: PoolSettings;
  readonly claim: ClaimOf;
}

/** Works out what the options of a target amount to. */
export function planOf(
  fields: ConcurrencyFields,
  base: ConcurrencyFields,
  from: Readonly<Record<string, PolicySource>>,
  per: Per,
  subject: Subject,
  version = 0,
): ConcurrencyPlan {
  const lasting = typeof per !== 'function';
  const sharedKey = lasting ? keyBy(per)(subject as Call) : '';
  const shared = lasting ? () => sharedKey : keyBy(per);
  const claim = claimOf({ ...fields, exclusive: base.exclusive });
  const said = (name: string): PolicySource | undefined => {
    const { [name]: source = 'default' } = from;
    return OUTER.has(source) ? undefined : source;
  };
  // Whose limit it is, is told by who has said it; what else is said holds for the call, wherever it waits.
  const source = nearest([said('limit'), said('exclusive')]);
  if (source === undefined || (fields.limit === Number.POSITIVE_INFINITY && fields.exclusive === false)) {
    return { claim, shared, kept: null, lasting, own: undefined };
  }
  // A limit that is said further out holds only there.
  const limit =
    said('limit') === undefined && said('exclusive') !== undefined ? Number.POSITIVE_INFINITY : fields.limit;
  const settings = settingsOf({ ...fields, limit }, version);
  const own = { key: ownKey(source, subject), lasting: lastingKey(source, subject), settings, claim: claimOf(fields) };
  return { claim, shared, kept: null, lasting, own };
}

const NEARNESS: readonly PolicySource[] = ['kind', 'pipeline', 'stage', 'tool', 'function', 'run'];

function nearest(sources: readonly (PolicySource | undefined)[]): PolicySource | undefined {
  return NEARNESS.findLast((source) => sources.includes(source));
}

/** How a pool goes about the limit that the options say. */
export function settingsOf(fields: ConcurrencyFields, version = 0): PoolSettings {
  const { limit, order, ageing, fair } = fields;
  const adaptive = isAdaptiveConcurrency(limit) ? limit : undefined;
  return {
    version,
    limit: typeof limit === 'number' ? limit : limit.fields.max,
    adaptive,
    order,
    ageing,
    share: fair === undefined ? undefined : (fair.share ?? (() => 1)),
  };
}

function claimOf({ priority, fair, weight, exclusive, ...fields }: ConcurrencyFields): ClaimOf {
  const { queueMax, queueTimeout, release, orphanLease } = fields;
  const terms = { queueMax, queueTimeout, release, orphanLease };
  const fixed = typeof priority === 'number' ? level(priority) : undefined;
  const priorityOf = (call: Call): number =>
    fixed ?? level(typeof priority === 'function' ? priority(call) : call.priority);
  if (fair === undefined && typeof weight !== 'function' && typeof exclusive !== 'function') {
    // Nothing differs but the class: the calls of one class share what they ask for.
    const claims = new Map<number, Claim>();
    let last: Claim | undefined;
    return (call) => {
      const its = priorityOf(call);
      if (last?.priority === its) return last;
      last = claims.get(its) ?? { priority: its, tenant: undefined, cost: weight, exclusive, terms };
      claims.set(its, last);
      return last;
    };
  }
  return (call) => ({
    priority: priorityOf(call),
    tenant: fair === undefined ? undefined : String(fair.by(call)),
    cost: typeof weight === 'function' ? count(weight(call)) : weight,
    exclusive: typeof exclusive === 'function' ? Boolean(exclusive(call)) : exclusive,
    terms,
  });
}

const FURTHEST = 1_000;

/** A class of priority: there are not more of them than can be looked at. */
function level(priority: number): number {
  if (priority === 0) return 0;
  if (typeof priority !== 'number' || Number.isNaN(priority)) {
    throw new RangeError(`priority: expected a number, got ${String(priority)}`);
  }
  return Math.min(FURTHEST, Math.max(-FURTHEST, Math.round(priority)));
}

/** More than there ever are. */
const ALL = 1_000_000_000;

/** Whole permits: sums of fractions would never be nothing again. */
function count(weight: number): number {
  if (!(weight > 0)) throw new RangeError(`weight: expected a number above 0, got ${String(weight)}`);
  return Math.min(ALL, Math.ceil(weight));
}
