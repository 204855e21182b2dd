import { type Duration, type PolicyFields, type Problems, readDuration } from '@sluice/core';

/** What may be said of heartbeats, for everything, by kind, per stage, tool, function and run. */
export interface HeartbeatLimits {
  /** The longest silence of an attempt; no limit unless set: heartbeats are then only recorded. */
  readonly timeout?: Duration | undefined;
  /**
   * What ends a silence: with `'auto'` (the default) whatever shows that the work is alive, that is heartbeats, items, progress, partial
   * results, and the same of the calls and runs in it, and their ends; with `'heartbeat'` nothing but `ctx.heartbeat()` of the work itself.
   */
  readonly refreshOn?: 'auto' | 'heartbeat' | undefined;
}

/** What is said of heartbeats in one place: the longest silence, or the options one by one. */
export type HeartbeatPolicy = Duration | HeartbeatLimits;

/** {@link HeartbeatLimits}, checked, in milliseconds, `Infinity` for none. */
export interface HeartbeatFields {
  readonly timeout: number;
  readonly refreshOn: 'auto' | 'heartbeat';
}

declare module '@sluice/core' {
  interface Policies {
    /** How long it may be silent. */
    readonly heartbeat?: HeartbeatPolicy | undefined;
  }
}

/** The names of the options. */
export const HEARTBEAT_OPTIONS: readonly string[] = ['timeout', 'refreshOn'];

/** What holds where nobody says anything. */
export const HEARTBEAT_DEFAULTS: PolicyFields = { timeout: Number.POSITIVE_INFINITY, refreshOn: 'auto' };

/** Turns what was written at `path` into fields of {@link HeartbeatFields}, noting all that is wrong. */
export function readHeartbeat(written: unknown, path: string, problems: Problems): PolicyFields {
  if (typeof written !== 'object') return { timeout: readDuration(written, path, problems) };
  const { timeout, refreshOn } = written as Readonly<Record<string, unknown>>;
  if (refreshOn !== undefined && refreshOn !== 'auto' && refreshOn !== 'heartbeat') {
    problems.add(`${path}.refreshOn`, "'auto' or 'heartbeat'", refreshOn);
  }
  return {
    ...(timeout === undefined ? {} : { timeout: readDuration(timeout, `${path}.timeout`, problems) }),
    ...(refreshOn === undefined ? {} : { refreshOn }),
  };
}
