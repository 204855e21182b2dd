import {
  type AnyTool,
  type Call,
  type Context,
  createRunner,
  defineInterceptor,
  type Interceptor,
  isSluiceError,
  Place,
  pipelineFrom,
  type Runner,
  type SluiceEvent,
  tool,
} from '@sluice/core';
import { type Simulation, type Step, scripted, simulate } from '@sluice/core/testing';
import { catchError, Observable, switchMap, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import { heartbeat, timeout } from './index.ts';
import {
  type Around,
  AttemptRecord,
  around,
  CallRecord,
  type Limits,
  type Loop,
  RunRecord,
  Story,
} from './timeout-simulation.test-kit.ts';
import type { TimeoutStats } from './timeout-stats.ts';

/** So many worlds, with so many runs in each. */
const WORLDS = 500;
const RUNS = 20;
const NONE = Number.POSITIVE_INFINITY;

/** How often each thing happened, so that nothing of this goes untried. */
const seen: Record<string, number> = {};
const note = (what: string): void => {
  seen[what] = (seen[what] ?? 0) + 1;
};
const LIMITS = ['total', 'attempt', 'queue', 'deadline', 'heartbeat', 'run', 'soft'];
const OTHERS = ['pause', 'again', 'orphan', 'late', 'ok', 'failed', 'timeout', 'cancelled'];

it('10,000 simulated runs of stages, tools and runs in them: each limit ends what is its own, never early, never late', async () => {
  const { runs } = await simulate({ runs: WORLDS, program });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect(runs).toBe(WORLDS);
  expect([...LIMITS, ...OTHERS].filter((what) => (seen[what] ?? 0) < 100)).toEqual([]);
}, 300_000);

/** What one world knows: its chances, its records, and what its works can do. */
interface World {
  readonly simulation: Simulation;
  readonly loop: Loop;
  readonly limits: Map<string, Limits>;
  readonly records: WeakMap<object, CallRecord>;
  readonly inputs: WeakMap<object, Around>;
  readonly blocks: boolean;
  names: number;
}

async function program(simulation: Simulation): Promise<() => void> {
  const { clock, integer, chance } = simulation;
  const maps = { limits: new Map(), records: new WeakMap(), inputs: new WeakMap() };
  const world: World = { simulation, loop: { clock, slack: 0 }, ...maps, names: 0, blocks: chance(0.25) };
  const spies = [observe, attempts, again, gate, starts].map((make) => make(world));
  const use = [...spies, timeout({ total: 'none' }), heartbeat()];
  const runner = createRunner({ clock, logger: SILENT, grace: 20, use, acknowledge: ACKNOWLEDGED });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const stages = graphOf(world, 0);
  const stories = Array.from({ length: RUNS }, () => new Story(world.loop));
  await Promise.all(
    stories.map(async (story) => {
      await new Promise<void>((resolve) => clock.schedule(integer(1, 2_000), resolve));
      await oneRun(world, story, runner, stages);
    }),
  );
  return () => {
    checkEvents(events);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    const calls = stories.flatMap((story) => story.calls);
    checkStats(calls, runner.stats().interceptors['timeout'] as Readonly<Record<string, TimeoutStats>>);
    for (const { breaches } of stories) expect(breaches.slice(0, 5).join('\n')).toBe('');
    for (const call of calls) checkAnswer(call);
  };
}

/** One run, which is stopped from outside now and then, and in the end if it hangs. */
async function oneRun(
  { simulation: { chance, integer, clock }, inputs }: World,
  story: Story,
  runner: Runner,
  stages: ReturnType<typeof graphOf>,
): Promise<void> {
  const controller = new AbortController();
  const deadline = chance(0.3) ? integer(20, 250) : NONE;
  const input = {};
  const run = runner.run(stages, input, { signal: controller.signal, ...(deadline === NONE ? {} : { deadline }) });
  story.cancel = (reason) => {
    story.stop('cancel');
    run.cancel(reason);
  };
  // A run begins in the next microtask, and its record with it.
  inputs.set(input, new RunRecord(story, undefined, deadline));
  const giveUp = clock.schedule(chance(0.2) ? integer(0, 120) : 1_500, () => {
    story.stop('outer');
    controller.abort(new Error('outer'));
  });
  if (chance(0.1)) clock.schedule(integer(0, 150), () => story.cancel(new Error('run.cancel')));
  const { error } = await run.report;
  giveUp();
  if (isSluiceError(error, 'TIMEOUT') && error.scope === 'run') note('run');
}

// The interceptors that keep the record: one around everything, one around each attempt, and one where its work starts.

function observe({ limits, records, inputs }: World): Interceptor {
  return defineInterceptor({
    name: 'observe',
    priority: Place.observe,
    intercept(call, next) {
      const input = inputOf(call);
      const record = new CallRecord(inputs.get(input) as Around, call, limits.get(call.name) as Limits);
      const { story } = record;
      records.set(call.input as object, record);
      call.onEnd((outcome) => {
        const { error } = outcome;
        if (isSluiceError(error, 'TIMEOUT') && error.scope === record.title) {
          note(String(error.details['limit']));
          const end = record.deadlineOf(error);
          const { now, slack } = story;
          if (outcome.status === 'timeout' && end !== undefined) {
            story.expect(
              end <= now && now <= end + slack,
              () => `${record.title} ended by a limit that is over at ${end}`,
            );
          }
        }
        record.end(outcome);
      });
      return next(call);
    },
  });
}

/** The input of a tool is an object of its own; that of a stage holds the input of its run. */
const inputOf = (call: Call): object =>
  call.target === 'stage' ? (call.input as { readonly input: object }).input : (call.input as object);

function attempts({ records }: World): Interceptor {
  return defineInterceptor({
    name: 'attempts',
    priority: Place.rate,
    intercept(call, next) {
      const attempt = new AttemptRecord(records.get(call.input as object) as CallRecord);
      call.onEnd((outcome) => {
        if (isSluiceError(outcome.error, 'HEARTBEAT_LOST')) note('heartbeat');
        if (isSluiceError(outcome.error, 'TIMEOUT') && outcome.error.scope === 'attempt') note('attempt');
        attempt.end(outcome);
      });
      return next(call);
    },
  });
}

function again({ simulation: { chance, integer } }: World): Interceptor {
  const wait = (call: Call, ms: number) =>
    new Observable<void>((subscriber) =>
      call.clock.schedule(ms, () => {
        subscriber.next();
        subscriber.complete();
      }),
    );
  return defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept(call, next) {
      const once = (view: Call, left: number): Observable<unknown> =>
        next(view).pipe(
          catchError((error: unknown) => {
            if (left === 0 || (isSluiceError(error) && !error.retryable)) return throwError(() => error);
            note('again');
            return wait(call, integer(0, 20)).pipe(switchMap(() => once(call.again({ error }), left - 1)));
          }),
        );
      return once(call, chance(0.3) ? integer(1, 2) : 0);
    },
  });
}

