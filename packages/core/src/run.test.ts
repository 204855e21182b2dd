import { AsyncLocalStorage } from 'node:async_hooks';
import { catchError, Observable, of, retry, take, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { CircuitOpenError } from './errors/circuit-open-error.ts';
import { ConfigError } from './errors/config-error.ts';
import { RateLimitedError } from './errors/rate-limited-error.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import { StageFailedError } from './errors/stage-failed-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor, type Interceptor, type Next } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { failure, hang, limits } from './pipeline-bench.test-kit.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { Place } from './place.ts';
import type { StageReport } from './report.ts';
import type { Run } from './run.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { stage } from './stage.ts';
import { leakLedger, scripted, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

declare module './policies.ts' {
  interface Policies {
    hops?: { readonly a?: unknown; readonly b?: unknown; readonly c?: unknown } | 'none' | undefined;
  }
}

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
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn(details: object, message = '') {
      // Not the lines about calls that go wrong, which are events as well.
      if ('sluice' in details && Object(details.sluice).type === 'warning') warnings.push(message);
    },
    error() {},
  };
  const runner = createRunner({ clock, logger, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, runner, sleep, warnings };
}

const around = (intercept: (call: Call, next: Next) => Observable<unknown>): Interceptor =>
  defineInterceptor({ name: 'around', priority: Place.total, applies: 'stage', intercept });

const boom = new Error('boom');
const fails = (): never => {
  throw boom;
};

/** What the events say, as lines. */
function record(run: Pick<Run, 'events$'>) {
  const events: SluiceEvent[] = [];
  const lines: string[] = [];
  run.events$.subscribe({
    next: (event) => {
      events.push(event);
      lines.push('name' in event ? `${event.type} ${event.name}` : event.type);
    },
    complete: () => lines.push('(complete)'),
  });
  return { events, lines };
}

describe('a run can be awaited', () => {
  const sum = pipeline<{ a: number; b: number }>('sum')
    .stage('double', ({ input }) => input.a * 2)
    .stage('total', ['double'], async ({ input, double }) => double + input.b);

  it('and resolves to the outputs by name, the same ones however often and in whatever way it is asked', async () => {
    const { runner } = bench();
    const run = runner.run(sum, { a: 1, b: 2 });
    const output = await run;
    expect(output).toEqual({ double: 2, total: 4 });
    expect(await run).toBe(output);
    expect(await run.then()).toBe(output);
    expect(await run.catch(() => 'no')).toBe(output);
    expect(await run.finally(() => 'ignored')).toBe(output);
    expect(await run.then(({ total }) => total + 1)).toBe(5);
    expect((await Promise.all([run, Promise.resolve(run), (async () => run)()]))[2]).toBe(output);
    expect(`${run}`).toBe('[object Run]');
  });

  it('and rejects with one error, the same for all who ask, before and after its end', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', fails));
    const early = failure(run);
    const error = await early;
    expect(await failure(run)).toBe(error);
    expect(await run.catch((thrown) => thrown)).toBe(error);
    expect(await run.then(undefined, (thrown) => thrown)).toBe(error);
    let ended = 0;
    const asked = run.finally(() => {
      ended++;
    });
    expect(await failure(asked)).toBe(error);
    expect(ended).toBe(1);
    expect((await run.report).error).toBe(error);
  });

  it.each<[string, (run: Run<object>) => unknown]>([
    ['nobody', () => {}],
    ['somebody who wants the report', (run) => run.report],
    ['somebody who listens to its events', (run) => run.events$.subscribe()],
    ['somebody who listens to the items of the stage that fails', (run) => run.stream('s' as never).subscribe()],
    ['somebody who reads its signal and cancels it', (run) => void (run.signal.aborted || run.cancel())],
  ])('but rejects only for who asks: %s is no unhandled rejection', async (_, ask) => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(pipeline('p').stage('s', () => sleep(10).then(fails)));
    ask(run as Run<object>);
    await clock.runAll();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
    expect((await run.report).status).not.toBe('ok');
  });

  it('also when it has no stages: then it resolves to nothing', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('empty'));
    await expect(run).resolves.toEqual({});
    expect(await run.report).toMatchObject({ status: 'ok', stages: {}, durationMs: 0 });
  });
});

describe('a run starts in the next microtask', () => {
  it('and not before: nothing has run when run() returns', async () => {
    const { runner } = bench();
    const order: string[] = [];
    const run = runner.run(pipeline('p').stage('s', () => void order.push('stage')));
    order.push('returned');
    queueMicrotask(() => order.push('microtask'));
    await run;
    expect(order).toEqual(['returned', 'stage', 'microtask']);
  });

  it('so that whoever subscribes in the same turn misses nothing', async () => {
    const { runner } = bench();
    const run = runner.run(
      pipeline('p').stage('s', async function* () {
        yield 1;
        yield 2;
      }),
    );
    const items: number[] = [];
    run.stream('s').subscribe((item) => items.push(item));
    const { lines } = record(run);
    await run;
    expect(items).toEqual([1, 2]);
    expect(lines).toEqual([
      'run.start p',
      'stage.start s',
      'attempt.start s',
      'stage.item s',
      'stage.item s',
      'attempt.end s',
      'verdict s',
      'stage.end s',
      'run.end p',
      '(complete)',
    ]);
  });

  it('with the options as they were given, whatever becomes of the object', async () => {
    const { clock, runner } = bench();
    const options = { deadline: 100, data: { key: 1 } as Record<string, unknown>, replace: {} };
    const run = runner.run(
      pipeline('p').stage('s', (_, { data, deadline }) => [data.get('key'), deadline.at]),
      undefined,
      options,
    );
    options.deadline = 5;
    options.data['key'] = 2;
    Object.assign(options.replace, { s: fails });
    await expect(clock.until(run)).resolves.toEqual({ s: [1, 100] });
  });
});

describe('the events of a run', () => {
  const two = () =>
    pipeline('p')
      .stage('first', () => 1)
      .stage('second', ['first'], () => 2);

  it('are its own: those of runs beside it are not among them', async () => {
    const { runner } = bench();
    const runs = Array.from({ length: 3 }, () => runner.run(two()));
    const told = runs.map((run) => record(run));
    await Promise.all(runs);
    for (const [n, { events, lines }] of told.entries()) {
      expect(new Set(events.map((event) => 'runId' in event && event.runId))).toEqual(new Set([runs[n]?.id]));
      expect(lines).toHaveLength(13);
    }
  });

  it('are hot: who comes later hears what is still to come, who comes after the end only that it is over', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('first', () => sleep(10))
        .stage('second', ['first'], () => 2),
    );
    const early = record(run);
    await clock.advance(5);
    const late = record(run);
    await clock.until(run);
    expect(late.lines).toEqual(early.lines.slice(3));
    const after = record(run);
    expect(after.lines).toEqual(['(complete)']);
  });

  it.each([
    ['ok', () => 1],
    ['failed', fails],
    ['cancelled', ({ cancel }: Context) => cancel('enough', { scope: 'run' })],
    ['timeout', ({ signal }: Context) => hang(signal)],
  ] as [string, (context: Context) => unknown][])(
    'of one that ends %s begin with one run.start and end with one run.end, and complete',
    async (status, end) => {
      const { clock, runner } = bench();
      const run = runner.run(
        pipeline('p')
          .stage('s', (_, context) => end(context))
          .stage('after', ['s'], () => 2),
        undefined,
        { deadline: 100 },
      );
      const { events, lines } = record(run);
      const report = await clock.until(run.report);
      const last = events.at(-1);
      expect(last).toMatchObject({ type: 'run.end', status, durationMs: report.durationMs });
      expect(last && 'error' in last ? last.error : undefined).toBe(report.error);
      expect(lines.filter((line) => line.startsWith('run.'))).toEqual(['run.start p', 'run.end p']);
      expect(lines.at(-1)).toBe('(complete)');
      const after = lines.filter((line) => line.endsWith('after'));
      expect(after).toHaveLength(status === 'ok' ? 5 : 1);
      expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b));
    },
  );

  it('may be listened to by somebody who throws: it is reported, and harms nobody', async () => {
    const { runner, warnings } = bench();
    const run = runner.run(two());
    run.events$.subscribe(fails);
    const { lines } = record(run);
    await expect(run).resolves.toEqual({ first: 1, second: 2 });
    expect(lines).toContain('run.end p');
    expect(warnings.length).toBeGreaterThan(0);
  });

  it('may be left early', async () => {
    const { runner } = bench();
    const run = runner.run(two());
    const seen: string[] = [];
    run.events$.pipe(take(2)).subscribe(({ type }) => seen.push(type));
    await run;
    expect(seen).toEqual(['run.start', 'stage.start']);
  });
});

