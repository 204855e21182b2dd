import type { Caller } from './caller.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { Scope } from './scope.ts';
import { signalScope, Tie } from './signal-scope.ts';

/**
 * Gives `scope` its place in the tree: below what it is begun in, or else below its outer signal. With both it belongs to the
 * first and is tied to the second; the tie is answered, to be loosened when the scope has settled.
 */
export function join(scope: Scope, caller: Caller | null, signal: AbortSignal | undefined): Tie | undefined {
  if (caller !== null) {
    if (caller.open || caller.aborted) caller.adopt(scope);
    else scope.reason = new CancelledError(`${caller.title} has ended; nothing starts in it any more`);
  }
  if (signal === undefined || scope.aborted) return undefined;
  if (signal.aborted) {
    scope.reason = signal.reason;
    return undefined;
  }
  if (caller === null) {
    signalScope(signal).adopt(scope);
    return undefined;
  }
  const tie = new Tie(scope);
  signalScope(signal).adopt(tie);
  return tie;
}
