import { type Duration, type PartialResult, type PolicyFields, type Problems, readDuration } from '@sluice/core';
import { type AdaptiveLimit, isAdaptiveLimit } from './adaptive-limit.ts';

/** What may be said of time, for everything, by kind, per stage, tool, function and run. */
export interface TimeoutLimits {
  /** How long a call may take in all, attempts and waits included; 30 s where neither this nor `attempt` is set. `0` ends it before it starts. */
  readonly total?: Duration | undefined;
  /** How long one attempt may take, from when its work starts; no limit unless set. */
  readonly attempt?: Duration | AdaptiveLimit | undefined;
  /** How long a call may wait until its work first starts: for permits, rates and the like; no limit unless set. Not repeated. */
  readonly queue?: Duration | undefined;
  /** When an attempt is warned: an event, a line in the log, and `ctx.softDeadline`; never unless set. */
  readonly soft?: Duration | undefined;
  /** How long work that was stopped may take to unwind before it is called an orphan; 50 ms unless set. */
  readonly grace?: Duration | undefined;
  /** How long cleanup may take after work that ended by itself; 1 s unless set. */
  readonly cleanup?: Duration | undefined;
  /**
   * What a call that timed out with something achieved does: `'reject'`, with it attached to the error (the default), or `'resolve'` to
   * a {@link PartialResult}.
   */
  readonly partial?: 'reject' | 'resolve' | undefined;
}

/** What is said of time in one place: a total limit, the limits one by one, or that there are none. */
export type TimeoutPolicy = Duration | TimeoutLimits;

/** {@link TimeoutLimits}, checked, all times in milliseconds, `Infinity` for none. */
export interface TimeoutFields {
  readonly total: number;
  readonly attempt: number | AdaptiveLimit;
  readonly queue: number;
  readonly soft: number;
  readonly grace?: number;
  readonly cleanup?: number;
  readonly partial: 'reject' | 'resolve';
}

declare module '@sluice/core' {
  interface Policies {
    /** How long it may take: a total limit, or the limits one by one. */
    readonly timeout?: TimeoutPolicy | undefined;
  }
  interface PolicyHints<H> {
    readonly timeout?: Duration | { readonly partial?: H } | undefined;
  }
  interface PolicyOutput<T, H> {
    readonly timeout: 'resolve' extends H ? T | PartialResult<T extends readonly unknown[] ? T : unknown> : T;
  }
}

const DURATIONS = ['total', 'queue', 'soft', 'grace', 'cleanup'] as const;

/** The names of the options. */
export const TIMEOUT_OPTIONS: readonly string[] = [...DURATIONS, 'attempt', 'partial'];

/** How long a call may take where nobody says anything. */
const TOTAL = 30_000;

/** What holds by default. */
export function timeoutDefaults(fields: PolicyFields): PolicyFields {
  return {
    total: fields['attempt'] === undefined ? TOTAL : Number.POSITIVE_INFINITY,
    attempt: Number.POSITIVE_INFINITY,
    queue: Number.POSITIVE_INFINITY,
    soft: Number.POSITIVE_INFINITY,
    partial: 'reject',
  };
}

/** Turns what was written at `path` into fields of {@link TimeoutFields}, noting all that is wrong. */
export function readTimeout(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object') return { total: readDuration(written, path, problems) };
  const given = written as Readonly<Record<string, unknown>>;
  const fields: Record<string, unknown> = {};
  for (const name of DURATIONS) {
    if (given[name] !== undefined) fields[name] = readDuration(given[name], `${path}.${name}`, problems);
  }
  const { attempt, partial } = given;
  if (isAdaptiveLimit(attempt)) fields['attempt'] = attempt;
  else if (attempt !== undefined) fields['attempt'] = readDuration(attempt, `${path}.attempt`, problems);
  if (partial === 'reject' || partial === 'resolve') fields['partial'] = partial;
  else if (partial !== undefined) problems.add(`${path}.partial`, "'reject' or 'resolve'", partial);
  return fields;
}
