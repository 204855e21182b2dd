import { Chain } from './chain.ts';
import type { Environment } from './environment.ts';
import type { PipelineFacts } from './pipeline.ts';
import { Problems } from './problems.ts';
import type { RunRequest } from './run-options.ts';
import { stageTarget } from './stage-target.ts';
import { type Target, withRunPolicies } from './target.ts';

/** The stack of `environment` around each stage of a pipeline: compiled once, unless a run has things of its own to say. */
export function planOf(environment: Environment, facts: PipelineFacts, request: RunRequest): readonly Chain[] {
  const { policies, stages, replace } = request;
  const plain =
    environment.plans.get(facts) ??
    compileAll(
      environment,
      facts.nodes.map((node) => stageTarget(facts, node)),
    );
  environment.plans.set(facts, plain);
  if (policies === undefined && stages.size === 0 && replace.size === 0) return plain;
  const targets = facts.nodes.map((node, index) => {
    const { name } = node.info;
    const single = stages.get(name);
    const work = replace.get(name);
    if (policies === undefined && single === undefined && work === undefined) return plain[index] as Chain;
    let target = stageTarget(facts, node, work);
    if (policies !== undefined) target = withRunPolicies(target, policies);
    if (single !== undefined) target = withRunPolicies(target, single, `stages.${name}.`);
    return target;
  });
  return compileAll(environment, targets);
}

/** Compiles what is not compiled yet. What is wrong with the policies of several stages is said at once. */
function compileAll(environment: Environment, targets: readonly (Target | Chain)[]): readonly Chain[] {
  const problems = new Problems();
  const chains = targets.map((target) => {
    return target instanceof Chain ? target : problems.attempt(() => environment.compile(target));
  });
  problems.throwIfAny();
  return chains as Chain[];
}
