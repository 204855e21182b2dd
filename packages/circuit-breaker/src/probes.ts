/** A call that is let through to see whether its target works again. */
export class Probe {
  /** Whose place it has. */
  readonly home: Probes;
  /** When that may be given to another one. */
  readonly until: number;
  /** `held` while it has a place, `expired` once that was given to another one, `settled` when it has ended. */
  state: 'held' | 'expired' | 'settled' = 'held';
  slow = false;

  constructor(home: Probes, until: number) {
    this.home = home;
    this.until = until;
  }
}

/**
 * The places for probes: exactly as many as there are can succeed, however many ask. Whoever has one and does not settle loses it to
 * the next one that asks after its lease, so that they cannot be taken for ever. In one half-open phase each success keeps its place.
 */
export class Probes {
  readonly size: number;
  readonly #leaseMs: number;
  /** In the order in which their leases run out. */
  readonly #held = new Set<Probe>();
  /** When the first of the leases runs out. */
  #firstUntil = Number.POSITIVE_INFINITY;
  #succeeded = 0;
  #slow = 0;

  constructor(size: number, leaseMs: number) {
    this.size = size;
    this.#leaseMs = leaseMs;
  }

  /** How many are under way within their lease. */
  alive(now: number): number {
    this.#expire(now);
    return this.#held.size;
  }

  /** How many were slow, whatever became of them. */
  get slow(): number {
    return this.#slow;
  }

  /** Whether every place has seen a success. */
  get done(): boolean {
    return this.#succeeded === this.size;
  }

  /** When a place becomes free at the latest. */
  get freeAt(): number {
    return this.#firstUntil;
  }

  /** Whether it is one of these that has not ended. */
  has(probe: Probe): boolean {
    return probe.state !== 'settled' && probe.home === this;
  }

  /** A place, if there is one. */
  take(now: number): Probe | undefined {
    if (this.#succeeded + this.#held.size >= this.size && !this.#expire(now)) return undefined;
    const probe = new Probe(this, now + this.#leaseMs);
    this.#held.add(probe);
    if (this.#held.size === 1) this.#firstUntil = probe.until;
    return probe;
  }

  /** It has ended, and says nothing. */
  giveBack(probe: Probe): void {
    if (this.#held.delete(probe)) this.#findFirst();
    probe.state = 'settled';
  }

  /** It has succeeded. Answers whether that counts: after its lease it is as if it said nothing. */
  succeed(probe: Probe, now: number): boolean {
    const inTime = probe.state === 'held' && now < probe.until;
    if (inTime) this.#succeeded++;
    this.giveBack(probe);
    return inTime;
  }

  /** It has become slow, and runs on. Answers whether it was not before. */
  slowed(probe: Probe): boolean {
    if (probe.slow) return false;
    this.#slow++;
    probe.slow = true;
    return true;
  }

  /** Takes the places of those whose lease is over. Answers whether there were any. */
  #expire(now: number): boolean {
    if (now < this.#firstUntil) return false;
    for (const probe of this.#held) {
      if (now < probe.until) break;
      probe.state = 'expired';
      this.#held.delete(probe);
    }
    this.#findFirst();
    return true;
  }

  #findFirst(): void {
    this.#firstUntil = Number.POSITIVE_INFINITY;
    for (const probe of this.#held) {
      this.#firstUntil = probe.until;
      return;
    }
  }
}
