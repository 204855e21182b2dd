import type { Kind, TargetKind } from './call.ts';
import type { Verdict } from './verdict.ts';

/** What every event says. */
export interface EventBase {
  /** Its place in the order of all events of the runner, counted from 1. */
  readonly seq: number;
  /** When it happened, in milliseconds on the monotonic clock. */
  readonly at: number;
}

/** What every event about a call says. */
export interface CallEventBase extends EventBase {
  readonly runId: string;
  readonly correlationId: string;
  readonly target: TargetKind;
  readonly name: string;
  readonly kind?: Kind;
  readonly attempt: number;
}

/** Which limit has passed, and how late that was noticed. */
interface TimeoutFacts {
  readonly scope: string;
  readonly limit: string;
  readonly limitMs: number;
  readonly lagMs: number;
}

/** How something ended. */
export interface EndFacts {
  readonly status: Verdict;
  readonly durationMs: number;
  readonly error?: unknown;
}

/**
 * The events about calls, by type, with what each says beside {@link CallEventBase}. Plugins add theirs by declaration merging.
 *
 * @example
 * ```ts
 * declare module '@sluice/core' {
 *   interface CallEvents {
 *     'cache.hit': { readonly key: string };
 *   }
 * }
 * ```
 */
export interface CallEvents {
  'stage.start': object;
  'stage.item': { readonly index: number };
  'stage.end': EndFacts;
  'tool.start': object;
  'tool.item': { readonly index: number };
  'tool.end': EndFacts;
  'function.start': object;
  'function.item': { readonly index: number };
  'function.end': EndFacts;
  'attempt.start': object;
  'attempt.end': EndFacts;
  /** `within` is what the call was made in, if in anything: `'stage:fetch'`, `'run'`. */
  verdict: EndFacts & { readonly within?: string };
  timeout: TimeoutFacts;
  partial: object;
  'cleanup.error': { readonly error: unknown };
  'cleanup.late': { readonly left: number };
  orphan: { readonly what: 'work' | 'cleanup' };
  'orphan.end': { readonly ageMs: number };
  late: { readonly what: 'value' | 'error' | 'data' };
  /** A soft limit has passed; the hard one is at `hardMs`. */
  'timeout.soft': {
    readonly scope: string;
    readonly limitMs: number;
    readonly hardMs: number;
    readonly lagMs: number;
  };
  heartbeat: { readonly details?: unknown };
  /** The work waits for something else; its clocks stand still until `resume`. */
  pause: { readonly reason: string };
  resume: { readonly reason: string; readonly pausedMs: number };
  /** A deadline passed late, because something did not let the event loop go on: `by`, where that is known. */
  blocked: { readonly lagMs: number; readonly blockedMs: number; readonly by?: string };
  progress: { readonly fraction: number; readonly note?: string };
}

/** An event of one type about a call. */
type CallEvent<T extends keyof CallEvents> = T extends keyof CallEvents
  ? { readonly type: T } & CallEventBase & CallEvents[T]
  : never;

/** What every event about a run as a whole says. */
export interface RunEventBase extends EventBase {
  readonly runId: string;
  readonly correlationId: string;
  /** The run that it is a part of. */
  readonly parentRunId?: string;
  /** The name of the pipeline. */
  readonly name: string;
}

/** An event about a run as a whole. */
type RunEvent = RunEventBase &
  (
    | { readonly type: 'run.start' }
    | ({ readonly type: 'run.end' } & EndFacts)
    | ({ readonly type: 'timeout' } & TimeoutFacts)
  );

/** A stage will never start: it is skipped, cancelled with its run, or failed because its `when` threw. */
export interface StageSkipEvent extends Omit<CallEventBase, 'attempt'> {
  readonly type: 'stage.skip';
  readonly target: 'stage';
  readonly status: Verdict;
  /** Why it is skipped. */
  readonly because?: string;
  readonly error?: unknown;
}

/** What a work or an interceptor put on the record itself. */
export interface UserEvent extends CallEventBase {
  readonly type: `user.${string}`;
  readonly data?: unknown;
}

/** Something is wrong that no call's verdict can say. Said once. */
export interface WarningEvent extends EventBase {
  readonly type: 'warning';
  readonly message: string;
}

/**
 * Everything that a runner tells: one union, told apart by `type`. The `*.end` events and `verdict` carry `status`, `durationMs`
 * and, unless it is `ok`, `error`.
 */
export type SluiceEvent = CallEvent<keyof CallEvents> | RunEvent | StageSkipEvent | UserEvent | WarningEvent;
