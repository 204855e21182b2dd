import type { Bound } from './bound.ts';
import type { Sign } from './bound-options.ts';
import type { CallView } from './call-view.ts';
import type { Invocation } from './invocation.ts';

/** Tells all the deadlines from `nearest` outwards that there was a sign of life in `root`. */
export function tellSign(nearest: Bound | null, root: Invocation, sign: Sign, at: number, details?: unknown): void {
  for (let watch = nearest; watch !== null; watch = watch.nextListening) {
    watch.hear(sign, at, watch.root === root, details);
  }
}

/** Tells the deadlines of the call itself that a heartbeat came too late to count. */
export function ignoreSign({ watch: nearest, root }: CallView): void {
  for (let watch = nearest; watch !== null && watch.root === root; watch = watch.nextListening) watch.ignore();
}

/** With what the soft limit around `call` that has passed first of all would warn; undefined while none has. */
export function softWarning(call: CallView): unknown {
  for (const { warning } of call.bounds()) if (warning !== undefined) return warning;
  return undefined;
}