/** Stands for a pool: now and then the work has to wait. */
function gate({ simulation: { chance, integer } }: World): Interceptor {
  return defineInterceptor({
    name: 'gate',
    priority: Place.concurrency,
    intercept(call, next) {
      if (!chance(0.25)) return next(call);
      return new Observable((subscriber) => {
        const cancel = call.clock.schedule(integer(1, 60), () => subscriber.add(next(call).subscribe(subscriber)));
        subscriber.add(cancel);
      });
    },
  });
}

function starts({ records }: World): Interceptor {
  return defineInterceptor({
    name: 'starts',
    priority: Place.attempt - 1,
    intercept(call, next) {
      records
        .get(call.input as object)
        ?.attempts.at(-1)
        ?.start();
      return next(call);
    },
  });
}

// What there is to be run: stages with tools in them, with tools and runs in these.

function limitsOf({ simulation: { chance, integer } }: World, what: 'stage' | 'tool', depth: number): Limits {
  const around = 160 - depth * 30;
  const attempt = chance(0.35) ? integer(1, around) : undefined;
  return {
    ...(chance(0.4) ? { total: chance(0.03) ? 0 : integer(1, around * 2) } : {}),
    ...(chance(0.2) ? { queue: integer(1, 50) } : {}),
    ...(attempt === undefined ? {} : { attempt }),
    ...(chance(0.3) ? { soft: integer(1, 80) } : {}),
    ...(chance(0.35) ? { idle: integer(5, 60), strict: chance(0.3) } : {}),
    ...(what === 'tool' && chance(0.15) ? { deadline: integer(1, around) } : {}),
    grace: integer(0, 40),
    cleanup: integer(0, 200),
  };
}

function policiesOf({ total, queue, attempt, soft, idle, strict, grace, cleanup }: Limits) {
  return {
    timeout: { total: total ?? ('none' as const), queue, attempt, soft, grace, cleanup },
    ...(idle === undefined
      ? {}
      : { heartbeat: { timeout: idle, refreshOn: strict === true ? ('heartbeat' as const) : ('auto' as const) } }),
  };
}

function named(
  world: World,
  what: 'stage' | 'tool',
  depth: number,
): { name: string; policies: ReturnType<typeof policiesOf>; limits: Limits } {
  const name = `${what}${world.names++}`;
  const limits = limitsOf(world, what, depth);
  world.limits.set(name, limits);
  return { name, limits, policies: policiesOf(limits) };
}

