import type { Kind } from './call.ts';
import type { Execution } from './execution.ts';
import type { Target } from './target.ts';

/** What of a function's options core itself looks at. */
export interface FunctionFacts {
  readonly kind?: Kind | undefined;
  readonly idempotent?: boolean | undefined;
  readonly policies?: Readonly<Record<string, unknown>> | undefined;
}

/** The target that a function is. */
export function functionTarget(name: string, facts: FunctionFacts, start: (execution: Execution) => unknown): Target {
  const { kind, idempotent = true, policies = {} } = facts;
  return { target: 'function', name, kind, policies, idempotent, collect: 'all', start };
}
