/** What can wait: the object itself is the queue's node. The fields belong to {@link WaitQueue}. */
export interface QueueNode {
  /** Who goes first: the smaller, the sooner. */
  readonly priority: number;
  /** Whose share it counts against, where shares are kept. */
  readonly tenant: string | undefined;
  /** How much of the share it takes. */
  readonly cost: number;
  /** Since when it waits. */
  waitsSince: number;
  level: Level | null;
  before: QueueNode | null;
  after: QueueNode | null;
  laneBefore: QueueNode | null;
  laneAfter: QueueNode | null;
  lane: Lane | null;
}

/** How a queue orders what waits in it. */
export interface QueueOrder {
  /** Within a class: the first that came, or the last. */
  readonly order: 'fifo' | 'lifo';
  /** After how many milliseconds of waiting a class counts as one better; `Infinity` for never. */
  readonly ageing: number;
  /** How large the share of a tenant is; undefined where no shares are kept. */
  readonly share: ((tenant: string) => number) | undefined;
}

/** All that waits with one priority, in the order in which it came. */
export class Level {
  readonly priority: number;
  head: QueueNode | null = null;
  tail: QueueNode | null = null;
  /** The lanes in which something waits. */
  readonly lanes: Lane[] = [];
  readonly byTenant: Map<string, Lane> = new Map();

  constructor(priority: number) {
    this.priority = priority;
  }
}

/** What waits of one tenant in one level. */
export class Lane {
  readonly tenant: string;
  head: QueueNode | null = null;
  tail: QueueNode | null = null;

  constructor(tenant: string) {
    this.tenant = tenant;
  }
}

/** How much of the pool a tenant has had, as a point on the line that all share. */
interface Account {
  finish: number;
  waiting: number;
}

/**
 * Who is next, as plain state, told the time: classes of priority, of which one that has waited counts as better and better, so that
 * none starves; within a class the first, or the last, that came; and among tenants each according to its share.
 *
 * Joining and leaving cost the same however many wait. Looking for the next costs one look at each class, and at each tenant in it.
 */
export class WaitQueue<N extends QueueNode> {
  readonly #orderNow: () => QueueOrder;
  readonly #levels: Level[] = [];
  readonly #accounts = new Map<string, Account>();
  #sweep: IterableIterator<[string, Account]> | undefined;
  #size = 0;
  /** Where on the line the one stands that was served last. */
  #line = 0;

  /** @param order - how it is ordered, as it is now */
  constructor(order: () => QueueOrder) {
    this.#orderNow = order;
  }

