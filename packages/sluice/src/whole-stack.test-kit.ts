import { type CircuitBreakerOptions, type CircuitBreakerPlugin, circuitBreaker } from '@sluice/circuit-breaker';
import { type ConcurrencyOptions, type ConcurrencyPlugin, concurrency } from '@sluice/concurrency';
import { type Context, createRunner, type Plugin, type Runner, type SluiceEvent, type Tool, tool } from '@sluice/core';
import type { VirtualClock } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';

// What the tests of the whole stack have in common: a tool that does whatever can go wrong, and what is on record of it.

/** How often what goes wrong, of all attempts. */
interface Faults {
  readonly fails: number;
  readonly hangs: number;
  readonly ignores: number;
  readonly cleansSlowly: number;
}

/** The flaky tool of the acceptance list. */
const FLAKY: Faults = { fails: 0.3, hangs: 0.1, ignores: 0.05, cleansSlowly: 0.2 };

/** The limits of the stack, in milliseconds. */
export interface Limits {
  readonly total: number;
  readonly attempt: number;
  readonly idle: number;
  readonly attempts: number;
  readonly permits: number;
  readonly probes: number;
}

const LIMITS: Limits = { total: 30_000, attempt: 5_000, idle: 3_000, attempts: 3, permits: 20, probes: 3 };

/** How long a slow cleanup takes: longer than a grace, and shorter than what comes after a result. */
const SLOW = 400;
const GRACE = 50;

/** One attempt of the tool, as it sees itself. */
export interface Attempt {
  readonly runId: string;
  readonly attempt: number;
  readonly ignores: boolean;
  readonly startedAt: number;
  /** When it was told to stop. */
  stoppedAt: number | undefined;
  /** When its own work has ended, and when its cleanup has as well. */
  endedAt: number | undefined;
  settledAt: number | undefined;
}

/** The recommended stack, with a runner and the record of its tool. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly limits: Limits;
  readonly runner: Runner;
  readonly breaker: CircuitBreakerPlugin;
  readonly permits: ConcurrencyPlugin;
  readonly flaky: Tool<{ readonly id: number }, string>;
  readonly attempts: readonly Attempt[];
  /** When somebody outside has stopped a call, by its id: for the tests to say. */
  readonly stopped: Map<string, number>;
  readonly events: readonly SluiceEvent[];
  /** What was not as it must be, at the moment at which it was not. */
  readonly breaches: readonly string[];
  /** The events of one type. */
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
}

export interface BenchOptions {
  readonly clock: VirtualClock;
  random(): number;
  readonly faults?: Faults;
  readonly limits?: Limits;
  readonly circuit?: CircuitBreakerOptions;
  readonly queue?: ConcurrencyOptions['queue'];
  readonly beside?: readonly Plugin[];
}

/** A logger that says nothing. */
const silent = { debug(): void {}, info(): void {}, warn(): void {}, error(): void {} };

export const CIRCUIT = 'tool:flaky';

export function bench({
  clock,
  random,
  faults = FLAKY,
  limits = LIMITS,
  circuit = {},
  queue = {},
  beside = [],
}: BenchOptions): Bench {
  const breaker = circuitBreaker({ openFor: '5s', ...circuit, probes: limits.probes });
  const permits = concurrency({ limit: limits.permits, queue });
  const use = [
    timeout({ total: limits.total, attempt: limits.attempt }),
    heartbeat(limits.idle),
    retry(limits.attempts),
    breaker,
    permits,
    ...beside,
  ];
  const runner = createRunner({ clock, logger: silent, use });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const attempts: Attempt[] = [];
  const breaches: string[] = [];
  const expectThat = (kept: boolean, what: string): void => {
    if (!kept) breaches.push(`at ${clock.now()}: ${what}`);
  };
  let alive = 0;
  const live = new Map<string, Attempt>();

  const work = async (_input: unknown, context: Context): Promise<string> => {
    const { runId, attempt: number, signal } = context;
    const ignores = random() < faults.ignores;
    const attempt: Attempt = {
      runId,
      attempt: number,
      ignores,
      startedAt: clock.now(),
      stoppedAt: undefined,
      endedAt: undefined,
      settledAt: undefined,
    };
    attempts.push(attempt);
    signal.addEventListener('abort', () => {
      attempt.stoppedAt ??= clock.now();
    });
    alive++;
    expectThat(alive <= limits.permits, `${alive} of ${limits.permits} permits are in use`);
    expectThat(!live.has(runId), `attempt ${number} of ${runId} began beside another one`);
    live.set(runId, attempt);
    const { probing } = breaker.stats().circuits[CIRCUIT] ?? { probing: 0 };
    expectThat(probing <= limits.probes, `${probing} probes are under way`);
    const cleaning = random() < faults.cleansSlowly ? SLOW : 0;
    context.onCleanup(async () => {
      if (cleaning > 0) await sleep(clock, cleaning);
      settle();
    });
    const settle = (): void => {
      attempt.settledAt = clock.now();
      if (attempt.endedAt !== undefined) gone();
    };
    const gone = (): void => {
      alive--;
      live.delete(runId);
    };
    try {
      return await course(context, ignores);
    } finally {
      attempt.endedAt = clock.now();
      if (attempt.settledAt !== undefined) gone();
    }
  };

  async function course(context: Context, ignores: boolean): Promise<string> {
    const { signal } = context;
    const fate = random();
    const takes = random() * 200;
    if (ignores) {
      // It ends in the end: what never does would be left.
      await sleep(clock, limits.attempt * 2 + takes);
      return 'late';
    }
    if (fate < faults.hangs) return untilStopped(signal);
    await sleep(clock, takes, signal);
    context.heartbeat();
    await sleep(clock, takes, signal);
    if (fate < faults.hangs + faults.fails) throw Object.assign(new Error('unavailable'), { status: 503 });
    return 'done';
  }

  return {
    clock,
    limits,
    runner,
    breaker,
    permits,
    flaky: tool('flaky', {}, work) as unknown as Bench['flaky'],
    attempts,
    stopped: new Map(),
    events,
    breaches,
    of: <T extends SluiceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
  };
}

/**
 * The attempts that went on, by themselves or in their cleanup, when the grace was over: that after they were told to stop, or, where they had
 * ended by then, that after their call was stopped.
 */
export function overstayed({ attempts, of, stopped: stoppedFromOutside }: Bench): Attempt[] {
  const stops = new Map([
    ...stoppedFromOutside,
    ...of('verdict').flatMap(({ name, runId, status, at }) =>
      name === 'flaky' && (status === 'timeout' || status === 'cancelled') ? [[runId, at] as const] : [],
    ),
  ]);
  return attempts.filter(({ runId, stoppedAt, endedAt, settledAt }) => {
    const stop = stoppedAt ?? stops.get(runId) ?? Infinity;
    return Math.max(endedAt ?? Infinity, settledAt ?? Infinity) > stop + GRACE;
  });
}

/** Waits; ends with the signal's reason when that comes first. */
export function sleep(clock: VirtualClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.schedule(ms, resolve);
    signal?.addEventListener('abort', () => {
      cancel();
      reject(signal.reason);
    });
  });
}

function untilStopped(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason));
  });
}
