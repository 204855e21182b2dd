import type { Call } from '@sluice/core';

/**
 * Says of an error whether it is to be tried again. A function, so that it can be asked and composed as one; with what it says in words.
 */
export interface Classifier {
  (error: unknown, call?: Call): boolean;
  /** Whether it names this code or status itself: what is named is tried again although it usually is not. */
  names(codeOrStatus: string | number): boolean;
  /** It in words, for explanations. */
  describe(): string;
}

/** What says which errors are tried again: a function that answers true for them. A {@link Classifier} is one. */
export type RetryOn = (error: unknown, call: Call) => boolean;

/** What a classifier answers. `'said'`: a function of the user has said so of this very error. */
export type Answer = 'no' | 'yes' | 'said';

/** How a classifier finds its answer. `enough` is what ends the search: where `'said'` is wanted, one that only answers `'yes'` is not enough. */
export type Judge = (error: unknown, call: Call | undefined, enough: 'yes' | 'said') => Answer;

const judges = new WeakMap<object, Judge>();

/** A classifier that answers as `judge` does. */
export function classifier(judge: Judge, names: Classifier['names'], describe: () => string): Classifier {
  const made = Object.assign((error: unknown, call?: Call): boolean => judge(error, call, 'yes') !== 'no', {
    names,
    describe,
  });
  judges.set(made, judge);
  return Object.freeze(made);
}

/** What a classifier answers; one that was written by hand speaks as a function of its user. */
export function judged(by: Classifier, error: unknown, call: Call | undefined, enough: 'yes' | 'said'): Answer {
  const judge = judges.get(by);
  if (judge !== undefined) return judge(error, call, enough);
  return by(error, call) === true ? 'said' : 'no';
}

/** Whether `value` is a classifier. Never throws. */
export function isClassifier(value: unknown): value is Classifier {
  if (typeof value !== 'function') return false;
  try {
    const { names, describe } = value as Partial<Classifier>;
    return typeof names === 'function' && typeof describe === 'function';
  } catch {
    return false;
  }
}
