import { type Call, type Outcome, reportFault } from '@sluice/core';
import type { TrialResult } from './circuit.ts';
import { ask, isErrorClassifier, namesLocal } from './error-classifier.ts';
import { standingOf } from './standing.ts';

/**
 * What says of errors whether they are failures, in the shape that the classifiers of `@sluice/retry` have: a function `(error, call) => boolean` with
 * these. What it names, by code or by status, it is asked about although it would say nothing about its target otherwise, such as a 429.
 */
export interface ErrorClassifier {
  names(codeOrStatus: string | number): boolean;
  /** It in words, for explanations. */
  describe(): string;
}

/**
 * What counts as a failure: true for what does, false for what is a success, `'neutral'` for what says nothing about the target. Where a function answers
 * nothing, what usually counts does. It is not asked about cancellations, nor about calls that this process itself refused.
 */
export type Counts = ErrorClassifier | ((outcome: Outcome, call: Call) => boolean | 'neutral' | undefined);

/** How the outcome of a call counts. */
export interface Rule {
  /** Whether it wants to know how long the call took. */
  readonly timed: boolean;
  /** Whether it counts calls that this process itself refused. */
  readonly countsLocal: boolean;
  /** How a call counts whose work had begun and ended well, where that is always the same: then it is not asked about those. */
  readonly ok: TrialResult | undefined;
  resultOf(outcome: Outcome, call: Call): TrialResult;
}

/** What counts where nobody says anything. */
const USUAL: Rule = {
  timed: false,
  countsLocal: false,
  ok: 'success',
  resultOf: ({ status, error }) => standingOf(status, error).result,
};

/** The rule that an option says. */
export function ruleOf(counts: Counts | undefined, plugin: string): Rule {
  if (counts === undefined) return USUAL;
  if (isErrorClassifier(counts)) return classified(counts, plugin);
  return asked(counts as Exclude<Counts, ErrorClassifier>, plugin);
}

function asked(counts: Exclude<Counts, ErrorClassifier>, plugin: string): Rule {
  return {
    timed: true,
    countsLocal: false,
    ok: undefined,
    resultOf(outcome, call) {
      const { result, why } = standingOf(outcome.status, outcome.error);
      if (why === 'cancelled' || why === 'local') return result;
      try {
        const said: unknown = counts(outcome, call);
        if (said === 'neutral') return said;
        if (typeof said === 'boolean') return said ? 'failure' : 'success';
        if (said !== undefined) reportFault(call, plugin, "expected true, false or 'neutral' from counts()");
      } catch (cause) {
        reportFault(call, plugin, 'threw in counts()', cause);
      }
      return result;
    },
  };
}

function classified(classifier: ErrorClassifier, plugin: string): Rule {
  return {
    timed: false,
    countsLocal: namesLocal(classifier),
    ok: 'success',
    resultOf({ status, error }, call) {
      const standing = standingOf(status, error);
      if (standing.why === 'cancelled') return standing.result;
      try {
        return ask(classifier, standing, error, call);
      } catch (cause) {
        reportFault(call, plugin, 'threw in counts()', cause);
        return standing.result;
      }
    },
  };
}
