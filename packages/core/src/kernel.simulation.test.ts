import { catchError, map, of, retry } from 'rxjs';
import { expect, it } from 'vitest';
import type { Context } from './context.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { type Simulation, type Step, scripted, simulate } from './testing/index.ts';
import { type Tool, tool } from './tool.ts';
import { within } from './within.ts';

/** Calls in each simulated run, and runs: 100,000 calls in all. */
const CALLS = 20;
const RUNS = 5_000;

it('100,000 simulated calls: one verdict each, the right owner, never early, nothing left, events balanced', async () => {
  const { runs } = await simulate({ runs: RUNS, program });
  expect(runs === RUNS || process.env['SLUICE_SEED'] !== undefined).toBe(true);
}, 120_000);

async function program(simulation: Simulation): Promise<() => void> {
  const { clock, integer, chance } = simulation;
  const permits = { free: 3, taken: 0 };
  const runner = createRunner({ clock, grace: integer(0, 30), use: stackOf(simulation, permits), logger: SILENT });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const calls = Array.from({ length: CALLS }, async (_, n) => {
    await new Promise<void>((resolve) => clock.schedule(integer(0, 50), resolve));
    const deadline = chance(0.7) ? integer(0, 120) : ('none' as const);
    const controller = new AbortController();
    // What hangs without a deadline ends at the caller's signal.
    const stop = clock.schedule(chance(0.2) ? integer(0, 60) : 500, () => controller.abort(new Error('outer')));
    const began = clock.now();
    const outcome = await runner.call(workOf(simulation, `work${n}`), n, { deadline, signal: controller.signal }).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    stop();
    if (!('error' in outcome) || !isSluiceError(outcome.error, 'TIMEOUT')) return;
    const { scope, details } = outcome.error;
    if (scope === `tool:work${n}` && details['limit'] === 'deadline')
      expect(clock.now() - began).toBeGreaterThanOrEqual(Number(deadline));
  });
  await Promise.all(calls);
  return () => {
    expect(permits).toEqual({ taken: 0, free: 3 });
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    checkBalance(events);
  };
}

/** Any mixture of deadlines, retries by RxJS, permits by hooks, strangers' operators, and fallbacks, at random places. */
function stackOf({ chance, integer, pick }: Simulation, permits: { free: number; taken: number }): Interceptor[] {
  const at = (name: string, place: number, intercept: Interceptor['intercept']): Interceptor =>
    defineInterceptor({ name, priority: chance(0.9) ? place : integer(0, 100), intercept });
  const all = [
    at('total', Place.total, (call, next) => within(call, { limit: 80, name: 'total' }, next)),
    at('retry', Place.retry, (call, next) => next(call).pipe(retry(pick([0, 1, 2])))),
    at('permit', Place.concurrency, (call, next) => {
      permits.free--;
      permits.taken++;
      call.onSettled(() => {
        permits.free++;
        permits.taken--;
      });
      return next(call);
    }),
    at('attempt', Place.attempt, (call, next) => within(call, { limit: 40, name: 'attempt', scope: 'attempt' }, next)),
    at('operator', Place.observe, (call, next) => next(call).pipe(map((value) => value))),
    at('fallback', Place.fallback, (call, next) =>
      next(call).pipe(catchError((error) => (chance(0.5) ? of('fallback') : thrown(error)))),
    ),
    at('broken', Place.chaos, (call, next) => {
      if (chance(0.02)) throw new Error('broken');
      return next(call);
    }),
  ];
  return all.filter(() => chance(0.6));
}

function thrown(error: unknown): never {
  throw error;
}

function workOf(simulation: Simulation, name: string): Tool<number, unknown> {
  const { chance, integer, clock } = simulation;
  const steps: [Step, ...Step[]] = [stepOf(simulation), stepOf(simulation), stepOf(simulation)];
  const work = scripted(steps, { clock });
  if (!chance(0.2)) return tool(name, {}, work as (input: number, context: Context) => unknown);
  const inner = tool(`${name}:inner`, {}, work);
  return tool(name, {}, async (_: number, { call }: Context) => {
    const calls = [call(inner, undefined, { deadline: integer(1, 60) }), call(inner)];
    const settled = Promise.allSettled(calls);
    return chance(0.3) ? 'without waiting' : settled;
  });
}

function stepOf({ chance, integer, pick }: Simulation): Step {
  const extras = {
    ...(chance(0.8) ? { after: integer(0, 100) } : {}),
    ignoreSignal: chance(0.3),
    ...(chance(0.2) ? { cleanup: pick<'throws' | number>(['throws', 0, 20, 200]) } : {}),
  };
  const kinds: [Step, ...Step[]] = [
    { do: 'succeed', value: 'done', ...extras },
    { do: 'fail', error: pick<unknown>([new Error('no'), 'no error', undefined]), ...extras },
    { do: 'hang', ...extras, ignoreSignal: false },
    { do: 'emit', items: [1, 2, 3], every: integer(0, 20), then: pick<'end' | 'fail'>(['end', 'fail']), ...extras },
    { do: 'block', ms: integer(0, 40), value: 'blocked', ...extras },
  ];
  return pick(kinds);
}

function checkBalance(events: readonly SluiceEvent[]): void {
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  expect(count('tool.end')).toBe(count('tool.start'));
  expect(count('verdict')).toBe(count('tool.start'));
  expect(count('attempt.end')).toBe(count('attempt.start'));
  expect(count('orphan.end')).toBe(count('orphan'));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
