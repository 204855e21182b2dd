import { describe, expect, it } from 'vitest';
import { Graph, type GraphShape, graphShape, type NodeState } from './graph.ts';
import { type Host, runGraph, type Step, type StepEnd, type Steps } from './graph-loop.ts';
import { LocalHost } from './local-host.ts';
import { seededRandom } from './testing/index.ts';

const OK: StepEnd = { status: 'ok' };

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

/** A row of `count`, each needing the one before it. */
function row(count: number): GraphShape {
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  return graphShape(
    names,
    names.map((_, index) => (index === 0 ? [] : [index - 1])),
    names.map(() => []),
  );
}

/** Steps that are carried out as `carryOut` says, and noted. */
class Noted implements Steps {
  readonly ran: string[] = [];
  readonly skipped: string[] = [];
  readonly #shape: GraphShape;
  readonly #carryOut: (index: number, ended: (end: StepEnd) => void) => void;

  constructor(shape: GraphShape, carryOut: (index: number, ended: (end: StepEnd) => void) => void) {
    this.#shape = shape;
    this.#carryOut = carryOut;
  }

  nameOf(index: number): string {
    return this.#shape.names[index] as string;
  }

  run(index: number, ended: (end: StepEnd) => void): void {
    this.ran.push(this.nameOf(index));
    this.#carryOut(index, ended);
  }

  /** How each has ended, as it was told. */
  readonly told = new Map<number, StepEnd>();

  ended(index: number, end: StepEnd): void {
    this.told.set(index, end);
  }

  left(index: number): void {
    this.skipped.push(this.nameOf(index));
  }
}

/** Steps that end when the test says so. */
function byHand(shape: GraphShape) {
  const open = new Map<string, (end: StepEnd) => void>();
  const steps: Noted = new Noted(shape, (index, ended) => open.set(steps.nameOf(index), ended));
  const graph = new Graph(shape);
  const end = (name: string, how: StepEnd = OK): void => {
    const ended = open.get(name);
    open.delete(name);
    ended?.(how);
  };
  return { graph, steps, end, run: (host: Host = new LocalHost()) => runGraph(graph, steps, host) };
}

