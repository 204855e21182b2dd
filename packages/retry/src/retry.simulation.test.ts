import { concurrency } from '@sluice/concurrency';
import { type Call, type Context, createRunner, defineInterceptor, isSluiceError, Place, tool } from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { Observable } from 'rxjs';
import { expect, it } from 'vitest';
import {
  type Budget,
  decorrelated,
  exponential,
  type RetryOptions,
  retry,
  retryBudget,
  retryOn,
  retryRecord,
} from './index.ts';
import { busy, failed, silent } from './retry-bench.test-kit.ts';
import { CallSeen, failedItself, type Known } from './retry-simulation.test-kit.ts';

/** So many worlds, with so many calls in each. */
const WORLDS = 500;
const CALLS = 8;
const NONE = Number.POSITIVE_INFINITY;

/** How often each thing happened, so that nothing of this goes untried. */
const seen: Record<string, number> = {};
const note = (what: string): void => {
  seen[what] = (seen[what] ?? 0) + 1;
};
const ENDS = ['ok', 'RETRY_EXHAUSTED', 'TIMEOUT', 'cancelled', 'QUEUE_FULL', 'failed', 'recovered'];
const WHYS = ['error', 'deadline', 'budget', 'emitted', 'not-idempotent', 'attempts', 'unsettled'];
const STOPS = ['while it waits', 'as it fails', 'as it begins', 'as the wait ends', 'in onRetry', 'orphan', 'overlap'];

it('4,000 simulated calls that fail in all ways, and are stopped at any moment: no attempt too many, too early, too late or beside another', async () => {
  const { runs } = await simulate({ runs: WORLDS, program });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect(runs).toBe(WORLDS);
  expect([...ENDS, ...WHYS, ...STOPS].filter((what) => (seen[what] ?? 0) < 20)).toEqual([]);
}, 300_000);

/** One call in its world, with who may stop it. */
class Play extends CallSeen {
  readonly control: AbortController = new AbortController();
  readonly now: () => number;
  answers = 0;

  constructor(known: Known, now: () => number) {
    super(known, now());
    this.now = now;
  }

  /** Stops it: if it is open, it has its verdict before anything else happens. */
  stop(when: string): void {
    if (this.cancelledAt !== undefined || this.endedAt !== undefined) return;
    note(when);
    this.cancelledAt = this.now();
    this.control.abort(new Error(when));
    // A limit that is just passing is heard out.
    queueMicrotask(() => {
      if (this.endedAt !== this.cancelledAt) this.breach(`it did not hear of being stopped ${when}`);
      else if (this.status !== 'cancelled') this.breach(`it was stopped ${when}, and is ${this.status}`);
    });
  }
}

async function program(simulation: Simulation): Promise<() => void> {
  const { clock, integer, chance, pick } = simulation;
  const budgets = Array.from({ length: 2 }, () => retryBudget({ size: integer(1, 6), earn: 0, refill: 0, per: 'all' }));
  const total = chance(0.8) ? integer(60, 500) : NONE;
  const limits = { total: total === NONE ? ('none' as const) : total, grace: integer(0, 40), cleanup: integer(0, 80) };
  const plays = new Map<unknown, Play>();
  const plugin = retry();
  const { use, spies } = { use: [...timeout(limits), plugin], spies: [outside(plays), inside(plays, chance(0.5))] };
  const pool = chance(0.5) ? [concurrency({ limit: integer(1, 6), queue: { max: pick([0, 1, 50]) } })] : [];
  const runner = createRunner({ clock, logger: silent, use: [...use, ...spies, ...pool], acknowledge: ACKNOWLEDGED });
  const byRun = new Map<string, Play>();
  let orphans = 0;
  runner.events$.subscribe((event) => {
    if (event.type === 'orphan') orphans++;
    if (event.type === 'retry.wait') hearWait(simulation, event, byRun.get(event.runId) as Play);
    if (event.type === 'retry.giveup') byRun.get(event.runId)?.givesUp(event);
  });
  const targets = Array.from({ length: 2 }, (_, n) => targetOf(simulation, n, budgets, plays, total));
  const all = Array.from({ length: CALLS }, async (_, n) => {
    await new Promise<void>((resolve) => clock.schedule(integer(0, 100), resolve));
    const { work, known } = pick(targets as [Target, ...Target[]]);
    const play = new Play(known, () => clock.now());
    const input = { n };
    plays.set(input, play);
    byRun.set(String(n), play);
    const stop = clock.schedule(chance(0.25) ? integer(0, 200) : 4_000, () => play.stop('while it waits'));
    await runner.call(work, input, { signal: play.control.signal, runId: String(n) }).then(
      () => play.answers++,
      () => play.answers++,
    );
    stop();
  });
  await Promise.all(all);
  return () => {
    if (orphans > 0) note('orphan');
    const played = [...plays.values()];
    for (const play of played) checkCall(play);
    checkBudgets(budgets, targets, played);
    checkStats(plugin.stats(), played);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  };
}

