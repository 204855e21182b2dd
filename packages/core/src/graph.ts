import type { Verdict } from './verdict.ts';

/** How a node of a graph stands: it waits for others, is under way, or has ended with a verdict. */
export type NodeState = 'waiting' | 'running' | Verdict;

/** The shape of a graph, by index: what each node needs, in an order in which none stands before what it needs. */
export interface GraphShape {
  /** The names, for whoever wants to know why a node was skipped. */
  readonly names: readonly string[];
  /** How many others each waits for. */
  readonly waitsFor: readonly number[];
  /** Who cannot do without each, in order. */
  readonly needing: readonly (readonly number[])[];
  /** Who waits for each, but can do without, in order. */
  readonly wanting: readonly (readonly number[])[];
  /** What each waits for. */
  readonly waits: readonly (readonly number[])[];
  /** The nodes that wait for none. */
  readonly roots: readonly number[];
}

/** Puts the shape together. `needs` and `wants` hold the indexes of what each node waits for; `order` is one to begin them in. */
export function graphShape(
  names: readonly string[],
  needs: readonly (readonly number[])[],
  wants: readonly (readonly number[])[],
): GraphShape {
  const needing: number[][] = names.map(() => []);
  const wanting: number[][] = names.map(() => []);
  names.forEach((_, index) => {
    for (const need of needs[index] ?? []) needing[need]?.push(index);
    for (const want of wants[index] ?? []) wanting[want]?.push(index);
  });
  const waits = names.map((_, index) => [...(needs[index] ?? []), ...(wants[index] ?? [])]);
  const waitsFor = waits.map(({ length }) => length);
  return { names, waitsFor, needing, wanting, waits, roots: indexesOf(waitsFor, (count) => count === 0) };
}

/** Whether `first` has always ended before `then` begins. */
export function comesBefore({ waits }: GraphShape, first: number, then: number): boolean {
  if (first >= then) return false;
  const seen = new Set<number>();
  const open = [then];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    for (const before of waits[index] as readonly number[]) {
      if (before === first) return true;
      // What stands before it in the order cannot wait for it.
      if (before < first || seen.has(before)) continue;
      seen.add(before);
      open.push(before);
    }
  }
  return false;
}

/**
 * What has become of each node of a graph in one run: plain state, told what ends and asked what may begin.
 *
 * A node may begin when all that it waits for has ended, and what it needs has ended well. One that needs what did not is skipped,
 * and so are all that need it: because of the first in the chain that did not end well.
 */
export class Graph {
  readonly #shape: GraphShape;
  readonly #states: NodeState[];
  readonly #because: (string | undefined)[];
  readonly #missing: number[];
  readonly #ready: number[];
  readonly #released = new Map<number, readonly number[]>();
  #nextReady = 0;
  #stopped = false;

  constructor(shape: GraphShape) {
    this.#shape = shape;
    this.#states = shape.names.map(() => 'waiting');
    this.#because = shape.names.map(() => undefined);
    this.#missing = [...shape.waitsFor];
    this.#ready = [...shape.roots];
  }

  /** How many nodes it has. */
  get size(): number {
    return this.#states.length;
  }

  /** The next node to begin, now under way; undefined when none may at present. */
  takeReady(): number | undefined {
    while (!this.#stopped && this.#nextReady < this.#ready.length) {
      const index = this.#ready[this.#nextReady++] as number;
      if (this.#states[index] !== 'waiting') continue;
      this.#states[index] = 'running';
      return index;
    }
    return undefined;
  }

  /**
   * A node has its verdict, though it may still unwind. Answers those that will never begin because of it.
   *
   * @param because - why it is skipped, if it is
   * @param branch - whether all that comes after it is to be skipped, be it needed there or not
   */
  decided(index: number, verdict: Verdict, because?: string, branch = false): readonly number[] {
    this.#states[index] = verdict;
    this.#because[index] = because;
    return verdict === 'ok' ? NONE : this.#skipAfter(index, branch);
  }

  /**
   * A node has ended: what waits for it waits no longer. Answers those that are skipped because of it, unless its verdict was told
   * before.
   */
  ended(index: number, verdict: Verdict, because?: string, branch = false): readonly number[] {
    const known = this.#states[index] === verdict;
    const skipped = known ? NONE : this.decided(index, verdict, because, branch);
    for (const next of this.#freed(index, verdict)) this.#arrived(next);
    return skipped;
  }

  /** Nothing begins any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** When nothing goes on and nothing may begin: ends what still waits, as cancelled, and answers it. */
  *leftovers(): Generator<{ readonly index: number; readonly skipped: readonly number[] }> {
    this.stop();
    for (let index = 0; index < this.#states.length; index++) {
      if (this.#states[index] === 'waiting') yield { index, skipped: this.ended(index, 'cancelled') };
    }
  }

  stateOf(index: number): NodeState {
    return this.#states[index] as NodeState;
  }

  /** Why a node was skipped: the name of what did not end well, or what it said itself. */
  becauseOf(index: number): string | undefined {
    return this.#because[index];
  }

  /** Those that waited for a node that has ended, in the order in which they stand. */
  #freed(index: number, verdict: Verdict): readonly number[] {
    const needing = this.#shape.needing[index] as readonly number[];
    const wanting = this.#shape.wanting[index] as readonly number[];
    if (verdict === 'ok') return wanting.length === 0 ? needing : inOrder([...needing, ...wanting]);
    const released = this.#released.get(index);
    this.#released.delete(index);
    return released === undefined ? wanting : inOrder([...wanting, ...released]);
  }

  #arrived(index: number): void {
    if (this.#states[index] !== 'waiting') return;
    const missing = (this.#missing[index] as number) - 1;
    this.#missing[index] = missing;
    if (missing === 0) this.#ready.push(index);
  }

  /** A loop over a list of its own: ten thousand in a row are fine. */
  #skipAfter(first: number, branch: boolean): readonly number[] {
    const { names, needing, wanting } = this.#shape;
    const because = names[first] as string;
    const skipped: number[] = [];
    // What can do without those that are skipped goes on when the first of them has ended.
    const released: number[] = [];
    const skip = (index: number): void => {
      if (this.#states[index] !== 'waiting') return;
      this.#states[index] = 'skipped';
      this.#because[index] = because;
      skipped.push(index);
    };
    for (let at = -1, index = first; at < skipped.length; index = skipped[++at] as number) {
      for (const next of needing[index] as readonly number[]) skip(next);
      if (branch) for (const next of wanting[index] as readonly number[]) skip(next);
      else if (index !== first) released.push(...(wanting[index] as readonly number[]));
    }
    if (released.length > 0) this.#released.set(first, released);
    return skipped;
  }
}

const NONE: readonly number[] = [];

function inOrder(indexes: number[]): number[] {
  return indexes.sort((a, b) => a - b);
}

/** The indexes at which something is true, in order. */
function indexesOf<T>(list: readonly T[], is: (value: T) => boolean): number[] {
  return list.flatMap((value, index) => (is(value) ? [index] : []));
}
