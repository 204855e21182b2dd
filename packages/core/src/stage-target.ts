import type { PipelineFacts, StageNode } from './pipeline.ts';
import type { StageFunction } from './stage.ts';
import type { Target } from './target.ts';

/** The target that a stage of a pipeline is. `work` is done in place of its own, if given. */
export function stageTarget({ policies }: PipelineFacts, node: StageNode, work: StageFunction = node.work): Target {
  const { name, kind, idempotent, collect } = node.info;
  return {
    target: 'stage',
    name,
    kind,
    policies: [...policies, ...node.policies],
    idempotent,
    collect,
    start: (execution) => work(execution.call.root.input as never, execution.context),
  };
}
