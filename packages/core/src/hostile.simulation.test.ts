import {
  catchError,
  concat,
  defer,
  EMPTY,
  map,
  merge,
  mergeMap,
  Observable,
  of,
  race,
  retry,
  type Subscription,
  share,
  shareReplay,
  take,
  takeUntil,
  tap,
} from 'rxjs';
import { expect, it } from 'vitest';
import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import type { Context } from './context.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { createRunner, type Runner } from './runner.ts';
import { type Simulation, type Step, scripted, simulate } from './testing/index.ts';
import { type Tool, tool } from './tool.ts';
import { within } from './within.ts';

/** Calls in each simulated run, and runs: 20,000 calls in all. */
const CALLS = 10;
const RUNS = 2_000;

const PERMITS = 5;
/** How late a verdict may be after its deadline, and an answer after a verdict that waits for cleanup. */
const LATEST_VERDICT = 100;
const LONGEST_CLEANUP = 1_000;
const OWN_LIMITS = ['deadline', 'total', 'attempt', 'nest'];

it('20,000 calls among re-entrant hooks, strangers and hostile work: one verdict and one answer each, in time', async () => {
  const { runs } = await simulate({ runs: RUNS, program });
  expect(runs === RUNS || process.env['SLUICE_SEED'] !== undefined).toBe(true);
}, 120_000);

/** How often the hooks of one call of one interceptor were told. */
interface Told {
  readonly by: string;
  ends: number;
  settles: number;
}

/** What the parts of one run share. */
interface World extends Simulation {
  readonly grace: number;
  /** What was not as it must be. */
  readonly broken: string[];
  readonly permits: { free: number };
  readonly told: Told[];
  readonly controllers: AbortController[];
  readonly subscriptions: Subscription[];
  runner?: Runner;
}

/** How a call ended for whoever made it. */
type Answer = { readonly how: 'value' } | { readonly how: 'error'; readonly error: unknown } | { readonly how: 'left' };

type Deadline = number | 'none';

async function program(simulation: Simulation): Promise<() => void> {
  const world: World = {
    ...simulation,
    grace: simulation.integer(0, 30),
    broken: [],
    permits: { free: PERMITS },
    told: [],
    controllers: [],
    subscriptions: [],
  };
  const runner = createRunner({ clock: world.clock, grace: world.grace, use: stackOf(world), logger: SILENT });
  world.runner = runner;
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  if (world.chance(0.2)) runner.events$.subscribe(() => nasty(world, 0.02));
  await Promise.all(Array.from({ length: CALLS }, (_, n) => oneCall(world, runner, n)));
  return () => {
    checkHooks(world);
    checkEvents(world, events);
    expect(world.broken).toEqual([]);
    expect(world.permits.free).toBe(PERMITS);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  };
}

/** Aborts, starts, unsubscribes or throws, in the middle of whatever goes on. */
function nasty(world: World, probability: number): void {
  const { chance, integer, controllers, subscriptions, runner } = world;
  if (!chance(probability)) return;
  const deeds = [
    () => controllers[integer(0, controllers.length - 1)]?.abort(new Error('nasty')),
    () => runner?.call(tool('aside', {}, () => 1)).catch(() => {}),
    () => subscriptions[integer(0, subscriptions.length - 1)]?.unsubscribe(),
    () => thrown(new Error('nasty')),
  ];
  deeds[integer(0, deeds.length - 1)]?.();
}

/** The same where a throw would be nobody's but the simulation's own. */
function nastyButQuiet(world: World, probability: number): void {
  try {
    nasty(world, probability);
  } catch {}
}

async function oneCall(world: World, runner: Runner, n: number): Promise<void> {
  const { clock, chance, integer, pick } = world;
  await after(clock, integer(0, 50));
  const deadline: Deadline = chance(0.7) ? pick([0, integer(1, 120), 0.5, 2 ** 33]) : 'none';
  const controller = new AbortController();
  world.controllers.push(controller);
  // What hangs without a deadline ends at the caller's signal.
  const stop = clock.schedule(chance(0.2) ? integer(0, 60) : 500, () => controller.abort(new Error('outer')));
  const verdicts: { status: string; at: number }[] = [];
  const name = `work${n}`;
  const watch = runner.events$.subscribe((event) => {
    if (event.type === 'verdict' && event.name === name) verdicts.push({ status: event.status, at: clock.now() });
  });
  const began = clock.now();
  const options = { deadline, signal: controller.signal };
  const work = workOf(world, name);
  const answer = await (chance(0.3)
    ? streamed(world, runner.stream(work, n, options))
    : called(runner.call(work, n, options)));
  stop();
  watch.unsubscribe();
  if (answer.how === 'left') return;
  const [verdict, ...others] = verdicts;
  if (verdict === undefined || others.length > 0) world.broken.push(`${name} had ${verdicts.length} verdicts`);
  if (verdict !== undefined) checkAnswer(world, { name, began, deadline }, verdict, answer);
}

