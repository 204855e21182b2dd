import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { SluiceEvent } from './events.ts';
import { Observable } from './flow.ts';
import { defineInterceptor } from './interceptor.ts';
import { type AnyPipeline, pipeline } from './pipeline.ts';
import { pipelineFrom, type StageData } from './pipeline-from.ts';
import { Place } from './place.ts';
import type { Report, StageReport } from './report.ts';
import type { Run } from './run.ts';
import { createRunner, type Runner } from './runner.ts';
import { leakLedger, type Simulation, simulate, type VirtualClock, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { within } from './within.ts';

/** Runs of pipelines in each simulated schedule, all of one runner, and schedules: 20,000 runs in all. */
const SIDE_BY_SIDE = 8;
const SCHEDULES = Number(process.env['SLUICE_SCHEDULES'] ?? 2_500);
const SEED = Number(process.env['SLUICE_FIRST_SEED'] ?? 1);

const GRACE = 50;
const CLEANUP = 1_000;
/** When whatever still hangs is stopped. */
const THE_END = 3_000;

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

it('20,000 simulated runs: one true verdict each, nothing starts too late, nothing is lost, nothing is left', async () => {
  const { runs } = await simulate({ runs: SCHEDULES, seed: SEED, program });
  expect(runs === SCHEDULES || process.env['SLUICE_SEED'] !== undefined).toBe(true);
}, 600_000);

// What simulation and its reading have found, each by itself.

function scene() {
  const clock = virtualClock();
  const runner = createRunner({ clock, logger: SILENT });
  /** Makes a pipeline, and runs it. */
  const run = (make: (start: Loose) => Loose, options: object = {}): Run =>
    runner.run(make(pipeline('p') as unknown as Loose), undefined as never, options as never) as unknown as Run;
  const reportOf = (one: Run): Promise<Report> => clock.until(one.report) as Promise<Report>;
  const cleansUpFor = (ms: number) => (_: unknown, ctx: Context) => {
    ctx.onCleanup(() => sleep(clock, ms));
    return 'done';
  };
  const until = (ms: number) => async (): Promise<string> => {
    await sleep(clock, ms);
    return 'done';
  };
  return { clock, runner, run, reportOf, cleansUpFor, until };
}

describe('a run', () => {
  it('answers at the grace when it is cancelled, also while stages that ended well clean up', async () => {
    const { clock, run, reportOf, cleansUpFor, until } = scene();
    const one = run((p) => p.stage('cleans', {}, cleansUpFor(900)).stage('goes on', {}, until(200)));
    clock.schedule(10, () => one.cancel());
    expect((await reportOf(one)).status).toBe('cancelled');
    expect(clock.now()).toBe(60);
  });

  it('answers at the grace when it times out, also while stages that ended well clean up', async () => {
    const { clock, run, reportOf, cleansUpFor, until } = scene();
    const one = run((p) => p.stage('cleans', {}, cleansUpFor(900)).stage('goes on', {}, until(200)), { deadline: 10 });
    expect((await reportOf(one)).status).toBe('timeout');
    expect(clock.now()).toBe(60);
  });

  it('has its verdict when its last stage has, whatever comes while that cleans up', async () => {
    for (const how of ['deadline', 'cancel', 'signal'] as const) {
      const { clock, run, reportOf, cleansUpFor } = scene();
      const controller = new AbortController();
      const options = how === 'deadline' ? { deadline: 10 } : how === 'signal' ? { signal: controller.signal } : {};
      const one = run((p) => p.stage('cleans', {}, cleansUpFor(30)), options);
      if (how === 'cancel') clock.schedule(10, () => one.cancel());
      if (how === 'signal') clock.schedule(10, () => controller.abort());
      expect(await reportOf(one), how).toMatchObject({ status: 'ok', output: { cleans: 'done' }, durationMs: 0 });
    }
  });

  it.each([
    ['an object without a prototype', Object.create(null)],
    ['an error whose message cannot be read', unreadable()],
    ['an error whose message is no text', Object.assign(new Error('no'), { message: Object.create(null) })],
    ['nothing', undefined],
  ])('ends when a stage or its when throws %s', async (_, error) => {
    for (const where of ['when', 'work']) {
      const { run, reportOf } = scene();
      const when = where === 'when' ? { when: () => thrown(error) } : {};
      const report = await reportOf(run((p) => p.stage('throws', when, () => thrown(error))));
      expect(report, where).toMatchObject({ status: 'failed', error: { code: 'STAGE_FAILED' } });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled.splice(0)).toEqual([]);
  });

  it('does not begin a stage whose when has cancelled it', async () => {
    const { run, reportOf, runner } = scene();
    const types: string[] = [];
    runner.events$.subscribe(({ type }) => types.push(type));
    const one: Run = run((p) =>
      p.stage(
        'a',
        {
          when: () => {
            one.cancel();
            return true;
          },
        },
        () => expect.unreachable(),
      ),
    );
    const { stages } = await reportOf(one);
    expect(stages['a']).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect(stages['a']?.startedAt).toBeUndefined();
    expect(types).toEqual(['run.start', 'stage.skip', 'run.end']);
  });

  it('needs nothing for a stage whose output is there already', async () => {
    const { run, reportOf } = scene();
    const { stages } = await reportOf(
      run(
        (p) =>
          p
            .stage('fails', {}, () => thrown(new Error('no')))
            .stage('there', { needs: ['fails'] }, () => expect.unreachable())
            .stage('next', { needs: ['there'] }, ({ there }: { there: string }) => `${there}, next`),
        { completed: { there: 'there' }, replace: { fails: async () => thrown(new Error('later')) } },
      ),
    );
    expect(stages['next']).toMatchObject({ status: 'ok', value: 'there, next' });
  });

  it('never names a stage that ended well as the one because of which another is skipped', async () => {
    const { run, reportOf, until } = scene();
    const { stages } = await reportOf(
      run(
        (p) =>
          p
            .stage('fails', {}, () => thrown(new Error('no')))
            .stage('goes on', {}, until(20))
            .stage('never', { optional: ['goes on'] }, () => 1)
            .stage('there', { optional: ['never'] }, () => 2)
            .stage('last', { needs: ['there'] }, () => 3),
        { completed: { there: 'there' } },
      ),
    );
    expect(stages['last']).not.toMatchObject({ because: 'there' });
  });

  it('gives the stage that failed its time to clean up, and stops the others at once', async () => {
    const { clock, run, reportOf } = scene();
    const told: string[] = [];
    const report = await reportOf(
      run((p) =>
        p
          .stage('fails', {}, async (_: never, ctx: Context) => {
            ctx.signal.addEventListener('abort', () => told.push('fails is stopped'));
            ctx.onCleanup(async () => {
              await sleep(clock, 500);
              told.push(`fails is cleaned up at ${clock.now()}`);
            });
            await sleep(clock, 10);
            thrown(new Error('no'));
          })
          .stage('other', {}, async (_: never, ctx: Context) => {
            ctx.signal.addEventListener('abort', () => told.push(`other is stopped at ${clock.now()}`));
            await sleep(clock, 400, ctx.signal);
          }),
      ),
    );
    expect(told).toEqual(['other is stopped at 10', 'fails is cleaned up at 510']);
    expect(report).toMatchObject({ status: 'failed', durationMs: 10, orphans: [] });
  });

  it('leaves nothing behind once it has answered, its deadline included', async () => {
    const ledger = leakLedger();
    const { clock, run, reportOf, until } = scene();
    await reportOf(run((p) => p.stage('a', {}, until(10)), { deadline: '1h', signal: new AbortController().signal }));
    ledger.assertEmpty();
    expect(clock.pending).toBe(0);
  });

  it('names what still cleans up in a stage that was stopped among the orphans', async () => {
    const { clock, run, reportOf, cleansUpFor } = scene();
    const cleans = tool('cleans', {}, cleansUpFor(900));
    const one = run((p) =>
      p.stage('a', {}, async (_: never, ctx: Context) => {
        void ctx.call(cleans);
        await sleep(clock, 30, ctx.signal);
      }),
    );
    clock.schedule(10, () => one.cancel());
    const { orphans, stages } = await reportOf(one);
    expect(stages['a']?.settled).toBe(false);
    expect(orphans).toMatchObject([{ name: 'cleans', kind: 'cleanup' }]);
  });

  it('names nothing an orphan that has ended in the meantime, but what is left of it', async () => {
    const { clock, run, reportOf, until } = scene();
    const deaf = tool('deaf', {}, until(500));
    const report = await reportOf(
      run((p) =>
        p.stage('goes on', {}, until(200)).stage('stops', {}, async (_: never, ctx: Context) => {
          ctx.call(deaf).catch(() => {});
          await sleep(clock, 1);
          try {
            ctx.cancel();
          } catch {}
          // Longer than the grace: an orphan for as long as this takes.
          await sleep(clock, 60);
        }),
      ),
    );
    expect(report.orphans).toMatchObject([{ name: 'deaf', kind: 'tool' }]);
  });
});

function unreadable(): Error {
  return Object.defineProperty(new Error('no'), 'message', { get: () => thrown(new Error('unreadable')) });
}

// What is simulated.

type Ending = 'ok' | 'fails' | 'skips' | 'hangs' | 'cancels stage' | 'cancels branch' | 'cancels run';
type CleanupPlan = number | 'throws' | 'rejects' | 'hangs';

/** What a work does. */
interface Act {
  readonly shape: 'value' | 'promise' | 'generator' | 'observable';
  readonly ms: number;
  readonly ends: Ending;
  /** Whether it ends when its signal is aborted; what does not goes on as if nothing had happened. */
  readonly heeds: boolean;
  /** Whether it reads its signal at all. */
  readonly listens: boolean;
  /** The handlers that it registers, in order. */
  readonly cleanups: readonly CleanupPlan[];
  /** Registers one more in the middle of its work, be it over by then or not. */
  readonly cleansLater: boolean;
  readonly nested: readonly Nested[];
}

type Nested = { readonly awaited: boolean } & (
  | { readonly what: 'tool'; readonly act: Act }
  | { readonly what: 'run'; readonly plan: Plan }
);

interface StagePlan {
  readonly name: string;
  readonly needs: readonly string[];
  readonly optional: readonly string[];
  readonly when: 'unasked' | 'yes' | 'no' | 'throws';
  /** How long an interceptor lets it go on. */
  readonly limit: number;
  readonly act: Act;
}

interface Plan {
  readonly name: string;
  readonly onFailure: 'cancel' | 'continue';
  readonly stages: readonly StagePlan[];
  /** Names of stages whose outputs are there already. */
  readonly completed: ReadonlySet<string>;
  /** Whether its times never coincide and nothing in it is out of the ordinary: its whole course can be foretold. */
  readonly calm: boolean;
}

interface Moment {
  readonly at: number;
  /** Its place among all that is noted, also of what is noted at one time. */
  readonly order: number;
}

interface CleanupNote {
  ran: number;
  /** When it was over. */
  over?: number;
}

/** What is known of one work that was really begun. */
interface WorkNote {
  readonly name: string;
  /** The stage of the run that it is, or is a part of. */
  readonly stage: string;
  readonly what: 'stage' | 'nested';
  readonly began: Moment;
  readonly listens: boolean;
  ended?: Moment;
  aborted?: Moment & { readonly reason: unknown };
  readonly cleanups: CleanupNote[];
}

/** What is noted of one run while it goes on. */
interface Trace {
  readonly plan: Plan;
  readonly world: World;
  readonly began: number;
  readonly works: WorkNote[];
  /** Who tried to stop the run, and when. */
  readonly stops: (Moment & { readonly reason: unknown })[];
  /** The stages that have stopped themselves, or were stopped from within. */
  readonly selfCancelled: Set<string>;
  /** When each stage that has a `when` was asked whether it is to run. */
  readonly asked: Map<string, Moment>;
  /** When cleanup threw. */
  readonly threw: number[];
  /** Stops runs within it, besides what stops the run itself. */
  readonly aside: AbortController;
  /** Whether somebody listens to the run's own signal. */
  watched: boolean;
  /** When that was aborted. */
  stopped?: Moment & { readonly reason: unknown };
  /** When the last work or handler ended. */
  lastEnd: number;
}

/** What the runs of one schedule share. */
interface World extends Simulation {
  readonly broken: string[];
  readonly traces: Trace[];
  /** Calls `release` at the end of all runs, or at once if they are over: for what hangs, whatever happens. */
  hung(release: () => void): void;
  readonly limits: Map<string, number>;
  readonly checks: (() => void)[];
  note(): Moment;
}

async function program(simulation: Simulation): Promise<() => void> {
  let order = 0;
  let over = false;
  const hung: (() => void)[] = [];
  const { clock } = simulation;
  const world: World = {
    ...simulation,
    broken: [],
    traces: [],
    hung: (release) => (over ? release() : void hung.push(release)),
    limits: new Map(),
    checks: [],
    note: () => ({ at: clock.now(), order: order++ }),
  };
  unhandled.length = 0;
  const limit = defineInterceptor({
    name: 'limit',
    priority: Place.total,
    intercept: (call, next) => {
      const ms = world.limits.get(call.name) ?? Number.POSITIVE_INFINITY;
      return ms === Number.POSITIVE_INFINITY ? next(call) : within(call, { limit: ms, name: 'total' }, next);
    },
  });
  const runner = createRunner({ clock, use: world.chance(0.5) ? [limit] : [limit, passOn], logger: SILENT });
  const heard: SluiceEvent[] | undefined = world.chance(0.5) ? [] : undefined;
  if (heard !== undefined) runner.events$.subscribe((event) => heard.push(event));
  const runs = Array.from({ length: SIDE_BY_SIDE }, (_, n) => oneRun(world, runner, `r${n}`, heard));
  await Promise.all(runs);
  over = true;
  for (const release of hung) release();
  return () => {
    expect(unhandled).toEqual([]);
    for (const check of world.checks) check();
    for (const trace of world.traces) checkCleanedUp(trace);
    expect(world.broken).toEqual([]);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    if (heard !== undefined) expect(heard.every(({ seq }, index) => seq === index + 1)).toBe(true);
  };
}

const passOn = defineInterceptor({ name: 'pass on', priority: Place.retry, intercept: (call, next) => next(call) });

// What is drawn by lot.

/** A time of which no two are alike, or a round one, of which many are. */
function some({ integer, random }: Simulation, calm: boolean, most: number): number {
  return calm ? Math.floor(random() * most * 2 ** 24) / 2 ** 24 : integer(0, most);
}

function planOf(world: World, name: string, most: number, calm: boolean, deep: boolean): Plan {
  const { chance, integer, pick } = world;
  const count = integer(1, most);
  const names = Array.from({ length: count }, (_, n) => `${name}s${n}`);
  const density = pick([0.1, 0.3, 0.6]);
  const stages = names.map((stage, n): StagePlan => {
    const before = names.slice(Math.max(0, n - 5), n).filter(() => chance(density));
    const needs = before.filter(() => chance(0.7));
    const limit = chance(0.1) ? 1 + some(world, calm, 80) : Number.POSITIVE_INFINITY;
    world.limits.set(stage, limit);
    return {
      name: stage,
      needs,
      optional: before.filter((other) => !needs.includes(other)),
      when: chance(0.8) ? 'unasked' : pick(['yes', 'yes', 'no', 'no', 'throws']),
      limit,
      act: actOf(world, calm, deep ? 0.25 : 0, stage),
    };
  });
  return { name, onFailure: pick(['cancel', 'continue']), stages, completed: completedOf(world, stages, calm), calm };
}

/** Outputs of an earlier run, or any. */
function completedOf({ chance }: World, stages: readonly StagePlan[], calm: boolean): Set<string> {
  const done = new Set<string>();
  if (!chance(0.15)) return done;
  const any = !calm && chance(0.3);
  for (const { name, needs, optional } of stages) {
    if ((any || [...needs, ...optional].every((other) => done.has(other))) && chance(0.5)) done.add(name);
  }
  return done;
}

const CALM_ENDINGS: [Ending, ...Ending[]] = ['fails', 'skips', 'cancels stage', 'cancels branch'];
const ENDINGS: [Ending, ...Ending[]] = [...CALM_ENDINGS, 'fails', 'hangs', 'hangs', 'cancels run'];

function actOf(world: World, calm: boolean, nesting: number, name: string): Act {
  const { chance, pick, integer } = world;
  // Half of the works end well.
  const odd = pick<Ending>(calm ? CALM_ENDINGS : ENDINGS);
  const ends = chance(0.5) ? 'ok' : odd;
  const shape = pick<Act['shape']>(calm || chance(0.8) ? ['promise', 'promise', 'generator', 'observable'] : ['value']);
  const heeds = calm || chance(0.6);
  return {
    shape,
    ms: shape === 'value' ? 0 : calm || chance(0.8) ? some(world, calm, 100) : 0,
    ends,
    heeds,
    listens: heeds || chance(0.5),
    cleanups: chance(0.7) ? [] : Array.from({ length: integer(1, 3) }, () => cleanupOf(world, calm)),
    cleansLater: !calm && chance(0.1),
    nested: Array.from({ length: !calm && chance(nesting) ? integer(1, 2) : 0 }, (_, n) =>
      nestedOf(world, `${name}n${n}`),
    ),
  };
}

function cleanupOf(world: World, calm: boolean): CleanupPlan {
  const ms = some(world, calm, world.pick([10, 100, 500]));
  return calm ? ms : world.pick<CleanupPlan>([0, ms, ms, 'throws', 'rejects', 'hangs']);
}

function nestedOf(world: World, name: string): Nested {
  const awaited = world.chance(0.5);
  if (world.chance(0.6)) return { what: 'tool', awaited, act: actOf(world, false, 0, name) };
  return { what: 'run', awaited, plan: planOf(world, name, 3, false, false) };
}

// What works do.

/** Where a work stands. */
interface Spot {
  readonly trace: Trace;
  readonly name: string;
  readonly stage: string;
  /** Whether it belongs to the run itself, and not to a run within. */
  readonly own: boolean;
}

function perform(place: Spot, act: Act, what: WorkNote['what'], ctx: Context): unknown {
  const { trace, name, stage } = place;
  const { world } = trace;
  const note: WorkNote = { name, stage, what, began: world.note(), listens: act.listens, cleanups: [] };
  trace.works.push(note);
  if (act.listens) listen(world, note, ctx.signal);
  for (const plan of act.cleanups) registerCleanup(trace, note, plan, ctx);
  const end = (): void => {
    note.ended = world.note();
    trace.lastEnd = note.ended.at;
  };
  const signal = act.heeds ? ctx.signal : undefined;
  const nested = async (): Promise<void> => {
    const calls = act.nested.map((one, n) => callNested(place, one, n, ctx));
    await Promise.allSettled(calls.filter((_, n) => act.nested[n]?.awaited));
  };
  const finish = (): unknown => (act.ends === 'hangs' ? hang(world, signal) : finishAs(place, act, ctx));
  if (act.shape === 'generator') {
    return (async function* () {
      try {
        await nested();
        yield 'first';
        await sleep(world.clock, act.ms / 2, signal);
        if (act.cleansLater) registerCleanup(trace, note, 0, ctx);
        yield 'second';
        await sleep(world.clock, act.ms / 2, signal);
        await finish();
      } catch (error) {
        // One that was stopped has nobody else to throw at.
        trace.threw.push(Number.POSITIVE_INFINITY);
        throw error;
      } finally {
        end();
      }
    })();
  }
  if (act.shape === 'observable') return observed(world, act, nested, finish, end);
  if (act.shape === 'value' && act.nested.every(({ awaited }) => !awaited) && act.ends !== 'hangs') {
    try {
      void nested();
      return finish();
    } finally {
      end();
    }
  }
  return (async () => {
    try {
      await nested();
      if (act.ms > 0) await sleep(world.clock, act.ms, signal);
      if (act.cleansLater) registerCleanup(trace, note, 5, ctx);
      return await finish();
    } finally {
      end();
    }
  })();
}

function observed(
  world: World,
  act: Act,
  nested: () => Promise<void>,
  finish: () => unknown,
  end: () => void,
): unknown {
  return new Observable<unknown>((subscriber) => {
    const last = (): void => {
      try {
        if (act.ends === 'hangs') return;
        subscriber.next(finish());
        subscriber.complete();
      } catch (error) {
        subscriber.error(error);
      }
    };
    void nested();
    subscriber.next('first');
    const stop = act.ms === 0 ? last() : world.clock.schedule(act.ms, last);
    return () => {
      stop?.();
      end();
    };
  });
}

function listen(world: World, note: WorkNote, signal: AbortSignal): void {
  const heard = (): void => {
    if (note.aborted !== undefined) world.broken.push(`${note.name} heard of its end twice`);
    note.aborted = { ...world.note(), reason: signal.reason };
  };
  if (signal.aborted) heard();
  else signal.addEventListener('abort', heard);
}

function registerCleanup(trace: Trace, { cleanups }: WorkNote, plan: CleanupPlan, ctx: Context): void {
  const { world } = trace;
  const note: CleanupNote = { ran: 0 };
  const over = (): void => {
    note.over = world.clock.now();
    trace.lastEnd = note.over;
  };
  const threw = (): never => {
    over();
    trace.threw.push(world.clock.now());
    throw new Error('cleanup');
  };
  cleanups.push(note);
  ctx.onCleanup(() => {
    note.ran++;
    if (plan === 'throws') threw();
    if (plan === 'hangs') return new Promise<void>((resolve) => world.hung(resolve)).then(over);
    if (plan === 'rejects') return sleep(world.clock, 5).then(threw);
    if (plan !== 0) return sleep(world.clock, plan as number).then(over);
    return over();
  });
}

function finishAs({ trace, name, stage, own }: Spot, { ends }: Act, ctx: Context): unknown {
  switch (ends) {
    case 'fails':
      throw trace.world.pick<unknown>([new Error(`no ${name}`), `no ${name}`, undefined]);
    case 'skips':
      return ctx.skip('nothing to do');
    case 'cancels stage':
    case 'cancels branch':
      if (own) trace.selfCancelled.add(stage);
      return ctx.cancel(`${name} has enough`, { scope: ends === 'cancels stage' ? 'stage' : 'branch' });
    case 'cancels run': {
      const reason = new Error(`${name} stops all`);
      if (own) trace.stops.push({ ...trace.world.note(), reason });
      return ctx.cancel(reason, { scope: 'run' });
    }
    default:
      return `value of ${name}`;
  }
}

async function callNested(place: Spot, nested: Nested, n: number, ctx: Context): Promise<unknown> {
  const name = `${place.name}n${n}`;
  const { trace, stage } = place;
  if (nested.what === 'tool') {
    const { act } = nested;
    const inner = { ...place, name };
    const called = ctx.call(tool(name, {}, (_: unknown, context: Context) => perform(inner, act, 'nested', context)));
    // What fails by itself while it could still be waited for is its caller's to catch.
    if (act.ends !== 'ok' && act.ends !== 'hangs') called.catch(() => {});
    return nested.awaited ? called : undefined;
  }
  const options = {
    completed: outputsOf(nested.plan),
    ...(trace.world.chance(0.3) ? { signal: trace.aside.signal } : {}),
  };
  const run = ctx.run(assemble(trace, nested.plan, stage, false), 'input' as never, options as never);
  const child = run.report.then((report) => checkChild(trace, nested.plan, run.id, ctx, report));
  if (!nested.awaited) return undefined;
  await run;
  return child;
}

function hang({ hung, chance }: World, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    else signal?.addEventListener('abort', () => reject(signal.reason));
    hung(() => (chance(0.5) ? resolve('late') : reject(new Error('late'))));
  });
}

