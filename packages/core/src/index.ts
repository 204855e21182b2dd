// Calls, and what stands around them

// Time and chance
export { onActualCost } from './actual-cost.ts';
export { alarm } from './alarm.ts';
export { type Backoff, isBackoff } from './backoff.ts';
export type { Aftermath, BoundFacts, BoundOptions, BoundRun, PartialResult, Sign } from './bound-options.ts';
export { ByKey, type Kept } from './by-key.ts';
export type { Call, Deadline, Kind, TargetKind } from './call.ts';
// Pipelines
export type { CallAllOptions, CallAllResult, CallList, CallResult } from './call-all.ts';
export { inCallContext, keepCallContext } from './call-context.ts';
export { CallLocal } from './call-local.ts';
export type { CallOptions } from './call-options.ts';
export { callInfo, type Previous, scopeOf, title } from './call-view.ts';
export type { CleanupHandler } from './cleanup.ts';
export { type Clock, systemClock } from './clock.ts';
export type { CallRest, Context } from './context.ts';
// Stacks, and what they are put around
export {
  defineStack,
  type JsonSchema,
  type PluginFactories,
  type PluginFactory,
  type StackData,
  stackSchema,
} from './define-stack.ts';
// Events and logs
export type { DrainOptions, DrainReport } from './drain.ts';
export { driveNext } from './drive-next.ts';
export { type Drive, type Driven, driven, drivenNext } from './driven.ts';
export { type Duration, parseDuration, readDuration } from './duration.ts';
export { errorStatus } from './error-status.ts';
export { CancelledError } from './errors/cancelled-error.ts';
export { CircuitOpenError } from './errors/circuit-open-error.ts';
// Errors
export type { CodeFacts, ErrorCode } from './errors/codes.ts';
export { ConfigError, type ConfigIssue } from './errors/config-error.ts';
export { DataConflictError } from './errors/data-conflict-error.ts';
export { DrainingError } from './errors/draining-error.ts';
export { HeartbeatLostError } from './errors/heartbeat-lost-error.ts';
export { httpStatus } from './errors/http-status.ts';
export { IdempotencyMismatchError } from './errors/idempotency-mismatch-error.ts';
export { InterceptorError } from './errors/interceptor-error.ts';
export { InvalidInputError } from './errors/invalid-input-error.ts';
export { InvalidOutputError } from './errors/invalid-output-error.ts';
export { MaxDepthError } from './errors/max-depth-error.ts';
export { NonErrorThrownError } from './errors/non-error-thrown-error.ts';
export { QueueFullError } from './errors/queue-full-error.ts';
export { QueueTimeoutError } from './errors/queue-timeout-error.ts';
export { RateLimitedError } from './errors/rate-limited-error.ts';
export { RetryExhaustedError } from './errors/retry-exhausted-error.ts';
export { SkippedError } from './errors/skipped-error.ts';
export { type CallInfo, isSluiceError, SluiceError, type SluiceErrorInit } from './errors/sluice-error.ts';
export { StageFailedError } from './errors/stage-failed-error.ts';
export { TimeoutError } from './errors/timeout-error.ts';
export { type ErrorEnvelope, type ResponseMetadata, toResponse } from './errors/to-response.ts';
export { UnknownToolError } from './errors/unknown-tool-error.ts';
export type {
  CallEventBase,
  CallEvents,
  EndFacts,
  EventBase,
  RunEventBase,
  SluiceEvent,
  StageSkipEvent,
  UserEvent,
  WarningEvent,
} from './events.ts';
export type { ExplainedEntry, Explanation } from './explain.ts';
export { explain } from './explain-stack.ts';
export type { Finding, FindingCode } from './finding.ts';
export { Flow, type Handle, type Sink } from './flow.ts';
// Flows: what built-in interceptors are made of
export { FollowedRun } from './followed-run.ts';
export { following, type RunFollower } from './following.ts';
export {
  defineInterceptor,
  type Interceptor,
  type Next,
  type Plugin,
  type SubstituteOf,
  type Substitutes,
} from './interceptor.ts';
export { Limit } from './limit.ts';
export type { Logger, LogLine, WorkLogger } from './logger.ts';
export { messageOf } from './message-of.ts';
export { keyBy, type Per, readPer } from './per.ts';
export {
  type AnyPipeline,
  type Pipeline,
  type PipelineBuilder,
  type PipelineInput,
  type PipelineItems,
  type PipelineOptions,
  type PipelineOutput,
  pipeline,
  type StageInfo,
} from './pipeline.ts';
export { type PipelineData, pipelineFrom, type StageData } from './pipeline-from.ts';
export type { Deps, StageOptions, StageWork } from './pipeline-types.ts';
export { Place } from './place.ts';
export { readList, readPlain } from './plain-object.ts';
export { type PluginOptions, PluginPolicy, type PluginPolicyInit, type PolicyLayers } from './plugin-policy.ts';
export type {
  Policies,
  PolicyClaim,
  PolicyFields,
  PolicyHints,
  PolicyLayer,
  PolicyOutput,
  PolicySource,
  PolicySubject,
  WrittenPolicies,
} from './policies.ts';
export { Problems } from './problems.ts';
export type { RedactOptions } from './redact.ts';
export type { Orphan, Report, StageReport } from './report.ts';
export { reportFault } from './report-fault.ts';
export type { ItemOf, LastOf, ResultOf } from './result.ts';
export { retryAfterMs } from './retry-after.ts';
export type { Run, RunOf } from './run.ts';
export type { Data } from './run-data.ts';
export type { RunOptions, RunRest } from './run-options.ts';
export type { RecordFilter, RecordStats, RunRecord, RunRecords } from './run-records.ts';
export { createRunner, type Runner, type RunnerStats } from './runner.ts';
export type { RunnerOptions } from './runner-options.ts';
export { type SharedOutcome, SharedRun, shareRun, statedIdempotencyKey } from './shared-run.ts';
export { isTimed, sinceBegun } from './since-begun.ts';
export { type Refusal, Snapshot } from './snapshot.ts';
export { type ExecuteOptions, type Stack, type StackOptions, stack } from './stack.ts';
export { type Stage, type StageTraits, stage } from './stage.ts';
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './standard-schema.ts';
export { giveInstead, runInstead, substituted } from './substitute.ts';
export { toMermaid } from './to-mermaid.ts';
// Work
export {
  type AnyTool,
  type Tool,
  type ToolInput,
  type ToolItem,
  type ToolOptions,
  type ToolOutput,
  type ToolSchemas,
  tool,
} from './tool.ts';
export { type ToolCallRequest, type ToolRegistry, toolRegistry } from './tool-registry.ts';
export type { CommonTraits, RetryTraits, Traits } from './traits.ts';
export { turnTime } from './turn-time.ts';
export type { Outcome, Verdict } from './verdict.ts';
export { withContext } from './with-context.ts';
export { driveWithin, within } from './within.ts';
export { achieved, endAttempt, madeIn, type UnsettledWork, workHasBegun } from './works.ts';
export { type WrapOptions, type Wrapped, wrap } from './wrap.ts';
