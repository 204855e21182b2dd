import type { GiveUp } from './give-up.ts';

// What must become of one call whose attempts are known beforehand: worked out from section 9 alone, without looking at the product.

/** What one attempt does. */
export interface Deed {
  /** When it ends by itself, in milliseconds since it began; `Infinity` for never. */
  readonly ms: number;
  readonly ends: Ending;
  /** For how long it goes on after it was stopped. */
  readonly ignoresMs: number;
  /** How long its cleanup takes, from its outcome. */
  readonly cleanupMs: number;
  /** How many items it emits as it begins. */
  readonly items: number;
}

/** How an attempt ends by itself. */
export type Ending =
  | 'ok'
  /** An error that passes. */
  | 'busy'
  /** One that says that nothing was sent. */
  | 'refused'
  /** One that does not pass. */
  | 'permanent'
  /** One that asks to be called again in so many milliseconds. */
  | number;

/** The rules that hold, with all times in milliseconds. */
export interface Rules {
  readonly attempts: number;
  readonly backoff: (attempt: number) => number;
  /** The longest wait that may be asked for; below 0 where nobody may. */
  readonly respect: number;
  readonly overlap: boolean | 'wait';
  readonly restartable: boolean;
  readonly idempotent: boolean;
  readonly total: number;
  /** The limit of the first attempt. */
  readonly limit: number;
  readonly timeoutFactor: number;
  readonly grace: number;
  readonly cleanup: number;
  /** How many extra attempts are paid for. */
  readonly tokens: number;
}

/** One attempt that failed. */
interface Failed {
  readonly attempt: number;
  readonly atMs: number;
  readonly delayMs?: number;
  readonly ending: Ending | 'limit';
}

/** What must become of a call. */
export interface Fate {
  readonly status: 'ok' | 'failed' | 'exhausted' | 'total';
  readonly at: number;
  readonly begun: readonly number[];
  readonly failed: readonly Failed[];
  readonly because: GiveUp | undefined;
  /** How many tokens were spent, and not given back. */
  readonly spent: number;
}

/** Tells what must become of a call; undefined where two things would happen at once, so that either may be first. */
export function foretell(rules: Rules, deeds: readonly Deed[]): Fate | undefined {
  const { total, overlap } = rules;
  const begun: number[] = [];
  const failed: Failed[] = [];
  let [at, spent] = [0, 0];
  for (let attempt = 1; ; attempt++) {
    begun.push(at);
    const deed = deeds[Math.min(attempt, deeds.length) - 1] as Deed;
    const own = at + deed.ms;
    const limit = at + rules.limit * rules.timeoutFactor ** (attempt - 1);
    const end = Math.min(own, limit, total);
    if (ties([own, limit, total])) return undefined;
    // What succeeds, or is stopped from outside, gives its token back.
    const earlier = Math.max(0, attempt - 2);
    if (end === total) return { status: 'total', at: total, begun, failed, because: undefined, spent: earlier };
    if (end === own && deed.ends === 'ok')
      return { status: 'ok', at: own, begun, failed, because: undefined, spent: earlier };
    const stopped = end === limit;
    const ending = stopped ? 'limit' : deed.ends;
    spent = attempt - 1;
    const verdict = judge(rules, attempt, ending, deed, end);
    if (typeof verdict === 'object') {
      failed.push({ attempt, atMs: end, ending });
      const status = verdict.because === 'attempts' && attempt > 1 ? 'exhausted' : 'failed';
      return { status, at: end, begun, failed, because: verdict.because, spent };
    }
    if (verdict === total - end) return undefined;
    const due = end + verdict;
    const settles = end + Math.max(stopped ? deed.ignoresMs : 0, deed.cleanupMs);
    const gives =
      overlap === 'wait'
        ? Number.POSITIVE_INFINITY
        : end + (stopped ? rules.grace : Math.max(rules.grace, rules.cleanup));
    failed.push({ attempt, atMs: end, delayMs: verdict, ending });
    if (overlap === true || settles < due) {
      at = due;
      continue;
    }
    const until = Math.max(due, gives);
    if (ties([settles, until, total]) || settles === due) return undefined;
    if (settles < Math.min(until, total)) {
      at = settles;
    } else if (total < until) {
      return { status: 'total', at: total, begun, failed, because: undefined, spent };
    } else {
      failed.pop();
      failed.push({ attempt, atMs: end, ending });
      return { status: 'failed', at: until, begun, failed, because: 'unsettled', spent };
    }
  }
}

/** How long to wait after a failure; or why nothing follows it. */
function judge(
  rules: Rules,
  attempt: number,
  ending: Ending | 'limit',
  { items }: Deed,
  at: number,
): number | { readonly because: GiveUp } {
  if (ending === 'permanent') return { because: 'error' };
  if (items > 0 && !rules.restartable) return { because: 'emitted' };
  if (!rules.idempotent && ending !== 'refused') return { because: 'not-idempotent' };
  if (attempt >= rules.attempts) return { because: 'attempts' };
  const asked = typeof ending === 'number' && rules.respect >= 0 ? ending : undefined;
  if (asked !== undefined && asked > rules.respect) return { because: 'retry-after' };
  const delay = asked ?? rules.backoff(attempt);
  if (delay > rules.total - at) return { because: 'deadline' };
  return attempt > rules.tokens ? { because: 'budget' } : delay;
}

function ties(times: readonly number[]): boolean {
  const finite = times.filter((time) => time < Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  return finite.some((time, index) => index > 0 && time - (finite[index - 1] as number) < 1);
}