describe('run.stream', () => {
  it('ends when the stage is over, its cleanup included, also for who comes after its verdict', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p').stage('s', (_, { onCleanup }) => {
        onCleanup(() => sleep(100));
        return 'done';
      }),
    );
    const told: string[] = [];
    await clock.advance(50);
    run.stream('s').subscribe({ next: () => told.push('item'), complete: () => told.push(`over at ${clock.now()}`) });
    expect(told).toEqual([]);
    await clock.until(run);
    expect(told).toEqual(['over at 100']);
  });

  it('gives the items of a stage as they come, and ends as the stage does', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('s', async function* () {
          for (const item of ['a', 'b', 'c']) {
            await sleep(10);
            yield item;
          }
        })
        .stage('long', () => sleep(100)),
    );
    const seen: string[] = [];
    run.stream('s').subscribe({
      next: (item) => seen.push(`${item} at ${clock.now()}`),
      complete: () => seen.push(`end at ${clock.now()}`),
    });
    await expect(clock.until(run)).resolves.toMatchObject({ s: ['a', 'b', 'c'] });
    expect(seen).toEqual(['a at 10', 'b at 20', 'c at 30', 'end at 30']);
  });

  it.each<[string, () => unknown, unknown[]]>([
    ['a value', () => 7, [7]],
    ['a promise', async () => 7, [7]],
    ['an Observable', () => of(1, 2), [1, 2]],
    ['an empty generator', async function* () {}, []],
  ])('gives of %s what it amounts to, and completes', async (_, work, items) => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', work));
    const seen: unknown[] = [];
    run.stream('s').subscribe({ next: (item) => seen.push(item), complete: () => seen.push('end') });
    await run;
    expect(seen).toEqual([...items, 'end']);
  });

  it('gives every item, also where only the last is the output', async () => {
    const { runner } = bench();
    const shape = pipeline('p').stage('s', { collect: 'last' }, () => of(1, 2, 3));
    const run = runner.run(shape);
    const seen: unknown[] = [];
    run.stream('s').subscribe((item) => seen.push(item));
    await expect(run).resolves.toEqual({ s: 3 });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('fails with the error of its stage when that fails, times out, or is cancelled', async () => {
    const { clock, runner } = bench({ use: [limits({ slow: 100 })] });
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('bad', fails)
      .stage('slow', (_, { signal }) => hang(signal))
      .stage('gone', (_, { cancel }) => cancel('enough'));
    const run = runner.run(shape);
    const errors: Record<string, unknown> = {};
    for (const name of ['bad', 'slow', 'gone'] as const) {
      run.stream(name).subscribe({
        error: (error) => {
          errors[name] = error;
        },
      });
    }
    const { stages } = await clock.until(run.report);
    for (const name of ['bad', 'slow', 'gone'] as const) {
      expect(errors[name]).toBe((stages[name] as { error: unknown }).error);
    }
  });

  it('of a stage that is skipped completes without an item', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', { when: () => false }, () => 1));
    const seen: unknown[] = [];
    run.stream('s').subscribe({ next: (item) => seen.push(item), complete: () => seen.push('end') });
    await run;
    expect(seen).toEqual(['end']);
  });

  it('begun late gives the rest; after the end of its stage, only that', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('s', async function* () {
          for (let n = 1; n <= 3; n++) {
            await sleep(10);
            yield n;
          }
        })
        .stage('bad', ['s'], fails),
    );
    await clock.advance(15);
    const late: unknown[] = [];
    run.stream('s').subscribe((item) => late.push(item));
    await clock.until(run.report);
    const after: unknown[] = [];
    run.stream('s').subscribe({ next: (item) => after.push(item), complete: () => after.push('end') });
    run.stream('bad').subscribe({ error: (error: SluiceError) => after.push(error.code) });
    expect([late, after]).toEqual([
      [2, 3],
      ['end', 'STAGE_FAILED'],
    ]);
  });

  it('may be listened to by somebody who throws or goes away: the stage goes on', async () => {
    const { runner, warnings } = bench();
    const run = runner.run(pipeline('p').stage('s', () => of(1, 2, 3)));
    run.stream('s').subscribe(fails);
    run.stream('s').pipe(take(1)).subscribe();
    await expect(run).resolves.toEqual({ s: [1, 2, 3] });
    expect(warnings.length).toBeGreaterThan(0);
  });

  it('of what is no stage throws a ConfigError that names the nearest one', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('summarise', () => 1));
    expect(() => run.stream('sumarise' as 'summarise')).toThrow(
      'Pipeline "p" has no stage "sumarise"; did you mean "summarise"?',
    );
    await run;
  });
});

describe('the signal of a run', () => {
  it('is not aborted by a run that ends well', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', () => 1));
    const { signal } = run;
    await run;
    expect([signal.aborted, run.signal === signal]).toEqual([false, true]);
  });

  it('is aborted in the moment in which the run is stopped, with the reason', async () => {
    const { clock, runner } = bench();
    const shape = pipeline('p').stage('s', (_, { signal }) => hang(signal));
    const timed = runner.run(shape, undefined, { deadline: 100 });
    let at = -1;
    timed.signal.addEventListener('abort', () => {
      at = clock.now();
    });
    const error = await clock.until(failure(timed));
    expect(at).toBe(100);
    expect(timed.signal.reason).toBe(error);

    const failed = runner.run(pipeline('p').stage('s', fails));
    const cause = await clock.until(failure(failed));
    expect(failed.signal.reason).toMatchObject({ code: 'CANCELLED', cause });
  });
});

