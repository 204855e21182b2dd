import type { CallView } from './call-view.ts';
import type { Handle, Sink } from './flow.ts';
import { FollowedRun } from './followed-run.ts';
import { type Hook, tellEnd, tellSettled, wantsOutcome } from './hook.ts';
import type { Outcome, Verdict } from './verdict.ts';

/** One run of a part of the chain that interceptors outside of it have asked to be told of, by their hooks. */
export class HookedRun extends FollowedRun {
  private readonly hooks: Hook | null;
  private readonly startedAt: number | null;

  constructor(view: CallView, hooks: Hook | null, sink: Sink) {
    super(view, sink);
    this.hooks = hooks;
    this.startedAt = wantsOutcome(hooks) ? view.clock.now() : null;
  }

  drive(run: (sink: Sink) => Handle | null): Handle | null {
    return this.driven(run(this));
  }

  protected override ended(status: Verdict, error: unknown): void {
    if (this.hooks === null) return;
    const { call, startedAt } = this;
    const durationMs = startedAt === null ? 0 : call.clock.now() - startedAt;
    const outcome: Outcome = error === undefined ? { status, durationMs } : { status, error, durationMs };
    tellEnd(this.hooks, outcome, (call as CallView).root);
  }

  protected override settled(): void {
    tellSettled(this.hooks, (this.call as CallView).root);
  }
}
