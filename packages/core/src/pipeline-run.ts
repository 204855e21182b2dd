import type { Chain } from './chain.ts';
import type { Environment } from './environment.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { ConfigError } from './errors/config-error.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Execution } from './execution.ts';
import { comesBefore, Graph } from './graph.ts';
import { type Host, runGraph, type StepEnd, type Steps } from './graph-loop.ts';
import { LocalHost } from './local-host.ts';
import { nodeOf, type PipelineFacts } from './pipeline.ts';
import type { Report, StageReport } from './report.ts';
import type { RunRequest } from './run-options.ts';
import type { RecordedRun } from './run-records.ts';
import { type RunOwner, RunScope } from './run-scope.ts';
import { StageCall, type StageOwner } from './stage-call.ts';
import type { Verdict } from './verdict.ts';

/** What a run is made of. */
export interface RunParts {
  readonly environment: Environment;
  readonly facts: PipelineFacts;
  readonly request: RunRequest;
  /** The stack around each stage. */
  readonly chains: readonly Chain[];
  readonly input: unknown;
  /** The work that begins it; null for a run that stands alone. */
  readonly parent: Execution | null;
  /** What carries its steps out; this process, and no more, unless set. */
  readonly host?: Host | undefined;
  /** Why it must not start at all. */
  readonly refusal?: SluiceError | undefined;
}

/** One run of a pipeline: it takes the graph to its end, decides from how the stages ended, and reports. */
export class PipelineRun implements RunOwner, StageOwner, Steps, RecordedRun {
  readonly scope: RunScope;
  /** The truth about it, once it is over. */
  report: Report | undefined = undefined;
  note: string | undefined = undefined;
  readonly #parts: RunParts;
  readonly #calls: readonly StageCall[];
  readonly #graph: Graph;
  readonly #host: Host;
  readonly #waiting: ((report: Report) => void)[] = [];
  #undecided: number;
  #failed: StageCall | undefined;

  constructor(parts: RunParts) {
    const { environment, facts, request, chains, parent } = parts;
    this.#parts = parts;
    this.#host = parts.host ?? new LocalHost();
    this.scope = new RunScope(facts.name, environment, request.settings, parent, this);
    this.#undecided = facts.nodes.length;
    this.#graph = new Graph(facts.shape);
    this.#calls = facts.nodes.map((node, index) => new StageCall(this, chains[index] as Chain, node, index));
    environment.runs.began(this);
    for (const [name, value] of request.completed) {
      const call = this.stage(name);
      call.complete(value);
      this.#graph.ended(call.index, 'ok');
    }
    const { refusal } = parts;
    if (refusal !== undefined) this.scope.stop('failed', refusal, refusal);
  }

