import { type Duration, readDuration } from './duration.ts';
import { ConfigError, isConfigError } from './errors/config-error.ts';
import type { InvocationOptions } from './invocation.ts';
import { messageOf } from './message-of.ts';
import { isPlainObject } from './plain-object.ts';
import { type Policies, RESERVED } from './policies.ts';
import { Problems } from './problems.ts';

/** What may be said about one call, beside the policies of the plugins in its stack. */
export interface CallOptions extends Policies {
  /** Bounds the call as a whole, whatever its interceptors do; no bound unless set. `0` ends it before it starts. */
  readonly deadline?: Duration | undefined;
  /** Stops the call when it is aborted; its reason arrives everywhere unchanged. */
  readonly signal?: AbortSignal | undefined;
  /** The id of the run that the call is; a new one unless set. */
  readonly runId?: string | undefined;
  /** What ties it to what else belongs to the same request; the run's id unless set. */
  readonly correlationId?: string | undefined;
  /** The key under which a service may recognise a repetition; a new one for each call unless set. */
  readonly idempotencyKey?: string | undefined;
}

const OWN: readonly string[] = ['deadline', 'signal', 'runId', 'correlationId', 'idempotencyKey'];

/** What a caller's options amount to: core's own, checked, and those of plugins, as they were written. */
export interface ReadOptions {
  readonly own: InvocationOptions;
  /** Undefined when there are none. */
  readonly policies: Readonly<Record<string, unknown>> | undefined;
}

const NOTHING: ReadOptions = { own: {}, policies: undefined };

/** Checks and sorts the options of one call. Throws a {@link ConfigError} that lists all that is wrong with them. */
export function readCallOptions(options: CallOptions | undefined): ReadOptions {
  if (options === undefined) return NOTHING;
  try {
    return readOptions(options);
  } catch (error) {
    if (isConfigError(error)) throw error;
    throw new ConfigError(`options: could not be read: ${messageOf(error)}`);
  }
}

function readOptions(options: CallOptions): ReadOptions {
  const problems = new Problems();
  if (!isPlainObject(options)) {
    problems.add('options', 'a plain object', options);
    problems.throwIfAny();
  }
  const { deadline, signal } = options;
  const deadlineMs = deadline === undefined ? undefined : readDuration(deadline, 'deadline', problems);
  if (signal !== undefined && !isSignal(signal)) problems.add('signal', 'an AbortSignal', signal);
  for (const key of ['runId', 'correlationId', 'idempotencyKey'] as const) {
    const value: unknown = options[key];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      problems.add(key, 'a text that is not empty', value);
  }
  for (const key of Object.keys(options)) {
    if (RESERVED.has(key) && !OWN.includes(key)) problems.say(key, 'is no option of a call');
  }
  problems.throwIfAny();
  const { runId, correlationId, idempotencyKey } = options;
  return { own: { deadlineMs, signal, runId, correlationId, idempotencyKey }, policies: policiesOf(options, OWN) };
}

/** A signal of any realm or polyfill is one. */
function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { aborted, addEventListener } = value as Partial<AbortSignal>;
    return typeof aborted === 'boolean' && typeof addEventListener === 'function';
  } catch {
    return false;
  }
}

/** The part of an options object that plugins own; undefined when it is empty. */
export function policiesOf(options: object, own: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  const entries = Object.entries(options).filter(([key, value]) => value !== undefined && !own.includes(key));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