function called(call: Promise<unknown>): Promise<Answer> {
  return call.then(
    () => ({ how: 'value' }),
    (error: unknown) => ({ how: 'error', error }),
  );
}

/** Consumes a stream, or leaves it after some item. */
function streamed(world: World, items: Observable<unknown>): Promise<Answer> {
  const leaves = world.chance(0.3);
  return new Promise((resolve) => {
    const subscription: Subscription = items.subscribe({
      next: () => {
        nastyButQuiet(world, 0.05);
        if (leaves && world.chance(0.5)) queueMicrotask(() => subscription.unsubscribe());
      },
      error: (error: unknown) => resolve({ how: 'error', error }),
      complete: () => resolve({ how: 'value' }),
    });
    subscription.add(() => resolve({ how: 'left' }));
    world.subscriptions.push(subscription);
  });
}

function checkAnswer(
  { clock, grace, broken }: World,
  { name, began, deadline }: { name: string; began: number; deadline: Deadline },
  verdict: { status: string; at: number },
  answer: Answer,
): void {
  const must = (holds: boolean, what: string): void => void (holds || broken.push(`${name}: ${what}`));
  const { status } = verdict;
  const now = clock.now();
  const error = answer.how === 'error' ? answer.error : undefined;
  const patience = status === 'ok' || status === 'failed' ? LONGEST_CLEANUP : grace;
  must((answer.how === 'value') === (status === 'ok'), `answered ${answer.how} at the verdict ${status}`);
  must(now <= verdict.at + patience + ROUNDING, `answered ${now - verdict.at} ms after the verdict ${status}`);
  if (deadline !== 'none') must(verdict.at <= began + deadline + LATEST_VERDICT + ROUNDING, 'the verdict was late');
  if (!isSluiceError(error, 'TIMEOUT')) return;
  const limit = String(error.details['limit']);
  if (error.scope === `tool:${name}` && limit === 'deadline')
    must(now - began >= Number(deadline) - ROUNDING, 'the deadline was early');
  if (status !== 'timeout') return;
  must(OWN_LIMITS.includes(limit), `timed out by ${limit}, which is none of its limits`);
  must(error.call?.name === name, `timed out in the name of ${error.call?.name}`);
}

function checkHooks({ told, broken }: World): void {
  for (const { by, ends, settles } of told)
    if (ends !== 1 || settles !== 1) broken.push(`${by}: onEnd ${ends} times, onSettled ${settles} times`);
}

function checkEvents({ broken }: World, events: readonly SluiceEvent[]): void {
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  expect(count('tool.end')).toBe(count('tool.start'));
  expect(count('verdict')).toBe(count('tool.start'));
  expect(count('attempt.end')).toBe(count('attempt.start'));
  expect(count('orphan.end')).toBe(count('orphan'));
  expect(events.every(({ seq }, index) => seq === index + 1)).toBe(true);
  const attempts = new Set<string>();
  for (const event of events) {
    if (event.type !== 'attempt.start' || !/^work\d+$/.test(event.name)) continue;
    const attempt = `${event.name}, attempt ${event.attempt}`;
    if (attempts.has(attempt)) broken.push(`${attempt}, was started twice`);
    attempts.add(attempt);
  }
}

function stackOf(world: World): Interceptor[] {
  const usual = [...limits(world), ...holders(world), ...repeaters(world), ...throwers(world)];
  const strange = [...strangers(world), ...multipliers(world), ...wrappers(world)];
  return [...usual.filter(() => world.chance(0.35)), ...strange.filter(() => world.chance(0.08))];
}

/** Anything, at any place. */
function at({ integer }: Simulation, name: string, intercept: Interceptor['intercept']): Interceptor {
  return defineInterceptor({ name, priority: integer(0, 100), intercept });
}

function limits(world: World): Interceptor[] {
  const { integer, pick } = world;
  return [
    at(world, 'total', (call, next) => within(call, { limit: pick([80, 0.5, 30]), name: 'total' }, next)),
    at(world, 'attempt', (call, next) => within(call, { limit: 40, name: 'attempt', scope: 'attempt' }, next)),
    at(world, 'nest', (call, next) =>
      within(call, { limit: 40, name: 'nest' }, (inner) =>
        within(inner, { limit: integer(1, 50), name: 'nest' }, next),
      ),
    ),
  ];
}

