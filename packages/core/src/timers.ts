import { type Clock, systemClock } from './clock.ts';
import { account } from './ledger.ts';

/** Values of {@link TimerNode.timerSlot} for a node that does not stand in the heap. */
const IDLE = -1;
const FRESH = -2;
const DUE = -3;

/** From this lateness on, the loop was stalled rather than busy, and waiting results get {@link SECOND_CHANCE} to arrive. */
const STALLED = 20;
const SECOND_CHANCE = 20;

/**
 * What can be timed: the object itself is the timer's node, so that arming one allocates nothing. The fields belong to
 * {@link Timers}; spread {@link idleTimer} over a literal, or initialise them alike.
 */
export interface TimerNode {
  /**
   * When it expires; while it is fresh, how many milliseconds after its arming. Undefined before, where it begins so: a field that has
   * only ever held numbers would cost each node a box of its own.
   */
  timerAt: number | undefined;
  /** Its index in the heap, or where else it stands. */
  timerSlot: number;
  /** Order among equals: who was armed first expires first. */
  timerOrder: number;
  timerBefore: TimerNode | null;
  timerAfter: TimerNode | null;
  /**
   * True for a deadline: what arrives in the same turn of the event loop wins against it, and a stalled loop gives what is
   * waiting one chance. False for what should happen as soon as it is due.
   */
  readonly patient: boolean;
  /** Called once, when it has expired, with how late that is. */
  expire(lagMs: number): void;
}

/** A doubly linked list through the nodes themselves. */
class NodeList {
  head: TimerNode | null = null;
  tail: TimerNode | null = null;

  append(node: TimerNode): void {
    node.timerBefore = this.tail;
    node.timerAfter = null;
    if (this.tail === null) this.head = node;
    else this.tail.timerAfter = node;
    this.tail = node;
  }

  remove(node: TimerNode): void {
    const { timerBefore, timerAfter } = node;
    if (timerBefore === null) this.head = timerAfter;
    else timerBefore.timerAfter = timerAfter;
    if (timerAfter === null) this.tail = timerBefore;
    else timerAfter.timerBefore = timerBefore;
    node.timerBefore = null;
    node.timerAfter = null;
  }
}

/**
 * All timers of one clock, on one native timer.
 *
 * Most timers are called off within the turn of the loop in which they were armed. So arming only appends to a list, without
 * reading the clock; the next turn places what is still alive in a heap, counting from then, hence never early. Only the first of a
 * turn knows its moment, so that a call that blocks the loop by itself is held to its limit all the same.
 */
