import type { Follower } from './aftercare.ts';
import type { CallView } from './call-view.ts';
import { Scope } from './scope.ts';

/** What a call that has its verdict stays for, as if it were a work of its own: the unwinding of what it has waited for. */
export class Unwinding extends Scope {
  readonly open = false;
  readonly call: CallView;
  readonly #followers: Follower[] = [];
  #over: 'no' | 'released' | 'settled' = 'no';
  #told: 'no' | 'released' | 'settled' = 'no';

  constructor(view: CallView) {
    super();
    this.call = view;
    view.root.adopt(this);
  }

  release(): void {
    this.#over = 'released';
    Scope.advance(this);
  }

  settle(): void {
    this.#over = 'settled';
    Scope.advance(this);
    for (const follower of this.#followers) follower.settled();
  }

  followedBy(follower: Follower): boolean {
    if (this.#over === 'settled') return false;
    this.#followers.push(follower);
    return true;
  }

  hurry(): void {}

  onAbort(): void {}

  protected tryRelease(): boolean {
    if (this.#over === 'no' || this.#told !== 'no') return false;
    this.#told = 'released';
    return true;
  }

  protected trySettle(): boolean {
    if (this.#over !== 'settled' || this.#told === 'settled') return false;
    this.#told = 'settled';
    return true;
  }
}