/** Lets all promises settle. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function statesOf(graph: Graph, shape: GraphShape): Record<string, NodeState> {
  return Object.fromEntries(shape.names.map((name, index) => [name, graph.stateOf(index)]));
}

describe('runGraph', () => {
  it('begins a step when those that it needs have ended, and comes to an end when all have', async () => {
    const shape = shapeOf({ a: {}, b: {}, c: { needs: ['a', 'b'] } });
    const { graph, steps, end, run } = byHand(shape);
    let over = false;
    const running = run().then(() => {
      over = true;
    });
    expect(steps.ran).toEqual(['a', 'b']);
    end('b');
    await settle();
    expect(steps.ran).toEqual(['a', 'b']);
    end('a');
    await settle();
    expect(steps.ran).toEqual(['a', 'b', 'c']);
    expect(over).toBe(false);
    end('c');
    await running;
    expect(statesOf(graph, shape)).toEqual({ a: 'ok', b: 'ok', c: 'ok' });
  });

  it('ends at once when there is nothing to do', async () => {
    const { steps, run } = byHand(shapeOf({}));
    await run();
    expect(steps.ran).toEqual([]);
  });

  it('takes several ends of one turn in the order in which they came', async () => {
    const { steps, end, run } = byHand(
      shapeOf({ a: {}, b: {}, c: {}, afterA: { needs: ['a'] }, afterB: { needs: ['b'] }, afterC: { needs: ['c'] } }),
    );
    void run();
    end('c');
    end('a');
    end('b');
    await settle();
    expect(steps.ran.slice(3)).toEqual(['afterC', 'afterA', 'afterB']);
  });

  it('goes on with what an end makes ready before it takes the next end', async () => {
    const shape = shapeOf({ a: {}, b: {}, c: { needs: ['a'] }, d: { needs: ['b'] } });
    const order: string[] = [];
    const steps = new Noted(shape, (index, ended) => {
      order.push(steps.nameOf(index));
      ended(OK);
    });
    await runGraph(new Graph(shape), steps, new LocalHost());
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('tells the steps of those that are skipped, once each', async () => {
    const { steps, end, run } = byHand(
      shapeOf({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] }, d: { wants: ['c'] } }),
    );
    const running = run();
    end('a', { status: 'failed' });
    await settle();
    expect(steps.skipped).toEqual(['b', 'c']);
    expect(steps.ran).toEqual(['a', 'd']);
    end('d');
    await running;
    expect(steps.skipped).toEqual(['b', 'c']);
  });

  it('stops the branch of an end that says so', async () => {
    const { steps, end, run } = byHand(shapeOf({ a: {}, b: { wants: ['a'] }, c: {} }));
    const running = run();
    end('a', { status: 'cancelled', branch: true });
    end('c');
    await running;
    expect(steps.skipped).toEqual(['b']);
    expect(steps.ran).toEqual(['a', 'c']);
  });

  it('keeps why a step was skipped', async () => {
    const shape = shapeOf({ a: {}, b: { needs: ['a'] } });
    const { graph, end, run } = byHand(shape);
    const running = run();
    end('a', { status: 'skipped', because: 'nothing to do' });
    await running;
    expect([graph.becauseOf(0), graph.becauseOf(1)]).toEqual(['nothing to do', 'a']);
  });

  it('begins nothing after an end that says it is the last, waits for what is under way, and leaves the rest', async () => {
    const shape = shapeOf({
      a: {},
      b: {},
      afterB: { needs: ['b'] },
      further: { needs: ['afterB'] },
      beside: { wants: ['a'] },
    });
    const { graph, steps, end, run } = byHand(shape);
    let over = false;
    const running = run().then(() => {
      over = true;
    });
    end('a', { status: 'failed', last: true });
    await settle();
    expect(steps.ran).toEqual(['a', 'b']);
    expect(over).toBe(false);
    end('b');
    await running;
    expect(steps.ran).toEqual(['a', 'b']);
    expect(steps.skipped).toEqual(['afterB', 'further', 'beside']);
    expect(statesOf(graph, shape)).toEqual({
      a: 'failed',
      b: 'ok',
      afterB: 'cancelled',
      further: 'skipped',
      beside: 'cancelled',
    });
  });

  it('asks the host for a step by index and name, and hands it all that are under way when it selects', async () => {
    const shape = shapeOf({ a: {}, b: {}, c: { needs: ['b'] } });
    const asked: unknown[] = [];
    const host: Host = {
      step(index, name) {
        asked.push([index, name]);
        return { index, end: OK };
      },
      select(pending) {
        asked.push([...pending].map(({ index }) => index));
        return [...pending].at(-1) as Step;
      },
    };
    await runGraph(new Graph(shape), new Noted(shape, () => {}), host);
    expect(asked).toEqual([[0, 'a'], [1, 'b'], [0, 1], [2, 'c'], [0, 2], [0]]);
  });

  it.each([
    ['at once', (ended: () => void) => ended()],
    ['in the next microtask', (ended: () => void) => queueMicrotask(ended)],
  ])('carries ten thousand steps in a row that end %s out in linear time, without recursion', async (_, later) => {
    const { shape, reads } = countingReads(row(10_000));
    const counts = { steps: 0, selects: 0, deepest: 0 };
    const steps = new Noted(shape, (index, ended) => {
      if (index % 1_000 === 0) counts.deepest = Math.max(counts.deepest, stackDepth());
      later(() => ended(OK));
    });
    const graph = new Graph(shape);
    await runGraph(graph, steps, counting(new LocalHost(), counts));
    expect(graph.stateOf(9_999)).toBe('ok');
    expect(counts).toMatchObject({ steps: 10_000, selects: 10_000 });
    expect(counts.deepest).toBeLessThan(100);
    expect(reads()).toBeLessThanOrEqual(10 * 10_000);
  });

  it.each([
    ['at once', (ended: () => void) => ended()],
    ['in the next microtask', (ended: () => void) => queueMicrotask(ended)],
  ])(
    'carries 5,000 steps beside one another that end %s out in linear time, with what needs them all',
    async (_, later) => {
      const wide = 5_000;
      const names = Array.from({ length: wide + 2 }, (_, index) => `n${index}`);
      const all = Array.from({ length: wide }, (_, index) => index + 1);
      const { shape, reads } = countingReads(
        graphShape(
          names,
          names.map((_, index) => (index === 0 ? [] : index <= wide ? [0] : all)),
          names.map(() => []),
        ),
      );
      const counts = { steps: 0, selects: 0, deepest: 0 };
      const steps = new Noted(shape, (_, ended) => later(() => ended(OK)));
      await runGraph(new Graph(shape), steps, counting(new LocalHost(), counts));
      expect(steps.ran).toEqual(names);
      expect(counts).toMatchObject({ steps: wide + 2, selects: wide + 2 });
      expect(reads()).toBeLessThanOrEqual(10 * wide);
    },
  );

  it('leaves ten thousand that are skipped in a row, in linear time', async () => {
    const { shape, reads } = countingReads(row(10_000));
    const steps = new Noted(shape, (_, ended) => ended({ status: 'failed', last: true }));
    await runGraph(new Graph(shape), steps, new LocalHost());
    expect(steps.skipped).toHaveLength(9_999);
    expect(reads()).toBeLessThanOrEqual(10 * 10_000);
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
    shape: { ...shape, needing: counting(shape.needing), wanting: counting(shape.wanting) },
    reads: () => reads,
  };
}

function counting(host: Host, counts: { steps: number; selects: number }): Host {
  return {
    step(index, name, run) {
      counts.steps++;
      return host.step(index, name, run);
    },
    select(pending) {
      counts.selects++;
      return host.select(pending);
    },
  };
}

function stackDepth(): number {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const depth = new Error('here').stack?.split('\n').length ?? 0;
  Error.stackTraceLimit = limit;
  return depth;
}

describe('LocalHost', () => {
  const select = (host: Host, ...steps: Step[]): Step | PromiseLike<Step> => host.select(new Set(steps));

  it('selects a step that has ended at once, without a promise', () => {
    const host = new LocalHost();
    const step = host.step(7, 'a', (ended) => ended({ status: 'skipped', because: 'when' }));
    expect(select(host, step)).toBe(step);
    expect(step.index).toBe(7);
    expect(step.end).toEqual({ status: 'skipped', because: 'when' });
  });

  it('selects each step once, in the order in which they end', async () => {
    const host = new LocalHost();
    const ends: (() => void)[] = [];
    const steps = [0, 1, 2, 3].map((index) => host.step(index, `n${index}`, (ended) => ends.push(() => ended(OK))));
    const first = select(host, ...steps);
    for (const index of [2, 0, 3, 1]) ends[index]?.();
    expect((await first).index).toBe(2);
    expect([select(host), select(host), select(host)].map((step) => (step as Step).index)).toEqual([0, 3, 1]);
  });

  it('goes on to remember ends after it has been emptied', async () => {
    const host = new LocalHost();
    const ended = (index: number): Step => host.step(index, `n${index}`, (end) => end(OK));
    const steps = [ended(0), ended(1)];
    expect([select(host), select(host)]).toEqual(steps);
    const later = select(host);
    const third = ended(2);
    const fourth = ended(3);
    expect(await later).toBe(third);
    expect(select(host)).toBe(fourth);
  });

  it('does not say how a step has ended that has not', () => {
    const step = new LocalHost().step(0, 'a', () => {});
    expect(() => step.end).toThrow('The step has not ended');
  });
});

type Entry =
  | { readonly asked: 'step'; readonly index: number; readonly name: string }
  | { readonly asked: 'select'; readonly index: number; readonly end: StepEnd };

/** Writes down what is asked of another host, and which step it selects. */
class RecordingHost implements Host {
  readonly journal: Entry[] = [];
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  step(index: number, name: string, run: (ended: (end: StepEnd) => void) => void): Step {
    this.journal.push({ asked: 'step', index, name });
    return this.#host.step(index, name, run);
  }