function hearWait({ clock, chance }: Simulation, event: Parameters<CallSeen['waitsFor']>[0], play: Play): void {
  play.waitsFor(event, clock.now());
  // In the very moment in which the wait is over; once before, and once after its timer.
  if (chance(0.08)) clock.schedule(event.delayMs, () => play.stop('as the wait ends'));
}

// What there is to be called.

interface Target {
  readonly known: Known;
  readonly work: ReturnType<typeof workOf>;
  readonly budgets: readonly Budget[];
}

function targetOf(
  simulation: Simulation,
  n: number,
  all: readonly Budget[],
  plays: Map<unknown, Play>,
  total: number,
): Target {
  const { integer, chance, pick } = simulation;
  const base = pick([0, 0, 5, 20]);
  const [backoff, delay] = pick<[RetryOptions['backoff'], Known['delay']]>([
    [base, () => base],
    [exponential({ base, jitter: 'none' }), (attempt) => base * 2 ** (attempt - 1)],
    [exponential({ base: base + 1 }), undefined],
    [decorrelated({ base: base + 1, max: 50 }), undefined],
    [(attempt) => base * attempt, (attempt) => base * attempt],
  ]);
  const budgets = pick([[], [all[0] as Budget], all, all]);
  const known: Known = {
    attempts: total === NONE ? integer(1, 5) : pick([1, 2, 3, 4, NONE]),
    overlap: pick([false, false, 'wait', true]),
    restartable: chance(0.5),
    delay,
    total,
  };
  const attempt = chance(0.5) ? integer(5, 50) : undefined;
  const { attempts, overlap, restartable } = known;
  const policies = {
    idempotent: chance(0.85),
    ...(attempt === undefined ? {} : { timeout: { attempt: total === NONE ? attempt : Math.min(attempt, total - 1) } }),
    retry: {
      ...{ attempts, overlap, restartable, backoff, budget: budgets.length === 0 ? ('none' as const) : budgets },
      ...(chance(0.4) ? { retryOn: [retryOn.defaults, retryOn.code('QUEUE_FULL')] } : {}),
      timeoutFactor: pick([1, 2]),
      onRetry: ({ call }: { readonly call: Call }) => {
        if (chance(0.05)) plays.get(call.input)?.stop('in onRetry');
        if (chance(0.05)) throw new Error('a listener broke');
      },
    },
  };
  return { known, budgets, work: workOf(simulation, `work${n}`, policies, plays) };
}

function workOf(simulation: Simulation, name: string, policies: object, plays: Map<unknown, Play>) {
  const { clock, integer, chance, pick } = simulation;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  const ERRORS: [() => unknown, ...(() => unknown)[]] = [
    () => busy(),
    () => busy(),
    () => new Error('no idea'),
    () => 'no error',
    () => failed({ code: 'ECONNREFUSED' }),
    () => failed({ status: 404 }),
    () => busy({ retryAfterMs: integer(0, 120) }),
  ];
  return tool(name, policies, (input: object, context: Context): unknown => {
    const play = plays.get(input) as Play;
    if (chance(0.04)) play.stop('as it begins');
    if (chance(0.2)) {
      play.lives(context, 1);
      context.onCleanup(async () => {
        if (chance(0.7)) await sleep(integer(0, 60));
        play.lives(context, -1);
        if (chance(0.3)) throw new Error('a handler broke');
      });
    }
    const end = (): unknown => {
      if (chance(0.3)) return 'done';
      if (chance(0.05)) play.stop('as it fails');
      throw pick(ERRORS)();
    };
    if (chance(0.15)) return end();
    const [ms, ignores, hangs] = [integer(0, 40), chance(0.25) ? integer(1, 100) : 0, chance(0.15)];
    const stopped = new Promise<void>((resolve) => {
      const cancel = clock.schedule(hangs ? 1_000 : ms, resolve);
      context.signal.addEventListener('abort', () => {
        cancel();
        if (ignores === 0) resolve();
        else sleep(ignores).then(resolve);
      });
      if (context.signal.aborted) resolve();
    });
    if (chance(0.85)) {
      play.lives(context, 1);
      return stopped.then(end).finally(() => play.lives(context, -1));
    }
    return (async function* () {
      play.lives(context, 1);
      try {
        if (chance(0.7)) yield 1;
        await stopped;
        yield 2;
        yield end();
      } finally {
        play.lives(context, -1);
      }
    })();
  });
}

