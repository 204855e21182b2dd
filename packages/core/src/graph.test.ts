import { describe, expect, it } from 'vitest';
import { comesBefore, Graph, type GraphShape, graphShape } from './graph.ts';
import { seededRandom } from './testing/index.ts';
import type { Verdict } from './verdict.ts';

/** A graph by hand: `{ c: { needs: ['a'], wants: ['b'] } }`, each after those that it waits for. */
function shapeOf(nodes: Readonly<Record<string, { needs?: string[]; wants?: string[] }>>): GraphShape {
  const names = Object.keys(nodes);
  const indexes = (of: string[] = []): number[] => of.map((name) => names.indexOf(name));
  return graphShape(
    names,
    names.map((name) => indexes(nodes[name]?.needs)),
    names.map((name) => indexes(nodes[name]?.wants)),
  );
}

/** A graph with what its nodes are called, for tests to be read. */
function named(nodes: Parameters<typeof shapeOf>[0]) {
  const shape = shapeOf(nodes);
  const graph = new Graph(shape);
  const { names } = shape;
  const at = (name: string): number => names.indexOf(name);
  const namesOf = (indexes: Iterable<number>): string[] => [...indexes].map((index) => names[index] as string);
  return {
    graph,
    /** All that may begin now. */
    ready: () => namesOf(taken(graph)),
    end: (name: string, verdict: Verdict, because?: string, branch?: boolean) =>
      namesOf(graph.ended(at(name), verdict, because, branch)),
    state: (name: string) => graph.stateOf(at(name)),
    because: (name: string) => graph.becauseOf(at(name)),
    leftovers: () =>
      [...graph.leftovers()].map(({ index, skipped }) => [names[index], ...namesOf(skipped)] as readonly string[]),
  };
}

function taken(graph: Graph): number[] {
  const all: number[] = [];
  for (let index = graph.takeReady(); index !== undefined; index = graph.takeReady()) all.push(index);
  return all;
}

