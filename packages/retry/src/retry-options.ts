import {
  type Backoff,
  type Call,
  type Duration,
  type PluginOptions,
  type PolicyFields,
  type PolicyLayers,
  type Problems,
  readDuration,
} from '@sluice/core';
import { type Budget, isBudget } from './budget.ts';
import { Budgets } from './budgets.ts';
import type { Classifier, RetryOn } from './classifier.ts';
import { defaults } from './defaults.ts';
import { exponential } from './exponential.ts';
import type { GiveUp } from './give-up.ts';
import { readBackoff } from './read-backoff.ts';
import { isList, readRetryOn } from './read-retry-on.ts';

/** What {@link RetryRules.onRetry} hears. */
export interface RetryNotice {
  readonly call: Call;
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  /** What it failed with. */
  readonly error: unknown;
  /** How long will be waited before the next one, in milliseconds. */
  readonly delayMs: number;
}

/** What may be said of retries, for everything, by kind, per stage, tool, function and run. */
export interface RetryRules {
  /** How many attempts there may be in all, the first included, 1 or more; 3 unless set, `Infinity` for no limit. */
  readonly attempts?: number | undefined;
  /** How long to wait between attempts; `exponential()` unless set: full jitter, from 200 ms to 20 s. */
  readonly backoff?: Backoff | Duration | ((attempt: number, error: unknown) => number) | undefined;
  /** Which errors are tried again; `retryOn.defaults` unless set. A list says yes where one of its members does. */
  readonly retryOn?: RetryOn | readonly RetryOn[] | undefined;
  /**
   * Whether to wait for as long as a service asks for with Retry-After, in place of the backoff: no longer than an hour (`true`, the default),
   * no longer than this, or not at all (`false`). For one that asks for more the call gives up.
   */
  readonly respectRetryAfter?: boolean | Duration | undefined;
  /** What bounds the attempts of all calls beside their first; a `retryBudget()` of the plugin's own unless set. Of several, all must agree. */
  readonly budget?: Budget | readonly Budget[] | 'none' | undefined;
  /** How much longer the limit of each attempt is than that of the one before, 1 or more; 1 unless set. */
  readonly timeoutFactor?: number | undefined;
  /**
   * Whether an attempt may begin while the work of the last one goes on: not at all (`false`, the default: after the backoff, and at least
   * the grace, the call ends), not before that has ended, however long it takes (`'wait'`), or at any time (`true`).
   */
  readonly overlap?: boolean | 'wait' | undefined;
  /** Whether a stream may begin anew although some of its items have been handed on; false unless set. */
  readonly restartable?: boolean | undefined;
  /** Whether the work may be repeated once it has begun; as the target says with `idempotent` unless set. */
  readonly idempotent?: boolean | undefined;
  /** Hears of each wait before it begins. One that throws is reported, and changes nothing. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
}

/** What is said in one place: how many attempts, or the rules one by one; `'none'` for no retries. */
export type RetryPolicy = number | 'none' | RetryRules;

/** What {@link retry} takes. */
export interface RetryOptions extends RetryRules, PolicyLayers<RetryPolicy>, PluginOptions {}

/** {@link RetryRules}, checked. Times in milliseconds. */
export interface RetryFields {
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly retryOn: Classifier;
  /** The longest wait that a service may ask for; below 0 where it is not asked. */
  readonly respectRetryAfter: number;
  readonly budget: Budgets;
  readonly timeoutFactor: number;
  readonly overlap: boolean | 'wait';
  readonly restartable: boolean;
  readonly idempotent: boolean | undefined;
  readonly onRetry: ((notice: RetryNotice) => void) | undefined;
}

declare module '@sluice/core' {
  interface Policies {
    /** How often, when and after what it is tried again. */
    readonly retry?: RetryPolicy | undefined;
  }
  interface CallEvents {
    /** An attempt has failed; another one follows after `delayMs`. */
    'retry.wait': { readonly failed: number; readonly delayMs: number; readonly error: unknown };
    /** An error that may be tried again is passed on, or what followed one that was. */
    'retry.giveup': {
      readonly because: GiveUp;
      readonly reason: string;
      readonly attempts: number;
      readonly error: unknown;
    };
  }
}

/** The names of the options. */
export const RETRY_OPTIONS: readonly (keyof RetryRules)[] = [
  'attempts',
  'backoff',
  'retryOn',
  'respectRetryAfter',
  'budget',
  'timeoutFactor',
  'overlap',
  'restartable',
  'idempotent',
  'onRetry',
];

/** What they are called elsewhere. */
export const RETRY_ELSEWHERE: Readonly<Record<string, string>> = {
  retries: '"attempts", which counts the first one too,',
  retrys: '"attempts", which counts the first one too,',
  maxRetries: '"attempts", which counts the first one too,',
  maxAttempts: '"attempts"',
  delay: '"backoff"',
  minTimeout: '"backoff"',
  shouldRetry: '"retryOn"',
  retryIf: '"retryOn"',
  onFailedAttempt: '"onRetry"',
};

/** The longest wait that a service may ask for, unless told otherwise. */
const HOUR = 3_600_000;

/** What holds where nobody says anything. */
export function retryDefaults(budget: Budget): PolicyFields {
  return {
    attempts: 3,
    backoff: exponential(),
    retryOn: defaults,
    respectRetryAfter: HOUR,
    budget: new Budgets([budget]),
    timeoutFactor: 1,
    overlap: false,
    restartable: false,
  };
}

/** Turns what was written at `path` into fields of {@link RetryFields}, noting all that is wrong. */
export function readRetry(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object') return { attempts: readAttempts(written, path, problems) };
  const given = written as RetryRules;
  const fields: Record<string, unknown> = {};
  const read = (name: keyof RetryRules, as: (value: unknown, at: string, problems: Problems) => unknown): void => {
    if (given[name] !== undefined) fields[name] = as(given[name], `${path}.${name}`, problems);
  };
  read('attempts', readAttempts);
  read('backoff', readBackoff);
  read('retryOn', readRetryOn);
  read('respectRetryAfter', readRespect);
  read('budget', readBudgets);
  read('timeoutFactor', readFactor);
  read('overlap', readOverlap);
  read('restartable', readFlag);
  read('idempotent', readFlag);
  read('onRetry', readListener);
  return fields;
}

function readAttempts(value: unknown, path: string, problems: Problems): unknown {
  if (typeof value === 'number' && value >= 1 && (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY)) {
    return value;
  }
  problems.add(path, 'an integer ≥ 1 (attempts in all, the first included), or Infinity', value);
  return 1;
}

function readRespect(value: unknown, path: string, problems: Problems): number {
  if (value === true) return HOUR;
  return value === false ? -1 : readDuration(value, path, problems);
}

function readBudgets(value: unknown, path: string, problems: Problems): Budgets {
  if (value === 'none') return new Budgets([]);
  if (!isList(value)) return new Budgets(readBudget(value, path, problems));
  // No budget at all is said in so many words.
  if (value.length === 0) problems.add(path, BUDGETS, value);
  return new Budgets(value.flatMap((budget, index) => readBudget(budget, `${path}[${index}]`, problems)));
}

const BUDGETS = "a budget such as retryBudget(), a list of them, or 'none'";

function readBudget(value: unknown, path: string, problems: Problems): readonly Budget[] {
  if (isBudget(value)) return [value];
  problems.add(path, BUDGETS, value);
  return [];
}

function readFactor(value: unknown, path: string, problems: Problems): unknown {
  if (!(typeof value === 'number' && value >= 1 && value < Number.POSITIVE_INFINITY)) {
    problems.add(path, 'a finite number ≥ 1', value);
  }
  return value;
}

function readOverlap(value: unknown, path: string, problems: Problems): unknown {
  if (typeof value !== 'boolean' && value !== 'wait') problems.add(path, "true, false or 'wait'", value);
  return value;
}

function readFlag(value: unknown, path: string, problems: Problems): unknown {
  if (typeof value !== 'boolean') problems.add(path, 'true or false', value);
  return value;
}

function readListener(value: unknown, path: string, problems: Problems): unknown {
  if (typeof value !== 'function') problems.add(path, 'a function (notice) => void', value);
  return value;
}
