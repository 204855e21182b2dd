import { types } from 'node:util';
import type { Clock } from './clock.ts';
import { type Duration, readDuration } from './duration.ts';
import { hasMethods } from './has-methods.ts';
import type { Plugin } from './interceptor.ts';
import type { Logger } from './logger.ts';
import { readList, readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import type { RedactOptions } from './redact.ts';
import type { RecordLimits } from './run-records.ts';
import { checkCodes, Stack } from './stack.ts';

/** What a runner is made with. Every field may be left out. */
export interface RunnerOptions {
  /** The interceptors, in any order, or a stack that is shared with other runners. None unless set. */
  readonly use?: readonly Plugin[] | Stack | undefined;
  /** Where lines for people go: a pino logger, or anything with its four methods. Unless set, warnings are process warnings. */
  readonly logger?: Logger | undefined;
  /** What is a secret beside what is known to be one: names of fields, and patterns of texts. No line of the log has it. */
  readonly redact?: RedactOptions | undefined;
  /** Where time and chance come from; `systemClock` unless set. */
  readonly clock?: Clock | undefined;
  /** `'off'` switches every deadline off, for debugging; so does `SLUICE_TIMEOUTS=off`. `'on'` unless set. */
  readonly timeouts?: 'on' | 'off' | undefined;
  /** How long work may take to unwind once it was stopped; 50 ms unless set. `0` waits for nothing. */
  readonly grace?: Duration | undefined;
  /** How many runs that are over are kept on record (1,000 unless set), and for how long (an hour). */
  readonly runs?: { readonly max?: number | undefined; readonly maxAge?: Duration | undefined } | undefined;
  /** Whether it is shut down when the process gets SIGTERM or SIGINT; `false` unless set. */
  readonly handleSignals?: boolean | undefined;
  /** How deep runs may be nested in one another, counted from 0; 5 unless set, `Infinity` for any depth. */
  readonly maxDepth?: number | undefined;
  /** What the runner is called; `'runner'` unless set. */
  readonly name?: string | undefined;
  /** Codes of the order check's findings that are as they should be. */
  readonly acknowledge?: readonly string[] | undefined;
}

const OPTIONS: readonly string[] = [
  'use',
  'logger',
  'clock',
  'timeouts',
  'grace',
  'maxDepth',
  'name',
  'acknowledge',
  'redact',
  'runs',
  'handleSignals',
];

/** A runner's options, checked, each read once; the durations among them in milliseconds. */
export interface CheckedRunnerOptions extends Omit<RunnerOptions, 'use' | 'runs' | 'grace'> {
  readonly use: readonly Plugin[] | Stack;
  readonly graceMs: number | undefined;
  readonly records: Partial<RecordLimits>;
}

/** Checks a runner's options. Throws a {@link ConfigError} that lists all that is wrong with them. */
export function checkRunnerOptions(options: RunnerOptions): CheckedRunnerOptions {
  const problems = new Problems();
  const given = readPlain(options, 'createRunner', problems, 'a plain object of options') ?? {};
  problems.unknownKeys(given, OPTIONS, '');
  const { use = [], grace, timeouts, maxDepth, logger, name, clock, acknowledge, handleSignals } = given;
  const graceMs = grace === undefined ? undefined : readDuration(grace, 'grace', problems);
  if (timeouts !== undefined && timeouts !== 'on' && timeouts !== 'off') {
    problems.add('timeouts', "'on' or 'off'", timeouts);
  }
  if (maxDepth !== undefined && !isCount(maxDepth)) problems.add('maxDepth', 'an integer ≥ 0, or Infinity', maxDepth);
  if (name !== undefined && (typeof name !== 'string' || name === '')) problems.add('name', 'a name', name);
  if (logger !== undefined && !hasMethods(logger, ['debug', 'info', 'warn', 'error'])) {
    problems.add('logger', 'a logger with debug, info, warn and error', logger);
  }
  if (clock !== undefined && !hasMethods(clock, ['now', 'schedule', 'random'])) {
    problems.add('clock', 'a clock with now, schedule and random', clock);
  }
  if (acknowledge !== undefined) {
    checkCodes(acknowledge, 'acknowledge', problems);
    if (isStack(use)) problems.say('acknowledge', MADE_ALREADY);
  }
  if (handleSignals !== undefined && typeof handleSignals !== 'boolean') {
    problems.add('handleSignals', 'true or false', handleSignals);
  }
  checkRedact(given['redact'], problems);
  const records = checkRecords(given['runs'], problems);
  problems.throwIfAny();
  const checked = { ...given, use, graceMs, records };
  return checked as CheckedRunnerOptions;
}

const MADE_ALREADY = 'the stack is made already; say it where the stack is made: stack(plugins, { acknowledge })';

/** Whether what a runner is to use is a stack that is made already. */
export function isStack(use: unknown): use is Stack {
  try {
    return use instanceof Stack;
  } catch {
    return false;
  }
}

function isCount(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 0);
}

function checkRedact(redact: unknown, problems: Problems): void {
  if (redact === undefined) return;
  const given = readPlain(redact, 'redact', problems, 'a plain object { keys, values }') ?? {};
  problems.unknownKeys(given, ['keys', 'values'], 'redact');
  const { keys = [], values = [] } = given;
  readList(keys, 'redact.keys', problems, 'a list of names and patterns')?.forEach((key, index) => {
    const fits = (typeof key === 'string' && key !== '') || types.isRegExp(key);
    if (!fits) problems.add(`redact.keys[${index}]`, 'a name or a pattern', key);
  });
  readList(values, 'redact.values', problems, 'a list of patterns')?.forEach((value, index) => {
    if (!types.isRegExp(value)) problems.add(`redact.values[${index}]`, 'a pattern', value);
  });
}

function checkRecords(runs: unknown, problems: Problems): Partial<RecordLimits> {
  if (runs === undefined) return {};
  const given = readPlain(runs, 'runs', problems, 'a plain object { max, maxAge }') ?? {};
  problems.unknownKeys(given, ['max', 'maxAge'], 'runs');
  const { max, maxAge } = given;
  if (max !== undefined && !isCount(max)) problems.add('runs.max', 'an integer ≥ 0, or Infinity', max);
  return {
    ...(max === undefined ? {} : { max: max as number }),
    ...(maxAge === undefined ? {} : { maxAgeMs: readDuration(maxAge, 'runs.maxAge', problems) }),
  };
}