describe('Graph', () => {
  it('begins with the nodes that wait for none, in the order in which they stand, each once', () => {
    const { ready, state } = named({ b: {}, a: {}, c: { needs: ['a'] }, d: {} });
    expect(state('a')).toBe('waiting');
    expect(ready()).toEqual(['b', 'a', 'd']);
    expect(state('a')).toBe('running');
    expect(state('c')).toBe('waiting');
    expect(ready()).toEqual([]);
  });

  it('lets a node begin when all that it waits for has ended, and not before', () => {
    const { ready, end } = named({ a: {}, b: {}, c: { needs: ['a'], wants: ['b'] } });
    ready();
    end('a', 'ok');
    expect(ready()).toEqual([]);
    end('b', 'ok');
    expect(ready()).toEqual(['c']);
  });

  it('lets what became ready first begin first', () => {
    const { ready, end } = named({ a: {}, b: {}, c: { needs: ['a'] }, d: { needs: ['b'] } });
    ready();
    end('b', 'ok');
    end('a', 'ok');
    expect(ready()).toEqual(['d', 'c']);
  });

  it('lets the nodes that become ready at once begin in the order in which they stand, needing or wanting', () => {
    const { ready, end } = named({ a: {}, b: { wants: ['a'] }, c: { needs: ['a'] }, d: { wants: ['a'] } });
    ready();
    end('a', 'ok');
    expect(ready()).toEqual(['b', 'c', 'd']);
  });

  it('lets the nodes that become ready after skips begin in the order in which they stand', () => {
    const nodes = { a: {}, b: { needs: ['a'] }, c: { wants: ['b'] }, d: { wants: ['a'] } };
    const { ready, end } = named(nodes);
    ready();
    end('a', 'failed');
    expect(ready()).toEqual(['c', 'd']);
  });

  it.each(['failed', 'timeout', 'cancelled', 'skipped'] as const)(
    'skips what needs a node that is %s, and all that needs that',
    (verdict) => {
      const { ready, end, state, because } = named({
        a: {},
        b: { needs: ['a'] },
        c: { needs: ['b'] },
        d: { needs: ['c'] },
        e: {},
      });
      ready();
      expect(end('a', verdict)).toEqual(['b', 'c', 'd']);
      expect(['b', 'c', 'd'].map(state)).toEqual(['skipped', 'skipped', 'skipped']);
      expect(['b', 'c', 'd'].map(because)).toEqual(['a', 'a', 'a']);
      expect(state('a')).toBe(verdict);
      expect(ready()).toEqual([]);
    },
  );

  it('skips what can never begin as soon as the verdict is there, and lets go on what can do without when it has ended', () => {
    const { graph, ready, end, state } = named({
      a: {},
      b: { needs: ['a'] },
      c: { wants: ['a'] },
      d: { wants: ['b'] },
    });
    ready();
    expect(graph.decided(0, 'failed')).toEqual([1]);
    expect(state('b')).toBe('skipped');
    expect(ready()).toEqual([]);
    expect(end('a', 'failed')).toEqual([]);
    expect(ready()).toEqual(['c', 'd']);
  });

  it('lets nothing begin that needs a node before that has ended, also when it has ended well', () => {
    const { graph, ready, end } = named({ a: {}, b: { needs: ['a'] } });
    ready();
    expect(graph.decided(0, 'ok')).toEqual([]);
    expect(ready()).toEqual([]);
    end('a', 'ok');
    expect(ready()).toEqual(['b']);
  });

  it('keeps what a node says itself of why it was skipped', () => {
    const { ready, end, because } = named({ a: {}, b: { needs: ['a'] } });
    ready();
    end('a', 'skipped', 'nothing to do');
    expect(because('a')).toBe('nothing to do');
    expect(because('b')).toBe('a');
  });

  it('names the first that did not end well, and no later one', () => {
    const { ready, end, because } = named({ a: {}, b: {}, c: { needs: ['a', 'b'] }, d: { needs: ['b', 'c'] } });
    ready();
    expect(end('b', 'failed')).toEqual(['c', 'd']);
    expect(end('a', 'timeout')).toEqual([]);
    expect(because('c')).toBe('b');
    expect(because('d')).toBe('b');
  });

  it('lets a node begin without what it only wants, however that ended', () => {
    const { ready, end } = named({ a: {}, b: { needs: ['a'] }, c: { wants: ['a', 'b'] } });
    ready();
    expect(end('a', 'failed')).toEqual(['b']);
    expect(ready()).toEqual(['c']);
  });

  it('skips what only wants a node too when its whole branch is stopped, and nothing beside it', () => {
    const { ready, end, because } = named({
      a: {},
      b: { wants: ['a'] },
      c: { wants: ['b'] },
      d: { needs: ['c'] },
      e: {},
      f: { needs: ['e'] },
    });
    ready();
    expect(end('a', 'cancelled', undefined, true)).toEqual(['b', 'c', 'd']);
    expect(because('d')).toBe('a');
    end('e', 'ok');
    expect(ready()).toEqual(['f']);
  });

  it('lets nothing begin once it is stopped, what was ready included', () => {
    const { graph, ready, end } = named({ a: {}, b: { needs: ['a'] }, c: {} });
    graph.takeReady();
    end('a', 'ok');
    graph.stop();
    expect(ready()).toEqual([]);
  });

  it('ends what is left over as cancelled, and skips what needs it', () => {
    const { graph, ready, end, leftovers, state, because } = named({
      a: {},
      b: { needs: ['a'] },
      c: { needs: ['b'] },
      d: { wants: ['b'] },
    });
    ready();
    graph.stop();
    end('a', 'ok');
    expect(leftovers()).toEqual([['b', 'c'], ['d']]);
    expect(['b', 'c', 'd'].map(state)).toEqual(['cancelled', 'skipped', 'cancelled']);
    expect(because('c')).toBe('b');
    expect(because('b')).toBeUndefined();
    expect(leftovers()).toEqual([]);
  });

  it('skips a hundred thousand in a row without recursion, touching each once', () => {
    const count = 100_000;
    const names = Array.from({ length: count }, (_, index) => `n${index}`);
    const shape = graphShape(
      names,
      names.map((_, index) => (index === 0 ? [] : [index - 1])),
      names.map(() => []),
    );
    const counted = countingReads(shape);
    const graph = new Graph(counted.shape);
    graph.takeReady();
    expect(graph.ended(0, 'failed')).toHaveLength(count - 1);
    expect(graph.becauseOf(count - 1)).toBe('n0');
    expect(counted.reads()).toBeLessThanOrEqual(10 * count);
  });
});

/** Counts how often the edges of a shape are looked up. */
function countingReads(shape: GraphShape) {
  let reads = 0;
  const counting = <T extends object>(list: T): T =>
    new Proxy(list, {
      get(target, key) {
        if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
        return Reflect.get(target, key);
      },
    });
  return {
    shape: {
      ...shape,
      needing: counting(shape.needing),
      wanting: counting(shape.wanting),
      waits: counting(shape.waits),
    },
    reads: () => reads,
  };
}

interface Chance {
  integer(min: number, max: number): number;
  chance(probability: number): boolean;
}

function chanceOf(seed: number): Chance {
  const random = seededRandom(seed);
  return {
    integer: (min, max) => min + Math.floor(random() * (max - min + 1)),
    chance: (probability) => random() < probability,
  };
}

