import { isSluiceError } from '@sluice/core';
import { DEPTH, membersOf } from './inside.ts';
import { isPermanentCode, knownCode } from './known-codes.ts';
import { knownStatus } from './known-statuses.ts';
import { type Marks, statusIn, wordIn } from './marks.ts';
import { isAsked } from './own-codes.ts';

/** What an error says of being tried again. */
export type Testimony =
  /** Nothing. */
  | { readonly kind: 'nothing' }
  /** It may pass: the way to the service failed, or something else that passes. */
  | { readonly kind: 'network' | 'passing' }
  /** It is not repeated unless somebody asks. */
  | { readonly kind: 'lasting'; readonly because: string }
  /** The same request will be answered the same: it is repeated only for who names one of these. */
  | { readonly kind: 'permanent'; readonly because: string; readonly names: readonly (string | number)[] }
  /** Sluice has refused it, or given it up: it is repeated only for who asks for just that. */
  | { readonly kind: 'asked'; readonly because: string; readonly code: string }
  /** It is not repeated, whoever asks. */
  | { readonly kind: 'never'; readonly because: string };

const NOTHING: Testimony = { kind: 'nothing' };
const NETWORK: Testimony = { kind: 'network' };
const PASSING: Testimony = { kind: 'passing' };
const CANCELLED: Testimony = { kind: 'never', because: 'cancelled' };
const REFUSED: Testimony = { kind: 'never', because: 'it says that it is not retryable' };

const OWN: ReadonlyMap<string, Testimony> = new Map<string, Testimony>([
  ['CANCELLED', CANCELLED],
  ['SKIPPED', { kind: 'never', because: 'skipped' }],
  ['CONFIG', { kind: 'never', because: 'the configuration is wrong' }],
  ['DRAINING', { kind: 'never', because: 'the runner is shutting down' }],
]);

/** Errors that are told by their name. */
const NAMES: ReadonlyMap<unknown, Testimony> = new Map<unknown, Testimony>([
  ['TimeoutError', NETWORK],
  ...['ThrottlingException', 'ThrottledException', 'TooManyRequestsException', 'ProvisionedThroughputExceededException']
    .concat(['RequestLimitExceeded', 'RequestThrottledException', 'SlowDown', 'TransactionInProgressException'])
    .map((name) => [name, PASSING] as const),
]);

const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError] as const;
const MISTAKE_NAMES: ReadonlySet<unknown> = new Set([
  ...MISTAKES.map(({ name }) => name),
  'AssertionError',
  'DataCloneError',
]);

/**
 * What an error says of being tried again. The outermost of it and its causes that says anything is believed; of several that failed
 * together, the one that is the least in favour. Never throws, and looks at a bounded number of errors.
 */
export function testimonyOf(error: unknown): Testimony {
  return hear(error, DEPTH, true);
}

function hear(error: unknown, depth: number, wide: boolean): Testimony {
  if (typeof error !== 'object' || error === null || depth === 0) return NOTHING;
  try {
    const marks = error as Marks;
    const { code } = marks;
    if (isSluiceError(error)) return hearOwn(marks, code, depth, wide);
    const own = hearStranger(marks, code);
    if (own !== NOTHING) return own;
    return isMistake(marks) ? hearMistake(marks, depth, wide) : hearInside(marks, depth, wide);
  } catch {
    return NOTHING;
  }
}

function hearOwn(error: Marks, code: unknown, depth: number, wide: boolean): Testimony {
  const own = OWN.get(code as string);
  if (own !== undefined) return own;
  const { retryable, cause } = error;
  // Work that threw no Error, or a stage that failed: what was thrown knows best.
  const speaksForCause =
    code === 'NON_ERROR' ? retryable !== false : code === 'STAGE_FAILED' && retryable !== true && cause !== undefined;
  if (speaksForCause) return hear(cause, depth - 1, wide);
  if (retryable === true) return PASSING;
  if (typeof code === 'string' && isAsked(code)) {
    const because =
      code === 'RETRY_EXHAUSTED' ? 'a nested retry has given up' : `${code} is not repeated unless retryOn asks for it`;
    return { kind: 'asked', because, code };
  }
  return retryable === false ? REFUSED : hearInside(error, depth, wide);
}

/** What an error that is not of Sluice says itself. */
function hearStranger(error: Marks, code: unknown): Testimony {
  const { name, isRetryable, retryable = isRetryable } = error;
  const known = knownCode(code);
  if (known === 'cancelled' || name === 'AbortError' || name === 'CanceledError') return CANCELLED;
  if (retryable === true) return PASSING;
  if (retryable === false) return REFUSED;
  // Services throttle under names that say more than the status beside them.
  const named = NAMES.get(name);
  if (named !== undefined) return named;
  const status = statusIn(error);
  const word = wordIn(error, isPermanentCode);
  const said = status === undefined ? undefined : knownStatus(status);
  if (word !== undefined) {
    const names = said === 'permanent' ? [word, status as number] : [word];
    return { kind: 'permanent', because: `${word} is permanent`, names };
  }
  if (said === 'passing') return PASSING;
  if (said === 'permanent') {
    return { kind: 'permanent', because: `status ${status} is permanent`, names: [status as number] };
  }
  if (said === 'lasting')
    return { kind: 'lasting', because: `status ${status} is not repeated unless retryOn asks for it` };
  if (known === 'network') return NETWORK;
  if (known === 'lasting') return { kind: 'lasting', because: `${code} is not repeated unless retryOn asks for it` };
  return NOTHING;
}

/** Mistakes in the program; by name too, for those of another realm. */
function isMistake(error: Marks): boolean {
  if (MISTAKE_NAMES.has(error['name'])) return true;
  for (const mistake of MISTAKES) if (error instanceof mistake) return true;
  return false;
}

/** A mistake does not pass. But `fetch` says with a TypeError that the network failed, and why only in its cause. */
function hearMistake(error: Marks, depth: number, wide: boolean): Testimony {
  const inner = hearInside(error, depth, wide);
  if (inner !== NOTHING && inner.kind !== 'passing') return inner;
  return { kind: 'lasting', because: 'it is a mistake in the program' };
}

function hearInside(error: Marks, depth: number, wide: boolean): Testimony {
  // A member that stands for several itself is not looked into, so that the work stays bounded.
  const members = wide ? membersOf(error) : undefined;
  return members === undefined ? hear(error['cause'], depth - 1, wide) : hearAll(members, depth);
}

function hearAll(members: readonly unknown[], depth: number): Testimony {
  let all = NOTHING;
  for (const member of members) {
    const one = hear(member, depth - 1, false);
    if (WEIGHT[one.kind] > WEIGHT[all.kind]) all = one;
  }
  return all;
}

const WEIGHT: Readonly<Record<Testimony['kind'], number>> = {
  nothing: 0,
  network: 1,
  passing: 2,
  lasting: 3,
  asked: 4,
  permanent: 5,
  never: 6,
};
