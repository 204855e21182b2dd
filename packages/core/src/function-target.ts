import type { Kind } from './call.ts';
import type { Execution } from './execution.ts';
import { checkKind } from './kinds.ts';
import { writtenPolicies } from './policies.ts';
import { Problems } from './problems.ts';
import type { Target } from './target.ts';

/** What of a function's options core itself looks at. */
export interface FunctionFacts {
  readonly kind?: Kind | undefined;
  readonly idempotent?: boolean | undefined;
  readonly policies?: Readonly<Record<string, unknown>> | undefined;
}

/** The target that a function is. Throws a {@link ConfigError} for facts that cannot be. */
export function functionTarget(name: string, facts: FunctionFacts, start: (execution: Execution) => unknown): Target {
  const { kind, idempotent = true } = facts;
  const problems = new Problems();
  if (typeof name !== 'string' || name.trim() === '') problems.add('function.name', 'a name', name);
  checkKind(kind, `function "${name}": kind`, problems);
  if (typeof idempotent !== 'boolean') problems.add(`function "${name}": idempotent`, 'true or false', idempotent);
  problems.throwIfAny();
  const policies = writtenPolicies('function', `function "${name}": `, facts.policies);
  return { target: 'function', name, kind, policies, idempotent, collect: 'all', start };
}
