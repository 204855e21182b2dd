import type { TargetKind } from './call.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Verdict } from './verdict.ts';

/** Work, or cleanup, that is past its grace and has not ended. */
export interface Orphan {
  /** The name of the stage, tool or function whose it is. */
  readonly name: string;
  readonly kind: TargetKind | 'cleanup' | 'process' | 'worker';
  readonly attempt: number;
  /** For how long it has been one, in milliseconds. */
  readonly ageMs: number;
  /** The process that it is, if it is one. */
  readonly pid?: number | undefined;
}

/** What became of one stage, told apart by `status`. */
export type StageReport<T = unknown> = StageFacts & StageEnd<T>;

interface StageFacts {
  readonly name: string;
  /** How many attempts were begun; 0 for a stage that never started. */
  readonly attempts: number;
  /** When it started, on the runner's clock; undefined if it never did. */
  readonly startedAt?: number | undefined;
  /** From its start to its verdict, in milliseconds. */
  readonly durationMs: number;
  /** What came with its last heartbeat. */
  readonly heartbeat?: unknown;
  /** What cleanup threw in it, in order. */
  readonly suppressed: readonly unknown[];
  /** Whether its work, and all that it set in motion, had really ended. */
  readonly settled: boolean;
  /** Where its value came from, if not from its own work. */
  readonly origin?: 'fallback' | 'cache' | undefined;
}

type StageEnd<T> =
  | {
      readonly status: 'ok';
      readonly value: T;
      /** The error in place of which the value of a fallback is there, with all that came before it as its causes and details. */
      readonly insteadOf?: SluiceError | undefined;
    }
  | {
      readonly status: 'failed' | 'timeout' | 'cancelled';
      readonly error: SluiceError;
      /** What it had achieved. */
      readonly partial?: unknown;
      /** What those that wait for it were given in place of its output, if anything. */
      readonly value?: T | undefined;
    }
  | {
      readonly status: 'skipped';
      /** The stage that did not end well and because of which it never started; `'when'`, or what it said itself. */
      readonly because: string;
    };

/** The truth about a run, as of the moment when it was over. */
export interface Report<Out = Readonly<Record<string, unknown>>> {
  /** The id of the run. */
  readonly id: string;
  readonly pipeline: string;
  readonly status: Verdict;
  /** The outputs of the stages that ended well, by name. */
  readonly output: Partial<Out>;
  /** What became of each stage. */
  readonly stages: { readonly [K in keyof Out]-?: StageReport<Out[K]> };
  /** What decided the run, unless it is `ok`. */
  readonly error?: SluiceError | undefined;
  readonly durationMs: number;
  /** What is still alive although its time is over. */
  readonly orphans: readonly Orphan[];
  /** How many values and errors came after their verdict. */
  readonly late: number;
  /** What cleanup threw, in order. */
  readonly suppressed: readonly unknown[];
}
