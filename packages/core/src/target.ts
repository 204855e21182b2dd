import type { TargetKind } from './call.ts';
import type { Execution } from './execution.ts';
import { type PolicySubject, writtenPolicies } from './policies.ts';
import type { StandardSchema } from './standard-schema.ts';

/** What a chain stands around, as core sees it: how to start the work, and what holds for every call of it. */
export interface Target extends PolicySubject {
  readonly target: TargetKind;
  readonly idempotent: boolean;
  /** What a stream amounts to: the array of its items, or the last one. */
  readonly collect: 'all' | 'last';
  readonly inputSchema?: StandardSchema | undefined;
  readonly outputSchema?: StandardSchema | undefined;
  /** Starts the work. May throw; may answer anything. */
  start(execution: Execution): unknown;
}

/** The same target with what one call, or one run, says about it. */
export function withRunPolicies(target: Target, values: Readonly<Record<string, unknown>>, path = ''): Target {
  return { ...target, policies: [...target.policies, ...writtenPolicies('run', path, values)] };
}
