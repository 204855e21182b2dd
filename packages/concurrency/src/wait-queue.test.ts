import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Lane, type Level, type QueueNode, type QueueOrder, WaitQueue } from './wait-queue.ts';

class Node implements QueueNode {
  priority: number;
  readonly tenant: string | undefined;
  readonly cost: number;
  readonly id: number;
  waitsSince = 0;
  level: Level | null = null;
  before: QueueNode | null = null;
  after: QueueNode | null = null;
  laneBefore: QueueNode | null = null;
  laneAfter: QueueNode | null = null;
  lane: Lane | null = null;

  constructor(id: number, priority = 0, tenant: string | undefined = undefined, cost = 1) {
    this.id = id;
    this.priority = priority;
    this.tenant = tenant;
    this.cost = cost;
  }
}

const NEVER = Number.POSITIVE_INFINITY;
const queueOf = (order: Partial<QueueOrder> = {}): WaitQueue<Node> =>
  new WaitQueue(() => ({ order: 'fifo', ageing: NEVER, share: undefined, ...order }));

/** Serves all that wait, and answers in which order. */
function drained(queue: WaitQueue<Node>, now = 0): number[] {
  const order: number[] = [];
  for (let node = queue.next(now); node !== undefined; node = queue.next(now)) {
    queue.serve(node);
    order.push(node.id);
  }
  return order;
}

type Step =
  | { readonly do: 'join'; readonly priority: number }
  | { readonly do: 'leave'; readonly which: number; readonly to: number }
  | { readonly do: 'move'; readonly which: number; readonly to: number }
  | { readonly do: 'serve' }
  | { readonly do: 'wait'; readonly ms: number };

const priority = fc.integer({ min: -3, max: 3 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('join' as const), priority }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(), to: priority }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), which: fc.nat(), to: priority }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('serve' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 40 }) }) },
  ),
  { maxLength: 80 },
);

/** Who is next, worked out from all that wait. */
function nextOf(waiting: readonly Node[], now: number, order: 'fifo' | 'lifo', ageing: number): Node | undefined {
  const levels = [...new Set(waiting.map((node) => node.priority))].map((level) => {
    const all = waiting.filter((node) => node.priority === level);
    const since = Math.min(...all.map((node) => node.waitsSince));
    const rank = ageing === NEVER ? level : level - Math.floor((now - since) / ageing);
    return { level, rank, since, all };
  });
  levels.sort((a, b) => a.rank - b.rank || (ageing === NEVER ? 0 : a.since - b.since) || a.level - b.level);
  const best = levels[0]?.all;
  if (best === undefined) return undefined;
  // In the order in which they came: of those that came at once the first is the one that joined first.
  return order === 'fifo'
    ? best.reduce((first, node) => (node.waitsSince < first.waitsSince ? node : first))
    : best.reduce((last, node) => (node.waitsSince >= last.waitsSince ? node : last));
}

