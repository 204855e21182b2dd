import { type Call, isSluiceError } from '@sluice/core';
import { type Classifier, judged } from './classifier.ts';
import { defaults } from './defaults.ts';
import { LOCAL_CODES } from './own-codes.ts';
import { type Testimony, testimonyOf } from './testimony.ts';

/** Whether an error is tried again; if not, why, in a few words for events and messages. */
export type Classified = { readonly again: true } | { readonly again: false; readonly because: string };

const AGAIN: Classified = { again: true };
const NOT_ASKED: Classified = { again: false, because: 'not what retryOn says' };

/**
 * Whether the call that failed with `error` is tried again. What nobody may repeat is refused before `on` is asked. Throws only what a
 * function of the user in `on` throws.
 */
export function classify(error: unknown, call: Call, on: Classifier): Classified {
  const testimony = testimonyOf(error);
  if (on === defaults) return 'because' in testimony ? { again: false, because: testimony.because } : AGAIN;
  if (isVeto(testimony, on)) return { again: false, because: testimony.because };
  if (testimony.kind === 'asked') {
    const answer = judged(on, error, call, 'said');
    // Not for who only happens to agree: `not(status(404))` holds for an open circuit, and does not mean it.
    const asks = answer === 'said' || (answer === 'yes' && on.names(testimony.code));
    return asks ? AGAIN : { again: false, because: testimony.because };
  }
  return on(error, call) === true ? AGAIN : NOT_ASKED;
}

function isVeto(said: Testimony, on: Classifier): said is Testimony & { kind: 'never' | 'permanent' } {
  if (said.kind === 'never') return true;
  if (said.kind !== 'permanent') return false;
  for (const name of said.names) if (on.names(name)) return false;
  return true;
}

/** Whether it names a local rejection, such as an open circuit. Functions of the user are not asked. */
export function repeatsLocal(on: Classifier): boolean {
  return LOCAL_CODES.some((code) => on.names(code));
}

/** Whether it names the error on which a nested retry has given up. Functions of the user are not asked. */
export function repeatsExhausted(on: Classifier): boolean {
  return on.names('RETRY_EXHAUSTED');
}

/** Whether this process refused the call before any work was started. */
export function isLocalRejection(error: unknown): boolean {
  return isSluiceError(error) && LOCAL_CODES.includes(error.code);
}