function holders(world: World): Interceptor[] {
  const { permits, told } = world;
  const hook = (by: string, call: Call): void => {
    const counts: Told = { by, ends: 0, settles: 0 };
    told.push(counts);
    call.onEnd(() => {
      counts.ends++;
      nasty(world, 0.03);
    });
    call.onSettled(() => {
      counts.settles++;
      nasty(world, 0.03);
    });
  };
  return [
    at(world, 'permit', (call, next) => {
      permits.free--;
      call.onSettled(() => void permits.free++);
      return next(call);
    }),
    at(world, 'hooks', (call, next) => {
      hook('hooks', call);
      return next(call);
    }),
    at(world, 'hooks and operators', (call, next) => {
      hook('hooks and operators', call);
      return next(call).pipe(map((value) => value));
    }),
  ];
}

function repeaters(world: World): Interceptor[] {
  const { integer } = world;
  return [
    at(world, 'retry', (call, next) => next(call).pipe(retry(integer(0, 3)))),
    at(world, 'retry later', (call, next) =>
      next(call).pipe(retry({ count: 2, delay: () => later(call.clock, integer(0, 20)) })),
    ),
    at(world, 'queue', (call, next) => later(call.clock, integer(0, 15)).pipe(mergeMap(() => next(call)))),
  ];
}

function throwers(world: World): Interceptor[] {
  return [
    at(world, 'fallback', (call, next) =>
      next(call).pipe(
        catchError((error) => {
          nasty(world, 0.05);
          return world.chance(0.5) ? of('fallback') : thrown(error);
        }),
      ),
    ),
    at(world, 'broken', (call, next) => {
      nasty(world, 0.05);
      return next(call);
    }),
    at(world, 'tap', (call, next) => next(call).pipe(tap(() => nasty(world, 0.05)))),
  ];
}

/** Operators that leave, share, or never let go. */
function strangers(world: World): Interceptor[] {
  const { integer } = world;
  return [
    at(world, 'takeUntil', (call, next) =>
      merge(next(call).pipe(takeUntil(later(call.clock, integer(0, 40)))), of('end')),
    ),
    at(world, 'take', (call, next) => next(call).pipe(take(1))),
    at(world, 'share', (call, next) => next(call).pipe(share())),
    at(world, 'shareReplay', (call, next) => next(call).pipe(shareReplay(1))),
    at(world, 'aside', (call, next) => {
      next(call).subscribe({ error: () => {} });
      return of('aside');
    }),
  ];
}

/** Interceptors that let several runs go on, at once or in turn. */
function multipliers(world: World): Interceptor[] {
  const { integer } = world;
  return [
    at(world, 'race', (call, next) => race(next(call), next(call))),
    at(world, 'hedge', (call, next) =>
      merge(next(call), later(call.clock, integer(0, 30)).pipe(mergeMap(() => next(call)))).pipe(take(1)),
    ),
    at(world, 'merge', (call, next) => merge(next(call).pipe(catchError(() => EMPTY)), next(call))),
    at(world, 'concat', (call, next) => concat(next(call).pipe(catchError(() => EMPTY)), next(call))),
    at(world, 'again', (call, next) => next(call).pipe(catchError((error) => next(call.again({ error }))))),
  ];
}

/** Observables by hand that subscribe late, or do odd things at either end. */
function wrappers(world: World): Interceptor[] {
  return [
    at(world, 'defer', (call, next) =>
      defer(() => {
        nasty(world, 0.05);
        return next(call);
      }),
    ),
    at(world, 'late', (call, next) => {
      return new Observable((subscriber) => {
        const start = (): void => subscriber.add(next(call).subscribe(subscriber));
        const cancel = call.clock.schedule(world.integer(0, 10), start);
        return () => {
          cancel();
          nastyButQuiet(world, 0.05);
        };
      });
    }),
    at(world, 'teardown', (call, next) => {
      return new Observable((subscriber) => {
        const inner = next(call).subscribe(subscriber);
        return () => {
          inner.unsubscribe();
          nasty(world, 0.1);
        };
      });
    }),
  ];
}