function graphOf(world: World, depth: number) {
  const { integer, chance, pick } = world.simulation;
  const all = Array.from({ length: depth === 0 ? integer(1, 3) : integer(1, 2) }, () => named(world, 'stage', depth));
  return pipelineFrom(
    {
      name: `pipeline${world.names++}`,
      onFailure: pick(['cancel', 'continue']),
      stages: all.map(({ name, policies }, n) => ({
        ...{ name, use: name, ...policies },
        ...(n > 0 && chance(0.5) ? { needs: [all[n - 1]?.name as string] } : {}),
      })),
    },
    { stages: Object.fromEntries(all.map(({ name }) => [name, workOf(world, depth)])) },
  );
}

function toolOf(world: World, depth: number): { readonly tool: AnyTool; readonly limits: Limits } {
  const { name, policies, limits } = named(world, 'tool', depth);
  return { tool: tool(name, policies, workOf(world, depth) as never), limits };
}

/** Work that does what its script says, after what it calls, and shows signs of life meanwhile. */
function workOf(world: World, depth: number): (input: object, context: Context) => unknown {
  const { chance, integer } = world.simulation;
  const script = scripted([stepOf(world), stepOf(world)], { clock: world.simulation.clock });
  const inner = depth < 3 && chance(0.45) ? Array.from({ length: integer(1, 2) }, () => innerOf(world, depth + 1)) : [];
  return (input, context) => {
    const attempt = world.records.get(input)?.attempts[context.attempt - 1] as AttemptRecord;
    live(world, attempt, context);
    if (inner.length === 0) return heard(script(input, context), attempt);
    return calls(world, attempt, context, inner).then(() => last(script(input, context)));
  };
}

type Inner = (attempt: AttemptRecord, context: Context) => PromiseLike<unknown>;

function innerOf(world: World, depth: number): Inner {
  const { chance, integer } = world.simulation;
  if (chance(0.25)) {
    const stages = graphOf(world, depth);
    const deadline = chance(0.3) ? integer(1, 120) : NONE;
    return (attempt, { run }) => {
      const input = {};
      const begun = run(stages, input, deadline === NONE ? {} : { deadline });
      world.inputs.set(input, new RunRecord(attempt.call.story, attempt, deadline));
      return begun;
    };
  }
  const { tool: one, limits } = toolOf(world, depth);
  return (attempt, { call }) => {
    const input = {};
    world.inputs.set(input, attempt);
    const answer = call(one, input as never, limits.deadline === undefined ? {} : { deadline: limits.deadline });
    const record = world.records.get(input);
    const answered = (): void => {
      if (record !== undefined) record.answeredAt = record.story.now;
    };
    answer.then(answered, answered);
    return answer;
  };
}

async function calls(
  { simulation: { chance } }: World,
  attempt: AttemptRecord,
  context: Context,
  inner: readonly Inner[],
): Promise<void> {
  const passOn = chance(0.3);
  const all = inner.map((one) => one(attempt, context));
  for (const one of all) if (!passOn) one.then(null, () => {});
  if (chance(0.1)) {
    for (const one of all) one.then(null, () => {});
    return;
  }
  await (passOn ? Promise.all(all) : Promise.allSettled(all));
}

/** Beats, progress, partial results, pauses and cancellations, now and then, also after the end. */
function live({ simulation }: World, attempt: AttemptRecord, context: Context): void {
  const { clock, chance, integer, pick } = simulation;
  const { story } = attempt.call;
  // Whoever does not look is warned all the same.
  attempt.looks = chance(0.3);
  if (attempt.looks) {
    const { softDeadline } = context;
    if (softDeadline.aborted) attempt.warned();
    softDeadline.addEventListener('abort', () => {
      note('soft');
      attempt.warned();
    });
  }
  const signs = chance(0.4) ? integer(1, 8) : 0;
  const every = integer(1, 40);
  for (let n = 1; n <= signs; n++) {
    clock.schedule(n * every, () => {
      const sign = pick(['heartbeat', 'progress', 'partial']);
      const own = sign === 'heartbeat';
      if (own) attempt.beats++;
      if (attempt.open)
        for (const one of around(attempt)) if (one instanceof AttemptRecord) one.alive(own && one === attempt);
      if (sign === 'heartbeat') context.heartbeat({ n });
      else if (sign === 'progress') context.progress(n / 10);
      else context.partial({ n });
    });
  }
  if (chance(0.2)) {
    clock.schedule(integer(1, 50), () => {
      if (!attempt.open) return;
      note('pause');
      const paused = [...around(attempt)].filter((one) => one instanceof AttemptRecord);
      for (const one of paused) one.pause();
      const resume = context.pause('waits');
      let over = false;
      const end = (): void => {
        if (over) return;
        over = true;
        for (const one of paused) one.resume();
        resume();
      };
      clock.schedule(integer(1, 80), end);
      attempt.resumes.add(end);
    });
  }
  if (chance(0.02)) clock.schedule(integer(0, 60), () => attempt.open && story.cancel(new Error('from inside')));
  if (chance(0.02)) {
    clock.schedule(integer(0, 60), () => {
      if (attempt.open) story.stop('ctx.cancel');
      try {
        context.cancel(new Error('ctx.cancel'), { scope: pick(['stage', 'branch', 'run']) });
      } catch {
        // It throws, so that nothing after it is done.
      }
    });
  }
}