describe('what a run rejects with', () => {
  it('is a StageFailedError that names the stage, with the very error of the work as its cause', async () => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('fetch', fails));
    const error = await failure(run);
    expect(error).toBeInstanceOf(StageFailedError);
    expect(error.cause).toBe(boom);
    expect(error).toMatchObject({
      message: 'Stage "fetch" failed: boom',
      scope: 'stage:fetch',
      call: { target: 'stage', name: 'fetch', attempt: 1, runId: run.id },
    });
    const report = await run.report;
    expect(report.error).toBe(error);
    expect(report.stages.fetch).toMatchObject({ status: 'failed', error });
  });

  it('is the TimeoutError that decided, as it is', async () => {
    const { clock, runner } = bench({ use: [limits({ s: 100 })] });
    const run = runner.run(pipeline('p').stage('s', (_, { signal }) => hang(signal)));
    const error = await clock.until(failure(run));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ scope: 'stage:s', message: 'Stage "s" exceeded its total timeout of 100 ms' });
    const report = await run.report;
    expect([report.status, report.error, report.stages.s.status]).toEqual(['timeout', error, 'timeout']);
  });

  it('is the error of Sluice with which an interceptor has decided, as it is; a plain one of its is a cause', async () => {
    const open = new CircuitOpenError('The circuit of "s" is open', { retryAfterMs: 7 });
    for (const [thrown, expected] of [
      [open, open],
      [boom, expect.objectContaining({ code: 'STAGE_FAILED', cause: boom })],
    ] as const) {
      const { runner } = bench({ use: [around(() => throwError(() => thrown))] });
      const run = runner.run(pipeline('p').stage('s', () => 1));
      expect(await failure(run)).toEqual(expected);
      expect((await run.report).stages.s).toMatchObject({ status: 'failed', attempts: 0 });
    }
  });

  it('is the failure of the stage when a tool timed out in it and it did not catch that', async () => {
    const { clock, runner } = bench();
    const slow = tool('slow', {}, scripted([{ do: 'hang' }], { clock }));
    const run = runner.run(pipeline('p').stage('s', (_, { call }) => call(slow, undefined, { deadline: 100 })));
    const error = await clock.until(failure(run));
    expect(error).toMatchObject({
      code: 'STAGE_FAILED',
      verdict: 'failed',
      cause: { code: 'TIMEOUT', scope: 'tool:slow' },
    });
    const { status, stages } = await run.report;
    expect([status, stages.s.status]).toEqual(['failed', 'failed']);
  });

  it.each<[string, Error]>([
    ['a TimeoutError', new TimeoutError('mine')],
    ['a CancelledError', new CancelledError('mine')],
    ['a RateLimitedError', new RateLimitedError('mine', { retryAfterMs: 1_234 })],
    ['an AbortError', new DOMException('mine', 'AbortError')],
  ])('is the failure of the stage when its own work throws %s: only who owns a limit ends by it', async (_, thrown) => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', () => Promise.reject(thrown)));
    const error = await failure(run);
    expect(error.code).toBe('STAGE_FAILED');
    expect(error.cause).toBe(thrown);
    expect((await run.report).stages.s.status).toBe('failed');
    if (thrown instanceof RateLimitedError) expect(error).toMatchObject({ retryAfterMs: 1_234 });
  });

  it('is what a tool threw, as the cause, through however many tools it came', async () => {
    const { runner } = bench();
    const inner = tool('inner', {}, fails);
    const outer = tool('outer', {}, (_: unknown, { call }: Context) => call(inner));
    const run = runner.run(pipeline('p').stage('s', (_, { call }) => call(outer)));
    expect((await failure(run)).cause).toBe(boom);
  });

  it('is the failure of a stage whose `when` throws, or answers a promise', async () => {
    const { runner } = bench();
    const throwing = runner.run(pipeline('p').stage('s', { when: fails }, () => 1));
    expect(await failure(throwing)).toMatchObject({
      code: 'STAGE_FAILED',
      message: 'Stage "s" failed: its "when" threw: boom',
      cause: boom,
    });
    const promising = runner.run(
      pipeline('p').stage('s', { when: (async () => true) as unknown as () => boolean }, () => 1),
    );
    expect(await failure(promising)).toMatchObject({
      code: 'STAGE_FAILED',
      message: expect.stringContaining('its "when" answered a promise'),
    });
    expect((await promising.report).stages.s).toMatchObject({ status: 'failed', attempts: 0 });
  });
});

describe('work that misbehaves has one verdict and a usable error', () => {
  const revoked = (): object => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  it.each<[string, () => unknown, unknown]>([
    ['throws at once', fails, boom],
    ['rejects', () => Promise.reject(boom), boom],
    ['is an evil thenable that rejects and then resolves', () => thenable((_, no) => [no(boom)]), boom],
    ['is a thenable that throws', () => thenable(fails), boom],
    ['has a getter `then` that throws', () => Object.defineProperty({}, 'then', { get: fails }), boom],
    ['has an async iterator that throws', () => ({ [Symbol.asyncIterator]: fails }), boom],
    ['is an Observable that throws', () => new Observable(fails), boom],
    [
      'is a generator that throws',
      async function* () {
        yield 1;
        throw boom;
      },
      boom,
    ],
    ['throws undefined', () => Promise.reject(), undefined],
    ['throws null', () => Promise.reject(null), null],
    ['throws a text', () => Promise.reject('text'), 'text'],
    ['throws a frozen object', () => Promise.reject(Object.freeze({})), {}],
    ['throws a Proxy that is revoked', () => Promise.reject(revoked()), expect.anything()],
  ])('that %s fails', async (_, work, thrown) => {
    const { runner } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('s', work)
        .stage('after', ['s'], () => 1),
    );
    const { lines } = record(run);
    const error = await failure(run);
    expect(error).toMatchObject({ code: 'STAGE_FAILED', scope: 'stage:s' });
    expect(error.message).toMatch(/^Stage "s" failed: ./);
    const cause = error.cause as SluiceError;
    if (thrown === boom) expect(cause).toBe(boom);
    else {
      expect(cause.code).toBe('NON_ERROR');
      if (typeof thrown !== 'object' || thrown === null) expect(cause.cause).toBe(thrown);
    }
    expect((await run.report).stages.after).toMatchObject({ status: 'skipped', because: 's' });
    expect(lines.filter((line) => line === 'verdict s')).toHaveLength(1);
    expect(lines.filter((line) => line === 'stage.end s')).toHaveLength(1);
    expect(() => JSON.stringify(error)).not.toThrow();
  });

  function thenable(then: (ok: (value: unknown) => void, no: (error: unknown) => void) => unknown): object {
    return { then };
  }

  it.each<[string, () => unknown]>([
    ['resolves twice', () => thenable((ok) => [ok('first'), ok('second')])],
    ['resolves and rejects', () => thenable((ok, no) => [ok('first'), no(boom)])],
    [
      'resolves and throws',
      () =>
        thenable((ok) => {
          ok('first');
          throw boom;
        }),
    ],
  ])('that %s keeps to the first', async (_, work) => {
    const { runner } = bench();
    const run = runner.run(pipeline('p').stage('s', work));
    const { lines } = record(run);
    await expect(run).resolves.toEqual({ s: 'first' });
    expect(lines.filter((line) => line === 'verdict s')).toHaveLength(1);
    expect((await run.report).late).toBe(0);
  });

  it('that never ends, beside one that does, keeps the run open until its deadline', async () => {
    const { clock, runner } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('never', () => thenable(() => {}))
        .stage('quick', () => 1),
      undefined,
      { deadline: '1h' },
    );
    const report = await clock.until(run.report);
    expect(report).toMatchObject({ status: 'timeout', output: { quick: 1 }, durationMs: 3_600_000 });
    expect(report.orphans).toMatchObject([{ name: 'never', kind: 'stage' }]);
    ledger = leakLedger();
  });
});

