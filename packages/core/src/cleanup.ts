import { AsyncResource } from 'node:async_hooks';
import type { Outcome } from './verdict.ts';

/** What a work registers to be run when it is over. */
export type CleanupHandler = (outcome: Outcome) => unknown;

/** Hears how the cleaning up goes. */
export interface CleanupOwner {
  /** A handler threw, or rejected. */
  cleanupThrew(error: unknown): void;
  /** All that were registered have run to their end. Not told of those that did so within `start` or `add`. */
  cleanupIdle(): void;
}

interface Entry {
  readonly handler: CleanupHandler;
  /** The context of AsyncLocalStorage in which it was registered. */
  readonly context: AsyncResource;
}

/**
 * Runs the cleanup handlers of one work: last in, first out, one after another, each exactly once, whenever it was registered.
 * What one throws is handed on and stops no other.
 */
export class Cleanup {
  readonly #owner: CleanupOwner;
  readonly #waiting: Entry[] = [];
  #outcome: Outcome | null = null;
  #running = 0;
  #flushed = false;

  constructor(owner: CleanupOwner) {
    this.#owner = owner;
  }

  /** Registers a handler. One that comes after the others have run is run at once. */
  add(handler: CleanupHandler): void {
    this.#waiting.push({ handler, context: new AsyncResource('SluiceCleanup') });
    if (this.#outcome !== null) this.#proceed();
  }

  /** Begins. */
  start(outcome: Outcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#proceed();
  }

  /** True when every handler has run to its end. */
  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  /** Time is up: starts all that still wait, at once, and answers how many handlers have not finished. */
  flush(): number {
    this.#flushed = true;
    this.#proceed();
    return this.#running;
  }

  /** Starts what may be started: one at a time, or everything once time is up. A loop, so that any number of them is fine. */
  #proceed(): void {
    while (this.#waiting.length > 0 && (this.#running === 0 || this.#flushed)) {
      this.#run(this.#waiting.pop() as Entry);
    }
  }

  #run({ handler, context }: Entry): void {
    this.#running++;
    let result: unknown;
    try {
      result = context.runInAsyncScope(handler, undefined, this.#outcome as Outcome);
      if (!isThenable(result)) {
        this.#running--;
        return;
      }
    } catch (error) {
      this.#running--;
      this.#owner.cleanupThrew(error);
      return;
    }
    Promise.resolve(result).then(
      () => this.#finished(),
      (error: unknown) => {
        this.#owner.cleanupThrew(error);
        this.#finished();
      },
    );
  }

  #finished(): void {
    this.#running--;
    this.#proceed();
    if (this.idle) this.#owner.cleanupIdle();
  }
}

function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as { readonly then?: unknown }).then === 'function';
}
