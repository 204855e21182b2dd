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

/** How something ended. */
export interface EndFacts {
  readonly status: Verdict;
  readonly durationMs: number;
  readonly error?: unknown;
}

type CallEvents = {
  'tool.start': object;
  'tool.item': { readonly index: number };
  'tool.end': EndFacts;
  'function.start': object;
  'function.item': { readonly index: number };
  'function.end': EndFacts;
  'attempt.start': object;
  'attempt.end': EndFacts;
  verdict: EndFacts;
  timeout: { readonly scope: string; readonly limit: string; readonly limitMs: number; readonly lagMs: number };
  partial: object;
  'cleanup.error': { readonly error: unknown };
  'cleanup.late': { readonly left: number };
  orphan: { readonly what: 'work' | 'cleanup' };
  'orphan.end': { readonly ageMs: number };
  late: { readonly what: 'value' | 'error' };
};

/** An event of one type about a call. */
type CallEvent<T extends keyof CallEvents> = T extends keyof CallEvents
  ? { readonly type: T } & CallEventBase & CallEvents[T]
  : never;

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
export type SluiceEvent = CallEvent<keyof CallEvents> | UserEvent | WarningEvent;
