import type { Orphan } from './report.ts';

/**
 * A node of the tree of everything that is going on: outer signals, calls, and the works that they run. Linked through the nodes
 * themselves, so that joining and leaving allocate nothing, and always walked with a loop: ten thousand levels are fine.
 *
 * Two things travel up when something ends. *Released*: whoever waits for it may go on, because it has ended or its grace is over.
 * *Settled*: it has really ended. {@link advance} carries both.
 */
export abstract class Scope {
  /** What it belongs to. */
  owner: Scope | null = null;
  /** The first of those that belong to it and have not settled. */
  firstChild: Scope | null = null;
  private before: Scope | null = null;
  private after: Scope | null = null;
  /** How many of its children still make others wait. */
  unreleased = 0;
  /** Why it, or something around it, was stopped: the same value in the whole tree below. Undefined while it was not. */
  reason: unknown = undefined;

  /** Whether it was stopped. Nothing new starts in it. */
  get aborted(): boolean {
    return this.reason !== undefined;
  }

  /** Whether anything in it goes on. */
  get hasChildren(): boolean {
    return this.firstChild !== null;
  }

  /** Takes in a child. One that joins an aborted scope is aborted from the start. */
  adopt(child: Scope): void {
    const first = this.firstChild;
    child.owner = this;
    child.after = first;
    if (first !== null) first.before = child;
    this.firstChild = child;
    this.unreleased++;
    if (this.reason !== undefined) child.reason ??= this.reason;
  }

  /** Lets go of a child that has settled. */
  protected dismiss(child: Scope): void {
    const before = child.before;
    const after = child.after;
    if (before === null) this.firstChild = after;
    else before.after = after;
    if (after !== null) after.before = before;
    child.before = null;
    child.after = null;
    child.owner = null;
  }

  /** The children, newest first. */
  *children(): Generator<Scope, void, undefined> {
    for (let child = this.firstChild; child !== null; ) {
      const next: Scope | null = child.after;
      yield child;
      child = next;
    }
  }

  /** Everything below, outer before inner. */
  *descendants(): Generator<Scope, void, undefined> {
    for (let scope = this.following(this); scope !== null; scope = scope.following(this)) yield scope;
  }

  /** A soft limit around it has passed. */
  warn(_warning: unknown): void {}

  /** What it is to those who ask what is still alive although its time is over; undefined while it is nothing of the kind. */
  get orphan(): Orphan | undefined {
    return undefined;
  }

  /** What is still alive in it although its time is over. */
  *orphans(): Generator<Orphan, void, undefined> {
    for (const { orphan } of this.descendants()) if (orphan !== undefined) yield orphan;
  }

  /** Stops what it is itself; {@link sweep} has marked it and everything below, and calls those in turn. */
  abstract onAbort(reason: unknown): void;

  /** Notes that nobody needs to wait for it any more. Answers true the one time that this becomes so. */
  protected abstract tryRelease(): boolean;

  /** Notes that it has really ended. Answers true the one time that this becomes so. */
  protected abstract trySettle(): boolean;

  /** The scope after `this` in the tree below `top`, parents before children. */
  private following(top: Scope): Scope | null {
    if (this.firstChild !== null) return this.firstChild;
    for (let scope: Scope | null = this; scope !== null && scope !== top; scope = scope.owner) {
      if (scope.after !== null) return scope.after;
    }
    return null;
  }

  /**
   * Marks every scope below the given ones, themselves included, as aborted with one reason; answers them, outer before inner.
   * No code of a user runs meanwhile, so that nothing can start in a part of the tree that is still to be marked.
   */
  static mark(tops: Iterable<Scope>, reason: unknown): Scope[] {
    const marked: Scope[] = [];
    for (const top of tops) {
      for (let scope: Scope | null = top; scope !== null; scope = scope.following(top)) {
        scope.reason ??= reason;
        marked.push(scope);
      }
    }
    return marked;
  }

  /** Takes a scope out that is released and settled in one, and carries that upwards. */
  static leave(scope: Scope): void {
    const { owner } = scope;
    if (owner === null) return;
    owner.unreleased--;
    owner.dismiss(scope);
    Scope.advance(owner);
  }

  /** Carries upwards what has changed in `scope`: release and settling, as far as they go. */
  static advance(scope: Scope): void {
    for (let current: Scope | null = scope; current !== null; ) {
      const released = current.tryRelease();
      const settled = current.trySettle();
      if (!released && !settled) return;
      const owner: Scope | null = current.owner;
      if (owner === null) return;
      if (released) owner.unreleased--;
      if (settled) owner.dismiss(current);
      current = owner;
    }
  }
}

/**
 * Stops `tops` and everything below them in one synchronous sweep, outer before inner, all with the same reason.
 *
 * @param reason - why; never undefined
 * @param first - what is to happen once all is marked and before the parts are stopped one by one
 */
export function sweep(tops: Iterable<Scope>, reason: unknown, first?: () => void): void {
  const marked = Scope.mark(tops, reason);
  first?.();
  for (const scope of marked) scope.onAbort(reason);
}
