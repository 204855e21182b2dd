import type { Graph } from './graph.ts';
import type { Verdict } from './verdict.ts';

/** How a step has ended: all that a host has to remember of it. */
export interface StepEnd {
  readonly status: Verdict;
  /** What it put out, if it is `ok`. */
  readonly value?: unknown;
  /** What it ended with, if that is an error. */
  readonly error?: unknown;
  /** Why, if it was skipped. */
  readonly because?: string | undefined;
  /** Whether all that comes after it is stopped with it. */
  readonly branch?: boolean | undefined;
  /** Whether the run goes no further because of it. */
  readonly last?: boolean | undefined;
}

/** A step that a host has begun. */
export interface Step {
  readonly index: number;
  /** How it has ended; to be read once the host has selected it. */
  readonly end: StepEnd;
}

/**
 * Carries out the steps of a graph, and says in which order they end. The loop asks for nothing else: a host that remembers what
 * has ended, and in which order, can take a run up again where it was.
 */
export interface Host {
  /** Begins a step. `run` carries it out, and calls back once; a host that knows how the step of that name ended need not call it. */
  step(index: number, name: string, run: (ended: (end: StepEnd) => void) => void): Step;
  /** One of the steps under way that has ended: one at a time, in an order that the host may record. */
  select(pending: Iterable<Step>): Step | PromiseLike<Step>;
}

/** What the steps of a graph are. */
export interface Steps {
  nameOf(index: number): string;
  /** Carries out one step. */
  run(index: number, ended: (end: StepEnd) => void): void;
  /** A step has ended: as it did itself, or as the host remembers it. */
  ended(index: number, end: StepEnd): void;
  /** A step will not be begun: how that counts can be read off the graph. */
  left(index: number): void;
}

/** Takes a graph from its beginning to its end. A loop, whatever its shape: neither long nor wide graphs make a stack. */
export async function runGraph(graph: Graph, steps: Steps, host: Host): Promise<void> {
  const pending = new Pending(graph.size);
  for (;;) {
    for (let index = graph.takeReady(); index !== undefined; index = graph.takeReady()) {
      const at = index;
      pending.add(host.step(at, steps.nameOf(at), (ended) => steps.run(at, ended)));
    }
    if (pending.count === 0) break;
    const selected = host.select(pending);
    const step = 'then' in selected ? await selected : selected;
    pending.delete(step);
    const { status, because, branch, last } = step.end;
    steps.ended(step.index, step.end);
    if (last === true) graph.stop();
    const skipped = graph.ended(step.index, status, because, branch);
    if (skipped.length > 0) for (const one of skipped) steps.left(one);
  }
  for (const { index, skipped } of graph.leftovers()) {
    steps.left(index);
    for (const one of skipped) steps.left(one);
  }
}

/** The steps under way, each in its place: a Set would make itself anew with every few of them. */
class Pending implements Iterable<Step> {
  count = 0;
  readonly #steps: (Step | undefined)[];

  constructor(size: number) {
    this.#steps = new Array<undefined>(size).fill(undefined);
  }

  add(step: Step): void {
    this.#steps[step.index] = step;
    this.count++;
  }

  delete({ index }: Step): void {
    if (this.#steps[index] === undefined) return;
    this.#steps[index] = undefined;
    this.count--;
  }

  *[Symbol.iterator](): Generator<Step, void, undefined> {
    for (const step of this.#steps) if (step !== undefined) yield step;
  }
}
