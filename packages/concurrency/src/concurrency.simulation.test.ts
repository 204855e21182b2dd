import {
  type Context,
  createRunner,
  defineInterceptor,
  isSluiceError,
  Place,
  type SluiceEvent,
  tool,
} from '@sluice/core';
import { type Simulation, type Step, scripted, simulate } from '@sluice/core/testing';
import { catchError, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import { timeout } from '../../timeout/src/timeout.ts';
import { concurrency, rateLimit } from './index.ts';

/** So many worlds, with so many calls from outside in each. */
const WORLDS = 1_000;
const CALLS = 12;

/** How often each thing happened, so that nothing of this goes untried. */
const seen: Record<string, number> = {};
const note = (what: string): void => {
  seen[what] = (seen[what] ?? 0) + 1;
};
const WANTED = [
  'ok',
  'TIMEOUT',
  'CANCELLED',
  'QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'RATE_LIMITED',
  'failed',
  'again',
  'orphan',
  'nested',
  'waited',
  'resized',
];

it('12,000 simulated calls through timeouts, limits, rates and repeats: the limit holds, and nothing is lost', async () => {
  const { runs } = await simulate({ runs: WORLDS, program });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect(runs).toBe(WORLDS);
  expect(WANTED.filter((what) => (seen[what] ?? 0) < 50)).toEqual([]);
}, 300_000);

/** What really goes on: works that wait for a call in them do not count. */
class Gauge {
  limit: number;
  running = 0;
  readonly breaches: string[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  begin(): void {
    this.running++;
    if (this.running > this.limit) this.breaches.push(`${this.running} of ${this.limit} went on`);
  }

  end(): void {
    this.running--;
  }
}

async function program(simulation: Simulation): Promise<() => void> {
  const { clock, integer, chance, pick } = simulation;
  const limit = integer(1, 4);
  const gauge = new Gauge(limit);
  const own = integer(1, 2);
  const limited = new Gauge(own);
  const pool = concurrency({
    limit,
    queue: {
      max: pick([3, 100]),
      ...(chance(0.3) ? { timeout: integer(10, 200) } : {}),
      order: pick(['fifo', 'lifo']),
    },
    priority: ({ input }) => (input as Input).priority,
    ageing: pick<number | 'none'>([20, 'none']),
    orphanLease: 'none',
    ...(chance(0.3)
      ? { fair: { by: ({ input }) => String((input as Input).priority), share: (who) => Number(who) } }
      : {}),
  });
  const rate = rateLimit({
    requests: { limit: integer(1, 40), per: 100 },
    burst: integer(1, 3),
    mode: pick(['wait', 'wait', 'reject']),
    algorithm: pick(['gcra', 'sliding-window']),
    applies: ({ name }) => name === 'rated',
  });
  const use = [...timeout({ total: 300, attempt: integer(20, 120) }), again(simulation), rate, pool];
  const runner = createRunner({
    clock,
    grace: integer(0, 30),
    use,
    logger: SILENT,
    acknowledge: ['retry-without-limit'] as never,
  });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));

  const leaf = workOf(simulation, gauge, 'leaf', {});
  const rated = workOf(simulation, gauge, 'rated', {});
  const few = workOf(simulation, gauge, 'few', { concurrency: own }, limited);
  const outer = tool('outer', {}, async ({ priority }: Input, context: Context) => {
    note('nested');
    const inner = Array.from({ length: integer(1, 3) }, () => context.call(pick([leaf, rated, few]), { priority }));
    const all = Promise.allSettled(inner);
    if (chance(0.85)) return all;
    all.catch(() => {});
    await new Promise<void>((resolve) => clock.schedule(integer(0, 30), resolve));
    return 'without waiting';
  });
  if (chance(0.15)) {
    // Only ever more: what has begun with more is not called back.
    clock.schedule(integer(1, 100), () => {
      note('resized');
      gauge.limit = limit + 1;
      pool.setLimit(limit + 1);
    });
  }
  let answers = 0;
  const calls = Array.from({ length: CALLS }, async () => {
    await new Promise<void>((resolve) => clock.schedule(integer(0, 80), resolve));
    const controller = new AbortController();
    const stop = clock.schedule(chance(0.2) ? integer(0, 80) : 600, () => controller.abort(new Error('outer')));
    const deadline = chance(0.3) ? integer(5, 150) : ('none' as const);
    const options = { deadline, signal: controller.signal };
    const call = runner.call(pick([leaf, rated, few, outer, outer]), { priority: integer(1, 3) }, options);
    await call.then(
      () => note('ok'),
      (error: unknown) => note(isSluiceError(error) ? error.code : 'failed'),
    );
    answers++;
    stop();
  });
  await Promise.all(calls);
  return () => {
    expect(answers).toBe(CALLS);
    expect([...gauge.breaches, ...limited.breaches]).toEqual([]);
    expect(gauge.running).toBe(0);
    expect(pool.stats()).toMatchObject({ active: 0, queued: 0, oldestWaitMs: 0, orphans: 0 });
    for (const stats of Object.values(rate.stats())) expect(stats.queued).toBe(0);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    checkBalance(events);
  };
}

interface Input {
  readonly priority: number;
}

/** Repeats at random, as a script would. */
function again({ chance }: Simulation) {
  return defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept: (call, next) =>
      next(call).pipe(
        catchError((error: unknown) => {
          if (!chance(0.3)) return throwError(() => error);
          note('again');
          return next(call.again({ error }));
        }),
      ),
  });
}

function workOf(
  { chance, integer, pick, clock }: Simulation,
  gauge: Gauge,
  name: string,
  policies: object,
  more?: Gauge,
) {
  return tool(name, policies, (_: Input, context: Context) => {
    const extras = {
      ...(chance(0.8) ? { after: integer(0, 60) } : {}),
      ignoreSignal: chance(0.3),
      ...(chance(0.15) ? { cleanup: pick<'throws' | number>(['throws', 0, 40]) } : {}),
    };
    const step = pick<Step>([
      { do: 'succeed', value: 'done', ...extras },
      { do: 'succeed', value: 'done', ...extras },
      { do: 'fail', error: pick<unknown>([new Error('no'), 'no error']), ...extras },
      { do: 'hang', ...extras, ignoreSignal: false },
    ]);
    gauge.begin();
    more?.begin();
    return (scripted([step], { clock })(undefined, context) as Promise<unknown>).finally(() => {
      gauge.end();
      more?.end();
    });
  });
}

function checkBalance(events: readonly SluiceEvent[]): void {
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  if (count('orphan') > 0) note('orphan');
  if (count('queue.enter') > 0) note('waited');
  expect(count('tool.end')).toBe(count('tool.start'));
  expect(count('verdict')).toBe(count('tool.start'));
  expect(count('attempt.end')).toBe(count('attempt.start'));
  expect(count('queue.leave')).toBe(count('queue.enter'));
  expect(count('orphan.end')).toBe(count('orphan'));
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
