import type { Clock } from './clock.ts';
import type { Outcome } from './verdict.ts';

/** What an interceptor can stand around. */
export type TargetKind = 'stage' | 'tool' | 'function';

/** A label on work that policies can address. */
export type Kind = 'transform' | 'enrich' | 'route' | 'guard' | 'work' | 'agent';

/** The deadline that bounds something: its own, or the nearest one around it. */
export interface Deadline {
  /** When it is, on the call's clock; `Infinity` when there is none. */
  readonly at: number;
  /** How many milliseconds are left; never below 0, `Infinity` when there is no deadline. */
  remaining(): number;
  /** Whose deadline it is: `'run'`, `'stage:fetch'`, `'tool:search'`, `'attempt'`, or `'none'`. */
  readonly scope: string;
}

/**
 * One invocation of a stage, tool or wrapped function, as interceptors see it.
 *
 * `onEnd` and `onSettled` say what an unsubscribe cannot: how the attempt inside ended, and when its work has really ended.
 * Register them before `next(call)` is subscribed to: they belong to that run of what is inside. An interceptor that lets several runs
 * go on at once tells them apart by `again()`: the hooks of a call belong to the first of them.
 */
export interface Call {
  /** What is called. */
  readonly target: TargetKind;
  /** The name of the stage, tool or function. */
  readonly name: string;
  /** Its kind, if it has one. */
  readonly kind?: Kind | undefined;
  /** A stage's dependencies, a tool's validated input, or a function's array of arguments. */
  readonly input: unknown;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** The run that it belongs to; a call outside a pipeline is a run of its own. */
  readonly runId: string;
  /** What ties together everything that one request set in motion. */
  readonly correlationId: string;
  /** False when the target says that it must not be repeated. */
  readonly idempotent: boolean;
  /** The call in whose work this one was made. */
  readonly parent?: Call | undefined;
  /** The deadline that bounds what is inside. */
  readonly deadline: Deadline;
  /** How it is to be preferred to others that wait: the `priority` of its run; 0 unless set. */
  readonly priority: number;
  /** By how much the limits of one attempt are longer than they say: 1, unless whoever repeats it gives each attempt more time. */
  readonly timeFactor: number;
  /** The clock of the runner: the only source of time and chance. */
  readonly clock: Clock;
  /**
   * The options that hold for this call under a policy key, as the claim's `parse` made them; undefined where they are switched
   * off or nobody claims the key. Inside `intercept` an interceptor is answered from its own claim.
   */
  policy(key: string): Readonly<Record<string, unknown>> | undefined;
  /** Puts an event on the record. Costs nothing while nobody listens. */
  emit(type: string, data?: Readonly<Record<string, unknown>>): void;
  /** Calls `fn` once, when the attempt inside has ended in any way: value, failure, timeout by any scope, cancellation. */
  onEnd(fn: (outcome: Outcome) => void): void;
  /** Calls `fn` once, when the work inside has really ended and its cleanup has run. */
  onSettled(fn: () => void): void;
  /** The call of the next attempt, which knows how the last one failed, and has so many times the time. */
  again(previous: { readonly error: unknown; readonly timeFactor?: number | undefined }): Call;
}