describe('the report of a run', () => {
  it('tells each stage exactly, on the clock of the runner', async () => {
    const { clock, runner, sleep } = bench();
    await clock.advance(1_000);
    const run = runner.run(
      pipeline('p')
        .stage('first', () => sleep(10).then(() => 'one'))
        .stage('second', ['first'], () => sleep(20).then(() => undefined)),
    );
    const report = await clock.until(run.report);
    expect(report).toEqual({
      id: run.id,
      pipeline: 'p',
      status: 'ok',
      output: { first: 'one', second: undefined },
      stages: {
        first: {
          name: 'first',
          status: 'ok',
          value: 'one',
          attempts: 1,
          startedAt: 1_000,
          durationMs: 10,
          suppressed: [],
          settled: true,
        },
        second: {
          name: 'second',
          status: 'ok',
          value: undefined,
          attempts: 1,
          startedAt: 1_010,
          durationMs: 20,
          suppressed: [],
          settled: true,
        },
      },
      durationMs: 30,
      orphans: [],
      late: 0,
      suppressed: [],
    });
    expect(await run.report).toBe(report);
  });

  it('counts the attempts that were begun', async () => {
    const { runner } = bench({ use: [around((call, next) => next(call).pipe(retry(2)))] });
    const shape = pipeline('p').stage('s', (_, { attempt }) => (attempt < 3 ? fails() : attempt));
    const run = runner.run(shape);
    const { lines } = record(run);
    expect((await run.report).stages.s).toMatchObject({ status: 'ok', value: 3, attempts: 3 });
    expect(lines.filter((line) => line === 'attempt.start s')).toHaveLength(3);
    expect(lines.filter((line) => line === 'stage.start s')).toHaveLength(1);
  });

  it('knows a stage that an interceptor has saved as ok', async () => {
    const { runner } = bench({ use: [around((call, next) => next(call).pipe(catchError(() => of('saved'))))] });
    const run = runner.run(pipeline('p').stage('s', fails));
    await expect(run).resolves.toEqual({ s: 'saved' });
    expect((await run.report).stages.s).toMatchObject({ status: 'ok', value: 'saved' });
  });

  it('has a run with a deadline of 0 timed out before anything ran', async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'succeed' }], { clock });
    const run = runner.run(pipeline('p', { deadline: 0 }).stage('s', work).stage('after', ['s'], work));
    expect(await clock.until(failure(run))).toMatchObject({ code: 'TIMEOUT', scope: 'run' });
    const { stages, durationMs } = await run.report;
    expect([work.calls, durationMs, stages.s.status, stages.after.attempts]).toEqual([0, 0, 'cancelled', 0]);
  });

  it("has the run's own deadline in place of its pipeline's, 'none' included; `timeouts: 'off'` switches it off", async () => {
    const shape = (sleep: (ms: number) => Promise<void>) =>
      pipeline('p', { deadline: 50 }).stage('s', (_, { signal }) => Promise.race([sleep(100), hang(signal)]));
    for (const { deadline, timeouts, status } of [
      { deadline: undefined, timeouts: 'on', status: 'timeout' },
      { deadline: 99, timeouts: 'on', status: 'timeout' },
      { deadline: 101, timeouts: 'on', status: 'ok' },
      { deadline: '1s', timeouts: 'on', status: 'ok' },
      { deadline: 'none', timeouts: 'on', status: 'ok' },
      { deadline: 1, timeouts: 'off', status: 'ok' },
    ] as const) {
      const { clock, runner, sleep } = bench({ timeouts });
      const report = await clock.until(runner.run(shape(sleep), undefined, { deadline }).report);
      expect(report.status).toBe(status);
      await clock.runAll();
    }
  });

  it('has a result that arrives in the turn of the deadline as the winner', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p').stage('s', () => sleep(100)),
      undefined,
      { deadline: 100 },
    );
    expect((await clock.until(run.report)).status).toBe('ok');
  });

  it('counts what comes after the verdicts until it is over', async () => {
    const { clock, runner, sleep } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('value', async () => {
          await sleep(120);
          return 'late';
        })
        .stage('error', () => sleep(120).then(fails))
        .stage('data', async (_, { data }) => {
          await sleep(120);
          data.set('key', 'late');
        }),
      undefined,
      { deadline: 100 },
    );
    // Two values, an error, and what the third wrote.
    expect((await clock.until(run.report)).late).toBe(4);
    expect(clock.now()).toBe(120);
  });
});

describe('a stage that does not run', () => {
  it('because of its `when` is skipped, and so is what needs it, but not what can do without', async () => {
    const { runner } = bench();
    const asked: unknown[] = [];
    const shape = pipeline<number>('p')
      .stage('source', ({ input }) => input)
      .stage(
        'odd',
        {
          needs: ['source'],
          when: (deps) => {
            asked.push(deps);
            return deps.source % 2 === 1;
          },
        },
        () => 'odd',
      )
      .stage('needing', ['odd'], () => 'needing')
      .stage('further', ['needing'], () => 'further')
      .stage('wanting', { needs: ['source'], optional: ['odd', 'further'] }, ({ odd, further }, { outcome }) => [
        odd,
        further,
        outcome('odd'),
        outcome('further').status,
      ]);
    const run = runner.run(shape, 2);
    const { lines } = record(run);
    const output = await run;
    expect(output.odd).toBeUndefined();
    expect(output.wanting).toEqual([undefined, undefined, expect.objectContaining({ because: 'when' }), 'skipped']);
    const { stages, status } = await run.report;
    expect(status).toBe('ok');
    expect(stages.odd).toMatchObject({ status: 'skipped', because: 'when', attempts: 0 });
    expect(stages.needing).toMatchObject({ status: 'skipped', because: 'odd' });
    expect(stages.further).toMatchObject({ status: 'skipped', because: 'odd' });
    expect(asked).toEqual([{ input: 2, source: 2 }]);
    expect(lines.filter((line) => line.startsWith('stage.skip'))).toEqual([
      'stage.skip odd',
      'stage.skip needing',
      'stage.skip further',
    ]);
    await expect(runner.run(shape, 3)).resolves.toMatchObject({ odd: 'odd', further: 'further' });
  });

  it('because of ctx.skip is skipped, with what it said, and its run resolves', async () => {
    const { runner } = bench();
    const run = runner.run(
      pipeline('p')
        .stage('s', (_, { skip }) => skip('nothing new'))
        .stage('silent', (_, { skip }) => skip())
        .stage('needing', ['s'], () => 1),
    );
    await expect(run).resolves.toEqual({});
    const { stages } = await run.report;
    expect(stages.s).toMatchObject({ status: 'skipped', because: 'nothing new', attempts: 1 });
    expect(stages.silent).toMatchObject({ status: 'skipped', because: 'skip' });
    expect(stages.needing).toMatchObject({ status: 'skipped', because: 's' });
  });

  it('is not asked by its `when` what it needs is not there for', async () => {
    const { runner } = bench();
    const when = vi.fn(() => true);
    const run = runner.run(
      pipeline('p', { onFailure: 'continue' })
        .stage('bad', fails)
        .stage('s', { needs: ['bad'], when }, () => 1),
    );
    expect((await run.report).stages.s).toMatchObject({ status: 'skipped', because: 'bad' });
    expect(when).not.toHaveBeenCalled();
  });

  it('is known to ctx.outcome of all that come after it, and of the tools that they call', async () => {
    const { runner } = bench();
    const asking = tool('asking', {}, (name: string, { outcome }: Context) => outcome(name).status);
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('bad', fails)
      .stage('middle', { optional: ['bad'] }, () => 'middle')
      .stage('last', ['middle'], async (_, { outcome, call }) => [
        outcome('bad').status,
        outcome('middle'),
        await call(asking, 'bad'),
      ]);
    const { output } = await runner.run(shape).report;
    expect(output.last).toEqual(['failed', expect.objectContaining({ status: 'ok', value: 'middle' }), 'failed']);
  });

  it.each<[string, string, RegExp]>([
    ['that does not come before it', 'beside', /Stage "s" asks how "beside" ended, but does not wait for it/],
    ['that it is itself', 's', /does not wait for it/],
    ['that is none', 'befor', /has no stage "befor"; did you mean "before"\?/],
  ])('cannot ask for the outcome of a stage %s', async (_, name, message) => {
    const { runner } = bench();
    const shape = pipeline('p')
      .stage('before', () => 1)
      .stage('beside', () => 1)
      .stage('s', ['before'], (_, { outcome }) => outcome(name));
    const { cause } = await failure(runner.run(shape));
    expect(cause).toBeInstanceOf(ConfigError);
    expect((cause as Error).message).toMatch(message);
  });

  it('cannot be asked for outside of pipelines', async () => {
    const { runner } = bench();
    const asking = tool('asking', {}, (_: unknown, { outcome }: Context) => outcome('s'));
    expect(await failure(runner.call(asking))).toMatchObject({ code: 'CONFIG' });
  });
});

