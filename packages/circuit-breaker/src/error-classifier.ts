import type { Call } from '@sluice/core';
import type { TrialResult } from './circuit.ts';
import type { ErrorClassifier } from './counts.ts';
import { LOCAL_CODES, type Standing } from './standing.ts';

type Classify = (error: unknown, call: Call) => unknown;

/** Whether `value` is a classifier of errors, rather than a function that is asked about outcomes. Never throws. */
export function isErrorClassifier(value: unknown): value is ErrorClassifier {
  if (typeof value !== 'function') return false;
  try {
    const { names, describe } = value as Partial<ErrorClassifier>;
    return typeof names === 'function' && typeof describe === 'function';
  } catch {
    return false;
  }
}

/** Whether it names a code of what this process itself refuses. */
export function namesLocal(classifier: ErrorClassifier): boolean {
  return LOCAL_CODES.some((code) => classifier.names(code));
}

/** How an error counts. What would say nothing about its target counts only for one that names it. May throw what the classifier throws. */
export function ask(classifier: ErrorClassifier, standing: Standing, error: unknown, call: Call): TrialResult {
  const { result, mark } = standing;
  if (result === 'neutral' && (mark === undefined || !classifier.names(mark))) return result;
  if ((classifier as unknown as Classify)(error, call) === true) return 'failure';
  return result === 'neutral' ? result : 'success';
}
