import {
  type Call,
  type Context,
  createRunner,
  defineInterceptor,
  isSluiceError,
  Place,
  type SluiceError,
  tool,
} from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { expect, it } from 'vitest';
import { exponential, linear, type RetryOptions, retry, retryBudget, retryRecord } from './index.ts';
import { busy, failed, silent } from './retry-bench.test-kit.ts';
import { type Deed, type Ending, type Fate, foretell, type Rules } from './retry-oracle.test-kit.ts';

const NONE = Number.POSITIVE_INFINITY;
const RUNS = 3_000;

/** How often each thing happened, so that nothing of this goes untried. */
const seen: Record<string, number> = {};
const STATUSES: readonly Fate['status'][] = ['ok', 'failed', 'exhausted', 'total'];
const BECAUSE = ['error', 'emitted', 'not-idempotent', 'attempts', 'retry-after', 'deadline', 'budget', 'unsettled'];

it('3,000 calls whose attempts are known beforehand end as the rules foretell: when, how, after how many attempts, and why', async () => {
  await simulate({ runs: RUNS, program });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect([...STATUSES, ...BECAUSE, 'late start'].filter((what) => (seen[what] ?? 0) < 20)).toEqual([]);
}, 120_000);

async function program(simulation: Simulation): Promise<(() => void) | undefined> {
  const { clock } = simulation;
  const [rules, options] = rulesOf(simulation);
  const deeds = Array.from({ length: 6 }, () => deedOf(simulation, rules));
  const fate = foretell(rules, deeds);
  if (fate === undefined) return;
  const budget = rules.tokens === NONE ? ('none' as const) : retryBudget({ size: rules.tokens, earn: 0, refill: 0 });
  const plugin = retry({ ...options, budget });
  const limits = {
    total: rules.total === NONE ? ('none' as const) : rules.total,
    attempt: rules.limit === NONE ? ('none' as const) : rules.limit,
  };
  const end: { at?: number } = {};
  const use = [...timeout({ ...limits, grace: rules.grace, cleanup: rules.cleanup }), plugin, watch(end)];
  const runner = createRunner({ clock, logger: silent, use, acknowledge: ACKNOWLEDGED });
  const begun: number[] = [];
  /** By attempt. */
  const errors: Error[] = [];
  const work = tool('work', { idempotent: rules.idempotent }, (_: undefined, context: Context) => {
    begun.push(clock.now());
    return perform(simulation, deeds[Math.min(begun.length, deeds.length) - 1] as Deed, context, errors);
  });
  const error = await runner.call(work).then(
    () => undefined,
    (thrown: SluiceError) => thrown,
  );
  return () => {
    seen[fate.status] = (seen[fate.status] ?? 0) + 1;
    if (fate.because !== undefined) seen[fate.because] = (seen[fate.because] ?? 0) + 1;
    if (fate.failed.some(({ atMs, delayMs = NONE, attempt }) => (begun[attempt] ?? 0) > atMs + delayMs))
      seen['late start'] = (seen['late start'] ?? 0) + 1;
    expect({ begun, at: end.at }).toEqual({ begun: fate.begun, at: fate.at });
    const { calls, attempts, recovered, exhausted, gaveUp } = plugin.stats();
    expect({ calls, attempts }).toEqual({ calls: 1, attempts: begun.length });
    expect(recovered).toBe(fate.status === 'ok' && begun.length > 1 ? 1 : 0);
    expect(exhausted).toBe(fate.because === 'attempts' ? 1 : 0);
    const { because } = fate;
    const others = because === undefined || because === 'attempts' || (because === 'error' && begun.length === 1);
    expect(gaveUp).toEqual(others ? {} : { [because]: 1 });
    if (budget !== 'none') {
      const { granted = 0, refunded = 0 } = Object.values(budget.stats())[0] ?? {};
      expect(granted - refunded).toBe(fate.spent);
    }
    checkError(fate, error, errors);
  };
}

/** Nothing is lost on the way: the error is the last one, and its record tells of all of them. */
function checkError(
  { status, begun, failed: all, because }: Fate,
  error: SluiceError | undefined,
  errors: readonly Error[],
): void {
  if (status === 'ok') expect(error).toBeUndefined();
  else if (status === 'total') expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:work' });
  if (because === undefined) return;
  const last = all.at(-1);
  const told = status === 'exhausted' ? error?.cause : error;
  if (status === 'exhausted') expect(error?.code).toBe('RETRY_EXHAUSTED');
  if (last?.ending === 'limit') expect(told).toMatchObject({ code: 'TIMEOUT', scope: 'attempt' });
  else expect(told).toBe(errors[begun.length]);
  if (because === 'error' && all.length === 1) return;
  const record = retryRecord(error);
  expect(record?.because).toBe(because);
  expect(record?.attempts.map(({ error: _, partial: __, ...rest }) => rest)).toEqual(
    all.map(({ ending: _, ...rest }) => rest),
  );
  expect(record?.attempts.map(({ error: each }) => isSluiceError(each, 'TIMEOUT'))).toEqual(
    all.map(({ ending }) => ending === 'limit'),
  );
}