describe('stages that are replaced', () => {
  it('do other work in their place: all else about them stays', async () => {
    const seen: unknown[] = [];
    const { runner } = bench({
      use: [
        around((call, next) => {
          seen.push([call.name, call.kind, call.idempotent]);
          return next(call);
        }),
      ],
    });
    const real = vi.fn(() => 'real');
    const shape = pipeline<number>('p')
      .stage('source', real)
      .stage('s', { needs: ['source'], kind: 'agent', idempotent: false }, real)
      .stage('after', ['s'], ({ s }) => `after ${s}`);
    const run = runner.run(shape, 7, {
      replace: {
        source: () => 'fake source',
        s: ({ source, input }, { name }) => `${name} of ${source} and ${input}`,
      },
    });
    await expect(run).resolves.toEqual({
      source: 'fake source',
      s: 's of fake source and 7',
      after: 'after s of fake source and 7',
    });
    expect(real).not.toHaveBeenCalled();
    expect(seen).toContainEqual(['s', 'agent', false]);
    // The next run has the real ones again.
    await expect(runner.run(shape, 7)).resolves.toMatchObject({ source: 'real', s: 'real' });
  });

  it('may be replaced by a stream, a reusable stage, and what fails', async () => {
    const { runner } = bench();
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('stream', async function* () {
        yield 1;
      })
      .stage('reusable', () => 'real')
      .stage('bad', () => 'real');
    const run = runner.run(shape, undefined, {
      replace: {
        async *stream() {
          yield 2;
          yield 3;
        },
        reusable: stage({}, () => 'from a stage'),
        bad: fails,
      },
    });
    const { output, stages } = await run.report;
    expect(output).toEqual({ stream: [2, 3], reusable: 'from a stage' });
    expect(stages.bad).toMatchObject({ status: 'failed', error: { cause: boom } });
  });
});

describe('a run that is resumed', () => {
  it('from the output of the report of an earlier one does only what was not done', async () => {
    const { runner } = bench();
    const calls: string[] = [];
    let broken = true;
    const shape = pipeline<string>('p')
      .stage('a', ({ input }) => {
        calls.push('a');
        return `a of ${input}`;
      })
      .stage('nothing', { needs: ['a'], when: () => true }, () => void calls.push('nothing'))
      .stage('b', ['a', 'nothing'], ({ a }) => {
        calls.push('b');
        return broken ? fails() : `b of ${a}`;
      })
      .stage('c', ['b'], ({ b }) => {
        calls.push('c');
        return `c of ${b}`;
      });
    const first = await runner.run(shape, 'it').report;
    expect(first).toMatchObject({ status: 'failed', output: { a: 'a of it' } });
    broken = false;
    const run = runner.run(shape, 'it', { completed: first.output });
    const { lines } = record(run);
    await expect(run).resolves.toMatchObject({ a: 'a of it', b: 'b of a of it', c: 'c of b of a of it' });
    expect(calls).toEqual(['a', 'nothing', 'b', 'b', 'c']);
    const { stages } = await run.report;
    expect(stages.a).toEqual({
      name: 'a',
      status: 'ok',
      value: 'a of it',
      origin: 'cache',
      attempts: 0,
      durationMs: 0,
      suppressed: [],
      settled: true,
    });
    expect(stages.nothing).toMatchObject({ status: 'ok', value: undefined, origin: 'cache' });
    expect(lines.filter((line) => line === 'stage.start a')).toEqual([]);
  });

  it('does not ask the `when` of what is there, nor make it wait for what it needed', async () => {
    const { clock, runner } = bench();
    const when = vi.fn(() => false);
    let at = -1;
    const shape = pipeline('p')
      .stage('slow', scripted([{ do: 'succeed', after: 100 }], { clock }))
      .stage('s', { needs: ['slow'], when }, () => 'real')
      .stage('after', ['s'], ({ s }) => {
        at = clock.now();
        return s;
      });
    const output = await clock.until(runner.run(shape, undefined, { completed: { s: 'cached' } }));
    expect(output).toMatchObject({ s: 'cached', after: 'cached' });
    expect(when).not.toHaveBeenCalled();
    expect(at).toBe(0);
  });

  it('does not lose what is there because of what it once needed', async () => {
    const { runner } = bench();
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('bad', fails)
      .stage('s', ['bad'], () => 'real')
      .stage('after', ['s'], ({ s }) => `after ${s}`);
    const { output, stages } = await runner.run(shape, undefined, { completed: { s: 'cached' } }).report;
    expect(stages.s).toMatchObject({ status: 'ok', value: 'cached' });
    expect(output).toEqual({ s: 'cached', after: 'after cached' });
  });

  it('has the items of what is there as over', async () => {
    const { runner } = bench();
    const shape = pipeline('p').stage('s', () => of(1, 2));
    const run = runner.run(shape, undefined, { completed: { s: [1, 2] } });
    let complete = false;
    run.stream('s').subscribe({
      complete: () => {
        complete = true;
      },
    });
    expect(complete).toBe(true);
    await expect(run).resolves.toEqual({ s: [1, 2] });
  });
});

