import type { Caller } from './caller.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { RootScope } from './root-scope.ts';
import type { Scope } from './scope.ts';
import { Tie } from './signal-scope.ts';

/**
 * Gives `scope` its place in the tree: below what it is begun in, or else below its outer signal, or the root. With both of the
 * first it belongs to the one and is tied to the other; the tie is answered, to be loosened when the scope has settled.
 */
export function join(
  scope: Scope,
  caller: Caller | null,
  signal: AbortSignal | undefined,
  root: RootScope,
): Tie | undefined {
  if (caller !== null) {
    if (caller.open || caller.aborted) caller.adopt(scope);
    else scope.reason = new CancelledError(`${caller.title} has ended; nothing starts in it any more`);
  }
  if (signal === undefined) {
    if (caller === null) root.adopt(scope);
    return undefined;
  }
  if (scope.aborted) return undefined;
  if (signal.aborted) {
    scope.reason = signal.reason;
    return undefined;
  }
  if (caller === null) {
    root.under(signal).adopt(scope);
    return undefined;
  }
  const tie = new Tie(scope);
  root.under(signal).adopt(tie);
  return tie;
}