/** What is emitted is a sign of life. */
function heard(result: unknown, attempt: AttemptRecord): unknown {
  if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return result;
  return (async function* () {
    for await (const item of result as AsyncIterable<unknown>) {
      if (attempt.open) for (const one of around(attempt)) if (one instanceof AttemptRecord) one.alive();
      yield item;
    }
  })();
}

async function last(result: unknown): Promise<unknown> {
  if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return result;
  let item: unknown;
  for await (item of result as AsyncIterable<unknown>);
  return item;
}

function stepOf({ simulation: { chance, integer, pick }, blocks, loop }: World): Step {
  const extras = {
    ...(chance(0.8) ? { after: integer(0, 100) } : {}),
    ignoreSignal: chance(0.3),
    ...(chance(0.2) ? { cleanup: pick<'throws' | number>(['throws', 0, 20, 200]) } : {}),
  };
  const ms = integer(1, 60);
  const kinds: [Step, ...Step[]] = [
    { do: 'succeed', value: 'done', ...extras },
    { do: 'fail', error: pick<unknown>([new Error('no'), 'no error', undefined]), ...extras },
    { do: 'hang', ...extras, ignoreSignal: false },
    { do: 'emit', items: [1, 2, 3], every: integer(0, 30), then: pick<'end' | 'fail'>(['end', 'fail']), ...extras },
    { do: 'block', ms, value: 'blocked', ...extras },
  ];
  const step = pick(kinds);
  if (step.do !== 'block') return step;
  if (!blocks) return { do: 'succeed', value: 'done', ...extras };
  // Each may be done several times, and each gives what was waiting a second chance.
  loop.slack += 10 * (ms + 20);
  return step;
}

// What must hold when all is over.

/** It has ended, and its caller was answered at the latest when its grace was over. */
function checkAnswer({ title, status, endedAt, answeredAt, limits, story }: CallRecord): void {
  if (endedAt === undefined) expect.unreachable(`${title} has not ended`);
  note(String(status));
  const stopped = status === 'timeout' || status === 'cancelled';
  const latest = endedAt + (stopped ? limits.grace : Math.max(limits.grace, limits.cleanup)) + story.slack;
  if (answeredAt === undefined || answeredAt <= latest) return;
  expect.unreachable(`${title} ended ${status} at ${endedAt} and was answered at ${answeredAt}, after ${latest}`);
}

function checkEvents(events: readonly SluiceEvent[]): void {
  const counts: Record<string, number> = {};
  for (const { type } of events) counts[type] = (counts[type] ?? 0) + 1;
  const of = (type: string): number => counts[type] ?? 0;
  for (const what of ['tool', 'stage', 'run', 'attempt'])
    expect([what, of(`${what}.end`)]).toEqual([what, of(`${what}.start`)]);
  expect(of('verdict')).toBe(of('tool.start') + of('stage.start'));
  expect(of('orphan.end')).toBe(of('orphan'));
  expect(of('resume')).toBe(of('pause'));
  if (of('orphan') > 0) note('orphan');
  if (of('late') > 0) note('late');
}

/** Each call that has a total limit is counted once, as what it was. */
function checkStats(calls: readonly CallRecord[], stats: Readonly<Record<string, TimeoutStats>>): void {
  for (const [target, { ok, failed, timeout, cancelled, skipped, orphans }] of Object.entries(stats)) {
    expect(orphans).toBe(0);
    const own = calls.filter(({ title }) => title === target);
    if (own[0]?.limits.total === undefined) continue;
    const count = (wanted: string): number => own.filter(({ verdict }) => verdict === wanted).length;
    expect([target, ok, failed, timeout, cancelled, skipped]).toEqual([
      target,
      ...['ok', 'failed', 'timeout', 'cancelled', 'skipped'].map(count),
    ]);
  }
}

/** Limits at random are not always sensible. */
const ACKNOWLEDGED = ['attempt-not-under-total', 'idle-not-under-attempt', 'soft-not-under-hard'];
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
