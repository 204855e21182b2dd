import { account } from './ledger.ts';
import { Scope, sweep } from './scope.ts';

/**
 * An AbortSignal from outside, as a part of the tree: one listener for all the calls of a runner that are alive under it, gone with
 * the last of them.
 */
export class SignalScope extends Scope {
  readonly #signal: AbortSignal;
  readonly #root: Scope;
  readonly #onAbort = (): void => this.#abort();

  /** @param root - what it belongs to for as long as anything belongs to it */
  constructor(signal: AbortSignal, root: Scope) {
    super();
    this.#signal = signal;
    this.#root = root;
  }

  override adopt(child: Scope): void {
    if (this.firstChild === null) {
      this.#signal.addEventListener('abort', this.#onAbort, { once: true });
      account.listeners++;
      this.#root.adopt(this);
    }
    super.adopt(child);
  }

  protected override dismiss(child: Scope): void {
    super.dismiss(child);
    if (this.firstChild === null) {
      this.#signal.removeEventListener('abort', this.#onAbort);
      account.listeners--;
      Scope.leave(this);
    }
  }

  #abort(): void {
    const tied = [...this.children()].flatMap((child) => (child instanceof Tie ? [child.tied] : []));
    sweep([this, ...tied], this.#signal.reason);
  }

  onAbort(): void {}

  // Nobody waits for it, and it never ends: it goes when its signal does.
  protected tryRelease(): boolean {
    return false;
  }

  protected trySettle(): boolean {
    return false;
  }
}

/** Ties a call to a signal besides the scope that it belongs to. */
export class Tie extends Scope {
  /** What is tied. */
  readonly tied: Scope;
  #loose = false;

  constructor(tied: Scope) {
    super();
    this.tied = tied;
  }

  /** The call has settled: the signal no longer matters to it. */
  loosen(): void {
    this.#loose = true;
    Scope.advance(this);
  }

  /** The sweep of the signal takes what is tied along. */
  onAbort(): void {}

  protected tryRelease(): boolean {
    return this.#loose;
  }

  protected trySettle(): boolean {
    return this.#loose;
  }
}