function sleep(clock: VirtualClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

// How a run goes.

interface Loose extends AnyPipeline {
  stage(name: string, options: object, work: (deps: never, ctx: Context) => unknown): Loose;
}

/** Makes the pipeline: in code, or from data in any order. */
function assemble(trace: Trace, plan: Plan, outer: string | undefined, own: boolean): AnyPipeline {
  const { world } = trace;
  const { onFailure } = plan;
  const works = plan.stages.map((stage) => {
    const place = { trace, name: stage.name, stage: outer ?? stage.name, own };
    return (deps: Readonly<Record<string, unknown>>, ctx: Context): unknown => {
      if (own) checkGiven(trace, stage, deps, ctx);
      return perform(place, stage.act, outer === undefined ? 'stage' : 'nested', ctx);
    };
  });
  const options = plan.stages.map(({ name, needs, optional, when }) => {
    const asked = (): boolean => {
      if (trace.asked.has(name)) fault(trace, `${name} was asked twice`);
      trace.asked.set(name, world.note());
      return when === 'throws' ? thrown(new Error('when')) : when === 'yes';
    };
    return { needs, optional, ...(when === 'unasked' ? {} : { when: asked }) };
  });
  if (world.chance(0.5)) {
    const start = pipeline(plan.name, { onFailure }) as unknown as Loose;
    return plan.stages.reduce((so, { name }, n) => so.stage(name, options[n] as object, works[n] as never), start);
  }
  const stages = plan.stages.map(({ name }, n): StageData => ({ name, use: name, ...options[n] }));
  const table = Object.fromEntries(plan.stages.map(({ name }, n) => [name, works[n] as never]));
  const order = stages.map((stage) => ({ stage, at: world.random() })).sort((a, b) => a.at - b.at);
  return pipelineFrom(
    { name: plan.name, onFailure, stages: order.map(({ stage }) => stage) },
    { stages: table },
  ) as AnyPipeline;
}

function thrown(error: unknown): never {
  throw error;
}

function outputsOf({ completed }: Plan): Record<string, unknown> {
  return Object.fromEntries([...completed].map((name) => [name, `value of ${name}`]));
}

/** What stops a run from outside. */
interface Stoppers {
  readonly deadline: number | undefined;
  readonly cancelAt: number | undefined;
  readonly abortAt: number | undefined;
}

async function oneRun(world: World, runner: Runner, name: string, all: SluiceEvent[] | undefined): Promise<void> {
  const { clock, chance, pick } = world;
  const calm = chance(0.4);
  if (chance(0.7)) await sleep(clock, some(world, calm, 60));
  const plan = planOf(world, name, pick([3, 6, 12]), calm, true);
  const trace: Trace = {
    plan,
    world,
    began: clock.now(),
    works: [],
    stops: [],
    selfCancelled: new Set(),
    asked: new Map(),
    watched: false,
    aside: new AbortController(),
    threw: [],
    lastEnd: clock.now(),
  };
  world.traces.push(trace);
  const stoppers: Stoppers = {
    deadline: chance(0.25) ? (chance(0.15) ? 0 : some(world, calm, 250)) : undefined,
    cancelAt: chance(0.2) ? some(world, calm, 250) : undefined,
    abortAt: chance(0.15) ? some(world, calm, 250) : undefined,
  };
  const controller = new AbortController();
  const stopWith = (stop: (reason: unknown) => void): void => {
    const reason = pick<unknown>([new Error('stopped'), 'stopped', { stopped: true }]);
    trace.stops.push({ ...world.note(), reason });
    stop(reason);
  };
  if (stoppers.abortAt === 0) stopWith((reason) => controller.abort(reason));
  // Most are stopped by their own work or not at all: fakes do the same, where they stand in for it.
  const made = assemble(trace, plan, undefined, true);
  const replace = chance(0.2) ? { [(plan.stages[0] as StagePlan).name]: replacement(trace, plan) } : undefined;
  const run: Run = runner.run(made, 'input' as never, {
    ...(stoppers.deadline === undefined ? {} : { deadline: stoppers.deadline }),
    ...(stoppers.abortAt === undefined ? {} : { signal: controller.signal }),
    ...(replace === undefined ? {} : { replace: replace as never }),
    completed: outputsOf(plan) as never,
    runId: `id of ${name}`,
  }) as unknown as Run;
  const watched = watch(world, run, plan);
  if (chance(0.8)) noteStop(trace, run.signal);
  const after = (ms: number, stop: () => void): (() => void) => {
    if (ms > 0) return clock.schedule(ms, stop);
    stop();
    return () => {};
  };
  const timers: (() => void)[] = [];
  if (stoppers.cancelAt !== undefined)
    timers.push(after(stoppers.cancelAt, () => stopWith((reason) => run.cancel(reason))));
  if (stoppers.abortAt !== undefined && stoppers.abortAt > 0) {
    timers.push(after(stoppers.abortAt, () => stopWith((reason) => controller.abort(reason))));
  }
  if (chance(0.2)) timers.push(clock.schedule(some(world, calm, 100), () => trace.aside.abort(new Error('aside'))));
  timers.push(clock.schedule(THE_END, () => stopWith((reason) => run.cancel(reason))));
  const asked = chance(0.8) ? answerOf(run, { now: () => clock.now() }) : undefined;
  const report = (await run.report) as Report;
  const answered = world.note();
  for (const cancel of timers) cancel();
  check(trace, report, answered);
  if (plan.calm) checkForetold(trace, report, stoppers);
  if (asked !== undefined) checkAnswer(trace, report, await asked, answered.at);
  world.checks.push(() => checkEvents(trace, report, watched, all));
  if (chance(0.1)) stopWith((reason) => run.cancel(reason));
  if ((await run.report) !== report) fault(trace, 'changed its report');
}

/** Work that stands in for the first stage's: the same, by another function. */
function replacement(trace: Trace, plan: Plan): (deps: Readonly<Record<string, unknown>>, ctx: Context) => unknown {
  const { name, act } = plan.stages[0] as StagePlan;
  return (_, ctx) => perform({ trace, name, stage: name, own: true }, act, 'stage', ctx);
}

function noteStop(trace: Trace, signal: AbortSignal): void {
  trace.watched = true;
  const stopped = (): void => {
    trace.stopped = { ...trace.world.note(), reason: signal.reason };
  };
  if (signal.aborted) stopped();
  else signal.addEventListener('abort', stopped, { once: true });
}

interface Watched {
  readonly events: SluiceEvent[] | undefined;
  completed: number;
  /** How the streams of stages ended. */
  readonly streams: Map<string, string[]>;
}

function watch({ chance }: World, run: Run, plan: Plan): Watched {
  const events: SluiceEvent[] | undefined = chance(0.5) ? [] : undefined;
  const watched: Watched = { events, completed: 0, streams: new Map() };
  if (events !== undefined) {
    run.events$.subscribe({ next: (event) => events.push(event), complete: () => void watched.completed++ });
  }
  if (chance(0.2)) {
    for (const { name } of plan.stages) {
      const ends: string[] = [];
      watched.streams.set(name, ends);
      run.stream(name as never).subscribe({ error: () => ends.push('error'), complete: () => ends.push('complete') });
    }
  }
  return watched;
}

type Answer = { readonly at: number } & ({ readonly value: unknown } | { readonly error: unknown });

async function answerOf(run: Run, { now }: { now(): number }): Promise<Answer> {
  try {
    return { value: await run, at: now() };
  } catch (error) {
    return { error, at: now() };
  }
}

// What must hold.

function fault({ plan, world }: Trace, what: string): void {
  world.broken.push(`${plan.name}: ${what}`);
}

/** Whether `holds` holds; if not, what is broken is noted. */
function must(trace: Trace, holds: boolean, what: () => string): void {
  if (!holds) fault(trace, what());
}

/** A stage starts when all that it needs is there, and all that it waits for has ended; and it is given just that. */
function checkGiven(trace: Trace, stage: StagePlan, deps: Readonly<Record<string, unknown>>, ctx: Context): void {
  const { needs, optional, name } = stage;
  const given = (other: string): string => `${name} was given ${String(deps[other])} for ${other}`;
  must(trace, deps['input'] === 'input', () => given('input'));
  for (const other of [...needs, ...optional]) {
    const { status } = ctx.outcome(other);
    must(trace, status !== undefined, () => `${name} began before ${other} had ended`);
    if (needs.includes(other)) must(trace, status === 'ok', () => `${name} began although ${other} was ${status}`);
    const act = trace.plan.stages.find((one) => one.name === other)?.act.shape;
    const value =
      trace.plan.completed.has(other) || act === 'value' || act === 'promise' ? `value of ${other}` : undefined;
    if (status !== 'ok') must(trace, deps[other] === undefined, () => given(other));
    else if (value !== undefined) must(trace, deps[other] === value, () => given(other));
    else must(trace, Array.isArray(deps[other]), () => given(other));
  }
  const known = new Set(['input', ...needs, ...optional]);
  for (const key of Object.keys(deps)) must(trace, known.has(key), () => given(key));
}

function verdictAt({ began }: Trace, { durationMs }: Report): number {
  return began + durationMs;
}

function endOf({ startedAt = Number.NaN, durationMs }: StageReport): number {
  return startedAt + durationMs;
}

function stageOf(report: Report, name: string): StageReport {
  return report.stages[name] as StageReport;
}

function check(trace: Trace, report: Report, answered: Moment): void {
  const { plan } = trace;
  const names = plan.stages.map(({ name }) => name).sort();
  must(trace, Object.keys(report.stages).sort().join() === names.join(), () => 'does not report on each stage once');
  must(trace, report.id === `id of ${plan.name}` && report.pipeline === plan.name, () => 'is not itself in its report');
  for (const stage of plan.stages) {
    checkStage(trace, report, stage);
    checkWhy(trace, report, stage);
  }
  checkVerdict(trace, report, answered);
  checkStop(trace, report);
  checkTime(trace, report, answered);
  checkOrphans(trace, report, answered);
}

const VERDICTS: readonly unknown[] = ['ok', 'failed', 'timeout', 'cancelled', 'skipped'];

function checkStage(trace: Trace, report: Report, { name, when, needs, optional }: StagePlan): void {
  const { plan, works, stopped } = trace;
  const one = stageOf(report, name);
  const { status, attempts, startedAt } = one;
  const mine = works.filter((work) => work.what === 'stage' && work.name === name);
  const say = (what: string) => (): string => `${name} (${status}) ${what}`;
  must(trace, VERDICTS.includes(status) && one.name === name, say('has no verdict'));
  must(
    trace,
    mine.length === attempts && attempts <= 1,
    say(`was begun ${mine.length} times, and reports ${attempts}`),
  );
  must(trace, (startedAt === undefined) === (attempts === 0), say(`was begun ${attempts} times, at ${startedAt}`));
  must(trace, (status === 'ok') === name in report.output, say('is in the output, or is not'));
  if (status === 'ok') must(trace, one.value === report.output[name], say('has another value in the output'));
  if (status === 'ok') must(trace, attempts === 1 || plan.completed.has(name), say('was never begun'));
  if (plan.completed.has(name)) must(trace, status === 'ok' && attempts === 0, say('was there already'));
  if (status === 'failed' || status === 'timeout' || status === 'cancelled') {
    must(trace, isSluiceError(one.error), say('has no error of Sluice'));
  }
  if (attempts === 0 && status !== 'ok') {
    const expected = when === 'throws' ? ['skipped', 'cancelled', 'failed'] : ['skipped', 'cancelled'];
    must(trace, expected.includes(status) && one.durationMs === 0 && one.settled, say('never started'));
  }
  const question = trace.asked.get(name);
  if (question !== undefined && stopped !== undefined) {
    must(trace, question.order < stopped.order, say('was asked after the run was stopped'));
  }
  if (attempts === 0) return;
  const began = mine[0]?.began as Moment;
  must(trace, began.at === startedAt, say(`says that it began at ${startedAt}, and began at ${began.at}`));
  for (const other of [...needs, ...optional]) {
    const { attempts: others, ...before } = stageOf(report, other);
    if (needs.includes(other)) must(trace, before.status === 'ok', say(`began, and ${other} was ${before.status}`));
    if (others > 0) must(trace, endOf(stageOf(report, other)) <= began.at, say(`began before ${other} had ended`));
  }
  if (stopped !== undefined) {
    must(trace, began.order < stopped.order, say('began after the run was stopped'));
    must(trace, endOf(one) <= stopped.at, say(`ended at ${endOf(one)}, after the run was stopped`));
  }
  if (status === 'cancelled') {
    const byItself = trace.selfCancelled.has(name);
    const byRun = isStopped(trace, report) && endOf(one) === verdictAt(trace, report);
    must(trace, byItself || byRun, say(`was cancelled at ${endOf(one)} by nobody`));
  }
}

/** Whether the run was stopped before its end, by whomever. */
function isStopped({ plan }: Trace, { status, error }: Report): boolean {
  if (status === 'cancelled' || (status === 'timeout' && error?.scope === 'run')) return true;
  return status !== 'ok' && plan.onFailure === 'cancel';
}

/** Why what never started did not. */
function checkWhy(trace: Trace, report: Report, { name, when, needs, optional, act }: StagePlan): void {
  const one = stageOf(report, name);
  const { plan } = trace;
  if (one.attempts > 0) {
    if (one.status !== 'skipped') return;
    must(trace, one.because === 'nothing to do' && act.ends === 'skips', () => `${name} says ${one.because}`);
    return;
  }
  if (one.status === 'cancelled') {
    must(trace, isStopped(trace, report), () => `${name} never started, and nobody has stopped the run`);
    for (const other of needs) {
      const { status } = stageOf(report, other);
      must(trace, status === 'ok', () => `${name} is cancelled although it needs ${other}, which is ${status}`);
    }
  }
  if (one.status !== 'skipped') return;
  if (one.because === 'when') {
    must(trace, when === 'no', () => `${name} is skipped by its when, which is ${when}`);
    return;
  }
  // It names whom the others that it waits for name, or one of these itself.
  const blamed = needs.map((other) => blameOf(report, other));
  const branches = [...needs, ...optional].flatMap((other) => branchesAt(plan, report, other));
  must(trace, [...blamed, ...branches].includes(one.because), () => `${name} is skipped because of ${one.because}`);
  const root = report.stages[one.because];
  must(
    trace,
    root !== undefined && root.status !== 'ok',
    () => `${name} is skipped because of ${one.because}, which is ok`,
  );
}

/** Who is to blame when what needs `name` is skipped; undefined when that ended well. */
function blameOf(report: Report, name: string): string | undefined {
  const one = stageOf(report, name);
  if (one.status === 'ok') return undefined;
  return one.status === 'skipped' && one.attempts === 0 && one.because !== 'when' ? one.because : name;
}

/** Those who may have stopped the branch that `name` stands in. */
function branchesAt(plan: Plan, report: Report, name: string): string[] {
  const stage = plan.stages.find((one) => one.name === name) as StagePlan;
  const one = stageOf(report, name);
  if (one.status === 'cancelled') return one.attempts > 0 ? [name] : [];
  if (one.status !== 'skipped' || one.attempts > 0) return [];
  return [...stage.needs, ...stage.optional].flatMap((other) => branchesAt(plan, report, other));
}

function checkVerdict(trace: Trace, report: Report, answered: Moment): void {
  const { plan, stops, began } = trace;
  const { status, error } = report;
  const at = verdictAt(trace, report);
  const say = (what: string) => (): string => `is ${status} at ${at - began}, ${what}`;
  const bad = Object.values(report.stages).filter((one) => one.status === 'failed' || one.status === 'timeout');
  must(trace, (status === 'ok') === (error === undefined), say('with or without an error'));
  if (status !== 'ok') must(trace, isSluiceError(error), say('with an error that is none of Sluice'));
  must(trace, at <= answered.at, say(`and was answered at ${answered.at - began}`));
  if (isSluiceError(error) && error.scope === 'run' && status === 'timeout') {
    must(trace, error.code === 'TIMEOUT' && error.details['limitMs'] === report.durationMs, say('not at its deadline'));
  } else if (status === 'cancelled') {
    must(
      trace,
      stops.some((stop) => stop.at === at),
      say('and nobody has stopped it'),
    );
  } else if (status === 'ok') {
    must(trace, bad.length === 0, say('and stages have failed'));
  } else {
    const first = Math.min(...bad.map((one) => whenEnded(trace, one)));
    const deciding = bad.find((one) => 'error' in one && one.error === error);
    must(trace, deciding !== undefined && deciding.status === status, say('with the error of no stage'));
    if (deciding !== undefined) {
      must(trace, whenEnded(trace, deciding) === first, say(`with the error of ${deciding.name}, not the first`));
    }
    if (plan.onFailure === 'cancel') must(trace, at === first, say(`not at the failure, ${first - began}`));
  }
  if (plan.onFailure === 'cancel' && bad.length > 0) {
    for (const one of bad) must(trace, whenEnded(trace, one) <= at, say(`before ${one.name} failed`));
  }
}

/** When a stage ended: by its work, or by its `when`. */
function whenEnded({ asked }: Trace, one: StageReport): number {
  return one.startedAt === undefined ? (asked.get(one.name)?.at ?? Number.NaN) : endOf(one);
}

/** What a stop reaches: everything below, at one time, with one reason. */
function checkStop(trace: Trace, report: Report): void {
  const { stopped, works, stops } = trace;
  if (stopped === undefined) {
    must(trace, !trace.watched || !isStopped(trace, report), () => 'was stopped, and its signal does not say so');
    return;
  }
  const { status, error } = report;
  // A stop that comes while nothing but cleanup goes on comes too late to be the verdict; it is passed on all the same.
  if (!isStopped(trace, report) && stopped.at >= verdictAt(trace, report) && stops.some(({ at }) => at === stopped.at))
    return;
  must(trace, isStopped(trace, report), () => `is ${status}, and its signal was aborted`);
  must(
    trace,
    stopped.at === verdictAt(trace, report) || stopped.at === trace.began,
    () => 'was stopped before or after its verdict',
  );
  const ofStage = Object.values(report.stages).find((one) => 'error' in one && one.error === error);
  const decider = status === 'cancelled' ? undefined : ofStage;
  if (status === 'cancelled') {
    must(
      trace,
      stops.some(({ reason }) => reason === stopped.reason),
      () => 'was stopped with a reason that nobody gave',
    );
    must(trace, error?.cause === stopped.reason || error === stopped.reason, () => 'has an error that hides why');
  } else if (decider === undefined) {
    must(trace, stopped.reason === error, () => 'timed out, and was stopped for another reason');
  } else {
    must(
      trace,
      isSluiceError(stopped.reason, 'CANCELLED') && stopped.reason.cause === error,
      () => 'was stopped, and the reason does not say why',
    );
  }
  for (const work of works) {
    const { name, aborted, ended, began } = work;
    must(trace, began.order < stopped.order, () => `${name} began after the stop`);
    if (work.stage === decider?.name || !work.listens) continue;
    const wasOpen = began.order < stopped.order && (ended === undefined || ended.order > stopped.order);
    if (wasOpen) must(trace, aborted !== undefined, () => `${name} was not told of the stop`);
    if (aborted === undefined || aborted.order < stopped.order) continue;
    must(trace, aborted.reason === stopped.reason, () => `${name} was told another reason: ${String(aborted.reason)}`);
    must(trace, aborted.at === stopped.at, () => `${name} was told ${aborted.at - stopped.at} ms after the stop`);
  }
}

/** Whether its work, or a handler of it, goes on. */
function isOpen({ ended, cleanups }: WorkNote): boolean {
  return ended === undefined || cleanups.some(({ over }) => over === undefined);
}

function checkTime(trace: Trace, report: Report, answered: Moment): void {
  const { status } = report;
  const at = verdictAt(trace, report);
  const took = answered.at - at;
  // The failure of a stage leaves it, and those that ended before it, the time to clean up.
  const most = status !== 'failed' && isStopped(trace, report) ? GRACE : CLEANUP;
  must(trace, took <= most, () => `is ${status}, and answered ${took} ms after its verdict`);
  const open = trace.works.filter(isOpen);
  if (open.length === 0) {
    const last = Math.max(at, trace.lastEnd);
    must(trace, answered.at === last, () => `answered at ${answered.at}, and the last of it had ended at ${last}`);
  }
  for (const [name, one] of Object.entries(report.stages)) {
    const left = open.filter(({ stage }) => stage === name);
    must(
      trace,
      one.settled === (left.length === 0) ||
        trace.works.some((work) => work.stage === name && endsAt(work, answered.at)),
      () => `${name} says ${one.settled ? 'nothing' : 'something'} is left`,
    );
    if (one.settled) continue;
    // A stop that comes after the verdict changes nothing but for how long is waited for cleanup.
    const decided = 'error' in one && one.error === report.error;
    const stops = [...trace.stops.map((stop) => stop.at), ...(isStopped(trace, report) && !decided ? [at] : [])];
    const stoppedAt = Math.min(...stops, Number.POSITIVE_INFINITY) + GRACE;
    const late = endOf(one) + (one.status === 'cancelled' || one.status === 'timeout' ? GRACE : CLEANUP);
    // What was begun in it may have been given up before; it had the grace, at least.
    const given = left.map(({ what, listens, ended, aborted }) => {
      if (what === 'stage') return late;
      // Of what does not listen nobody knows when it was stopped.
      return listens
        ? Math.min(endOf(one), ended?.at ?? Number.POSITIVE_INFINITY, aborted?.at ?? Number.POSITIVE_INFINITY) + GRACE
        : 0;
    });
    const until = Math.min(stoppedAt, Math.max(...given));
    must(trace, answered.at >= until, () => `answered at ${answered.at}, and ${name} had until ${until}`);
  }
}

/** Whether it came to its end in the very moment `at`: what is told of that moment may say either. */
function endsAt({ ended, cleanups }: WorkNote, at: number): boolean {
  return ended?.at === at || cleanups.some(({ over }) => over === at);
}

function checkOrphans(trace: Trace, report: Report, answered: Moment): void {
  const named = (works: readonly { name: string }[]): string => works.map(({ name }) => name).join();
  const open = trace.works.filter(isOpen);
  const missing = open.filter(({ name }) => !report.orphans.some((one) => one.name === name));
  must(trace, missing.length === 0, () => `${named(missing)} are alive, and orphans are ${named(report.orphans)}`);
  for (const { name, kind } of report.orphans) {
    const work = trace.works.find((one) => one.name === name);
    if (work === undefined || endsAt(work, answered.at)) continue;
    must(trace, isOpen(work), () => `${name} is an orphan, and has ended`);
    must(trace, (kind === 'cleanup') === (work.ended !== undefined), () => `${name} is an orphan of kind ${kind}`);
  }
  const names = report.orphans.map(({ name }) => name);
  must(trace, new Set(names).size === names.length, () => `names an orphan twice: ${names.join()}`);
  for (const name of names)
    must(
      trace,
      trace.works.some((one) => one.name === name),
      () => `${name} is nobody`,
    );
  const certain = trace.threw.filter((at) => at < answered.at).length;
  const { length } = report.suppressed;
  must(
    trace,
    length >= certain && length <= trace.threw.length,
    () => `${length} were suppressed of ${trace.threw.length}`,
  );
}

function checkAnswer(trace: Trace, { status, output, error }: Report, answer: Answer, at: number): void {
  must(trace, answer.at === at, () => `reported at ${at}, and answered at ${answer.at}`);
  if ('error' in answer) must(trace, status !== 'ok' && answer.error === error, () => `is ${status}, and rejected`);
  else must(trace, status === 'ok' && answer.value === output, () => `is ${status}, and resolved`);
}

/** A run within a run: its report agrees with itself, and it has ended no later than what it is a part of. */
function checkChild(trace: Trace, plan: Plan, id: string, ctx: Context, report: Report): void {
  must(trace, report.id === id && id !== ctx.runId, () => `${plan.name} has the id ${id}`);
  for (const { name } of plan.stages) {
    must(trace, VERDICTS.includes(stageOf(report, name)?.status), () => `${plan.name} does not report on ${name}`);
    must(trace, stageOf(report, name).attempts <= 1, () => `${name} was begun more than once`);
    const nested = { ...trace, plan };
    checkWhy(nested, report, plan.stages.find((one) => one.name === name) as StagePlan);
  }
  must(trace, VERDICTS.includes(report.status), () => `${plan.name} has no verdict`);
}

function checkCleanedUp(trace: Trace): void {
  for (const { name, cleanups, ended } of trace.works) {
    must(trace, ended !== undefined, () => `${name} has not ended`);
    const ran = cleanups.map((one) => one.ran).join();
    must(
      trace,
      cleanups.every((one) => one.ran === 1 && one.over !== undefined),
      () => `${name} was cleaned up ${ran} times`,
    );
  }
}

function checkEvents(trace: Trace, report: Report, watched: Watched, all: SluiceEvent[] | undefined): void {
  const { events, streams } = watched;
  for (const [name, ends] of streams) {
    const { status } = stageOf(report, name);
    const expected = status === 'ok' || status === 'skipped' ? 'complete' : 'error';
    must(trace, ends.join() === expected, () => `the stream of ${name} (${status}) ended with ${ends.join()}`);
  }
  if (events !== undefined) {
    must(trace, watched.completed === 1, () => `its events completed ${watched.completed} times`);
    must(
      trace,
      events.at(-1)?.type === 'run.end' && runIdOf(events.at(-1)) === report.id,
      () => 'its events do not end with it',
    );
    must(
      trace,
      events[0]?.type === 'run.start' && runIdOf(events[0]) === report.id,
      () => 'its events do not begin with it',
    );
    must(
      trace,
      events.every(({ seq }, n) => n === 0 || seq > (events[n - 1]?.seq ?? 0)),
      () => 'its events are out of order',
    );
    const others = events.filter(({ type }) => type === 'run.start').map(runIdOf);
    must(trace, new Set(others).size === others.length, () => 'tells of a run twice');
    checkTold(
      trace,
      report,
      events.filter((event) => runIdOf(event) === report.id),
    );
  }
  if (all === undefined) return;
  const mine = all.filter((event) => runIdOf(event) === report.id);
  checkTold(trace, report, mine);
  const count = (type: string): number => mine.filter((event) => event.type === type).length;
  for (const what of ['tool', 'attempt']) {
    must(trace, count(`${what}.start`) === count(`${what}.end`), () => `${what}s are not balanced`);
  }
  must(trace, count('orphan') === count('orphan.end'), () => 'orphans are not balanced');
  must(trace, count('verdict') === count('stage.start') + count('tool.start'), () => 'verdicts are not balanced');
}

function runIdOf(event: SluiceEvent | undefined): string | undefined {
  return event !== undefined && 'runId' in event ? event.runId : undefined;
}

/** Each stage is told of once: from its start to its end, or that it never started. */
function checkTold(trace: Trace, report: Report, events: readonly SluiceEvent[]): void {
  const of = (type: SluiceEvent['type'], name?: string): SluiceEvent[] =>
    events.filter((event) => event.type === type && (name === undefined || ('name' in event && event.name === name)));
  const [start, ...starts] = of('run.start');
  const [end, ...ends] = of('run.end');
  must(trace, starts.length === 0 && ends.length === 0, () => 'is told of more than once');
  must(trace, start !== undefined && start === events[0], () => 'is told of before it started');
  must(trace, end?.type === 'run.end' && end.status === report.status, () => 'is told to have ended otherwise');
  if (end?.type === 'run.end')
    must(trace, end.error === report.error && end.durationMs === report.durationMs, () => 'ended otherwise');
  for (const [name, one] of Object.entries(report.stages)) {
    const [begun, over, left] = [of('stage.start', name), of('stage.end', name), of('stage.skip', name)];
    const counts = `${begun.length} starts, ${over.length} ends and ${left.length} skips`;
    const expected = one.startedAt !== undefined ? [1, 1, 0] : trace.plan.completed.has(name) ? [0, 0, 0] : [0, 0, 1];
    must(
      trace,
      [begun.length, over.length, left.length].join() === expected.join(),
      () => `${name} (${one.status}) had ${counts}`,
    );
    for (const event of [...over, ...left]) {
      must(trace, 'status' in event && event.status === one.status, () => `${name} is told to have ended otherwise`);
      must(trace, (end?.seq ?? 0) > event.seq, () => `${name} ended after its run`);
    }
    const because = one.status === 'skipped' ? one.because : undefined;
    for (const event of left)
      must(trace, 'because' in event === (because !== undefined), () => `${name} is told without why`);
    for (const event of left)
      if ('because' in event) must(trace, event.because === because, () => `${name}: another why`);
  }
}

// What can be foretold.

/** Stands for whoever of several that end at one moment is told first. */
const UNSURE = 'whoever comes first';

/** How a stage must go: worked out from the plan alone. */
interface Foretold {
  status: string;
  /** When it starts; undefined if it never does. */
  start: number | undefined;
  /** When its verdict comes. */
  at: number;
  /** When those that wait for it may go on. */
  over: number;
  because: string | undefined;
}

function checkForetold(trace: Trace, report: Report, stoppers: Stoppers): void {
  const { plan } = trace;
  const course = new Map<string, Foretold>();
  for (const stage of plan.stages) course.set(stage.name, foretell(plan, stage, course));
  const failures = [...course.values()].filter(({ status }) => status === 'failed' || status === 'timeout');
  const firstFailure = Math.min(...failures.map(({ at }) => at));
  const {
    deadline = Number.POSITIVE_INFINITY,
    cancelAt = Number.POSITIVE_INFINITY,
    abortAt = Number.POSITIVE_INFINITY,
  } = stoppers;
  const failure = plan.onFailure === 'cancel' ? firstFailure : Number.POSITIVE_INFINITY;
  const stop = Math.min(failure, deadline, cancelAt, abortAt, THE_END);
  const tied = new Set<string>();
  // What comes when every stage has its verdict changes nothing any more.
  const lastVerdict = Math.max(...[...course.values()].map(({ at }) => at));
  for (const stage of plan.stages) {
    const one = course.get(stage.name) as Foretold;
    const before = one.start === undefined ? one.at < stop : one.start < stop;
    // What would start at the very moment of a failure may be first, or may not.
    if (stop === failure && (one.start ?? one.at) === stop) tied.add(stage.name);
    if (!before && !plan.completed.has(stage.name) && (one.at !== stop || stop !== failure)) {
      const { needs, optional } = stage;
      const skipped =
        needs.some((other) => course.get(other)?.status !== 'ok') ||
        optional.some((other) => inBranch(plan, other, course));
      // Whether it stands in a branch that was stopped depends on who was first.
      const unsure = optional.some((other) => {
        const { status, because } = course.get(other) as Foretold;
        return status === 'skipped' && because === UNSURE;
      });
      if (unsure) tied.add(stage.name);
      course.set(stage.name, {
        ...one,
        status: skipped || unsure ? 'skipped' : 'cancelled',
        start: undefined,
        because: skipped || unsure ? UNSURE : undefined,
      });
    } else if (one.start !== undefined && one.at > stop) {
      course.set(stage.name, { ...one, status: 'cancelled', at: stop, because: UNSURE });
    }
  }
  for (const [name, expected] of course) {
    if (tied.has(name)) continue;
    const { status, startedAt, durationMs } = stageOf(report, name);
    const start = expected.start === undefined ? undefined : expected.start + trace.began;
    const because = (stageOf(report, name) as { readonly because?: string }).because;
    const got = `${status} from ${startedAt} for ${durationMs} because of ${because}`;
    const foretold = `${expected.status} from ${start} for ${expected.at - (expected.start ?? expected.at)} because of ${expected.because}`;
    const same = status === expected.status && near(startedAt, start);
    const lasted = start === undefined || near(durationMs, expected.at - (expected.start ?? 0));
    const why = expected.because === undefined || expected.because === UNSURE || because === expected.because;
    must(
      trace,
      same && lasted && why,
      () => `${name} was ${got}, and was to be ${foretold}; the stop was to be at ${stop + trace.began}`,
    );
  }
  checkForetoldRun(trace, report, failures, { failure, stop, lastVerdict }, stoppers);
}

function checkForetoldRun(
  trace: Trace,
  report: Report,
  failures: readonly Foretold[],
  { failure, stop, lastVerdict }: { failure: number; stop: number; lastVerdict: number },
  { deadline, cancelAt, abortAt }: Stoppers,
): void {
  if (stop === failure && [deadline, cancelAt, abortAt].includes(stop)) return;
  const stopped = stop < lastVerdict || stop === failure || stop === 0;
  const [first] = [...failures].sort((a, b) => a.at - b.at);
  const byOthers = stop === deadline && stop !== cancelAt && stop !== abortAt ? 'timeout' : 'cancelled';
  const status = stopped && stop !== failure ? byOthers : (first?.status ?? 'ok');
  must(trace, report.status === status, () => `was ${report.status}, and was to be ${status} (stopped at ${stop})`);
  const took = stopped ? stop : lastVerdict;
  must(trace, near(report.durationMs, took), () => `took ${report.durationMs}, and was to take ${took}`);
}

/** Sums of times taken in another order may differ in the last place. */
function near(a: number | undefined, b: number | undefined): boolean {
  return a === b || Math.abs((a ?? Number.NaN) - (b ?? Number.NaN)) < 1e-6;
}

/** How a stage goes if nobody stops the run. */
function foretell(plan: Plan, stage: StagePlan, course: ReadonlyMap<string, Foretold>): Foretold {
  if (plan.completed.has(stage.name)) return { status: 'ok', start: undefined, at: 0, over: 0, because: undefined };
  const of = (names: readonly string[]): [string, Foretold][] =>
    names.map((name) => [name, course.get(name) as Foretold]);
  const waits = of([...stage.needs, ...stage.optional]);
  const bad = waits.filter(
    ([name, one]) => one.status !== 'ok' && (stage.needs.includes(name) || inBranch(plan, name, course)),
  );
  if (bad.length > 0) {
    // What never begins is known as soon as it cannot; what can do without it waits until that has really ended.
    const [[name, { at, over, because, start }]] = bad.sort(([, a], [, b]) => a.at - b.at) as [[string, Foretold]];
    const root = rootOf(name, { because, start });
    const tie = bad.some(([other, one]) => one.at === at && rootOf(other, one) !== root);
    return { status: 'skipped', start: undefined, at, over, because: tie ? UNSURE : root };
  }
  const start = Math.max(0, ...waits.map(([, { over }]) => over));
  if (stage.when === 'no') return { status: 'skipped', start: undefined, at: start, over: start, because: 'when' };
  if (stage.when === 'throws')
    return { status: 'failed', start: undefined, at: start, over: start, because: undefined };
  const { act, limit } = stage;
  const cleaning = act.cleanups.reduce<number>((sum, ms) => sum + (ms as number), 0);
  const end = (status: string, at: number, most: number, because?: string): Foretold => ({
    status,
    start,
    at,
    over: at + Math.min(cleaning, most),
    because,
  });
  if (limit < act.ms) return end('timeout', start + limit, GRACE);
  const at = start + act.ms;
  if (act.ends === 'fails') return end('failed', at, CLEANUP);
  if (act.ends === 'skips') return end('skipped', at, CLEANUP, 'nothing to do');
  return act.ends === 'ok' ? end('ok', at, CLEANUP) : end('cancelled', at, GRACE);
}

function rootOf(name: string, { because, start }: Pick<Foretold, 'because' | 'start'>): string {
  return because === undefined || because === 'when' || start !== undefined ? name : because;
}

/** Whether `name` was stopped together with its whole branch. */
function inBranch(plan: Plan, name: string, course: ReadonlyMap<string, Foretold>): boolean {
  const { act } = plan.stages.find((one) => one.name === name) as StagePlan;
  const { status, because, start } = course.get(name) as Foretold;
  if (start !== undefined) return status === 'cancelled' && because !== UNSURE && act.ends === 'cancels branch';
  if (status !== 'skipped' || because === undefined || because === 'when' || because === UNSURE) return false;
  return inBranch(plan, because, course);
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
