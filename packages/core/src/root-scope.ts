import { Scope, sweep } from './scope.ts';
import { SignalScope, Tie } from './signal-scope.ts';
import type { Verdict } from './verdict.ts';

/** A call, or a run. */
type Outermost = Scope & { readonly verdict: Verdict | undefined };

/**
 * The top of the tree of one runner: all calls and runs that are no part of another are below it, or below one of its signals. So
 * whoever shuts the runner down can wait for what goes on, and stop it.
 */
export class RootScope extends Scope {
  /** How many calls and runs that are no part of another have not answered yet. */
  open = 0;
  /** Whether nothing more is taken in. */
  closing = false;
  /** Called each time that nothing is open any more. */
  onIdle: (() => void) | null = null;
  /** Why all that goes on was stopped, and all that still begins is; undefined while it was not. */
  stopReason: unknown = undefined;
  /** How many calls and runs have been stopped for it. */
  stopped = 0;
  readonly #signals = new WeakMap<AbortSignal, SignalScope>();

  /** One of those that {@link open} counts has answered. */
  answered(): void {
    this.open--;
    if (this.open === 0) this.onIdle?.();
  }

  /** Stops all that goes on; what has its verdict only hurries. */
  stop(reason: unknown): void {
    this.stopReason ??= reason;
    const outermost = [...this.#outermost()];
    this.stopped += outermost.filter(({ verdict }) => verdict === undefined).length;
    sweep(outermost, this.stopReason);
  }

  /** The calls and runs that are no part of another. */
  *#outermost(): Generator<Outermost, void, undefined> {
    for (const child of this.children()) {
      if (!(child instanceof SignalScope)) yield child as Outermost;
      else for (const one of child.children()) if (!(one instanceof Tie)) yield one as Outermost;
    }
  }

  /** The scope of everything that is called under `signal`. */
  under(signal: AbortSignal): Scope {
    let scope = this.#signals.get(signal);
    if (scope === undefined) {
      scope = new SignalScope(signal, this);
      this.#signals.set(signal, scope);
    }
    return scope;
  }

  onAbort(): void {}

  // It is always there: nobody waits for it.
  protected tryRelease(): boolean {
    return false;
  }

  protected trySettle(): boolean {
    return false;
  }
}