  /** Goes from its beginning to its end. */
  async go(): Promise<void> {
    const { scope } = this;
    scope.begin();
    await runGraph(this.#graph, this, this.#host);
    this.#conclude();
    scope.finish();
  }

  /** Calls `then` with the report, when it is there. */
  whenOver(then: (report: Report) => void): void {
    if (this.report === undefined) this.#waiting.push(then);
    else then(this.report);
  }

  /** The stage of that name. Throws a {@link ConfigError} that names the nearest one. */
  stage(name: string): StageCall {
    const { facts } = this.#parts;
    return this.#at(facts.indexes.get(nodeOf(facts, name).info.name) as number);
  }

  /** How a stage ended that `asking` waits for, itself or by way of others. */
  outcomeFor(asking: StageCall, name: string): StageReport {
    const asked = this.stage(name);
    if (this.precedes(asked, asking) && asked.status !== undefined) return asked.report();
    throw new ConfigError(
      `Stage "${asking.name}" asks how "${name}" ended, but does not wait for it; add it to its needs or optional`,
    );
  }

  // What its record says.

  get id(): string {
    return this.scope.runId;
  }

  get pipeline(): string {
    return this.scope.name;
  }

  get startedAt(): number {
    return this.scope.startedAt;
  }

  get durationMs(): number {
    return this.scope.durationMs;
  }

  get verdict(): Verdict | undefined {
    return this.scope.verdict;
  }

  get progress(): number {
    if (this.verdict === 'ok') return 1;
    const calls = this.#calls;
    return calls.length === 0 ? 0 : calls.reduce((sum, { progress }) => sum + progress, 0) / calls.length;
  }

  get result(): unknown {
    return this.verdict === 'ok' ? this.#output() : undefined;
  }

  get error(): unknown {
    return this.scope.error;
  }

  get partial(): unknown {
    return this.verdict === 'ok' ? undefined : this.scope.achieving?.partial;
  }

  cancel(reason: unknown): void {
    this.scope.cancel(reason);
  }

  // The steps of the graph.

  nameOf(index: number): string {
    return this.#at(index).name;
  }

  run(index: number, ended: (end: StepEnd) => void): void {
    this.#at(index).run(ended);
    // Its `when` may have been the last to decide.
    if (this.#undecided === 0) this.#conclude();
  }

  ended(index: number, end: StepEnd): void {
    this.#at(index).takeOver(end);
  }

  left(index: number): void {
    this.#leave(index);
    if (this.#undecided === 0) this.#conclude();
  }

  #leave(index: number): void {
    const call = this.#at(index);
    if (call.status === undefined) call.leave(this.#graph.stateOf(index) as Verdict, this.#graph.becauseOf(index));
  }

  #at(index: number): StageCall {
    return this.#calls[index] as StageCall;
  }

  isLast(status: Verdict): boolean {
    return this.#parts.facts.onFailure === 'cancel' && (status === 'failed' || status === 'timeout');
  }

  // What its stages tell and ask.

  depsOf(call: StageCall): object {
    const deps: Record<string, unknown> = { input: this.#parts.input };
    const { names, waits } = this.#parts.facts.shape;
    const before = waits[call.index] as readonly number[];
    for (let at = 0; at < before.length; at++) {
      const index = before[at] as number;
      deps[names[index] as string] = this.#at(index).value;
    }
    return deps;
  }

  concluded(): void {
    this.#undecided--;
  }

  stageDecided(call: StageCall): void {
    const { status, error, name } = call;
    const failed = !call.usable && (status === 'failed' || status === 'timeout');
    if (failed) this.#failed ??= call;
    // What can never begin is known now; what can do without waits until this one has ended.
    const { end } = call;
    for (const skipped of this.#graph.decided(call.index, end.status, end.because, end.branch)) this.#leave(skipped);
    if (!failed || !this.isLast(status)) {
      if (this.#undecided === 0) this.#conclude();
      return;
    }
    const how = status === 'failed' ? 'failed' : 'timed out';
    const reason = new CancelledError(`Stage "${name}" ${how}, and the run of "${this.scope.name}" goes no further`, {
      scope: 'run',
      cause: error,
    });
    this.scope.stop(status, error, reason);
  }

  /** Every stage has its verdict: that is the verdict of the run. */
  #conclude(): void {
    const failed = this.#failed;
    this.scope.conclude(failed?.status ?? 'ok', failed?.error);
  }

  precedes(first: StageCall, then: StageCall): boolean {
    return comesBefore(this.#parts.facts.shape, first.index, then.index);
  }

  // How it ends.

  underWay(): { names: readonly string[]; partial: Readonly<Record<string, unknown>> | undefined } {
    const calls = this.#calls.filter(({ invocation, status }) => invocation !== null && status === undefined);
    const partials = calls.flatMap(({ name, partial }) => (partial === undefined ? [] : [[name, partial] as const]));
    return {
      names: calls.map(({ name }) => name),
      partial: partials.length === 0 ? undefined : Object.fromEntries(partials),
    };
  }

  released(): void {
    const report = this.#makeReport();
    this.report = report;
    this.#parts.environment.runs.ended(this);
    for (const tell of this.#waiting.splice(0)) tell(report);
  }

  /** The outputs of the stages that ended well. */
  #output(): Record<string, unknown> {
    const output: Record<string, unknown> = {};
    for (const call of this.#calls) if (call.usable) output[call.name] = call.value;
    return output;
  }

  #makeReport(): Report {
    const { scope } = this;
    const { verdict, error, durationMs, late, suppressed } = scope;
    const output = this.#output();
    const stages: Record<string, StageReport> = {};
    for (const call of this.#calls) stages[call.name] = call.report();
    return {
      id: scope.runId,
      pipeline: scope.name,
      status: verdict as Verdict,
      output,
      stages,
      ...(error === undefined ? {} : { error: error as SluiceError }),
      durationMs,
      orphans: [...scope.orphans()],
      late,
      suppressed: [...suppressed],
    };
  }
}
