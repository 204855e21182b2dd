import { type Call, type PolicySource, Problems } from '@sluice/core';
import { OUTER, ownKey, type Subject } from './own-key.ts';
import type { Costs } from './rate-gate.ts';
import type { RateFields } from './rate-limit-options.ts';

/** The rates that the calls of one target pass, the shared ones before its own. */
export interface RatePlan {
  /** Whether it is counted at all. */
  readonly applies: boolean;
  readonly costs: (call: Call) => Costs;
  readonly shared: RateFields | undefined;
  readonly own: { readonly key: (call: Call) => string; readonly fields: RateFields } | undefined;
}

/** Works out what the options of a target amount to. */
export function ratePlanOf(
  fields: RateFields,
  base: RateFields,
  from: Readonly<Record<string, PolicySource>>,
  subject: Subject,
): RatePlan {
  const said = Object.values(from).some((source) => !OUTER.has(source));
  const source = from['rates'];
  const own =
    source !== undefined && !OUTER.has(source)
      ? { key: ownKey(source, subject), fields: ownFields(fields, from) }
      : undefined;
  return {
    // The tools of a stage are counted themselves.
    applies: subject.target !== 'stage' || said,
    costs: costsOf(fields, base),
    shared: Object.keys(base.rates).length === 0 ? undefined : base,
    own,
  };
}

/** How many may go at once is said with the rate that it belongs to. */
function ownFields(fields: RateFields, from: Readonly<Record<string, PolicySource>>): RateFields {
  const { burst: source = 'default' } = from;
  return OUTER.has(source) ? { ...fields, burst: 1 } : fields;
}

/** What a call takes of each dimension: one of each but of tokens, unless something else is said. */
function costsOf({ cost, rates }: RateFields, base: RateFields): (call: Call) => Costs {
  const ones: Record<string, number> = {};
  for (const name of [...Object.keys(base.rates), ...Object.keys(rates)]) ones[name] = name === 'tokens' ? 0 : 1;
  const inFull = (said: number | Costs): Costs => {
    const costs = typeof said === 'number' ? { [TOKENS in ones ? TOKENS : 'requests']: said } : said;
    for (const [name, each] of Object.entries(costs)) {
      if (!(each >= 0 && Number.isFinite(each)))
        throw new RangeError(`cost: expected a finite number ≥ 0 of ${name}, got ${each}`);
    }
    return { ...ones, ...costs };
  };
  if (typeof cost === 'object' && cost !== null) {
    const problems = new Problems();
    problems.unknownKeys(cost, Object.keys(ones), 'rateLimit.cost');
    problems.throwIfAny();
  }
  if (cost === undefined) return () => ones;
  if (typeof cost === 'function') return (call) => inFull(cost(call));
  const fixed = inFull(cost);
  return () => fixed;
}

const TOKENS = 'tokens';