  select(pending: ReadonlySet<Step>): Step | PromiseLike<Step> {
    const selected = this.#host.select(pending);
    if (!('then' in selected)) return this.#note(selected);
    return selected.then((step) => this.#note(step));
  }

  #note(step: Step): Step {
    // As plain data: it may come from another process.
    this.journal.push({ asked: 'select', index: step.index, end: JSON.parse(JSON.stringify(step.end)) as StepEnd });
    return step;
  }
}

/**
 * Answers from a journal for as long as that lasts, without running anything whose end is in it, and then goes on with another
 * host. Throws when it is asked for anything else than was asked for then.
 */
class ReplayingHost implements Host {
  readonly #journal: readonly Entry[];
  readonly #live: Host;
  readonly #ends: ReadonlyMap<string, StepEnd>;
  readonly #patient: boolean;
  #at = 0;

  constructor(journal: readonly Entry[], live: Host, patient: boolean) {
    this.#journal = journal;
    this.#live = live;
    this.#patient = patient;
    const names = new Map(journal.flatMap((entry) => (entry.asked === 'step' ? [[entry.index, entry.name]] : [])));
    this.#ends = new Map(
      journal.flatMap((entry) =>
        entry.asked === 'select' ? [[names.get(entry.index) as string, entry.end] as const] : [],
      ),
    );
  }

  step(index: number, name: string, run: (ended: (end: StepEnd) => void) => void): Step {
    const entry = this.#journal[this.#at];
    if (entry !== undefined) {
      expect({ asked: 'step', index, name }).toEqual(entry);
      this.#at++;
    }
    const end = this.#ends.get(name);
    return end === undefined ? this.#live.step(index, name, run) : { index, end };
  }

  select(pending: ReadonlySet<Step>): Step | PromiseLike<Step> {
    const entry = this.#journal[this.#at];
    if (entry === undefined) return this.#live.select(pending);
    expect(entry.asked).toBe('select');
    this.#at++;
    const step = [...pending].find(({ index }) => index === entry.index) as Step;
    return this.#patient ? Promise.resolve(step) : step;
  }

  get finished(): boolean {
    return this.#at >= this.#journal.length;
  }
}

