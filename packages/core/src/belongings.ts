import { AsyncResource } from 'node:async_hooks';
import type { CallView } from './call-view.ts';
import { Cleanup, type CleanupHandler, type CleanupOwner } from './cleanup.ts';
import type { SkippedError } from './errors/skipped-error.ts';
import { Pause } from './pause.ts';
import type { Outcome } from './verdict.ts';

/** What a work has asked for: a signal, cleanup, a disposer for a late value. Made when it first asks. */
export class Belongings {
  readonly #owner: CleanupOwner;
  #controller: AbortController | null = null;
  /** The AsyncLocalStorage context in which the signal was first read. */
  #context: AsyncResource | null = null;
  #soft: AbortController | null = null;
  /** The AsyncLocalStorage context in which that signal was first read. */
  #softContext: AsyncResource | null = null;
  #cleanup: Cleanup | null = null;
  #late: ((value: unknown) => unknown)[] | null = null;
  /** What the work ends with if it says that there is nothing for it to do. */
  skipped: SkippedError | null = null;
  /** The pauses that are not over. */
  #pauses: Set<Pause> | null = null;

  constructor(owner: CleanupOwner) {
    this.#owner = owner;
  }

  /** The signal. `reason` is why the work was stopped already, or undefined. */
  signal(reason: unknown): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (reason === undefined) this.#context = new AsyncResource('SluiceSignal');
      else this.#controller.abort(reason);
    }
    return this.#controller.signal;
  }

  /** Tells whoever listens to the signal. */
  abort(reason: unknown): void {
    const controller = this.#controller;
    if (controller !== null) this.#context?.runInAsyncScope(() => controller.abort(reason));
  }

  /** The signal of soft limits. `warning` is what it was warned with already, or undefined. */
  softSignal(warning: unknown): AbortSignal {
    if (this.#soft === null) {
      this.#soft = new AbortController();
      this.#softContext = new AsyncResource('SluiceSignal');
      if (warning !== undefined) this.#soft.abort(warning);
    }
    return this.#soft.signal;
  }

  /** A soft limit has passed: tells whoever listens for that. */
  warn(warning: unknown): void {
    const soft = this.#soft;
    if (soft !== null) this.#softContext?.runInAsyncScope(() => soft.abort(warning));
  }

  /** It waits for something, until the answer is called. */
  pause(call: CallView, reason: string): () => void {
    const pauses = this.#pauses ?? new Set();
    this.#pauses = pauses;
    const pause = new Pause(call, reason, () => pauses.delete(pause));
    pauses.add(pause);
    pause.tell();
    return () => pause.end();
  }

  /** The work has ended: nothing waits for it to go on. */
  resumeAll(): void {
    if (this.#pauses !== null) for (const pause of this.#pauses) pause.end();
  }

  /** Registers a handler; `outcome` is how the work has ended already, or undefined. */
  addCleanup(handler: CleanupHandler, outcome: Outcome | undefined): void {
    this.#cleanup ??= new Cleanup(this.#owner);
    this.#cleanup.add(handler);
    // Registered after the end: it runs at once, and settling waits for it.
    if (outcome !== undefined) this.#cleanup.start(outcome);
  }

  /** The work has ended: its cleanup begins. */
  clean(outcome: Outcome): void {
    this.#cleanup?.start(outcome);
  }

  /** Whether no cleanup is under way. */
  get idle(): boolean {
    return this.#cleanup === null || this.#cleanup.idle;
  }

  /** Time is up: the rest of the cleanup starts at once. Answers how many handlers have not finished. */
  flush(): number {
    return this.#cleanup?.flush() ?? 0;
  }

  addLate(dispose: (value: unknown) => unknown): void {
    this.#late ??= [];
    this.#late.push(dispose);
  }

  /** Hands a late value to whoever wanted to dispose of it. */
  disposeLate(value: unknown): void {
    for (const dispose of this.#late ?? []) {
      try {
        const disposed = dispose(value);
        if (disposed instanceof Promise) disposed.catch((error: unknown) => this.#owner.cleanupThrew(error));
      } catch (error) {
        this.#owner.cleanupThrew(error);
      }
    }
  }
}
