import type { Call, TargetKind } from './call.ts';
import type { Observable } from './flow.ts';
import { messageOf } from './message-of.ts';
import type { PolicyClaim } from './policies.ts';
import { Problems } from './problems.ts';
import type { Traits } from './traits.ts';

/**
 * What stands inside an interceptor: the rest of the chain, and the work at its end. Cold: each subscription to what it
 * returns is one fresh attempt of all that is inside.
 */
export type Next = (call: Call) => Observable<unknown>;

/**
 * What surrounds a call. It takes and returns Observables: `next(call).pipe(…)` is all there is to it.
 *
 * @see {@link defineInterceptor} to make one
 */
export interface Interceptor {
  /** What it is called in explanations, errors and updates. */
  readonly name: string;
  /** Where it stands: the larger, the further in. See {@link Place}. */
  readonly priority: number;
  /** Calls `next` as often as it likes, and returns what the caller gets. */
  intercept(call: Call, next: Next): Observable<unknown>;
  /** The options that it claims per call. */
  readonly policy?: PolicyClaim;
  /** What the order check knows about it. */
  readonly traits?: Traits | ((options: Readonly<Record<string, unknown>>) => Traits);
  /** What it stands around; everything unless set. A function is asked for every call. */
  readonly applies?: TargetKind | ((call: Call) => boolean);
  /** What it would tell the people on call. */
  stats?(): unknown;
  /**
   * Takes new options for the calls that come after. Throws, and changes nothing, when they are wrong. Answers how to undo it, for the
   * case that another interceptor refuses its part of the same patch.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: one that cannot be undone answers nothing
  update?(patch: Readonly<Record<string, unknown>>): (() => void) | void;
}

/** What a package exports: one interceptor, or several that belong together. */
export type Plugin = Interceptor | readonly Interceptor[];

declare const SUBSTITUTE: unique symbol;

/**
 * Says to the type checker that a plugin may give its caller an `S` in place of the result. For what a factory returns; at run time there
 * is nothing to it.
 */
export interface Substitutes<S> {
  /** For the type checker only. */
  readonly [SUBSTITUTE]: S;
}

/** What a plugin may give in place of the result; `never` for one that gives nothing. */
export type SubstituteOf<P> = P extends Substitutes<infer S> ? S : never;

type Fields = Partial<Record<keyof Interceptor, unknown>>;

const OPTIONS = ['name', 'priority', 'intercept', 'policy', 'traits', 'applies', 'stats', 'update'] as const;

/**
 * Makes an interceptor of your own, checked at once rather than at its first call.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, wrap } from '@sluice/core';
 * import { tap } from 'rxjs';
 *
 * const seen: unknown[] = [];
 * const audit = defineInterceptor({
 *   name: 'audit',
 *   priority: Place.observe,
 *   intercept: (call, next) => next(call).pipe(tap((value) => seen.push([call.name, value]))),
 * });
 * const double = wrap(function double(n: number) { return n * 2; }, audit);
 * console.assert((await double(21)) === 42 && seen.length === 1);
 * ```
 *
 * @see `testInterceptor` of `@sluice/core/testing`, the rules that it should keep
 */
export function defineInterceptor(options: Interceptor): Interceptor {
  const problems = new Problems();
  checkInterceptor(options, 'interceptor', problems);
  if (problems.count === 0) problems.unknownKeys(options, OPTIONS, 'interceptor');
  problems.throwIfAny();
  return options;
}

/** Notes what keeps `value` from being an interceptor. */
export function checkInterceptor(value: unknown, path: string, problems: Problems): value is Interceptor {
  try {
    return check(value, path, problems);
  } catch (error) {
    problems.say(path, `could not be read: ${messageOf(error)}`);
    return false;
  }
}

function check(value: unknown, path: string, problems: Problems): value is Interceptor {
  const before = problems.count;
  if (typeof value !== 'object' || value === null) {
    problems.add(path, 'an interceptor', value);
    return false;
  }
  const { name, priority, intercept, applies, policy, traits, stats, update } = value as Fields;
  if (typeof name !== 'string' || name === '') problems.add(`${path}.name`, 'a name', name);
  if (typeof priority !== 'number' || !Number.isFinite(priority)) {
    problems.add(`${path}.priority`, 'a finite number, such as Place.retry', priority);
  }
  if (typeof intercept !== 'function') {
    problems.add(`${path}.intercept`, 'a function (call, next) => Observable', intercept);
  }
  const word = applies === 'stage' || applies === 'tool' || applies === 'function';
  if (applies !== undefined && !word && typeof applies !== 'function') {
    problems.add(`${path}.applies`, "'stage', 'tool', 'function' or a function (call) => boolean", applies);
  }
  checkClaim(policy, `${path}.policy`, problems);
  if (traits !== undefined && typeof traits !== 'function' && (typeof traits !== 'object' || traits === null)) {
    problems.add(`${path}.traits`, 'traits, or a function (options) => traits', traits);
  }
  for (const [key, method] of Object.entries({ stats, update })) {
    if (method !== undefined && typeof method !== 'function') problems.add(`${path}.${key}`, 'a function', method);
  }
  return problems.count === before;
}

function checkClaim(claim: unknown, path: string, problems: Problems): void {
  if (claim === undefined) return;
  if (typeof claim !== 'object' || claim === null) {
    problems.add(path, 'a claim { key, parse }', claim);
    return;
  }
  const { key, parse } = claim as Partial<Record<keyof PolicyClaim, unknown>>;
  if (typeof key !== 'string' || key === '') problems.add(`${path}.key`, 'a name', key);
  if (typeof parse !== 'function') problems.add(`${path}.parse`, 'a function (value, path) => fields', parse);
}
