import type { CallView } from './call-view.ts';
import type { RunScope } from './run-scope.ts';
import { Scope } from './scope.ts';

/** What calls can be made in: the work of another call, or the run of a pipeline. */
export abstract class Caller extends Scope {
  /** The call that it is a part of; null for a run that was not begun by anybody's work. */
  abstract readonly call: CallView | null;
  /** Itself, if it is a run. */
  abstract readonly asRun: RunScope | null;
  /** Whether something may still be started in it. */
  abstract readonly open: boolean;
  /** What it is, in words: `Stage "fetch"`. */
  abstract readonly title: string;
}

/** The innermost run that `caller` is, or is a part of. */
export function runOf(caller: Caller | null): RunScope | null {
  for (let around = caller; around !== null; around = around.call?.root.caller ?? null) {
    if (around.asRun !== null) return around.asRun;
    // Whoever made the call knows it already, as a rule.
    const known = around.call?.root.knownRun;
    if (known !== undefined) return known;
  }
  return null;
}
