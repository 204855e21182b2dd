import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import type { DrainReport } from './drain.ts';
import { ConfigError } from './errors/config-error.ts';
import { httpStatus } from './errors/http-status.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import { pipeline } from './pipeline.ts';
import { failure, hang } from './pipeline-bench.test-kit.ts';
import { createRunner, type Runner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import {
  leakLedger,
  type Simulation,
  type Step,
  scripted,
  simulate,
  type VirtualClock,
  virtualClock,
} from './testing/index.ts';
import { type Tool, tool } from './tool.ts';

let ledger = leakLedger();
const unhandled = vi.fn();
beforeEach(() => {
  ledger = leakLedger();
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  ledger.assertEmpty();
});

function bench(options: RunnerOptions = {}) {
  const clock = virtualClock();
  const lines: string[] = [];
  const logger = {
    debug() {},
    info: (_: object, message = '') => void lines.push(message),
    warn: (_: object, message = '') => void lines.push(message),
    error() {},
  };
  const runner = createRunner({ clock, logger, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  /** Takes so long, whatever it is told; answers its name. */
  const deaf = (name: string, ms: number): Tool<void, string> => tool(name, {}, () => sleep(ms).then(() => name));
  const drained = (grace?: number | 'none'): Promise<DrainReport> =>
    clock.until(runner.drain(grace === undefined ? {} : { grace }));
  const drainLines = (): string[] => lines.filter((line) => line.startsWith('The runner'));
  return { clock, runner, sleep, deaf, drained, drainLines };
}

const hanging = tool('hanging', {}, (_: undefined, { signal }: Context) => hang(signal));
const quick = tool('quick', {}, () => 'done');
const one = pipeline('one').stage('s', () => 'done');

/** That a runner which shuts down refuses it. */
function expectRefusal(error: SluiceError): void {
  expect(error).toMatchObject({ code: 'DRAINING', verdict: 'failed', retryable: false });
  expect(error.message).toContain('was refused: the runner is shutting down');
  expect(error.remediation).not.toBe('');
  expect(httpStatus(error)).toBe(503);
}

describe('a runner that shuts down', () => {
  it('answers at once when nothing goes on', async () => {
    const { runner, clock } = bench();
    expect(await runner.drain()).toEqual({ finished: 0, cancelled: 0, orphans: [], durationMs: 0 });
    expect(clock.pending).toBe(0);
  });

  it('refuses calls, streams, runs and wrapped functions, before it is down and after, and starts none of their work', async () => {
    const { runner, deaf, clock, drained } = bench();
    const work = vi.fn(() => 1);
    const counted = tool('counted', {}, work);
    const wrapped = runner.wrap(work, { name: 'wrapped' });
    const pipe = pipeline('p').stage('s', work);
    const held = runner.call(deaf('held', 100));
    const report = drained();
    const refuseAll = async (): Promise<void> => {
      expectRefusal(await failure(runner.call(counted)));
      expectRefusal(await failure(wrapped()));
      expectRefusal(await failure(runner.run(pipe)));
      const said = await runner.run(pipe).report;
      expect(said).toMatchObject({ status: 'failed', stages: { s: { status: 'cancelled', attempts: 0 } } });
      expectRefusal(said.error as SluiceError);
      const errors: SluiceError[] = [];
      runner.stream(counted).subscribe({ error: (error) => errors.push(error) });
      expectRefusal(errors[0] as SluiceError);
    };
    await refuseAll();
    expect(await clock.until(held)).toBe('held');
    expect(await report).toMatchObject({ finished: 1, cancelled: 0 });
    await refuseAll();
    expect(work).not.toHaveBeenCalled();
    expect(runner.stats().running).toBe(0);
  });

  it('says by name what it refuses', async () => {
    const { runner, drained } = bench();
    await drained();
    expect((await failure(runner.call(quick))).message).toBe('Tool "quick" was refused: the runner is shutting down');
    expect((await failure(runner.run(one))).message).toBe('Pipeline "one" was refused: the runner is shutting down');
    expect((await failure(runner.wrap(() => 1, { name: 'f' })())).message).toBe(
      'Function "f" was refused: the runner is shutting down',
    );
  });

  it('refuses what comes with a signal that had work under it which was stopped', async () => {
    const { runner, drained } = bench();
    const { signal } = new AbortController();
    const stopped = failure(runner.call(hanging, undefined, { signal }));
    await drained(0);
    expect((await stopped).code).toBe('CANCELLED');
    expectRefusal(await failure(runner.call(quick, undefined, { signal })));
    expectRefusal(await failure(runner.run(one, undefined, { signal })));
  });

  it('lets what goes on make calls and runs of its own', async () => {
    const { runner, sleep, drained } = bench();
    const outer = tool('outer', {}, async (_: undefined, { call, callAll, run }: Context) => {
      await sleep(50);
      return [await call(quick), await callAll([[quick], [quick]]), (await run(one)).s];
    });
    const stages = pipeline('stages')
      .stage('a', () => sleep(50))
      .stage('b', ['a'], (_, { call }) => call(quick));
    const called = runner.call(outer);
    const ran = runner.run(stages);
    expect(await drained()).toEqual({ finished: 2, cancelled: 0, orphans: [], durationMs: 50 });
    expect(await called).toEqual(['done', ['done', 'done'], 'done']);
    expect((await ran).b).toBe('done');
  });

  it('counts what comes to its own end within the grace as finished, be it well or not', async () => {
    const { runner, deaf, sleep, drained } = bench();
    const calls = [
      runner.call(deaf('a', 10)),
      runner.call(
        tool('fails', {}, async () => {
          await sleep(20);
          throw new Error('boom');
        }),
      ),
      runner.call(hanging, undefined, { deadline: 30 }),
    ];
    const settled = Promise.allSettled(calls);
    expect(await drained(100)).toEqual({ finished: 3, cancelled: 0, orphans: [], durationMs: 30 });
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('stops what does not end within the grace, in one sweep, with one reason', async () => {
    const { runner, clock, deaf, drained, drainLines } = bench();
    const reasons: unknown[] = [];
    const at: number[] = [];
    const noting = tool('noting', {}, (_: undefined, { signal }: Context) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        at.push(clock.now());
      });
      return hang(signal);
    });
    const nested = tool('nested', {}, (_: undefined, { call }: Context) => call(noting));
    const pipe = pipeline('p').stage('s', (_, { call }) => call(noting));
    const ends = [runner.call(nested), runner.run(pipe)].map((end) => failure(end));
    const fine = runner.call(deaf('fine', 99));
    expect(await drained(100)).toEqual({ finished: 1, cancelled: 2, orphans: [], durationMs: 100 });
    expect(await fine).toBe('fine');
    expect(at).toEqual([100, 100]);
    expect(new Set(reasons).size).toBe(1);
    expect(reasons[0]).toMatchObject({ code: 'CANCELLED', message: 'The runner was shut down', scope: 'runner' });
    for (const end of ends) expect(await end).toMatchObject({ code: 'CANCELLED', verdict: 'cancelled' });
    expect(drainLines()).toEqual(['The runner stops what has not ended in time: 2 in all', 'The runner is shut down']);
  });

  it('waits for 10 s unless it is told otherwise', async () => {
    const { runner, deaf, drained } = bench();
    const ended = failure(runner.call(hanging));
    const last = runner.call(deaf('last', 9_999));
    expect(await drained()).toMatchObject({ finished: 1, cancelled: 1, durationMs: 10_000 });
    expect(await last).toBe('last');
    expect((await ended).code).toBe('CANCELLED');
  });

  it('stops everything at once with a grace of 0', async () => {
    const { runner, clock, drained } = bench();
    const ended = failure(runner.call(hanging));
    const ran = runner.run(one);
    expect(await drained(0)).toMatchObject({ finished: 0, cancelled: 2, durationMs: 0 });
    expect((await ended).code).toBe('CANCELLED');
    expect(await ran.report).toMatchObject({ status: 'cancelled', stages: { s: { attempts: 0 } } });
    expect(clock.now()).toBe(0);
  });

  it("waits as long as it takes with a grace of 'none'", async () => {
    const { runner, deaf, drained } = bench();
    const ended = runner.call(deaf('long', 86_400_000));
    expect(await drained('none')).toMatchObject({ finished: 1, cancelled: 0, durationMs: 86_400_000 });
    expect(await ended).toBe('long');
  });

  it('names the work that ignores its signal, and answers when the grace of the calls is over', async () => {
    const { runner, clock, deaf, drained, drainLines } = bench({ grace: 200 });
    const ended = failure(runner.call(deaf('deaf', 5_000)));
    const ran = runner.run(pipeline('p').stage('also deaf', (_, { call }) => call(deaf('inner', 5_000))));
    const report = await drained(100);
    expect(report).toMatchObject({ finished: 0, cancelled: 2, durationMs: 300 });
    expect(report.orphans.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(['tool deaf', 'tool inner']);
    expect(report.orphans[0]).toMatchObject({ attempt: 1, ageMs: 0 });
    expect((await ended).code).toBe('CANCELLED');
    expect((await ran.report).status).toBe('cancelled');
    expect(drainLines().at(-1)).toMatch(/^The runner is shut down; still alive: tool "\w+", tool "\w+"$/);
    expect(runner.stats().orphans).toBe(2);
    await clock.runAll();
    expect(runner.stats().orphans).toBe(0);
  });

  it('names what was an orphan before it was shut down', async () => {
    const { runner, clock, deaf, drained } = bench();
    await clock.until(failure(runner.call(deaf('old', 5_000), undefined, { deadline: 10 })));
    await clock.advance(100);
    const report = await drained();
    expect(report).toEqual({
      finished: 0,
      cancelled: 0,
      orphans: [{ kind: 'tool', name: 'old', attempt: 1, ageMs: 100 }],
      durationMs: 0,
    });
    await clock.runAll();
  });

  it('names an orphan of a call that was answered before its start returned', async () => {
    const { runner, clock, sleep, drained } = bench({ grace: 0 });
    const stubborn = tool('stubborn', {}, (_: undefined, { cancel }: Context) => {
      try {
        cancel();
      } catch {
        // It goes on all the same.
      }
      return sleep(1_000);
    });
    expect((await clock.until(failure(runner.call(stubborn)))).code).toBe('CANCELLED');
    expect((await drained()).orphans.map(({ name }) => name)).toEqual(['stubborn']);
    await clock.runAll();
  });

  it('counts calls under signals from outside, and runs, and stops them alike', async () => {
    const { runner, deaf, drained } = bench();
    const { signal } = new AbortController();
    const pipe = pipeline('p').stage('s', (_, ctx) => hang(ctx.signal));
    const ends = [
      runner.call(hanging, undefined, { signal }),
      runner.run(pipe, undefined, { signal }),
      runner.run(pipe),
    ].map((end) => failure(end));
    const fine = runner.call(deaf('fine', 10), undefined, { signal });
    expect(await drained(50)).toMatchObject({ finished: 1, cancelled: 3, orphans: [] });
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(await fine).toBe('fine');
    expect(signal.aborted).toBe(false);
  });

  it('waits for a call that cleans up, and counts it as finished', async () => {
    const { runner, clock, sleep, drained } = bench();
    const cleans = tool('cleans', {}, (_: undefined, { onCleanup }: Context) => {
      onCleanup(() => sleep(300));
      return 'done';
    });
    const call = runner.call(cleans);
    await clock.advance(10);
    expect(await drained(1_000)).toEqual({ finished: 1, cancelled: 0, orphans: [], durationMs: 290 });
    expect(await call).toBe('done');
  });

  it('hurries a call that cleans up when the grace is over; it ended well all the same, and counts as finished', async () => {
    const { runner, clock, sleep, drained } = bench();
    const cleans = tool('cleans', {}, (_: undefined, { onCleanup }: Context) => {
      onCleanup(() => sleep(900));
      return 'done';
    });
    const call = runner.call(cleans);
    await clock.advance(10);
    const report = await drained(100);
    expect(report).toMatchObject({ durationMs: 150, orphans: [{ kind: 'cleanup', name: 'cleans' }] });
    expect(await call).toBe('done');
    await clock.runAll();
    expect(report).toMatchObject({ finished: 1, cancelled: 0 });
  });

  it('can be shut down from within a call, which it waits for', async () => {
    const { runner, clock, sleep } = bench();
    let report: Promise<DrainReport> | undefined;
    const last = tool('last', {}, async () => {
      report = runner.drain();
      await sleep(10);
      return 'done';
    });
    expect(await clock.until(runner.call(last))).toBe('done');
    expect(await report).toMatchObject({ finished: 1, cancelled: 0, durationMs: 10 });
  });

  it('stops a call that waits for the end of its own runner', async () => {
    const { runner, clock } = bench();
    const waits = tool('waits', {}, async () => runner.drain({ grace: 100 }));
    expect((await clock.until(failure(runner.call(waits)))).code).toBe('CANCELLED');
    expect(await runner.drain()).toMatchObject({ finished: 0, cancelled: 1 });
    await clock.runAll();
  });

  it('stops a call that shuts the runner down at once, in the turn in which it starts', async () => {
    const { runner, clock } = bench();
    let report: Promise<DrainReport> | undefined;
    const stop = new AbortController();
    const last = tool('last', {}, () => {
      report = runner.drain({ grace: 0 });
      return hang(stop.signal);
    });
    const ended = failure(runner.call(last));
    await clock.advance(1_000);
    const left = runner.stats().running;
    stop.abort(new Error('the test ends it'));
    expect((await ended).code).toBe('CANCELLED');
    expect(left).toBe(0);
    expect(await report).toMatchObject({ finished: 0, cancelled: 1 });
  });

  it('leaves no timer behind', async () => {
    const { runner, clock, deaf } = bench();
    const call = runner.call(deaf('brief', 10));
    const report = runner.drain({ grace: '1h' });
    expect(await clock.until(call)).toBe('brief');
    await report;
    expect(clock.pending).toBe(0);
    expect(ledger.left()).toEqual({});
  });
});

describe('a second demand to shut down', () => {
  it('shortens the time that is left, and answers the same report', async () => {
    const { runner, clock } = bench();
    const ended = failure(runner.call(hanging));
    const first = runner.drain({ grace: 1_000 });
    await clock.advance(100);
    const second = runner.drain({ grace: 200 });
    const report = await clock.until(first);
    expect(report).toMatchObject({ cancelled: 1, durationMs: 300 });
    expect(await second).toBe(report);
    expect(await runner.drain({ grace: 0 })).toBe(report);
    expect((await ended).code).toBe('CANCELLED');
  });

  it.each([['10s'], ['none'], [undefined]] as const)('never lengthens it: %s', async (grace) => {
    const { runner, clock } = bench();
    const ended = failure(runner.call(hanging));
    const first = runner.drain({ grace: 100 });
    await clock.advance(50);
    const second = runner.drain({ grace });
    expect(await clock.until(first)).toMatchObject({ cancelled: 1, durationMs: 100 });
    expect(await second).toBe(await first);
    expect((await ended).code).toBe('CANCELLED');
  });

  it("ends the wait of one that set it to 'none'", async () => {
    const { runner, clock } = bench();
    const ended = failure(runner.call(hanging));
    const first = runner.drain({ grace: 'none' });
    await clock.advance(60_000);
    void runner.drain({ grace: 0 });
    expect(await clock.until(first)).toMatchObject({ cancelled: 1, durationMs: 60_000 });
    expect((await ended).code).toBe('CANCELLED');
  });

  it.each([[0], ['10s']] as const)('does not change what was counted once everything is stopped: %s', async (grace) => {
    const { runner, clock, deaf, drainLines } = bench({ grace: '1m' });
    const ends = [failure(runner.call(hanging)), failure(runner.call(deaf('deaf', 30_000)))];
    const first = runner.drain({ grace: 100 });
    await clock.advance(200);
    void runner.drain({ grace });
    const report = await clock.until(first);
    for (const end of ends) expect((await end).code).toBe('CANCELLED');
    expect(report).toMatchObject({ finished: 0, cancelled: 2, durationMs: 30_000 });
    expect(drainLines()).toHaveLength(2);
  });

  it('does not count what was refused in between', async () => {
    const { runner, clock, deaf } = bench();
    const fine = runner.call(deaf('fine', 10));
    const ended = failure(runner.call(hanging));
    const report = runner.drain();
    expect(await clock.until(fine)).toBe('fine');
    const refused = failure(runner.run(one));
    void runner.drain({ grace: 0 });
    expect((await ended).code).toBe('CANCELLED');
    expectRefusal(await refused);
    expect(await report).toMatchObject({ finished: 1, cancelled: 1 });
  });
});

describe('the options of drain', () => {
  it.each([['soon'], [-1], [Number.NaN], [Number.POSITIVE_INFINITY], [null], [{}]])(
    'are refused where they cannot be, and nothing is shut down: a grace of %j',
    async (grace) => {
      const { runner } = bench();
      const error = await failure(runner.drain({ grace: grace as never }));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(/^drain: grace: expected a /);
      expect(await runner.call(quick)).toBe('done');
    },
  );

  it.each([
    [null, /^drain: /],
    ['10s', /^drain: /],
    [{ garce: 5 }, /garce.*did you mean "grace"/],
  ])('are refused when they are no options: %j', async (options, message) => {
    const { runner } = bench();
    const refused = failure(Promise.resolve().then(() => runner.drain(options as never)));
    expect(await refused).toBeInstanceOf(ConfigError);
    expect((await refused).message).toMatch(message);
    expect(await runner.call(quick)).toBe('done');
  });
});

it('a runner shuts down at the end of the scope that uses it', async () => {
  const { clock } = bench();
  let kept: Runner | undefined;
  const answered: string[] = [];
  const scope = async (): Promise<void> => {
    await using runner = createRunner({ clock });
    kept = runner;
    const slow = tool('slow', {}, () => new Promise<void>((resolve) => clock.schedule(500, resolve)));
    runner.call(slow).then(() => answered.push('call'));
  };
  await clock.until(scope());
  expect(answered).toEqual(['call']);
  expect(clock.now()).toBe(500);
  expectRefusal(await failure((kept as Runner).call(quick)));
});

it('two runners of one process do not shut each other down', async () => {
  const { runner, clock } = bench();
  const other = createRunner({ clock });
  const { signal } = new AbortController();
  const ended = failure(runner.call(hanging, undefined, { signal }));
  const left = other.call(
    tool('left', {}, () => new Promise<string>((resolve) => clock.schedule(100, () => resolve('left')))),
    undefined,
    { signal },
  );
  expect(await clock.until(runner.drain({ grace: 0 }))).toMatchObject({ cancelled: 1 });
  expect((await ended).code).toBe('CANCELLED');
  expect(await clock.until(left)).toBe('left');
  expect(await other.call(quick)).toBe('done');
});

it('a runner without a logger says as a process warning what is still alive when it is down', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const { clock } = bench();
  const runner = createRunner({ clock });
  const deaf = tool('deaf', {}, () => new Promise<void>((resolve) => clock.schedule(500, resolve)));
  const ended = failure(runner.call(deaf));
  await clock.until(runner.drain({ grace: 0 }));
  const said = warn.mock.calls.map(([message]) => String(message));
  warn.mockRestore();
  expect((await ended).code).toBe('CANCELLED');
  await clock.runAll();
  expect(said.join('\n')).toContain('tool "deaf"');
});

/** Calls and runs in each schedule, and schedules. */
const EACH = 12;
const SCHEDULES = 3_000;

it('3,000 simulated shutdowns: all is answered, the numbers add up, what is refused never starts, nothing is left', async () => {
  const { runs } = await simulate({ runs: SCHEDULES, program: shutdown });
  expect(runs === SCHEDULES || process.env['SLUICE_SEED'] !== undefined).toBe(true);
}, 120_000);

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Calls and runs with any behaviour begin and end; at some time the runner is shut down. */
async function shutdown(simulation: Simulation): Promise<() => void> {
  const { clock, integer, chance, pick } = simulation;
  const graceMs = integer(0, 60);
  const runner = createRunner({ clock, grace: graceMs, logger: SILENT });
  const controllers = [new AbortController(), new AbortController()] as const;
  if (chance(0.2)) clock.schedule(integer(0, 150), () => controllers[0].abort(new Error('outer')));
  const open = new Set<string>();
  runner.events$.subscribe((event) => {
    if ((event.type === 'tool.end' || event.type === 'run.end') && 'name' in event) open.delete(event.name as string);
  });
  let going: ReadonlySet<string> | undefined;
  let answered = 0;
  let stopped = 0;

  const begin = async (n: number): Promise<void> => {
    await after(clock, integer(0, 150));
    const { name, work, started } = workOf(simulation, n);
    const options = chance(0.4) ? { signal: pick(controllers).signal } : {};
    const wasAborted = options.signal?.aborted === true;
    const wasRefused = going !== undefined;
    open.add(name);
    const outcome: PromiseLike<unknown> =
      n % 2 === 0
        ? runner.call(tool(name, {}, work), undefined, options)
        : runner.run(pipeline(name).stage('s', work), undefined, options);
    const error = await outcome.then(
      () => undefined,
      (thrown: SluiceError) => thrown,
    );
    answered++;
    if (!wasRefused) {
      expect(error?.code).not.toBe('DRAINING');
      if (going?.has(name) === true && isShutdown(error)) stopped++;
      return;
    }
    expect(started()).toBe(false);
    expect(error?.code).toBe(wasAborted && error?.code === 'CANCELLED' ? 'CANCELLED' : 'DRAINING');
  };

  let report: DrainReport | undefined;
  const drain = async (): Promise<void> => {
    await after(clock, integer(0, 200));
    going = new Set(open);
    const grace = pick([0, 1, 20, 100, 500]);
    const began = clock.now();
    const first = runner.drain({ grace });
    if (chance(0.3)) clock.schedule(integer(0, 120), () => void runner.drain({ grace: integer(0, 100) }));
    report = await first;
    expect(clock.now() - began).toBe(report.durationMs);
    expect(report.durationMs).toBeLessThanOrEqual(grace + graceMs);
    expect(runner.stats().running).toBe(0);
    expect(report.orphans).toHaveLength(runner.stats().orphans);
  };
  await Promise.all([...Array.from({ length: EACH }, (_, n) => begin(n)), drain()]);
  expect(answered).toBe(EACH);
  expect(open.size).toBe(0);
  expect(report).toMatchObject({ cancelled: stopped, finished: (going?.size ?? 0) - stopped });
  return () => expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
}

function workOf({ clock, chance, integer, pick }: Simulation, n: number) {
  let begun = false;
  const script = scripted(
    [
      {
        ...pick<Step>([
          { do: 'succeed', value: n },
          { do: 'fail', error: new Error('no') },
          { do: 'hang' },
          { do: 'emit', items: [1, 2], every: 10 },
        ]),
        after: integer(0, 150),
        ...(chance(0.3) ? { cleanup: pick<'throws' | number>(['throws', 5, 40, 400]) } : {}),
      },
    ],
    { clock },
  );
  const deaf = chance(0.2);
  const lasts = integer(1, 300);
  const leaf = tool(`leaf${n}`, {}, (_: undefined, ctx: Context) => {
    begun = true;
    return deaf ? after(clock, lasts) : script(undefined, ctx);
  });
  return {
    name: `one${n}`,
    work: (_: unknown, { call }: Context): Promise<unknown> => call(leaf),
    started: () => begun,
  };
}

const after = (clock: VirtualClock, ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));

/** Whether something was stopped because its runner was shut down. */
function isShutdown(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) if ((one as SluiceError).scope === 'runner') return true;
  return false;
}