describe('the data of a run', () => {
  it('passes from stage to stage, and to and from their tools', async () => {
    const { runner } = bench();
    const writes = tool('writes', {}, (_: unknown, { data }: Context) => {
      data.set('by tool', [data.get('first'), data.has('nothing')]);
    });
    const shape = pipeline('p')
      .stage('first', (_, { data }) => data.set('first', data.get('given')))
      .stage('second', ['first'], (_, { call }) => call(writes))
      .stage('third', ['second'], (_, { data }) => Object.fromEntries(data.entries()));
    for (const data of [{ given: 1 }, new Map([['given', 1]])]) {
      const { third } = await runner.run(shape, undefined, { data });
      expect(third).toEqual({ given: 1, first: 1, 'by tool': [1, false] });
    }
    const { third } = await runner.run(shape);
    expect(third).toMatchObject({ first: undefined });
  });

  it('that two stages set differently, neither of which waits for the other, is a DATA_CONFLICT that names both', async () => {
    const { runner } = bench();
    const shape = pipeline('p')
      .stage('left', (_, { data }) => data.set('key', 'left'))
      .stage('right', (_, { data }) => data.set('key', 'right'));
    const error = await failure(runner.run(shape));
    expect(error).toMatchObject({
      code: 'STAGE_FAILED',
      cause: { code: 'DATA_CONFLICT', details: { key: 'key', stages: ['left', 'right'] } },
    });
  });

  it('that they set alike, or one after the other, or merge, is none', async () => {
    const { runner } = bench();
    const add = (current: number | undefined, more: number): number => (current ?? 0) + more;
    const shape = pipeline('p')
      .stage('left', (_, { data }) => {
        data.set('same', { n: 1 });
        data.set('again', 1);
        data.set('again', 2);
        data.merge('sum', 1, add);
      })
      .stage('right', (_, { data }) => {
        data.set('same', { n: 1 });
        return data.merge('sum', 10, add);
      })
      .stage('after', ['left', 'right'], (_, { data }) => {
        data.set('same', 'other');
        data.set('again', 3);
        data.merge('sum', 100, add);
        return Object.fromEntries(data.entries());
      });
    const output = await runner.run(shape);
    expect(output.after).toEqual({ same: 'other', again: 3, sum: 111 });
    expect(output.right).toBe(11);
  });

  it('that one sets and another merges is a conflict, whoever comes first', async () => {
    const { runner } = bench();
    const set = (_: unknown, { data }: Context): void => data.set('key', 1);
    const merge = (_: unknown, { data }: Context): unknown => data.merge('key', 1, (_current, value) => value);
    for (const [first, second] of [
      [set, merge],
      [merge, set],
    ] as const) {
      const run = runner.run(pipeline('p').stage('first', first).stage('second', second));
      expect(await failure(run)).toMatchObject({ scope: 'stage:second', cause: { code: 'DATA_CONFLICT' } });
    }
  });

  it('that 50 stages merge into at once loses nothing', async () => {
    const { clock, runner, sleep } = bench();
    const names = Array.from({ length: 50 }, (_, n) => `s${n}`);
    const shape = pipelineFrom<void, { last: number[] }>(
      {
        name: 'p',
        stages: [...names.map((name) => ({ name, use: 'merge' })), { name: 'last', needs: names, use: 'last' }],
      },
      {
        stages: {
          merge: async (_: unknown, { data, name }: Context) => {
            const n = Number(name.slice(1));
            await sleep(n % 7);
            data.merge('list', n, (list: number[] = [], item) => [...list, item]);
          },
          last: (_: unknown, { data }: Context) => data.get('list'),
        },
      },
    );
    const { last } = await clock.until(runner.run(shape));
    expect(last.toSorted((a, b) => a - b)).toEqual(names.map((_, n) => n));
  });

  it('is a map: no key does any harm', async () => {
    const { runner } = bench();
    const shape = pipeline('p').stage('s', (_, { data }) => {
      data.set('__proto__', { polluted: true });
      data.set('constructor', 1);
      return [data.get('toString'), data.get('__proto__'), ({} as { polluted?: boolean }).polluted];
    });
    await expect(runner.run(shape, undefined, { data: JSON.parse('{"__proto__": 1}') })).resolves.toEqual({
      s: [undefined, { polluted: true }, undefined],
    });
  });

  it('cannot be written by a stage that has its verdict', async () => {
    const { clock, runner, sleep } = bench();
    let seen: unknown;
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('s', async (_, { data }) => {
        data.set('key', 'in time');
        await sleep(140);
        data.set('key', 'too late');
        data.merge('other', 1, () => 'too late');
      })
      .stage('after', { optional: ['s'] }, async (_, { data }) => {
        await sleep(100);
        seen = data.entries();
      });
    const { late } = await clock.until(createRunner({ clock, use: [limits({ s: 100 })] }).run(shape).report);
    expect(seen).toEqual([['key', 'in time']]);
    expect(late).toBe(3);
    expect(runner.stats().late).toBe(0);
  });

  it('written again by a further attempt is no conflict', async () => {
    const { runner } = bench({ use: [around((call, next) => next(call).pipe(retry(1)))] });
    const shape = pipeline('p').stage('s', (_, { data, attempt }) => {
      data.set('attempt', attempt);
      return attempt === 1 ? fails() : data.get('attempt');
    });
    await expect(runner.run(shape)).resolves.toEqual({ s: 2 });
  });
});