function rulesOf({ chance, integer, pick }: Simulation): [Rules, RetryOptions] {
  const base = pick([0, 0, 7, 60]);
  const [backoff, how] = pick<[Rules['backoff'], RetryOptions['backoff']]>([
    [() => base, base],
    [(attempt) => base * attempt, (attempt) => base * attempt],
    [(attempt) => base * 2 ** (attempt - 1), exponential({ base, jitter: 'none' })],
    [(attempt) => base * attempt, linear(base, '1h')],
  ]);
  const respect = pick([NONE, NONE, 100, -1]);
  const total = chance(0.6) ? integer(50, 1_500) : 5_000;
  const rules: Rules = {
    attempts: pick([1, 2, 3, 3, 5, NONE]),
    backoff,
    respect: respect === NONE ? 3_600_000 : respect,
    overlap: pick([true, false, false, 'wait']),
    restartable: chance(0.5),
    idempotent: chance(0.8),
    total,
    limit: chance(0.5) ? integer(10, Math.min(300, total - 1)) : NONE,
    timeoutFactor: pick([1, 1, 2]),
    grace: pick([0, 13, 50]),
    cleanup: pick([0, 31, 200]),
    tokens: pick([NONE, NONE, 1, 2]),
  };
  const { attempts, overlap, restartable, timeoutFactor } = rules;
  const respectRetryAfter = respect === NONE ? true : respect >= 0 && respect;
  return [rules, { attempts, backoff: how, overlap, restartable, timeoutFactor, respectRetryAfter }];
}

function deedOf({ chance, integer, pick }: Simulation, { idempotent }: Rules): Deed {
  const ends = pick<Ending>(['ok', 'busy', 'busy', 'busy', 'busy', 'refused', 'permanent', integer(0, 200)]);
  return {
    ms: chance(0.3) ? 0 : chance(0.15) ? NONE : integer(1, 400),
    ends: idempotent || chance(0.5) ? ends : 'refused',
    ignoresMs: chance(0.3) ? integer(1, 150) : 0,
    cleanupMs: chance(0.2) ? integer(1, 150) : 0,
    items: chance(0.15) ? integer(1, 3) : 0,
  };
}

/** Does what is written, and fails with an error of its own. */
function perform({ clock }: Simulation, deed: Deed, context: Context, errors: Error[]): unknown {
  const { ms, ends, ignoresMs, cleanupMs, items } = deed;
  const sleep = (delay: number): Promise<void> => new Promise((resolve) => clock.schedule(delay, resolve));
  const end = (): string => {
    if (ends === 'ok') return 'done';
    errors[context.attempt] = errorOf(ends);
    throw errors[context.attempt];
  };
  if (cleanupMs > 0) context.onCleanup(() => sleep(cleanupMs));
  if (ms === 0 && items === 0) return end();
  const stopped = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.schedule(ms, resolve);
      context.signal.addEventListener('abort', () => {
        cancel();
        if (ignoresMs === 0) resolve();
        else sleep(ignoresMs).then(resolve);
      });
    });
  if (items === 0) return stopped().then(end);
  return (async function* () {
    for (let item = 0; item < items; item++) yield item;
    if (ms > 0) await stopped();
    yield end();
  })();
}

function errorOf(ends: Exclude<Ending, 'ok'>): Error {
  if (ends === 'busy') return busy();
  if (ends === 'permanent') return failed({ status: 404 });
  if (ends === 'refused') return failed({ code: 'ECONNREFUSED' });
  return busy({ retryAfterMs: ends });
}

/** Keeps when the verdict came. */
function watch(end: { at?: number }) {
  return defineInterceptor({
    name: 'watch',
    priority: Place.observe,
    intercept(call: Call, next) {
      call.onEnd(() => {
        expect(end.at).toBeUndefined();
        end.at = call.clock.now();
      });
      return next(call);
    },
  });
}

const ACKNOWLEDGED = ['retry-without-limit', 'retry-not-idempotent', 'backoff-over-total'] as const;