interface Plan {
  readonly shape: GraphShape;
  readonly ends: readonly StepEnd[];
  /** How many microtasks each step takes; 0 for one that ends at once. */
  readonly turns: readonly number[];
}

function randomPlan(seed: number): Plan {
  const random = seededRandom(seed);
  const count = Math.floor(random() * 14);
  const density = random() * 0.6;
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  const needs = names.map((_, index) => [...Array(index).keys()].filter(() => random() < density * 0.6));
  const wants = names.map((_, index) =>
    [...Array(index).keys()].filter((other) => !needs[index]?.includes(other) && random() < density * 0.4),
  );
  const ends = names.map((): StepEnd => {
    const status = (['ok', 'ok', 'ok', 'ok', 'failed', 'cancelled', 'skipped', 'timeout'] as const)[
      Math.floor(random() * 8)
    ] as StepEnd['status'];
    if (status === 'skipped') return { status, because: 'itself' };
    return { status, branch: status === 'cancelled' && random() < 0.5, last: status === 'timeout' && random() < 0.5 };
  });
  return { shape: graphShape(names, needs, wants), ends, turns: names.map(() => Math.floor(random() * 5)) };
}

/** Carries a plan out; answers what ran, what was left, and how it all ended. */
async function carryOut({ shape, ends, turns }: Plan, host: Host, hurry: number) {
  const steps = new Noted(shape, (index, ended) => {
    const end = ends[index] as StepEnd;
    // Another speed each time: what must not depend on it must not depend on it.
    const wait = (left: number): void => (left <= 0 ? ended(end) : queueMicrotask(() => wait(left - 1)));
    wait(((turns[index] as number) * (index + hurry)) % 7);
  });
  const graph = new Graph(shape);
  await runGraph(graph, steps, host);
  const because = shape.names.map((_, index) => graph.becauseOf(index));
  return { ran: steps.ran, left: steps.skipped, states: statesOf(graph, shape), because };
}