describe('the ids of a run', () => {
  const ids = pipeline('p').stage('s', (_, { runId, correlationId, parentRunId, idempotencyKey }) => ({
    runId,
    correlationId,
    parentRunId,
    idempotencyKey,
  }));

  it('are made, each other than all the others, and the correlation id is the id', async () => {
    const { runner } = bench();
    const runs = Array.from({ length: 100 }, () => runner.run(ids));
    for (const run of runs) {
      const { s } = await run;
      expect(s).toMatchObject({ runId: run.id, correlationId: run.id, parentRunId: undefined });
      expect((await run.report).id).toBe(run.id);
    }
    expect(new Set(runs.map(({ id }) => id)).size).toBe(100);
  });

  it('are those that are given, and are on every event', async () => {
    const { runner } = bench();
    const run = runner.run(ids, undefined, { runId: 'run-1', correlationId: 'request-1' });
    const { events } = record(run);
    const { s } = await run;
    expect(run.id).toBe('run-1');
    expect(s).toMatchObject({ runId: 'run-1', correlationId: 'request-1' });
    for (const event of events) expect(event).toMatchObject({ runId: 'run-1', correlationId: 'request-1' });
  });

  it('make the idempotency key of a stage, which is the same when the run is taken up again', async () => {
    const { runner } = bench();
    const [first, again, other] = await Promise.all(
      ['run-1', 'run-1', 'run-2'].map(async (runId) => (await runner.run(ids, undefined, { runId })).s.idempotencyKey),
    );
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe('policies reach the interceptors', () => {
  /** An interceptor that claims `hops`, and notes what it is told for each call. */
  function looking(options: { plugin?: { a?: unknown } } = {}) {
    const seen: Record<string, unknown> = {};
    const look = defineInterceptor({
      name: 'look',
      priority: Place.observe,
      policy: {
        key: 'hops',
        parse: (value, path) => {
          if (typeof value !== 'object' || value === null) throw new ConfigError(`${path}: expected fields`);
          return { ...value };
        },
        defaults: { a: 'default', b: 'default', c: 'default' },
        options: options.plugin,
        kinds: { agent: { a: 'kind', b: 'kind' } },
      },
      intercept: (call, next) => {
        seen[call.name] = call.policy('hops');
        return next(call);
      },
    });
    /** Waits for a run, and answers what its calls were told; those for which the plugin is off are not among them. */
    const toldIn = async (run: PromiseLike<unknown>): Promise<Record<string, unknown>> => {
      for (const name of Object.keys(seen)) delete seen[name];
      await run;
      return { ...seen };
    };
    return { toldIn, look };
  }
  const fields = (a: string, b: string, c: string) => ({ a, b, c });

  it('field by field: default, plugin, kind, pipeline, reusable stage, stage, run, and what the run says of the one stage', async () => {
    const { toldIn, look } = looking({ plugin: { a: 'plugin' } });
    const { runner } = bench({ use: [look] });
    const reusable = stage({ hops: { b: 'reusable' } }, () => 1);
    const plain = pipeline('plain')
      .stage('none', () => 1)
      .stage('kind', { kind: 'agent' }, () => 1);
    expect(await toldIn(runner.run(plain))).toEqual({
      none: fields('plugin', 'default', 'default'),
      kind: fields('kind', 'kind', 'default'),
    });

    const shape = pipeline('p', { hops: { a: 'pipeline' } })
      .stage('plain', () => 1)
      .stage('kind', { kind: 'agent' }, () => 1)
      .stage('stage', { hops: { a: 'stage', b: 'stage' } }, () => 1)
      .stage('reused', { hops: { c: 'stage' } }, reusable);
    expect(await toldIn(runner.run(shape))).toMatchObject({
      plain: fields('pipeline', 'default', 'default'),
      kind: fields('pipeline', 'kind', 'default'),
      stage: fields('stage', 'stage', 'default'),
      reused: fields('pipeline', 'reusable', 'stage'),
    });

    expect(
      await toldIn(
        runner.run(shape, undefined, { hops: { b: 'run' }, stages: { stage: { hops: { b: 'run, stage' } } } }),
      ),
    ).toMatchObject({
      plain: fields('pipeline', 'run', 'default'),
      kind: fields('pipeline', 'run', 'default'),
      stage: fields('stage', 'run, stage', 'default'),
      reused: fields('pipeline', 'run', 'stage'),
    });

    // A run says it for itself alone.
    expect(await toldIn(runner.run(shape))).toMatchObject({ stage: fields('stage', 'stage', 'default') });
  });

  it("never those of a run or a pipeline to a tool; a run's `tools` to that tool alone, wherever it is called", async () => {
    const { toldIn, look } = looking();
    const { runner } = bench({ use: [look] });
    const plain = tool('plain', {}, () => 1);
    const told = tool('told', { hops: { a: 'tool', b: 'tool' } }, (_: unknown, { call }: Context) => call(plain));
    const shape = pipeline('p', { hops: { a: 'pipeline' } }).stage(
      's',
      { hops: { b: 'stage' } },
      async (_, { call }) => {
        await call(told);
        await call(
          tool('other', {}, () => 1),
          undefined,
          { hops: { c: 'call' } },
        );
      },
    );
    expect(await toldIn(runner.run(shape, undefined, { hops: { a: 'run', b: 'run', c: 'run' } }))).toEqual({
      s: fields('run', 'run', 'run'),
      told: fields('tool', 'tool', 'default'),
      plain: fields('default', 'default', 'default'),
      other: fields('default', 'default', 'call'),
    });
    expect(
      await toldIn(
        runner.run(shape, undefined, {
          tools: {
            told: { hops: { b: 'run, tool' } },
            plain: { hops: 'none' },
            other: { hops: { b: 'run', c: 'run' } },
          },
        }),
      ),
    ).toEqual({
      s: fields('pipeline', 'stage', 'default'),
      told: fields('tool', 'run, tool', 'default'),
      other: fields('default', 'run', 'call'),
    });
    expect(await toldIn(runner.run(shape))).toMatchObject({
      told: fields('tool', 'tool', 'default'),
      plain: fields('default', 'default', 'default'),
    });
  });

  it("as 'none' where somebody switches the plugin off, until somebody nearer speaks again", async () => {
    const { toldIn, look } = looking();
    const { runner } = bench({ use: [look] });
    const shape = pipeline('p', { hops: 'none' })
      .stage('off', () => 1)
      .stage('on', { hops: { b: 'stage' } }, () => 1);
    expect(await toldIn(runner.run(shape))).toEqual({ on: fields('default', 'stage', 'default') });
    expect(
      await toldIn(runner.run(shape, undefined, { hops: 'none', stages: { off: { hops: { a: 'run' } } } })),
    ).toEqual({ off: fields('run', 'default', 'default') });
    expect(await toldIn(runner.run(shape, undefined, { hops: undefined }))).toEqual({
      on: fields('default', 'stage', 'default'),
    });
  });

  it('of replaced stages too', async () => {
    const { toldIn, look } = looking();
    const { runner } = bench({ use: [look] });
    const shape = pipeline('p').stage('s', { hops: { a: 'stage' } }, () => 1);
    expect(await toldIn(runner.run(shape, undefined, { replace: { s: () => 2 }, hops: { b: 'run' } }))).toEqual({
      s: fields('stage', 'run', 'default'),
    });
  });

  it('or, where they are wrong, the caller: as a ConfigError with the path, of all stages at once, before anything runs', async () => {
    const { look } = looking();
    const { runner } = bench({ use: [look] });
    const work = vi.fn();
    const wrong = 7 as never;
    const shape = pipeline('p').stage('a', work).stage('b', { hops: wrong }, work).stage('c', { hops: wrong }, work);
    const { message } = await failure(runner.run(shape));
    expect(message).toContain('pipeline "p", stage "b": hops: expected fields');
    expect(message).toContain('pipeline "p", stage "c": hops: expected fields');
    const good = pipeline('p').stage('a', work);
    expect((await failure(runner.run(good, undefined, { hops: wrong }))).message).toContain('hops: expected fields');
    expect((await failure(runner.run(good, undefined, { stages: { a: { hops: wrong } } }))).message).toContain(
      'stages.a.hops: expected fields',
    );
    expect(work).not.toHaveBeenCalled();
  });

  it('or, where nobody claims them, the log', async () => {
    const { runner, warnings } = bench();
    await runner.run(
      pipeline('p').stage('s', () => 1),
      undefined,
      { hops: { a: 1 } },
    );
    expect(warnings.join()).toContain('hops');
  });
});

describe('the priority of a run', () => {
  it('is that of all its calls; 0 unless set', async () => {
    const seen: unknown[] = [];
    const look = defineInterceptor({
      name: 'look',
      priority: Place.observe,
      intercept: (call, next) => {
        seen.push([call.name, call.priority]);
        return next(call);
      },
    });
    const { runner } = bench({ use: [look] });
    const leaf = tool('leaf', {}, () => 1);
    const shape = pipeline('p').stage('s', (_, { call }) => call(leaf));
    for (const priority of [undefined, 7, -3.5]) await runner.run(shape, undefined, { priority });
    await runner.call(leaf);
    expect(seen).toEqual([
      ...[0, 7, -3.5].flatMap((priority) => [
        ['s', priority],
        ['leaf', priority],
      ]),
      ['leaf', 0],
    ]);
  });
});

describe("the caller's AsyncLocalStorage", () => {
  it('is seen in every stage, also in later ones, in their conditions, tools, child runs and cleanup', async () => {
    const { clock, runner, sleep } = bench({ use: [limits({ slow: 100 })] });
    const store = new AsyncLocalStorage<string>();
    const seen = new Map<string, unknown[]>();
    const note = (where: string): void => void seen.set(where, [...(seen.get(where) ?? []), store.getStore()]);
    const leaf = tool('leaf', {}, async (_: unknown, { onCleanup }: Context) => {
      onCleanup(() => note('cleanup of the tool'));
      note('tool');
      await sleep(3);
      note('tool, later');
    });
    const child = pipeline('child')
      .stage('first', () => sleep(1))
      .stage('second', ['first'], () => note('child'));
    const when = (): boolean => {
      note('when');
      return true;
    };
    const shape = pipeline('p', { onFailure: 'continue' })
      .stage('first', async () => {
        note('first');
        await sleep(10);
      })
      .stage('slow', (_, { signal, onCleanup }) => {
        signal.addEventListener('abort', () => note('abort by a limit'));
        onCleanup(() => note('cleanup after a limit'));
        return hang(signal);
      })
      .stage('second', { needs: ['first'], when }, async (_, { call, run }) => {
        note('second');
        await call(leaf);
        await run(child);
        note('second, later');
      })
      .stage('third', { needs: ['second'], optional: ['slow'] }, (_, { signal, onCleanup }) => {
        note('third');
        onCleanup(() => note('cleanup after the deadline'));
        return hang(signal);
      });
    const runs = ['A', 'B', 'C'].map((name) => store.run(name, () => runner.run(shape, undefined, { deadline: 500 })));
    // Who waits elsewhere changes nothing.
    await store.run('elsewhere', () => clock.until(Promise.all(runs.map(({ report }) => report))));
    expect([...seen.keys()].toSorted()).toEqual([
      'abort by a limit',
      'child',
      'cleanup after a limit',
      'cleanup after the deadline',
      'cleanup of the tool',
      'first',
      'second',
      'second, later',
      'third',
      'tool',
      'tool, later',
      'when',
    ]);
    for (const [where, stores] of seen) expect([where, stores]).toEqual([where, ['A', 'B', 'C']]);
  });

  it('is its own also in cleanup that somebody else has set off by cancelling', async () => {
    const { clock, runner } = bench();
    const store = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const run = store.run('mine', () =>
      runner.run(
        pipeline('p').stage('s', (_, { signal, onCleanup }) => {
          signal.addEventListener('abort', () => seen.push(store.getStore()));
          onCleanup(() => void seen.push(store.getStore()));
          return hang(signal);
        }),
      ),
    );
    await clock.advance(1);
    store.run('theirs', () => run.cancel());
    await clock.until(run.report);
    expect(seen).toEqual(['mine', 'mine']);
  });
});

describe('a run that was asked for wrongly', () => {
  const shape = pipeline('p')
    .stage('fetch', () => 1)
    .stage('summarise', ['fetch'], () => 2);
  type Options = NonNullable<Parameters<ReturnType<typeof createRunner>['run']>[2]>;

  it.each<[string, unknown, string]>([
    ['a deadline that is no duration', { deadline: 'soon' }, 'deadline: expected a duration'],
    ['a deadline below 0', { deadline: -1 }, 'deadline'],
    ['a deadline of NaN', { deadline: Number.NaN }, 'deadline'],
    ['a deadline of Infinity', { deadline: Number.POSITIVE_INFINITY }, "'none'"],
    ['a signal that is none', { signal: {} }, 'signal: expected an AbortSignal'],
    ['an id that is empty', { runId: '' }, 'runId'],
    ['a correlation id that is no text', { correlationId: 7 }, 'correlationId'],
    ['a priority that is no number', { priority: 'high' }, 'priority: expected a finite number'],
    ['data that is none', { data: 7 }, 'data: expected'],
    ['a key of data that is no text', { data: new Map([[1, 1]]) }, 'data'],
    [
      'an unknown stage in `stages`',
      { stages: { fech: {} } },
      'stages.fech: pipeline "p" has no stage "fech"; did you mean "fetch"?',
    ],
    ['an unknown stage in `replace`', { replace: { sumarise: () => 1 } }, 'did you mean "summarise"?'],
    ['an unknown stage in `completed`', { completed: { fetsch: 1 } }, 'did you mean "fetch"?'],
    ['a replacement that is no work', { replace: { fetch: 7 } }, 'replace.fetch: expected a function'],
    ['policies that are none', { stages: { fetch: 7 } }, 'stages.fetch: expected'],
    ['policies of tools that are none', { tools: [] }, 'tools: expected'],
    ['an option of a stage', { needs: ['fetch'] }, 'needs'],
    ['options that are none', 7, 'options'],
  ])('with %s rejects with a ConfigError, and nothing runs', async (_, options, message) => {
    const { runner } = bench();
    const run = runner.run(shape, undefined, options as never);
    const { lines } = record(run);
    const error = await failure(run);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^\w/);
    expect(await run.report).toMatchObject({ pipeline: 'p', status: 'failed', output: {}, error });
    expect(lines.filter((line) => !line.startsWith('stage.skip '))).toEqual(['run.start p', 'run.end p', '(complete)']);
  });

  it('in several ways is told all of them at once', async () => {
    const { runner } = bench();
    const options = { deadline: 'soon', priority: 'high', stages: { fech: {} }, completed: { x: 1 } } as unknown;
    const { details } = await failure(runner.run(shape, undefined, options as Options as never));
    const issues = details['issues'] as { path: string }[];
    expect(issues.map(({ path }) => path).toSorted()).toEqual(['completed.x', 'deadline', 'priority', 'stages.fech']);
  });

  it('with no pipeline at all rejects with a ConfigError', async () => {
    const { runner } = bench();
    for (const wrong of [undefined, null, {}, 'p', () => 1]) {
      expect(await failure(runner.run(wrong as never, undefined as never))).toMatchObject({ code: 'CONFIG' });
    }
  });

  it('or whose options, or a plugin that reads them, throw something else, rejects all the same', async () => {
    const buggy = defineInterceptor({
      name: 'buggy',
      priority: Place.observe,
      policy: { key: 'hops', parse: fails },
      intercept: (call, next) => next(call),
    });
    const { runner } = bench({ use: [buggy] });
    const hostile = Object.defineProperty({}, 'data', { enumerable: true, get: fails });
    for (const options of [{ hops: {} }, hostile]) {
      const run = runner.run(shape, undefined, options);
      await failure(run);
      expect((await run.report).status).toBe('failed');
    }
  });

  it('keeps the id it was given, and does not deny a stage that there is', async () => {
    const { runner } = bench();
    const run = runner.run(shape, undefined, { runId: 'mine', deadline: 'soon' as never });
    const errors: unknown[] = [];
    run.stream('fetch').subscribe({ error: (error) => errors.push(error) });
    const error = await failure(run);
    expect(run.id).toBe('mine');
    expect(errors.length).toBeLessThanOrEqual(1);
    for (const told of errors) expect([told, (told as SluiceError).cause]).toContain(error);
  });

  it('that nobody waits for is no unhandled rejection', async () => {
    const { runner } = bench();
    runner.run(shape, undefined, { deadline: 'soon' as never });
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('1,000 runs at once', () => {
  it('each have their own verdict, and leave nothing behind', async () => {
    const { clock, runner, sleep } = bench();
    const shape = pipeline<number>('p')
      .stage('a', async ({ input }) => {
        await sleep(input % 50);
        return input;
      })
      .stage('b', ['a'], ({ a }, { signal }) => (a % 3 === 0 ? fails() : a % 3 === 1 ? hang(signal) : a));
    const runs = Array.from({ length: 1_000 }, (_, n) => runner.run(shape, n, { deadline: 100 }));
    const reports = await clock.until(Promise.all(runs.map(({ report }) => report)));
    expect(reports.map(({ status }) => status)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => ['failed', 'timeout', 'ok'][n % 3]),
    );
    expect(reports.map(({ output }) => output.a)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 0 });
    const end: StageReport<number> = (reports[2] as (typeof reports)[number]).stages.b;
    expect(end).toMatchObject({ status: 'ok', value: 2 });
  });
});