export class Timers {
  readonly #clock: Clock;
  readonly #fresh = new NodeList();
  readonly #due = new NodeList();
  readonly #heap: TimerNode[] = [];
  readonly #onPlace = (): void => this.#place();
  readonly #onWake = (): void => this.#wake();
  readonly #onDecide = (): void => this.#decide();
  #placing = false;
  /** The node that was armed first in this turn, and when: it is told a block of the loop that follows its arming. */
  #first: TimerNode | null = null;
  #turnAt = 0;
  /** A work has started in this turn; what was armed up to the one that is named here had been armed before. */
  #sealed = false;
  #sealNode: TimerNode | null = null;
  #sealAt = 0;
  #order = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: (() => void) | null = null;
  /**
   * Whether the native timer is kept until the end of the turn in which the last node has gone: the next one mostly comes within it, and
   * a native timer costs more than all the rest. A clock of somebody's own is asked for no more than it needs.
   */
  readonly #lingers: boolean;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lingers = clock === systemClock;
  }

  /** Lets `node` expire in `delayMs`; `Infinity` is never. A node that is armed already is armed anew. */
  arm(node: TimerNode, delayMs: number): void {
    if (node.timerSlot !== IDLE) this.disarm(node);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    node.timerAt = delayMs;
    node.timerSlot = FRESH;
    this.#fresh.append(node);
    account.timers++;
    if (this.#first === null) this.#beginTurn(node);
  }

  #beginTurn(first: TimerNode): void {
    this.#first = first;
    this.#turnAt = this.#clock.now();
    this.#placeSoon();
  }

  /** Calls `node` off; nothing happens when it is not armed. */
  disarm(node: TimerNode): void {
    const slot = node.timerSlot;
    if (slot === IDLE) return;
    node.timerSlot = IDLE;
    account.timers--;
    if (slot !== FRESH) {
      this.#displace(node, slot);
      return;
    }
    this.#unfresh(node);
    node.timerAt = undefined;
  }

  /** Takes a node away that had its place. */
  #displace(node: TimerNode, slot: number): void {
    if (slot === DUE) {
      this.#due.remove(node);
    } else {
      this.#removeAt(slot);
      if (this.#heap.length > 0) return;
      if (this.#lingers) this.#placeSoon();
      else this.#sleep();
    }
  }

  /**
   * For how long `node`, which was armed for `delayMs`, has been so. 0 within the turn in which it was armed: nobody has looked at the
   * clock since.
   */
  sinceArmed(node: TimerNode, delayMs: number): number {
    if (node.timerSlot === IDLE || node.timerSlot === FRESH) return 0;
    return this.#clock.now() - timeOf(node) + delayMs;
  }

  /** When `node` will expire, on the clock; `Infinity` when it is not armed. */
  expiry(node: TimerNode): number {
    if (node.timerSlot === IDLE) return Number.POSITIVE_INFINITY;
    if (node.timerSlot === FRESH) {
      const now = this.#clock.now();
      this.#settle(node, now);
      this.#wakeFor(now);
    }
    return timeOf(node);
  }

  /** The time when the first was armed in this turn of the loop, or else that of the clock. */
  get turnTime(): number {
    return this.#first === null ? this.#clock.now() : this.#turnAt;
  }

  /**
   * The first work of this turn is about to start, and may block the loop: what was armed up to now counts from now. Looks at the clock at most
   * once in a turn, and only where more than the first has been armed, which knows its moment.
   */
  seal(): void {
    if (this.#sealed || this.#first === null) return;
    this.#sealed = true;
    const { tail } = this.#fresh;
    if (tail === null || tail === this.#first) return;
    this.#sealNode = tail;
    this.#sealAt = this.#clock.now();
  }

  /** The node that was armed last in this turn; null when none was, or the turn is over. */
  get lastFresh(): TimerNode | null {
    return this.#fresh.tail;
  }

  /** What was armed in this turn up to `last`, itself included, was armed at `at` at the latest, and counts from then. */
  placeUpTo(last: TimerNode, at: number): void {
    if (last.timerSlot !== FRESH) return;
    for (let placed: TimerNode | null = null; placed !== last; ) {
      placed = this.#fresh.head as TimerNode;
      this.#settle(placed, at);
    }
    this.#wakeFor(this.#clock.now());
  }

  #placeSoon(): void {
    if (this.#placing) return;
    this.#placing = true;
    this.#clock.schedule(0, this.#onPlace);
  }

  #place(): void {
    this.#placing = false;
    this.#sealed = false;
    if (this.#fresh.head !== null) {
      const now = this.#clock.now();
      while (this.#sealNode !== null) this.#settle(this.#fresh.head, this.#sealAt);
      while (this.#fresh.head !== null) this.#settle(this.#fresh.head, now);
      this.#wakeFor(now);
    }
    this.#first = null;
    if (this.#heap.length === 0) this.#sleep();
  }

  #unfresh(node: TimerNode): void {
    if (node === this.#sealNode) this.#sealNode = node.timerBefore;
    this.#fresh.remove(node);
  }

  /** Moves a fresh node to its place in the heap, counted from `from`. */
  #settle(node: TimerNode, from: number): void {
    this.#unfresh(node);
    node.timerAt = timeOf(node) + (node === this.#first ? this.#turnAt : from);
    node.timerOrder = this.#order++;
    this.#push(node);
  }

  /** Sees to it that the native timer is not later than the earliest node. */
  #wakeFor(now: number): void {
    const first = this.#heap[0];
    if (first === undefined) return;
    const at = timeOf(first);
    if (at >= this.#wakeAt) return;
    this.#cancelWake?.();
    this.#wakeAt = at;
    this.#cancelWake = this.#clock.schedule(Math.max(at - now, 0), this.#onWake);
  }

  /** An idle structure holds nothing open, the process included. */
  #sleep(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  #wake(): void {
    this.#cancelWake = null;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const prompt: TimerNode[] = [];
    const wasIdle = this.#due.head === null;
    for (let node = this.#heap[0]; node !== undefined && timeOf(node) <= now; node = this.#heap[0]) {
      this.#removeAt(0);
      if (node.patient) {
        node.timerSlot = DUE;
        this.#due.append(node);
      } else {
        node.timerSlot = IDLE;
        account.timers--;
        prompt.push(node);
      }
    }
    this.#wakeFor(now);
    if (wasIdle && this.#due.head !== null) this.#postpone(now);
    for (const node of prompt) expire(node, now);
  }

  /** A result that arrives in this turn wins; after a stall, what has been waiting may still arrive for a moment. */
  #postpone(now: number): void {
    const lag = now - timeOf(this.#due.head as TimerNode);
    this.#clock.schedule(lag > STALLED ? SECOND_CHANCE : 0, this.#onDecide);
  }

  #decide(): void {
    const now = this.#clock.now();
    for (let node = this.#due.head; node !== null; node = this.#due.head) {
      this.#due.remove(node);
      node.timerSlot = IDLE;
      account.timers--;
      expire(node, now);
    }
  }

  #push(node: TimerNode): void {
    this.#heap.push(node);
    this.#up(node, this.#heap.length - 1);
  }

  #removeAt(index: number): void {
    const heap = this.#heap;
    const last = heap.pop() as TimerNode;
    if (index === heap.length) return;
    if (index > 0 && before(last, heap[(index - 1) >> 1] as TimerNode)) this.#up(last, index);
    else this.#down(last, index);
  }

  #up(node: TimerNode, from: number): void {
    const heap = this.#heap;
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as TimerNode;
      if (!before(node, parent)) break;
      heap[index] = parent;
      parent.timerSlot = index;
      index = parentIndex;
    }
    heap[index] = node;
    node.timerSlot = index;
  }

  #down(node: TimerNode, from: number): void {
    const heap = this.#heap;
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= heap.length) break;
      let child = heap[childIndex] as TimerNode;
      const right = heap[childIndex + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childIndex++;
      }
      if (!before(child, node)) break;
      heap[index] = child;
      child.timerSlot = index;
      index = childIndex;
    }
    heap[index] = node;
    node.timerSlot = index;
  }
}

/** One node that throws must not take the others' turn from them; what it threw reaches the process, as in any timer. */
function expire(node: TimerNode, now: number): void {
  try {
    node.expire(now - timeOf(node));
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The time of a node that was armed. */
function timeOf(node: TimerNode): number {
  return node.timerAt as number;
}

function before(a: TimerNode, b: TimerNode): boolean {
  const first = timeOf(a);
  const second = timeOf(b);
  return first < second || (first === second && a.timerOrder < b.timerOrder);
}

const byClock = new WeakMap<Clock, Timers>();

/** The one timer structure of a clock, shared by everything that takes its time from it. */
export function timersOf(clock: Clock): Timers {
  let timers = byClock.get(clock);
  if (timers === undefined) {
    timers = new Timers(clock);
    byClock.set(clock, timers);
  }
  return timers;
}