// What watches.

function outside(plays: Map<unknown, Play>) {
  return defineInterceptor({
    name: 'outside',
    priority: Place.observe,
    intercept(call, next) {
      call.onEnd(({ status, error }) => plays.get(call.input)?.ends(status, error, call.clock.now()));
      return next(call);
    },
  });
}

/** Now and then with a subscriber of RxJS between, through which no reason passes. */
function inside(plays: Map<unknown, Play>, rx: boolean) {
  return defineInterceptor({
    name: 'inside',
    priority: Place.retry + 1,
    intercept(call, next) {
      const play = plays.get(call.input) as Play;
      const attempt = play.begins(call.clock.now());
      call.onEnd(({ status, error }) => {
        if (attempt.status !== undefined) play.breach('an attempt ended twice');
        Object.assign(attempt, { status, error, endedAt: call.clock.now() });
      });
      call.onSettled(() => {
        attempt.settledAt = call.clock.now();
      });
      return rx ? new Observable((to) => next(call).subscribe(to)) : next(call);
    },
  });
}

// What must hold of it in the end.

function checkCall(play: Play): void {
  const { attempts, error, status, gaveUp, known, breaches, waits } = play;
  expect(breaches).toEqual([]);
  expect([play.answers, play.alive.size]).toEqual([1, 0]);
  note(status !== 'cancelled' && isSluiceError(error) ? error.code : String(status));
  if (gaveUp !== undefined) note(gaveUp);
  if (status === 'ok' && attempts.length > 1) note('recovered');
  if (attempts.some(({ at }, n) => n > 0 && (attempts[n - 1]?.settledAt ?? NONE) > at)) note('overlap');
  // Each wait is followed by an attempt, but for the last, which may have been the end.
  expect(waits.length - attempts.length).toBeLessThanOrEqual(0);
  expect(waits.length - attempts.length).toBeGreaterThanOrEqual(-1);
  const failures = attempts.filter(failedItself);
  if (status === 'ok') expect([attempts.at(-1)?.status, failures.length]).toEqual(['ok', attempts.length - 1]);
  if (isSluiceError(error, 'RETRY_EXHAUSTED')) {
    expect(gaveUp).toBe('attempts');
    expect(attempts.length).toBe(known.attempts);
    expect(attempts.length).toBeGreaterThan(1);
    expect(error.cause).toBe(attempts.at(-1)?.error);
    expect(retryRecord(error)?.attempts.map((each) => each.error)).toEqual(failures.map((each) => each.error));
    expect(retryRecord(error)?.attempts.map(({ delayMs }) => delayMs)).toEqual([
      ...waits.map(({ delayMs }) => delayMs),
      undefined,
    ]);
  } else if (gaveUp !== undefined) {
    expect([gaveUp, error]).toEqual([gaveUp, attempts.at(-1)?.error]);
    expect(gaveUp === 'attempts' && attempts.length > 1).toBe(false);
  }
}

/** What was taken was given back, or spent on an attempt that failed. */
function checkBudgets(budgets: readonly Budget[], targets: readonly Target[], plays: readonly Play[]): void {
  for (const budget of budgets) {
    const { granted = 0, refunded = 0, tokens = 0, size = 0 } = budget.stats()['all'] ?? {};
    const payers = targets.filter((target) => target.budgets.includes(budget)).map(({ known }) => known);
    const spent = plays.filter(({ known }) => payers.includes(known)).reduce((sum, play) => sum + play.spent, 0);
    expect({ tokens, spent: granted - refunded }).toEqual({ tokens: size - spent, spent });
  }
}

function checkStats(stats: ReturnType<ReturnType<typeof retry>['stats']>, plays: readonly Play[]): void {
  const count = (of: (play: Play) => boolean): number => plays.filter(of).length;
  const made = plays.reduce((sum, { attempts }) => sum + attempts.length, 0);
  const { calls, attempts, recovered, exhausted, gaveUp } = stats;
  expect({ calls, attempts, recovered, exhausted }).toEqual({
    calls: count((play) => play.attempts.length > 0),
    attempts: made,
    recovered: count(({ status, attempts: { length } }) => status === 'ok' && length > 1),
    exhausted: count((play) => play.gaveUp === 'attempts'),
  });
  for (const [because, times] of Object.entries(gaveUp)) {
    expect([because, times]).toEqual([because, count((play) => play.gaveUp === because)]);
  }
}

const ACKNOWLEDGED = [
  'retry-without-limit',
  'retry-without-deadline',
  'retry-not-idempotent',
  'backoff-over-total',
  'local-rejections-counted',
  'attempt-not-under-total',
] as const;
