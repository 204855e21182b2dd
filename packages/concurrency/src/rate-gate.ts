import { counts, type Meter, type MeterStats, msUntil } from './meter.ts';

/** What a call costs in each dimension, by name; what is not named costs nothing. */
export type Costs = Readonly<Record<string, number>>;

/** What a service says of one dimension. */
export interface ServiceLimit {
  /** How much remains. */
  readonly remaining: number;
  /** In how many milliseconds it is reset. */
  readonly resetMs: number;
}

/** Whether all of it was taken, or else none, and when and where it will be let through. */
export type Admission =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** In how many milliseconds it may go, given that nothing else goes: never too early, and not a millisecond too late. */
      readonly waitMs: number;
      /** The dimension that makes it wait longest; {@link PAUSED} when that is a pause. */
      readonly dimension: string;
    };

/** What a gate says of itself. */
export interface RateGateStats {
  /** For how many milliseconds more everybody waits. */
  readonly pausedMs: number;
  readonly dimensions: Readonly<Record<string, MeterStats>>;
}

/** Stands for a pause where a dimension is named. */
export const PAUSED = 'pause';

const TAKEN: Admission = Object.freeze({ ok: true });

/**
 * Several limits that one call has to pass together, such as requests and tokens a minute: all or nothing, so that no call takes of one
 * what it cannot use because of another. Plain state: it reads no clock and owns no timer, it is told the time.
 */
export class RateGate {
  /** The names of its dimensions. */
  readonly names: readonly string[];
  readonly #meters: readonly Meter[];
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(meters: Readonly<Record<string, Meter>>) {
    this.names = Object.keys(meters);
    this.#meters = Object.values(meters);
  }

  /** Takes all of it if each dimension has room, and else nothing. */
  take(costs: Costs, now: number): Admission {
    let waitMs = 0;
    let dimension = '';
    for (let index = 0; index < this.#meters.length; index++) {
      const name = this.names[index] as string;
      const ms = this.#meter(index).wait(costOf(costs, name), now);
      if (ms <= waitMs) continue;
      waitMs = ms;
      dimension = name;
    }
    const pausedMs = this.pausedFor(now);
    if (pausedMs > waitMs) return { ok: false, waitMs: pausedMs, dimension: PAUSED };
    if (waitMs > 0) return { ok: false, waitMs, dimension };
    for (let index = 0; index < this.#meters.length; index++) {
      this.#meter(index).take(costOf(costs, this.names[index] as string), now);
    }
    return TAKEN;
  }

  /**
   * A call has cost what it has cost: less than was reserved for it is given back, more is owed. Dimensions of which `actual` says nothing
   * stay as they are. `takenAt` is when it was reserved.
   */
  settle(reserved: Costs, actual: Costs, now: number, takenAt?: number): void {
    for (let index = 0; index < this.#meters.length; index++) {
      const name = this.names[index] as string;
      const cost = actual[name];
      if (cost !== 0 && !counts(cost as number)) continue;
      const more = (cost as number) - costOf(reserved, name);
      if (more > 0) this.#meter(index).take(more, now);
      else this.#meter(index).giveBack(-more, now, takenAt);
    }
  }

  /** What was taken did not go after all. `takenAt` is when it was taken. */
  giveBack(costs: Costs, now: number, takenAt?: number): void {
    for (let index = 0; index < this.#meters.length; index++) {
      this.#meter(index).giveBack(costOf(costs, this.names[index] as string), now, takenAt);
    }
  }

  /** Lets nobody through for so many milliseconds, whatever it costs; a pause that lasts longer stays. */
  pause(ms: number, now: number): void {
    if (ms > 0) this.#pausedUntil = Math.max(this.#pausedUntil, now + ms);
  }

  /** For how many milliseconds more nobody is let through; 0 when there is no pause. */
  pausedFor(now: number): number {
    return msUntil(this.#pausedUntil, now);
  }

  /** The service says what remains in some dimensions, and when they are reset. */
  correct(limits: Readonly<Record<string, ServiceLimit | undefined>>, now: number): void {
    for (let index = 0; index < this.#meters.length; index++) {
      const said = limits[this.names[index] as string];
      if (said !== undefined) this.#meter(index).correct(said.remaining, said.resetMs, now);
    }
  }

  /** Whether it is as good as new, so that it may be forgotten. */
  idle(now: number): boolean {
    return this.pausedFor(now) === 0 && this.#meters.every((meter) => meter.idle(now));
  }

  /** What each dimension allows, and how much of that is left. */
  stats(now: number): RateGateStats {
    const dimensions = Object.fromEntries(this.names.map((name, index) => [name, this.#meter(index).stats(now)]));
    return { pausedMs: this.pausedFor(now), dimensions };
  }

  #meter(index: number): Meter {
    return this.#meters[index] as Meter;
  }
}

/** A dimension may have a name that every object has something by. */
function costOf(costs: Costs, name: string): number {
  const cost: unknown = costs[name];
  return typeof cost === 'number' ? cost : 0;
}
