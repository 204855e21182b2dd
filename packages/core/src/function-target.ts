import type { Kind } from './call.ts';
import type { Execution } from './execution.ts';
import { checkKind } from './kinds.ts';
import { RESERVED, writtenPolicies } from './policies.ts';
import type { Problems } from './problems.ts';
import type { Target } from './target.ts';

/** What of a function's options core itself looks at. */
export interface FunctionFacts {
  readonly kind?: Kind | undefined;
  readonly idempotent?: boolean | undefined;
  readonly policies?: Readonly<Record<string, unknown>> | undefined;
}

/** Notes what is wrong with what is said of a function. `own` are the names of core that mean something there. */
export function checkFunctionOptions(
  { name, kind, idempotent, ...rest }: Readonly<Record<string, unknown>>,
  path: string,
  own: readonly string[],
  problems: Problems,
): void {
  if (name !== undefined && (typeof name !== 'string' || name.trim() === ''))
    problems.add(`${path}: name`, 'a name', name);
  checkKind(kind, `${path}: kind`, problems);
  if (idempotent !== undefined && typeof idempotent !== 'boolean') {
    problems.add(`${path}: idempotent`, 'true or false', idempotent);
  }
  for (const key of Object.keys(rest)) {
    if (RESERVED.has(key) && !own.includes(key)) problems.say(`${path}: ${key}`, 'means nothing here');
  }
}

/** The target that a function is. */
export function functionTarget(name: string, facts: FunctionFacts, start: (execution: Execution) => unknown): Target {
  const { kind, idempotent = true } = facts;
  const policies = writtenPolicies('function', `function "${name}": `, facts.policies);
  return { target: 'function', name, kind, policies, idempotent, collect: 'all', start };
}
