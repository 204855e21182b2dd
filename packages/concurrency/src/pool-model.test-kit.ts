import { type Call, type Context, createRunner, isSluiceError, type Runner, type Tool, tool } from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { type ConcurrencyPlugin, concurrency } from './concurrency.ts';
import type { Store } from './store.ts';

/** One call of a world: when it comes, what it needs, how long it goes on, and what it calls meanwhile. */
export interface Planned {
  readonly at: number;
  readonly ms: number;
  readonly weight: number;
  readonly exclusive: boolean;
  /** When it is stopped, after it came; never if undefined. */
  readonly stopAfter: number | undefined;
  /** Whether it goes on when it is stopped. */
  readonly deaf: boolean;
  readonly fails: boolean;
  /** What it calls, all at once. */
  readonly calls: readonly Planned[];
}

/** Another limit, from some moment on. */
export interface Resized {
  readonly at: number;
  readonly limit: number;
}

/** A plan of calls, `depth` deep; what may be alone is said for each depth. */
export function planned(depth: number, aloneInside: boolean, outermost = true): fc.Arbitrary<Planned> {
  return fc.record({
    at: fc.nat({ max: outermost ? 60 : 3 }),
    ms: fc.nat({ max: 20 }),
    weight: outermost ? fc.constantFrom(1, 1, 1, 2, 3) : fc.constant(1),
    exclusive: outermost || aloneInside ? fc.constantFrom(false, false, false, true) : fc.constant(false),
    stopAfter: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.nat({ max: 60 }) },
    ),
    deaf: fc.constantFrom(false, false, true),
    fails: fc.constantFrom(false, false, false, true),
    calls: depth === 0 ? fc.constant([]) : fc.array(planned(depth - 1, aloneInside, false), { maxLength: 3 }),
  });
}

interface Active {
  readonly plan: Planned;
  readonly around: Active | undefined;
  /** Whether it does something itself, rather than wait for what it called. */
  busy: boolean;
}

/** Runs calls as planned through a limit, and notes each time that this was not kept. */
export class PoolWorld {
  readonly breaches: string[] = [];
  readonly clock: VirtualClock = virtualClock();
  readonly plugin: ConcurrencyPlugin;
  readonly answers: string[] = [];
  readonly #runner: Runner;
  readonly #active = new Set<Active>();
  readonly #work: Tool<{ readonly plan: Planned; readonly around: Active | undefined }, unknown>;
  #limit: number;

  constructor(limit: number, store: ((clock: VirtualClock) => Store) | undefined = undefined) {
    this.#limit = limit;
    const planOf = (call: Call): Planned => (call.input as { readonly plan: Planned }).plan;
    this.plugin = concurrency({
      limit,
      weight: (call) => planOf(call).weight,
      exclusive: (call) => planOf(call).exclusive,
      orphanLease: 'none',
      store: store?.(this.clock),
    });
    this.#runner = createRunner({ use: [this.plugin], clock: this.clock, grace: 0, logger: SILENT });
    this.#work = tool('work', {}, ({ plan, around }, context) => this.#perform(plan, around, context));
  }

  /** Everything happens as planned, until nothing happens any more. */
  async run(plans: readonly Planned[], resizes: readonly Resized[]): Promise<void> {
    const ledger = leakLedger();
    for (const { at, limit } of resizes) {
      this.clock.schedule(at, () => {
        this.#limit = limit;
        this.plugin.setLimit(limit);
      });
    }
    const calls = plans.map(async (plan) => {
      await this.#sleep(plan.at);
      const options = plan.stopAfter === undefined ? {} : { deadline: plan.stopAfter };
      const call = this.#runner.call(this.#work, { plan, around: undefined }, options);
      this.answers.push(await call.then(() => 'ok', nameOf));
    });
    await this.clock.until(Promise.all(calls));
    await this.clock.runAll();
    ledger.assertEmpty();
  }

  async #perform(plan: Planned, around: Active | undefined, context: Context): Promise<void> {
    const me: Active = { plan, around, busy: true };
    this.#starts(me);
    this.#active.add(me);
    try {
      await this.#sleep(plan.ms, plan.deaf ? undefined : context.signal);
      if (plan.calls.length > 0) {
        me.busy = false;
        await Promise.allSettled(plan.calls.map((inner) => this.#inner(inner, me, context)));
        me.busy = true;
      }
      if (plan.fails) throw new Error('planned');
    } finally {
      this.#active.delete(me);
    }
  }

  async #inner(plan: Planned, around: Active, context: Context): Promise<void> {
    await this.#sleep(plan.at);
    const options = plan.stopAfter === undefined ? {} : { deadline: plan.stopAfter };
    await context.call(this.#work, { plan, around }, options);
  }

  /** What begins must have room beside all that goes on. */
  #starts({ plan, around }: Active): void {
    const others = [...this.#active].filter((one) => one.busy);
    const inside = (of: Active | undefined): boolean => {
      for (let one = around; one !== undefined; one = one.around) if (one === of) return true;
      return false;
    };
    const families = new Set([...this.#active].map(outermost));
    const held = [...families].reduce((sum, one) => sum + one.plan.weight, 0);
    const say = (what: string): void => void this.breaches.push(`at ${this.clock.now()}: ${what}`);
    if (plan.exclusive && others.length > 0) say(`one that must be alone began beside ${others.length}`);
    const alone = [...this.#active].find((one) => one.plan.exclusive && !inside(one));
    if (alone !== undefined) say('one began beside one that must be alone');
    if (around === undefined && held > 0 && held + plan.weight > this.#limit) {
      say(`${plan.weight} began beside ${held} of ${this.#limit}`);
    }
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return void reject(signal.reason);
      const stop = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.clock.schedule(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      signal?.addEventListener('abort', stop, { once: true });
    });
  }
}

function outermost(one: Active): Active {
  let outer = one;
  while (outer.around !== undefined) outer = outer.around;
  return outer;
}

function nameOf(error: unknown): string {
  return isSluiceError(error) ? error.code : String((error as Error).message);
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
