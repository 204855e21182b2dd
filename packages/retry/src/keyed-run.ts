import type { SharedOutcome, SharedRun } from '@sluice/core';

/** What is run under a key, from its beginning until it is over: it has really ended, and what it came to is kept. */
export class KeyedRun {
  /** What tells its input from others. */
  readonly input: string;
  readonly shared: SharedRun;
  /** The one under the same key that was not over when this one began: until it is, neither is this one. */
  readonly #last: KeyedRun | undefined;
  #over = false;
  readonly #whenOver: (() => void)[] = [];

  constructor(input: string, last: KeyedRun | undefined, share: (ended: SharedRunEnded) => SharedRun) {
    this.input = input;
    this.#last = last;
    this.shared = share((outcome, kept) => this.#ended(outcome, kept));
  }

  /** Whether something comes, or has come, of it that others can have as well: of one that nobody waits for any more, nothing comes. */
  get usable(): boolean {
    const { outcome, waiting } = this.shared;
    return outcome === undefined ? waiting > 0 : outcome.status === 'ok';
  }

  /** Whether it has not done what it was to do, and may still. */
  get goesOn(): boolean {
    return this.shared.outcome?.status !== 'ok';
  }

  /** Calls `fn` once, when it is over. */
  whenOver(fn: () => void): void {
    if (this.#over) fn();
    else this.#whenOver.push(fn);
  }

  /** What has done what it was to do is over once that is kept. What has not may still do it, until it has really ended. */
  #ended({ status }: SharedOutcome, kept: Promise<void> | undefined): void {
    const over = (): void => {
      if (this.#last === undefined) this.#isOver();
      else this.#last.whenOver(() => this.#isOver());
    };
    if (kept !== undefined) void kept.then(over);
    else if (status === 'ok') over();
    else this.shared.onSettled(over);
  }

  #isOver(): void {
    this.#over = true;
    for (const fn of this.#whenOver.splice(0)) fn();
  }
}

/** Hears what a run came to, and, while that is being kept, what to wait for. */
export type SharedRunEnded = (outcome: SharedOutcome, kept: Promise<void> | undefined) => void;
