import type { Pool } from './pool.ts';
import type { Ticket } from './ticket.ts';
import type { Waiter } from './waiter.ts';

/** Who is alone in a pool, and the calls in it that wait for other pools. */
interface Holder {
  readonly ticket: Ticket;
  readonly inside: Set<Waiter>;
}

/**
 * Lends priority: what a call that is alone in its pool waits for is preferred as the best of those is that wait for it to end. Else one
 * that is urgent would wait for one that is not, and that for many that are more urgent than it.
 */
export class Inheritance {
  readonly #holders = new Map<Pool, Holder>();
  readonly #pools = new Map<Waiter, Pool>();

  /** Whether somebody is alone in `pool`. */
  exclusive(pool: Pool): boolean {
    return this.#holders.has(pool);
  }

  /** `ticket` is alone in `pool` from now on. */
  holds(pool: Pool, ticket: Ticket): void {
    this.#holders.set(pool, { ticket, inside: new Set() });
  }

  /** Nobody is alone in `pool` any more. */
  gone(pool: Pool): void {
    this.#holders.delete(pool);
  }

  /** A call is about to wait: it is preferred as those are that wait for what it is a part of. */
  joins(waiter: Waiter): void {
    if (this.#holders.size === 0) return;
    for (const holder of this.#around(waiter)) {
      holder.inside.add(waiter);
      waiter.priority = Math.min(waiter.priority, holder.ticket.pool.best);
    }
  }

  /** A call waits in `pool`: if one is alone there, what that waits for is preferred with it. */
  blocked(pool: Pool, waiter: Waiter): void {
    if (this.#holders.size === 0) return;
    this.#pools.set(waiter, pool);
    this.#renew(pool);
  }

  /** A call waits no longer. */
  leaves(waiter: Waiter): void {
    if (this.#pools.size === 0 && this.#holders.size === 0) return;
    const pool = this.#pools.get(waiter);
    this.#pools.delete(waiter);
    for (const { inside } of this.#holders.values()) inside.delete(waiter);
    if (pool !== undefined) this.#renew(pool);
  }

  /** What waits inside of who is alone in `pool` is preferred as the best of those that wait there. */
  #renew(pool: Pool): void {
    const holder = this.#holders.get(pool);
    if (holder === undefined) return;
    for (const waiter of holder.inside) {
      let priority = waiter.ownPriority;
      for (const { ticket } of this.#around(waiter)) priority = Math.min(priority, ticket.pool.best);
      if (priority === waiter.priority) continue;
      waiter.priority = priority;
      const its = this.#pools.get(waiter);
      if (its === undefined) continue;
      its.moved(waiter);
      its.pump();
    }
  }

  *#around(waiter: Waiter): Generator<Holder, void, undefined> {
    for (let ticket = waiter.around; ticket !== null; ticket = ticket.around) {
      const holder = this.#holders.get(ticket.pool);
      if (holder !== undefined && holder.ticket === ticket.root) yield holder;
    }
  }
}
