import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { QueueEntry } from './queue-entry.ts';
import { WaitQueue } from './wait-queue.ts';

/** One that waits, of a tenant. */
class Entry extends QueueEntry {
  priority: number;
  readonly tenant: string;
  readonly cost: number;

  constructor(tenant: string, cost = 1, priority = 0) {
    super();
    this.tenant = tenant;
    this.cost = cost;
    this.priority = priority;
  }
}

function queueOf(share: (tenant: string) => number = () => 1): WaitQueue<Entry> {
  return new WaitQueue<Entry>(() => ({ order: 'fifo', ageing: Number.POSITIVE_INFINITY, share }));
}

function joined(queue: WaitQueue<Entry>, tenant: string, cost = 1, priority = 0, now = 0): Entry {
  const entry = new Entry(tenant, cost, priority);
  queue.join(entry, now);
  return entry;
}

/** Serves so many at most, and answers whose turns they were. */
function served(queue: WaitQueue<Entry>, count: number = Number.POSITIVE_INFINITY): string {
  let turns = '';
  for (let left = count; left > 0; left--) {
    const next = queue.next(0);
    if (next === undefined) break;
    queue.serve(next);
    turns += next.tenant;
  }
  return turns;
}

describe('what a tenant has had', () => {
  it('counts on when it comes with one call at a time', () => {
    const queue = queueOf();
    for (let n = 0; n < 9; n++) joined(queue, 'b');
    joined(queue, 'a', 3);
    let turns = '';
    for (let n = 0; n < 9; n++) {
      const turn = served(queue, 1);
      if (turn === 'a') joined(queue, 'a', 3);
      turns += turn;
    }
    expect(turns).toBe('babbbabbb');
  });

  it('counts on while hundreds of others come and go', () => {
    const queue = queueOf();
    joined(queue, 'a', 2);
    served(queue);
    for (let n = 0; n < 500; n++) joined(queue, `t${n}`, 1, -1);
    served(queue);
    joined(queue, 'a');
    joined(queue, 'b');
    expect(served(queue)).toBe('ba');
  });

  it('counts on when one of it leaves without a turn while another waits', () => {
    const queue = queueOf();
    const leaves = joined(queue, 'a');
    joined(queue, 'a');
    joined(queue, 'b');
    queue.leave(leaves);
    expect(served(queue)).toBe('ab');
  });

  it('is no credit to one that waited long in a class that had no turn', () => {
    const queue = queueOf();
    for (let n = 0; n < 4; n++) joined(queue, 'a', 1, 1);
    for (let n = 0; n < 20; n++) joined(queue, 'first', 1, 0);
    served(queue, 20);
    for (let n = 0; n < 4; n++) joined(queue, 'b', 1, 1);
    expect(served(queue)).toBe('abababab');
  });

  it('is as nothing once the line has passed it: then the first that came goes first', () => {
    const queue = queueOf();
    joined(queue, 'a', 1, 2);
    for (let n = 0; n < 5; n++) joined(queue, 'first', 1, 0);
    served(queue, 5);
    joined(queue, 'c', 1, 1);
    joined(queue, 'a', 1, 1);
    for (let n = 0; n < 5; n++) joined(queue, 'first', 1, 0);
    served(queue, 5);
    expect(served(queue)).toBe('caa');
  });

  it('is the same for those that came at once: the first of them goes first', () => {
    const queue = queueOf();
    for (const tenant of 'cabd') joined(queue, tenant);
    expect(served(queue)).toBe('cabd');
  });
});

describe('a tenant of whom nothing waits for a while', () => {
  it('comes back as any other', () => {
    const queue = queueOf();
    for (let n = 0; n < 3; n++) joined(queue, 'b');
    joined(queue, 'a');
    expect(served(queue, 2)).toBe('ba');
    joined(queue, 'a');
    expect(served(queue)).toBe('bab');
    expect(queue.size).toBe(0);
  });

  it('is forgotten at last, so that memory stays bounded, whether it was served or left', () => {
    const queue = queueOf();
    const round = (from: number): void => {
      for (let n = from; n < from + 100_000; n++) {
        const leaves = joined(queue, `tenant ${n}`);
        joined(queue, `tenant ${n}`);
        queue.leave(leaves);
        served(queue);
      }
    };
    round(0);
    const before = heapUsed();
    round(100_000);
    round(200_000);
    expect(heapUsed() - before).toBeLessThan(5e6);
  });

  it('is not forgotten while something of it waits, however many wait', () => {
    const queue = queueOf();
    const entries = Array.from({ length: 10_050 }, (_, n) => joined(queue, `t${n},`));
    for (const entry of entries.slice(-20)) queue.leave(entry);
    expect(served(queue, 3)).toBe('t0,t1,t2,');
  });
});

describe('a share', () => {
  it.each([Number.POSITIVE_INFINITY, Number.NaN])('of %d counts as 1', (share) => {
    const queue = queueOf((tenant) => (tenant === 'a' ? share : 1));
    for (let n = 0; n < 4; n++) for (const tenant of 'ab') joined(queue, tenant);
    expect(served(queue)).toBe('abababab');
  });

  it('of nearly nothing does not end the shares of all others when its tenant is served', () => {
    const queue = queueOf((tenant) => (tenant === 'a' ? Number.MIN_VALUE : tenant === 'b' ? 2 : 1));
    for (let n = 0; n < 2; n++) joined(queue, 'a');
    served(queue);
    for (let n = 0; n < 20; n++) for (const tenant of 'bc') joined(queue, tenant);
    expect(served(queue, 15).replaceAll('c', '')).toHaveLength(10);
  });

  it('goes first to what its tenant has waited for longest, also when that is moved to another class', () => {
    const queue = queueOf();
    const old = joined(queue, 'a', 7, 1, 1);
    joined(queue, 'a', 1, 0, 2);
    joined(queue, 'a', 2, 0, 3);
    old.priority = 0;
    queue.move(old);
    expect(queue.next(4)).toBe(old);
    expect(served(queue)).toBe('aaa');
  });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
