import type { Call, Context, PluginOptions, PolicyFields, PolicyLayers, Problems } from '@sluice/core';
import { isSluiceError } from '@sluice/core';
import type { RetryOn } from './classifier.ts';
import { readRetryOn } from './read-retry-on.ts';

/** Work that is run in place of the call's own: with the same input, and with `context.previous.error`, what failed last. */
export type FallbackWork<R = unknown> = (input: never, context: Context) => R;

/** What may be said of a fallback, for everything, by kind, per stage, tool, function and run. */
export interface FallbackRules {
  /**
   * What is given in place of the result: a value, work that is run for it, or a list with work in it, of which each is tried when the one
   * before has failed. It must be of the type that the call's own result is of: nobody checks that here.
   */
  readonly to?: unknown;
  /** After which errors; after all but cancellations and mistakes of the caller unless set. */
  readonly on?: RetryOn | readonly RetryOn[] | undefined;
}

/** What is said in one place: the rules, or `'none'` for no fallback. */
export type FallbackPolicy = FallbackRules | 'none';

/** What {@link fallback} takes beside what it falls back to. */
export interface FallbackOptions extends Pick<FallbackRules, 'on'>, PolicyLayers<FallbackPolicy>, PluginOptions {}

/** One thing to fall back to. */
export type FallbackStep = { readonly work: FallbackWork } | { readonly value: unknown };

/** {@link FallbackRules}, checked. */
export interface FallbackFields {
  readonly to: FallbackSteps | undefined;
  readonly on: (error: unknown, call: Call) => boolean;
}

/** What is tried, in order; never empty. */
class FallbackSteps {
  readonly list: readonly FallbackStep[];

  constructor(to: unknown) {
    // A list without any work in it is a value like any other.
    const list = Array.isArray(to) && to.some((one) => typeof one === 'function') ? to : [to];
    this.list = list.map((one) =>
      typeof one === 'function' ? { work: one as FallbackWork } : { value: one as unknown },
    );
  }

  describe(): string {
    return this.list.map((step) => ('work' in step ? `work ${step.work.name}`.trim() : 'a value')).join(', then ');
  }
}

declare module '@sluice/core' {
  interface Policies {
    /** What is given in place of a result, when all has failed. */
    readonly fallback?: FallbackPolicy | undefined;
  }
  interface CallEvents {
    /** Something else was given, or tried, in place of the result; `error` is what had failed. */
    fallback: {
      /** Which of those that are listed, counted from 1. */
      readonly step: number;
      readonly status: 'ok' | 'failed';
      readonly error: unknown;
      /** What it failed with itself. */
      readonly failure?: unknown;
    };
  }
}

/** The names of the options. */
export const FALLBACK_OPTIONS: readonly (keyof FallbackRules)[] = ['to', 'on'];

/** Errors that say something of the caller, or of the configuration: a fallback would hide them. */
const MISTAKES: ReadonlySet<string> = new Set([
  'CONFIG',
  'INVALID_INPUT',
  'UNKNOWN_TOOL',
  'MAX_DEPTH',
  'IDEMPOTENCY_MISMATCH',
  'INTERCEPTOR',
  'DRAINING',
]);

/** What holds where nobody says anything. */
export const FALLBACK_DEFAULTS: PolicyFields = {
  on: Object.assign((error: unknown) => !(isSluiceError(error) && MISTAKES.has(error.code)), {
    describe: () => 'all but mistakes of the caller',
  }),
};

/** Turns what was written at `path` into fields of {@link FallbackFields}, noting all that is wrong. */
export function readFallback(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object') {
    problems.add(path, "options such as { to: [] }, or 'none'", written);
    return {};
  }
  const given = written as FallbackRules;
  const fields: Record<string, unknown> = {};
  // `undefined` is a value too, where it is said.
  if ('to' in given) fields['to'] = new FallbackSteps(given.to);
  if (given.on !== undefined) fields['on'] = readRetryOn(given.on, `${path}.on`, problems);
  return fields;
}