function workOf(world: World, name: string): Tool<number, unknown> {
  const { chance, integer, clock } = world;
  const steps: [Step, ...Step[]] = [stepOf(world), stepOf(world), stepOf(world)];
  const ordinary = scripted(steps, { clock });
  if (!chance(0.25)) return mischievous(world, name, chance(0.3) ? strangeWork(world) : ordinary);
  const inner = mischievous(world, `${name}:inner`, ordinary);
  const own = new AbortController();
  return mischievous(world, name, async (_, { call }) => {
    clock.schedule(integer(0, 80), () => own.abort(new Error('own')));
    const options = chance(0.5) ? { signal: own.signal } : {};
    const calls = [call(inner, 0, { deadline: integer(1, 60), ...options }), call(inner, 0, options)] as const;
    const both = Promise.allSettled(calls);
    if (chance(0.2)) return calls[0];
    return chance(0.3) ? 'without waiting' : both;
  });
}

type Work = (input: number, context: Context) => unknown;

/** Work that listens, cleans up and disposes, and does odd things in all of that. */
function mischievous(world: World, name: string, work: Work): Tool<number, unknown> {
  const { chance } = world;
  return tool(name, {}, (input: number, context: Context) => {
    if (chance(0.5)) listen(world, context);
    if (chance(0.2)) cleanUp(world, context);
    if (chance(0.2)) context.onLate(() => nasty(world, 0.2));
    if (chance(0.2)) context.partial({ name });
    nasty(world, 0.03);
    return work(input, context);
  });
}

function listen(world: World, { signal, call }: Context): void {
  if (signal.aborted) world.broken.push('work was started with an aborted signal');
  const tooLate = tool('too late', {}, () => world.broken.push('something was started after an abort'));
  signal.addEventListener('abort', () => {
    nastyButQuiet(world, 0.1);
    if (world.chance(0.1)) call(tooLate).catch(() => {});
  });
}

function cleanUp(world: World, { onCleanup, call }: Context): void {
  const { chance, integer, clock, broken } = world;
  const fromCleanup = tool('from cleanup', {}, () => 1);
  let runs = 0;
  onCleanup(() => {
    if (runs++ > 0) broken.push('cleanup ran twice');
    if (chance(0.2)) call(fromCleanup).catch(() => {});
    if (chance(0.1)) onCleanup(() => nastyButQuiet(world, 0.2));
    nasty(world, 0.1);
    return chance(0.3) ? after(clock, integer(0, 80)) : undefined;
  });
}

function strangeWork(world: World): Work {
  return world.pick([oddObservable, oddThenable, oddIterator, oddGenerator])(world);
}

/** Emits after its end, and may throw when it is torn down. */
function oddObservable(world: World): Work {
  const { chance, integer, clock } = world;
  return () =>
    new Observable<number>((subscriber) => {
      subscriber.next(1);
      nastyButQuiet(world, 0.1);
      if (chance(0.5)) subscriber.complete();
      subscriber.next(2);
      const cancel = clock.schedule(integer(0, 50), () => {
        subscriber.next(3);
        subscriber.complete();
        subscriber.next(4);
      });
      return () => {
        cancel();
        if (chance(0.3)) throw new Error('teardown');
      };
    });
}

/** Settles twice, and then rejects. */
function oddThenable({ chance, integer, clock }: World): Work {
  return () => ({
    then(resolve: (value: number) => void, reject: (error: Error) => void) {
      if (chance(0.5)) resolve(1);
      clock.schedule(integer(0, 40), () => {
        resolve(2);
        reject(new Error('late'));
      });
    },
  });
}

/** Rejects at times, and is bad at being returned from. */
function oddIterator(world: World): Work {
  const { chance, integer, clock } = world;
  return () => {
    let value = 0;
    const next = async (): Promise<IteratorResult<number>> => {
      if (chance(0.2)) throw new Error('iterator');
      await after(clock, integer(0, 20));
      return { done: value++ > 3, value };
    };
    const end = (): unknown => {
      nastyButQuiet(world, 0.2);
      if (chance(0.3)) throw new Error('return');
      return chance(0.5) ? undefined : { done: true };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  };
}

/** Yields and throws where it should only finish. */
function oddGenerator({ chance, integer, clock }: World): Work {
  return async function* () {
    try {
      for (let item = 0; item < 4; item++) {
        await after(clock, integer(0, 20));
        yield item;
      }
    } finally {
      if (chance(0.3)) yield 'finally';
      if (chance(0.2)) thrown(new Error('finally'));
    }
  };
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
  ];
  return pick(kinds);
}

function later(clock: Clock, ms: number): Observable<number> {
  return new Observable((subscriber) =>
    clock.schedule(ms, () => {
      subscriber.next(0);
      subscriber.complete();
    }),
  );
}

function after(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

function thrown(error: unknown): never {
  throw error;
}

/** Of a clock that adds fractions. */
const ROUNDING = 1e-6;

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