interface Edges {
  readonly needs: readonly (readonly number[])[];
  readonly wants: readonly (readonly number[])[];
}

function randomEdges({ integer, chance }: Chance, most: number): Edges & { readonly names: string[] } {
  const count = integer(0, most);
  const density = integer(0, 6) / 10;
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  const needs: number[][] = [];
  const wants: number[][] = [];
  for (let index = 0; index < count; index++) {
    const before = Array.from({ length: index }, (_, other) => other).filter(() => chance(density));
    needs.push(before.filter(() => chance(0.6)));
    wants.push(before.filter((other) => !needs[index]?.includes(other) && chance(0.8)));
  }
  return { names, needs, wants };
}

/** What a graph promises, said as plainly as possible: everything is looked up anew, in the whole graph, every time. */
class Model {
  readonly states: string[];
  readonly because: (string | undefined)[];
  readonly queue: number[][] = [];
  stopped = false;
  readonly #edges: Edges;
  readonly #queued = new Set<number>();
  readonly #over = new Set<number>();

  constructor(edges: Edges) {
    this.#edges = edges;
    this.states = edges.needs.map(() => 'waiting');
    this.because = edges.needs.map(() => undefined);
    this.#enqueue();
  }

  /** Those who may begin next, in any order among them; those who became ready earlier come first. */
  get next(): readonly number[] {
    return this.stopped ? [] : (this.queue[0] ?? []);
  }

  begin(index: number): void {
    const batch = (this.queue[0] ?? []).filter((one) => one !== index);
    if (batch.length === 0) this.queue.shift();
    else this.queue[0] = batch;
    this.states[index] = 'running';
  }

  /** A node has its verdict. Answers who is skipped because of it, in the order in which they stand. */
  decide(index: number, verdict: string, because: string | undefined, branch: boolean): number[] {
    this.states[index] = verdict;
    this.because[index] = because;
    const gone = new Set([index]);
    for (let before = 0; verdict !== 'ok' && before < gone.size; ) {
      before = gone.size;
      this.states.forEach((state, one) => {
        const waits = [...this.#needs(one), ...(branch ? this.#wants(one) : [])];
        if (state === 'waiting' && !gone.has(one) && waits.some((other) => gone.has(other))) gone.add(one);
      });
    }
    gone.delete(index);
    for (const one of gone) {
      this.states[one] = 'skipped';
      this.because[one] = `n${index}`;
    }
    return [...gone].sort((a, b) => a - b);
  }

  /** A node has really ended. */
  end(index: number): void {
    this.#over.add(index);
    this.#enqueue();
  }

  /** Whether nobody waits for it any longer: it has ended, or the one because of which it is skipped has. */
  #isOver(index: number): boolean {
    const root = this.because[index]?.match(/^n(\d+)$/)?.[1];
    return this.#over.has(root === undefined ? index : Number(root));
  }

  #enqueue(): void {
    const batch = this.states.flatMap((state, index) => {
      const waits = [...this.#needs(index), ...this.#wants(index)];
      const over = waits.every((other) => this.#isOver(other));
      return state === 'waiting' && over && !this.#queued.has(index) ? [index] : [];
    });
    for (const index of batch) this.#queued.add(index);
    if (batch.length > 0) this.queue.push(batch);
  }

  #needs(index: number): readonly number[] {
    return this.#edges.needs[index] ?? [];
  }

  #wants(index: number): readonly number[] {
    return this.#edges.wants[index] ?? [];
  }
}

const VERDICTS = ['ok', 'ok', 'ok', 'failed', 'timeout', 'cancelled', 'skipped'] as const;

it('4,000 random graphs with random ends go as the plainest description of a graph says', () => {
  for (let seed = 1; seed <= 4_000; seed++) {
    const chance = chanceOf(seed);
    const edges = randomEdges(chance, 12);
    const graph = new Graph(graphShape(edges.names, edges.needs, edges.wants));
    const model = new Model(edges);
    play(chance, edges.names, graph, model, `seed ${seed}`);
  }
});