describe('a queue of waiters, beside a list that is searched', () => {
  it.each([
    ['fifo', NEVER],
    ['fifo', 10],
    ['fifo', 25],
    ['lifo', NEVER],
    ['lifo', 10],
  ] as const)('says the same of who is next: %s, ageing %d', (order, ageing) => {
    fc.assert(
      fc.property(steps, (all) => {
        const queue = queueOf({ order, ageing });
        let waiting: Node[] = [];
        let now = 0;
        let id = 0;
        for (const step of all) {
          if (step.do === 'join') {
            const node = new Node(id++, step.priority);
            queue.join(node, now);
            waiting.push(node);
          } else if (step.do === 'wait') {
            now += step.ms;
          } else if (step.do === 'serve') {
            const next = queue.next(now);
            expect(next?.id).toBe(nextOf(waiting, now, order, ageing)?.id);
            if (next !== undefined) queue.serve(next);
            waiting = waiting.filter((node) => node !== next);
          } else {
            const node = waiting[step.which % Math.max(1, waiting.length)];
            if (node === undefined) continue;
            if (step.do === 'move' && step.to === node.priority) continue;
            waiting = waiting.filter((other) => other !== node);
            if (step.do === 'leave') queue.leave(node);
            else {
              // Of those that have waited as long it is the last.
              waiting.push(node);
              node.priority = step.to;
              queue.move(node);
            }
          }
          expect(queue.size).toBe(waiting.length);
          expect(queue.oldest).toBe(waiting.length === 0 ? undefined : Math.min(...waiting.map((n) => n.waitsSince)));
          expect(queue.best).toBe(Math.min(NEVER, ...waiting.map((node) => node.priority)));
          expect([...queue].map((node) => node.id).sort()).toEqual(waiting.map((node) => node.id).sort());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('lets nobody wait longer than its distance in priority times the ageing, and what was there before it', () => {
    const AGEING = 50;
    const run = fc.array(fc.record({ gap: fc.nat({ max: 8 }), priority }), { minLength: 20, maxLength: 120 });
    fc.assert(
      fc.property(run, fc.integer({ min: 1, max: 6 }), (arrivals, takes) => {
        const queue = queueOf({ ageing: AGEING });
        let now = 0;
        let freeAt = 0;
        const due = new Map<Node, number>();
        const serveUntil = (until: number): void => {
          for (; freeAt <= until && queue.size > 0; freeAt += takes) {
            const node = queue.next(freeAt) as Node;
            queue.serve(node);
            expect(freeAt).toBeLessThanOrEqual(due.get(node) as number);
            due.delete(node);
          }
        };
        arrivals.forEach((arrival, id) => {
          now += arrival.gap;
          serveUntil(now);
          freeAt = Math.max(freeAt, now);
          const node = new Node(id, arrival.priority);
          queue.join(node, now);
          // Whoever comes after it by more than the distance has aged less: the rest is those that are there by then.
          const bound = (node.priority + 3 + 1) * AGEING;
          const until = arrivals.reduce(
            ({ at, sum }, next, index) => ({
              at: at + next.gap,
              sum: sum + (at + next.gap <= now + bound && index !== id ? 1 : 0),
            }),
            { at: 0, sum: 0 },
          ).sum;
          due.set(node, now + bound + until * takes);
        });
        serveUntil(NEVER);
        expect(due.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a queue of waiters', () => {
  it('serves classes of priority in order, and within a class the first that came', () => {
    const queue = queueOf();
    [5, 0, -2, 5, 0].forEach((priority, id) => void queue.join(new Node(id, priority), 0));
    expect(queue.last?.id).toBe(3);
    expect(drained(queue)).toEqual([2, 1, 4, 0, 3]);
    expect(queue.next(0)).toBeUndefined();
    expect(queue.last).toBeUndefined();
  });

  it('tells how many go first, where that can be said', () => {
    const queue = queueOf();
    expect(queue.ahead(0)).toBe(0);
    queue.join(new Node(1, 0), 0);
    queue.join(new Node(2, -1), 0);
    expect(queue.ahead(0)).toBe(2);
    expect(queue.ahead(3)).toBe(2);
    expect(queue.ahead(-1)).toBeUndefined();
    expect(queueOf({ order: 'lifo' }).ahead(0)).toBeUndefined();
    expect(queueOf({ share: () => 1 }).ahead(0)).toBeUndefined();
  });

  it('counts one that is moved as waiting since it came', () => {
    const queue = queueOf();
    const old = new Node(0, 5);
    queue.join(old, 0);
    queue.join(new Node(1, 0), 10);
    queue.join(new Node(2, 0), 20);
    old.priority = 0;
    queue.move(old);
    expect(drained(queue, 30)).toEqual([0, 1, 2]);
  });

  it('takes a second leaving, and moving what does not wait, for nothing', () => {
    const queue = queueOf({ share: () => 1 });
    const node = new Node(0, 0, 'a');
    queue.move(node);
    queue.join(node, 0);
    queue.leave(node);
    queue.leave(node);
    expect(queue.size).toBe(0);
    queue.join(node, 1);
    expect(drained(queue)).toEqual([0]);
  });

  it('looks at as many nodes to let one leave, however many wait', () => {
    const reads = { count: 0 };
    const counted = (node: Node): Node =>
      new Proxy(node, {
        get(target, key) {
          reads.count++;
          return Reflect.get(target, key);
        },
      });
    const costOfLeaving = (size: number): number => {
      const queue = queueOf({ share: () => 1 });
      const nodes = Array.from({ length: size }, (_, id) => counted(new Node(id, 0, `t${id % 3}`)));
      for (const node of nodes) queue.join(node, 0);
      reads.count = 0;
      queue.leave(nodes[size >> 1] as Node);
      return reads.count;
    };
    expect(costOfLeaving(10_000)).toBe(costOfLeaving(10));
  });
});

describe('shares', () => {
  const shares: Readonly<Record<string, number>> = { a: 1, b: 1, c: 1, d: 1, e: 4 };
  const share = (tenant: string): number => shares[tenant] ?? 1;

  it('are kept in proportion while all wait', () => {
    const queue = queueOf({ share });
    for (let id = 0; id < 500; id++) queue.join(new Node(id, 0, 'abcde'[id % 5]), 0);
    const had: Record<string, number> = { a: 0, b: 0, c: 0, d: 0, e: 0 };
    for (let turn = 0; turn < 160; turn++) {
      const node = queue.next(0) as Node;
      queue.serve(node);
      had[node.tenant as string] = (had[node.tenant as string] ?? 0) + 1;
    }
    expect(had).toEqual({ a: 20, b: 20, c: 20, d: 20, e: 80 });
  });

  it('are not saved up by who did not wait, nor lost by who comes back', () => {
    const queue = queueOf({ share: () => 1 });
    for (let id = 0; id < 10; id++) queue.join(new Node(id, 0, 'early'), 0);
    for (let turn = 0; turn < 5; turn++) queue.serve(queue.next(0) as Node);
    for (let id = 10; id < 15; id++) queue.join(new Node(id, 0, 'late'), 0);
    const order = drained(queue).map((id) => (id < 10 ? 'early' : 'late'));
    expect(Math.abs(order.slice(0, 6).filter((who) => who === 'late').length - 3)).toBeLessThanOrEqual(1);
  });

  it('count what a call takes, and hold within a class of priority', () => {
    const queue = queueOf({ share: () => 1 });
    for (let id = 0; id < 12; id++)
      queue.join(new Node(id, 0, id % 2 === 0 ? 'big' : 'small', id % 2 === 0 ? 3 : 1), 0);
    queue.join(new Node(99, -1, 'big', 3), 0);
    const order = drained(queue);
    expect(order[0]).toBe(99);
    expect(order.slice(1, 5).filter((id) => id % 2 === 1).length).toBeGreaterThanOrEqual(3);
  });

  it.each([0, -1, 1e-9])('of %d let a tenant wait, but not for ever', (least) => {
    const queue = queueOf({ share: (tenant) => (tenant === 'least' ? least : 1) });
    for (let id = 0; id < 6; id++) queue.join(new Node(id, 0, id < 3 ? 'least' : 'most'), 0);
    expect(drained(queue).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('keep no more of tenants than they must', () => {
    const queue = queueOf({ share: () => 1 });
    for (let id = 0; id < 10_300; id++) {
      queue.join(new Node(id, 0, `t${id}`), 0);
      queue.serve(queue.next(0) as Node);
    }
    expect(queue.size).toBe(0);
    queue.join(new Node(1, 0, 'again'), 0);
    expect(drained(queue)).toEqual([1]);
  });

  it('go to the last that came of the tenant whose turn it is, where the last goes first', () => {
    const queue = queueOf({ share: () => 1, order: 'lifo' });
    ['a', 'a', 'b', 'b'].forEach((tenant, id) => void queue.join(new Node(id, 0, tenant), id));
    const order = drained(queue, 10);
    expect(order.indexOf(1)).toBeLessThan(order.indexOf(0));
    expect(order.indexOf(3)).toBeLessThan(order.indexOf(2));
    expect(new Set(order.slice(0, 2).map((id) => id >> 1)).size).toBe(2);
  });
});