  get #order(): QueueOrder {
    return this.#orderNow();
  }

  get size(): number {
    return this.#size;
  }

  /** Since when the one waits that has waited longest; undefined when none does. */
  get oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { head } of this.#levels) {
      if (head !== null && (oldest === undefined || head.waitsSince < oldest)) oldest = head.waitsSince;
    }
    return oldest;
  }

  /** How the one is preferred that is preferred most; `Infinity` when none waits. */
  get best(): number {
    return this.#levels[0]?.priority ?? Number.POSITIVE_INFINITY;
  }

  /** How many wait that would go before one that came now with this priority, if none came after it. */
  ahead(priority: number): number | undefined {
    if (this.#order.order === 'lifo' || this.#order.share !== undefined) return undefined;
    return this.#levels.some((level) => level.priority > priority && level.head !== null) ? undefined : this.#size;
  }

  join(node: N, now: number): void {
    node.waitsSince = now;
    this.#place(node);
  }

  /** Puts it where its priority is, since when it waits being as it was. */
  #place(node: N): void {
    const level = this.#levelOf(node.priority);
    node.level = level;
    this.#size++;
    // One that is moved may have waited longer than those that are there.
    let before = level.tail;
    while (before !== null && before.waitsSince > node.waitsSince) before = before.before;
    node.before = before;
    node.after = before === null ? level.head : before.after;
    if (node.after === null) level.tail = node;
    else node.after.before = node;
    if (before === null) level.head = node;
    else before.after = node;
    if (this.#order.share !== undefined) this.#joinLane(level, node);
  }

  leave(node: N): void {
    const { level } = node;
    if (level === null) return;
    this.#size--;
    if (node.before === null) level.head = node.after;
    else node.before.after = node.after;
    if (node.after === null) level.tail = node.before;
    else node.after.before = node.before;
    if (node.lane !== null) this.#leaveLane(level, node, node.lane);
    node.level = null;
    node.before = null;
    node.after = null;
    if (level.head === null) this.#levels.splice(this.#levels.indexOf(level), 1);
  }

  /** Something about the order changes: those that wait are put where they belong by then. */
  reorder(change: () => void): void {
    const nodes = [...this];
    for (const node of nodes) this.leave(node);
    change();
    for (const node of nodes) this.#place(node);
  }

  /** Its priority has changed: it goes to where that is, with the time that it has waited. */
  move(node: N): void {
    if (node.level === null || node.level.priority === node.priority) return;
    this.leave(node);
    this.#place(node);
  }

  /** Who is next. */
  next(now: number): N | undefined {
    const level = this.#best(now);
    if (level === undefined) return undefined;
    const { order } = this.#order;
    if (this.#order.share === undefined) return (order === 'fifo' ? level.head : level.tail) as N;
    const lane = this.#bestLane(level);
    return (order === 'fifo' ? lane.head : lane.tail) as N;
  }

  /** Who would be the last to be served, of those that are preferred least the one that came last. */
  get last(): N | undefined {
    return this.#levels.at(-1)?.tail as N | undefined;
  }

  /** It is served, and leaves: what it takes counts against the share of its tenant. */
  serve(node: N): void {
    const { share } = this.#order;
    if (share !== undefined) {
      const tenant = node.tenant ?? '';
      const account = this.#accounts.get(tenant) as Account;
      const start = Math.max(account.finish, this.#line);
      this.#line = start;
      account.finish = start + node.cost / shareOf(share, tenant);
    }
    this.leave(node);
  }

  /** All that wait, in no order in particular. */
  *[Symbol.iterator](): Generator<N, void, undefined> {
    for (const level of [...this.#levels]) {
      for (let node = level.head; node !== null; ) {
        const { after }: QueueNode = node;
        yield node as N;
        node = after;
      }
    }
  }

  #best(now: number): Level | undefined {
    const levels = this.#levels;
    let best = levels[0];
    if (best === undefined || levels.length === 1) return best;
    const { ageing } = this.#order;
    if (ageing === Number.POSITIVE_INFINITY) return best;
    let bestRank = rank(best, now, ageing);
    for (let index = 1; index < levels.length; index++) {
      const level = levels[index] as Level;
      const its = rank(level, now, ageing);
      if (its > bestRank || (its === bestRank && since(level) >= since(best))) continue;
      best = level;
      bestRank = its;
    }
    return best;
  }

  /** The levels stand in order; there are few of them. */
  #levelOf(priority: number): Level {
    const levels = this.#levels;
    let from = 0;
    let to = levels.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const level = levels[middle] as Level;
      if (level.priority === priority) return level;
      if (level.priority < priority) from = middle + 1;
      else to = middle;
    }
    const level = new Level(priority);
    levels.splice(from, 0, level);
    return level;
  }

  #joinLane(level: Level, node: N): void {
    const tenant = node.tenant ?? '';
    let account = this.#accounts.get(tenant);
    if (account === undefined) {
      account = { finish: this.#line, waiting: 0 };
      this.#accounts.set(tenant, account);
    }
    account.waiting++;
    let lane = level.byTenant.get(tenant);
    if (lane === undefined) {
      lane = new Lane(tenant);
      level.byTenant.set(tenant, lane);
      level.lanes.push(lane);
    }
    node.lane = lane;
    let before = lane.tail;
    while (before !== null && before.waitsSince > node.waitsSince) before = before.laneBefore;
    node.laneBefore = before;
    node.laneAfter = before === null ? lane.head : before.laneAfter;
    if (node.laneAfter === null) lane.tail = node;
    else node.laneAfter.laneBefore = node;
    if (before === null) lane.head = node;
    else before.laneAfter = node;
  }

  #leaveLane(level: Level, node: QueueNode, lane: Lane): void {
    if (node.laneBefore === null) lane.head = node.laneAfter;
    else node.laneBefore.laneAfter = node.laneAfter;
    if (node.laneAfter === null) lane.tail = node.laneBefore;
    else node.laneAfter.laneBefore = node.laneBefore;
    node.lane = null;
    node.laneBefore = null;
    node.laneAfter = null;
    if (lane.head === null) {
      level.byTenant.delete(lane.tenant);
      level.lanes.splice(level.lanes.indexOf(lane), 1);
    }
    const account = this.#accounts.get(lane.tenant) as Account;
    account.waiting--;
    // What it has had counts until the line has passed that; then it is as good as new.
    if (account.waiting === 0) this.#forget(lane.tenant, account);
  }

  /** Forgets tenants of whom nothing waits and whose share is not overdrawn. */
  #forget(tenant: string, account: Account): void {
    if (account.finish <= this.#line) this.#accounts.delete(tenant);
    if (this.#accounts.size <= REMEMBERED) return;
    // It looks on from where it stopped the last time: at a few, however many there are.
    for (let looks = 0; looks < LOOKED_AT; looks++) {
      this.#sweep ??= this.#accounts.entries();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (value[1].waiting === 0) this.#accounts.delete(value[0]);
    }
  }

  /** Whose turn it is: the tenant that has had least, for its share. */
  #bestLane(level: Level): Lane {
    let best = level.lanes[0] as Lane;
    let least = this.#startOf(best);
    for (let index = 1; index < level.lanes.length; index++) {
      const lane = level.lanes[index] as Lane;
      const start = this.#startOf(lane);
      if (start >= least) continue;
      best = lane;
      least = start;
    }
    return best;
  }

  #startOf({ tenant }: Lane): number {
    return Math.max((this.#accounts.get(tenant) as Account).finish, this.#line);
  }
}

/** A share is never nothing: whoever waits is served in the end. */
const SMALLEST = 1e-6;
/** How many tenants of whom nothing waits are remembered. */
const REMEMBERED = 10_000;
/** How many are looked at when there are too many. */
const LOOKED_AT = 4;

/** A function of its user may throw, or answer nonsense: whoever waits is served all the same. */
function shareOf(share: (tenant: string) => number, tenant: string): number {
  try {
    const its = share(tenant);
    return its > 0 && its < Number.POSITIVE_INFINITY ? Math.max(its, SMALLEST) : 1;
  } catch {
    return 1;
  }
}

function since({ head }: Level): number {
  return (head as QueueNode).waitsSince;
}

function rank(level: Level, now: number, ageing: number): number {
  return level.priority - Math.floor((now - since(level)) / ageing);
}