describe('a host that remembers', () => {
  it('is asked for the same steps in the same order as before, also where branches of a diamond are unequal', async () => {
    const shape = shapeOf({
      top: {},
      short: { needs: ['top'] },
      long: { needs: ['top'] },
      longer: { needs: ['long'] },
      bottom: { needs: ['short', 'longer'] },
      beside: { wants: ['short'] },
    });
    for (const slow of ['short', 'long']) {
      const turns = shape.names.map((name) => (name === slow ? 6 : 1));
      const plan = { shape, ends: shape.names.map(() => OK), turns };
      const recording = new RecordingHost(new LocalHost());
      const before = await carryOut(plan, recording, 1);
      const replaying = new ReplayingHost(recording.journal, new LocalHost(), false);
      const again = await carryOut(plan, replaying, 5);
      expect(replaying.finished).toBe(true);
      expect(again.ran).toEqual([]);
      expect(again.states).toEqual(before.states);
    }
  });

  it('replays 2,000 random graphs to the same end, without running what has ended', async () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const plan = randomPlan(seed);
      const recording = new RecordingHost(new LocalHost());
      const before = await carryOut(plan, recording, seed);
      const replaying = new ReplayingHost(recording.journal, new LocalHost(), seed % 2 === 0);
      const again = await carryOut(plan, replaying, seed + 3);
      expect(replaying.finished, `seed ${seed}`).toBe(true);
      expect(again, `seed ${seed}`).toEqual({ ...before, ran: [] });
    }
  });

  it('takes 2,000 random graphs up where they were left, running again only what had not ended', async () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const plan = randomPlan(seed);
      const recording = new RecordingHost(new LocalHost());
      const { ran } = await carryOut(plan, recording, seed);
      const { journal } = recording;
      // A crash: what was asked for is written down up to some moment.
      const kept = journal.slice(0, Math.floor(seededRandom(-seed)() * (journal.length + 1)));
      const rest = new RecordingHost(new LocalHost());
      const replaying = new ReplayingHost(kept, rest, seed % 2 === 0);
      const again = await carryOut(plan, new RecordingHost(replaying), seed);
      const ended = kept.flatMap((entry) => (entry.asked === 'select' ? [plan.shape.names[entry.index]] : []));
      expect(replaying.finished, `seed ${seed}`).toBe(true);
      for (const name of ended) expect(again.ran, `seed ${seed}`).not.toContain(name);
      if (plan.ends.every(({ last }) => last !== true)) {
        expect([...again.ran, ...ended].sort(), `seed ${seed}`).toEqual([...ran].sort());
      }
    }
  });

  it('is asked for each step once, and selects each once', async () => {
    for (let seed = 1; seed <= 500; seed++) {
      const recording = new RecordingHost(new LocalHost());
      const { ran, left, states } = await carryOut(randomPlan(seed), recording, seed);
      const asked = (what: Entry['asked']): number[] =>
        recording.journal.flatMap((entry) => (entry.asked === what ? [entry.index] : []));
      expect(new Set(ran).size, `seed ${seed}`).toBe(ran.length);
      expect(asked('step').length, `seed ${seed}`).toBe(ran.length);
      expect(asked('select').sort(), `seed ${seed}`).toEqual(asked('step').sort());
      expect([...ran, ...left].sort(), `seed ${seed}`).toEqual(Object.keys(states).sort());
    }
  });
});
