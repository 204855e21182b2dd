import { AsyncIteration, type IterationOwner } from './async-iteration.ts';
import { asObservable, type Handle, Inlet, type Sink } from './flow.ts';

/** A work's stream, to be started once its owner knows how to stop it. */
export interface Source extends Handle {
  start(): void;
}

/** Whom a source serves. */
export interface SourceOwner extends IterationOwner {
  /** Whether items still count. */
  readonly open: boolean;
  /** A teardown threw. */
  cleanupThrew(error: unknown): void;
}

/**
 * What a work has returned, if it is anything but a plain value: a promise, or a stream. A thenable comes first, for whoever can be
 * awaited is meant to be; a value is null. May throw what a hostile getter throws.
 */
export function sourceOf(result: object, owner: SourceOwner): Promise<unknown> | Source | null {
  const { then } = result as { readonly then?: unknown };
  // The platform's own resolution calls an evil thenable once, later, and believes only its first answer.
  if (typeof then === 'function') return Promise.resolve(result);
  const iterate = (result as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  if (typeof iterate === 'function') return new AsyncIteration(iterate.call(result), owner);
  const observable = asObservable(result);
  if (observable === undefined) return null;
  const inlet = new WorkInlet(owner);
  return {
    start: () => void inlet.begin(observable),
    cancel() {
      inlet.cancel();
      owner.stopped();
    },
  };
}

/** Lets the Observable of a work in. */
class WorkInlet extends Inlet {
  private readonly owner: SourceOwner;

  constructor(owner: SourceOwner) {
    super(new ObservedWork(owner));
    this.owner = owner;
  }

  protected override teardownThrew(error: unknown): void {
    this.owner.cleanupThrew(error);
  }
}

/** Tells the owner of a work what its Observable says. */
class ObservedWork implements Sink {
  readonly #owner: SourceOwner;

  constructor(owner: SourceOwner) {
    this.#owner = owner;
  }

  get enough(): boolean {
    return !this.#owner.open;
  }

  next(value: unknown): void {
    this.#owner.item(value);
  }

  success(value: unknown): void {
    this.#owner.item(value);
    this.#owner.done();
  }

  complete(): void {
    this.#owner.done();
  }

  error(error: unknown): void {
    this.#owner.failed(error);
  }
}
