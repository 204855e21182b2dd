import { type Clock, type Duration, type Logger, Problems, readDuration, readPlain, systemClock } from '@sluice/core';
import { TimeoutScope } from './timeout-scope.ts';

/** What a scope within another one may be given. */
export interface ChildScopeOptions {
  /** How long it may take; never longer than the scope around it, and as long as that where this is left out or `'none'`. */
  readonly timeout?: Duration | undefined;
  /** How long handlers may take before nobody waits for them any more; as around it, or 50 ms, unless set. */
  readonly grace?: Duration | undefined;
}

/** What {@link timeoutScope} takes. */
export interface TimeoutScopeOptions extends ChildScopeOptions {
  /** The scope that it is a part of. */
  readonly parent?: TimeoutScope | undefined;
  /** Where its time comes from; that of its parent, or the system's, unless set. */
  readonly clock?: Clock | undefined;
  /** Where lines for people go: that it timed out, and what its handlers threw. Without one, what handlers throw is a process warning. */
  readonly logger?: Logger | undefined;
  /** `'off'` while debugging: nothing times out. As around it, or as `SLUICE_TIMEOUTS` says, unless set. */
  readonly timeouts?: 'on' | 'off' | undefined;
}

/** {@link TimeoutScopeOptions}, checked, with what comes from the scope around it. */
export interface ScopeSettings {
  readonly parent: TimeoutScope | undefined;
  readonly limitMs: number;
  readonly clock: Clock;
  readonly graceMs: number;
  readonly logger: Logger | undefined;
  readonly timeouts: boolean;
}

const KNOWN = ['timeout', 'grace', 'parent', 'clock', 'logger', 'timeouts'];
const GRACE = 50;
/** Reads what a scope is made with. Throws a {@link ConfigError} that lists all that is wrong. */
export function readScope(
  name: unknown,
  options: TimeoutScopeOptions,
  path: string,
  around: TimeoutScope | undefined,
): ScopeSettings {
  const problems = new Problems();
  if (typeof name !== 'string' || name.trim() === '') problems.add(`${path}: name`, 'a name', name);
  const given = readPlain(options, `${path}: options`, problems) ?? {};
  const known = around === undefined ? KNOWN : ['timeout', 'grace'];
  problems.unknownKeys(given, known, path);
  const { timeout, grace, clock, logger, timeouts } = given;
  const parent = around ?? readParent(given['parent'], `${path}.parent`, problems);
  const inherited = parent?.settings;
  // A budget without a limit is none; one in another has that of the other.
  if (timeout === undefined && parent === undefined && problems.count === 0) {
    problems.add(`${path}.timeout`, "a duration, or 'none' for no limit", timeout);
  }
  const limitMs = timeout === undefined ? Number.POSITIVE_INFINITY : readDuration(timeout, `${path}.timeout`, problems);
  const graceMs = grace === undefined ? (inherited?.graceMs ?? GRACE) : readDuration(grace, `${path}.grace`, problems);
  if (timeouts !== undefined && timeouts !== 'on' && timeouts !== 'off') {
    problems.add(`${path}.timeouts`, "'on' or 'off'", timeouts);
  }
  checkMethods(
    clock,
    ['now', 'schedule', 'random'],
    `${path}.clock`,
    'a clock with now, schedule and random',
    problems,
  );
  checkMethods(logger, ['warn'], `${path}.logger`, 'a logger with warn', problems);
  if (parent !== undefined && typeof name === 'string' && parent.holds(name)) {
    problems.say(`${path}: name`, `there is an active scope "${name}" in "${parent.path}" already`);
  }
  problems.throwIfAny();
  return {
    parent,
    limitMs,
    clock: (clock as Clock | undefined) ?? inherited?.clock ?? systemClock,
    graceMs,
    logger: (logger as Logger | undefined) ?? inherited?.logger,
    timeouts:
      timeouts === undefined ? (inherited?.timeouts ?? process.env['SLUICE_TIMEOUTS'] !== 'off') : timeouts === 'on',
  };
}

function readParent(parent: unknown, path: string, problems: Problems): TimeoutScope | undefined {
  if (parent === undefined || parent instanceof TimeoutScope) return parent;
  problems.add(path, 'a scope made by timeoutScope', parent);
  return undefined;
}

function checkMethods(
  value: unknown,
  names: readonly string[],
  path: string,
  expected: string,
  problems: Problems,
): void {
  if (value === undefined) return;
  const methods = value as Readonly<Record<string, unknown>> | null;
  const fits = typeof value === 'object' && names.every((name) => typeof methods?.[name] === 'function');
  if (!fits) problems.add(path, expected, value);
}