/** Takes both through one random run, and compares them all along. */
function play({ integer, chance }: Chance, names: readonly string[], graph: Graph, model: Model, seed: string): void {
  const running: number[] = [];
  const unwinding = new Map<number, Parameters<Graph['ended']>>();
  const stopAfter = chance(0.3) ? integer(0, names.length) : Number.POSITIVE_INFINITY;
  const eager = chance(0.5);
  const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
  for (let ends = 0; ; ends++) {
    if (ends === stopAfter) {
      graph.stop();
      model.stopped = true;
    }
    // Most take all that is ready; some leave a part of it for later.
    while (eager || running.length + unwinding.size === 0 || chance(0.6)) {
      const next = model.next;
      const took = graph.takeReady();
      // Those who are ready at once begin in the order in which they stand.
      expect(took, seed).toBe(next[0]);
      if (took === undefined) break;
      model.begin(took);
      running.push(took);
    }
    if (running.length + unwinding.size === 0) break;
    const open = [...running, ...unwinding.keys()];
    const index = open[integer(0, open.length - 1)] as number;
    let how = unwinding.get(index);
    if (how === undefined) {
      running.splice(running.indexOf(index), 1);
      const verdict = VERDICTS[integer(0, VERDICTS.length - 1)] as Verdict;
      how = [index, verdict, verdict === 'skipped' ? 'itself' : undefined, chance(0.3)];
      const skipped = model.decide(index, verdict, how[2], how[3] === true);
      // Some tell their verdict first, and that they have ended some time later.
      const first = chance(0.5);
      expect(sorted(first ? graph.decided(...how) : graph.ended(...how)), seed).toEqual(skipped);
      if (first) unwinding.set(index, how);
      else model.end(index);
    } else {
      unwinding.delete(index);
      expect(graph.ended(...how), seed).toEqual([]);
      model.end(index);
    }
    expectSame(names, graph, model, seed);
  }
  model.stopped = true;
  for (const { index, skipped } of graph.leftovers()) {
    expect(index, seed).toBe(model.states.indexOf('waiting'));
    expect(sorted(skipped), seed).toEqual(model.decide(index, 'cancelled', undefined, false));
    model.end(index);
  }
  expectSame(names, graph, model, seed);
  expect(model.states, seed).not.toContain('waiting');
  expect(graph.takeReady(), seed).toBeUndefined();
}

function expectSame(names: readonly string[], graph: Graph, model: Model, seed: string): void {
  expect(
    names.map((_, index) => [graph.stateOf(index), graph.becauseOf(index)]),
    seed,
  ).toEqual(names.map((_, index) => [model.states[index], model.because[index]]));
}

describe('comesBefore', () => {
  it('is true of what a node waits for, itself or by way of others, needed or wanted, and of nothing else', () => {
    const shape = shapeOf({ a: {}, b: { wants: ['a'] }, c: { needs: ['b'] }, d: {}, e: { needs: ['d'] } });
    const before = (first: string, then: string): boolean =>
      comesBefore(shape, shape.names.indexOf(first), shape.names.indexOf(then));
    expect(before('a', 'b')).toBe(true);
    expect(before('a', 'c')).toBe(true);
    expect(before('c', 'a')).toBe(false);
    expect(before('a', 'a')).toBe(false);
    expect(before('a', 'e')).toBe(false);
    expect(before('d', 'c')).toBe(false);
  });

  it('agrees with the transitive closure of 1,000 random graphs', () => {
    for (let seed = 1; seed <= 1_000; seed++) {
      const { names, needs, wants } = randomEdges(chanceOf(seed), 14);
      const shape = graphShape(names, needs, wants);
      const closure = names.map(() => new Set<number>());
      names.forEach((_, index) => {
        for (const before of [...(needs[index] ?? []), ...(wants[index] ?? [])]) {
          closure[index]?.add(before);
          for (const further of closure[before] ?? []) closure[index]?.add(further);
        }
      });
      for (let first = 0; first < names.length; first++) {
        for (let then = 0; then < names.length; then++) {
          expect(comesBefore(shape, first, then), `seed ${seed}: ${first}, ${then}`).toBe(closure[then]?.has(first));
        }
      }
    }
  });

  it('looks at each edge at most once, also where paths multiply', () => {
    // Forty layers of two, each waiting for both of the layer before: 2^40 paths.
    const names = Array.from({ length: 82 }, (_, index) => `n${index}`);
    const layer = (index: number): number[] => {
      const before = index - (index % 2) - 2;
      return index < 4 ? [] : [before, before + 1];
    };
    const shape = graphShape(
      names,
      names.map((_, index) => layer(index)),
      names.map(() => []),
    );
    const counted = countingReads(shape);
    expect(comesBefore(counted.shape, 0, 81)).toBe(false);
    expect(comesBefore(counted.shape, 2, 81)).toBe(true);
    expect(counted.reads()).toBeLessThanOrEqual(2 * names.length);
  });
});

it('a shape knows who waits for whom, who needs and who only wants, and who waits for none', () => {
  const shape = shapeOf({ a: {}, b: { needs: ['a'] }, c: { needs: ['a'], wants: ['b'] } });
  expect(shape).toEqual({
    names: ['a', 'b', 'c'],
    waitsFor: [0, 1, 2],
    waits: [[], [0], [0, 1]],
    needing: [[1, 2], [], []],
    wanting: [[], [2], []],
    roots: [0],
  });
});
