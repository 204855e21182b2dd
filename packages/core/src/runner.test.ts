import { firstValueFrom, of, Subject, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { ConfigError } from './errors/config-error.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { stack } from './stack.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const numbers = tool('numbers', {}, async function* (upTo: number) {
  for (let n = 1; n <= upTo; n++) yield n;
});

describe('the options of a runner', () => {
  it('may all be left out, and may all be given', () => {
    expect(createRunner().name).toBe('runner');
    const all: RunnerOptions = {
      use: [],
      logger,
      clock: systemClock,
      timeouts: 'on',
      grace: '1s',
      name: 'api',
      acknowledge: [],
    };
    expect(createRunner(all).name).toBe('api');
    const none = Object.fromEntries(Object.keys(all).map((key) => [key, undefined]));
    expect(createRunner(none).name).toBe('runner');
  });

  it.each<[unknown, string]>([
    [null, 'createRunner: expected a plain object of options, got null'],
    ['api', 'createRunner: expected a plain object of options, got "api"'],
    [{ loger: logger }, 'loger: unknown option; did you mean "logger"?'],
    [{ plugins: [] }, 'plugins: unknown option; known: use, '],
    [{ use: null }, 'use: expected an array of plugins, got null'],
    [{ use: [{}] }, 'use[0].name: expected a name, got undefined'],
    [{ logger: Math.max }, 'logger: expected a logger with debug, info, warn and error, got a function'],
    [{ logger: { ...logger, warn: 5 } }, 'logger: expected a logger with debug, info, warn and error, got an object'],
    [{ logger: null }, 'logger: expected a logger with debug, info, warn and error, got null'],
    [{ clock: Date }, 'clock: expected a clock with now, schedule and random, got a function'],
    [{ clock: { now: Date.now } }, 'clock: expected a clock with now, schedule and random, got an object'],
    [{ timeouts: false }, `timeouts: expected 'on' or 'off', got false`],
    [{ grace: 'soon' }, 'grace: expected a duration: '],
    [{ grace: -1 }, 'grace: expected a duration: '],
    [{ grace: Number.POSITIVE_INFINITY }, "grace: expected a finite duration; write 'none'"],
    [{ name: '' }, 'name: expected a name, got ""'],
    [{ maxDepth: -1 }, 'maxDepth: expected an integer ≥ 0, or Infinity, got -1'],
    [{ maxDepth: 1.5 }, 'maxDepth: expected an integer ≥ 0, or Infinity, got 1.5'],
    [{ maxDepth: Number.NaN }, 'maxDepth: expected an integer ≥ 0, or Infinity, got NaN'],
    [{ maxDepth: '5' }, 'maxDepth: expected an integer ≥ 0, or Infinity, got "5"'],
    [{ handleSignals: 'yes' }, 'handleSignals: expected true or false, got "yes"'],
    [{ handleSignals: null }, 'handleSignals: expected true or false, got null'],
    [{ handleSignals: ['SIGTERM'] }, 'handleSignals: expected true or false, got '],
    [{ handleSignal: true }, 'handleSignal: unknown option; did you mean "handleSignals"?'],
    [{ redact: true }, 'redact: expected a plain object { keys, values }, got true'],
    [{ redact: { key: [] } }, 'redact.key: unknown option; did you mean "keys"?'],
    [{ redact: { keys: 'token' } }, 'redact.keys: expected a list of names and patterns, got "token"'],
    [{ redact: { keys: [''] } }, 'redact.keys[0]: expected a name or a pattern, got ""'],
    [{ redact: { keys: [5] } }, 'redact.keys[0]: expected a name or a pattern, got 5'],
    [{ redact: { values: ['text'] } }, 'redact.values[0]: expected a pattern, got "text"'],
    [{ runs: 5 }, 'runs: expected a plain object { max, maxAge }, got 5'],
    [{ acknowledge: {} }, 'acknowledge: expected an array of codes, got an object'],
    [{ clock: null }, 'clock: expected a clock with now, schedule and random, got null'],
    [{ timeouts: 'ON' }, `timeouts: expected 'on' or 'off', got "ON"`],
    [{ name: 5 }, 'name: expected a name, got 5'],
    [
      { acknowledge: 'retry-without-deadline' },
      'acknowledge: expected an array of codes, got "retry-without-deadline"',
    ],
  ])('are refused where they cannot be: %j', (options, message) => {
    expect(() => createRunner(options as never)).toThrow(message);
    expect(() => createRunner(options as never)).toThrow(ConfigError);
  });

  it.each<[RunnerOptions]>([
    [{ use: stack([]) }],
    [{ grace: 0 }],
    [{ grace: 'none' }],
    [{ grace: '1.5s' }],
    [{ maxDepth: 0 }],
    [{ maxDepth: Number.POSITIVE_INFINITY }],
    [{ runs: {} }],
    [{ runs: { max: 0, maxAge: 0 } }],
    [{ runs: { max: Number.POSITIVE_INFINITY, maxAge: 'none' } }],
    [{ redact: {} }],
    [{ redact: { keys: ['token', /^x-/], values: [/sk-\w+/] } }],
    [{ handleSignals: false }],
    [{ timeouts: 'off' }],
    [Object.create(null)],
  ])('are taken where they can be: %j', async (options) => {
    expect(await createRunner(options).call(numbers, 2)).toEqual([1, 2]);
  });

  it('are refused with all that is wrong at once', () => {
    expect(() => createRunner({ name: '', grace: -1, timeouts: 'no' as never })).toThrow(
      /grace: .*\ntimeouts: .*\nname: /,
    );
  });
});

describe('stream', () => {
  it('emits the items as they come, and calls the tool anew at each subscription', async () => {
    const items$ = createRunner().stream(numbers, 3);
    expect(await firstValueFrom(items$.pipe(toArray()))).toEqual([1, 2, 3]);
    expect(await firstValueFrom(items$.pipe(toArray()))).toEqual([1, 2, 3]);
  });

  it('calls nothing before somebody subscribes', () => {
    const work = vi.fn(() => of(1));
    const items$ = createRunner().stream(tool('a', {}, work));
    expect(work).not.toHaveBeenCalled();
    items$.subscribe();
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('gives each item at once, not when all are there', () => {
    const source = new Subject<number>();
    const got: unknown[] = [];
    createRunner()
      .stream(tool('a', {}, () => source))
      .subscribe({ next: (n) => got.push(n), complete: () => got.push('end') });
    source.next(1);
    expect(got).toEqual([1]);
    source.complete();
    expect(got).toEqual([1, 'end']);
  });

  it('emits the only value of a tool that is no stream', async () => {
    expect(
      await firstValueFrom(
        createRunner()
          .stream(tool('a', {}, async () => 7))
          .pipe(toArray()),
      ),
    ).toEqual([7]);
  });

  it('ends with the own error of the tool, after the items before it', () => {
    const boom = new Error('boom');
    const source = new Subject<number>();
    const got: unknown[] = [];
    createRunner()
      .stream(tool('a', {}, () => source))
      .subscribe({ next: (n) => got.push(n), error: (error) => got.push(error) });
    source.next(1);
    source.error(boom);
    expect(got).toEqual([1, boom]);
  });

  it('cancels the call when nobody listens any more', async () => {
    const runner = createRunner();
    let signal: AbortSignal | undefined;
    const endless = tool('endless', {}, async function* (_: undefined, ctx) {
      signal = ctx.signal;
      for (let n = 0; ; n++) yield n;
    });
    expect(await firstValueFrom(runner.stream(endless).pipe(take(2), toArray()))).toEqual([0, 1]);
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toMatchObject({ code: 'CANCELLED' });
    expect(runner.stats().running).toBe(0);
  });

  it('fails with what is wrong with its options', async () => {
    await expect(firstValueFrom(createRunner().stream(numbers, 1, { deadline: -1 }))).rejects.toThrow(ConfigError);
  });

  it('warns once of a policy that nobody claims, also when it is written for one call', async () => {
    const warn = vi.fn();
    const runner = createRunner({ logger: { debug() {}, info() {}, error() {}, warn } });
    const one = tool('one', {}, () => 1);
    await runner.call(one, undefined, { tiemout: '1s' } as object);
    await runner.call(one, undefined, { tiemout: '1s' } as object);
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]?.[1]).toContain('"tiemout"');
  });

  it('does not say again what was said when a shared stack was made', async () => {
    const warn = vi.fn();
    const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const endless = defineInterceptor({
      name: 'endless',
      priority: 50,
      traits: { role: 'retry', attempts: Number.POSITIVE_INFINITY, longestWait: 0 },
      intercept: (call, next) => next(call),
    });
    const shared = stack([endless]);
    expect(emitted).toHaveBeenCalledTimes(2);
    const runner = createRunner({ use: shared, logger: { debug() {}, info() {}, error() {}, warn } });
    await runner.call(tool('one', {}, () => 1));
    emitted.mockRestore();
    expect(warn).not.toHaveBeenCalled();
  });

  it('says so when findings are to be acknowledged of a stack that is made already', () => {
    const acknowledge = ['retry-without-limit'];
    expect(() => createRunner({ use: stack([]), acknowledge })).toThrow('acknowledge: the stack is made already');
  });
});

describe('stats', () => {
  const hang = tool('hang', {}, () => new Promise<string>(() => {}));

  it('count what is running', async () => {
    const runner = createRunner();
    let finish = (_: string): void => {};
    const held = runner.call(
      tool(
        'held',
        {},
        () =>
          new Promise<string>((resolve) => {
            finish = resolve;
          }),
      ),
    );
    expect(runner.stats()).toEqual({ running: 1, orphans: 0, late: 0, interceptors: {} });
    finish('done');
    await held;
    expect(runner.stats().running).toBe(0);
  });

  it('count what is orphaned until it settles, and what came late', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    let finish = (_: string): void => {};
    const slow = tool(
      'slow',
      {},
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    const call = runner.call(slow, undefined, { deadline: 10 });
    await expect(clock.until(call)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 1, late: 0 });
    finish('at last');
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0, late: 1 });
  });

  it('have what the interceptors tell, by name', () => {
    const telling = defineInterceptor({
      name: 'telling',
      priority: 0,
      stats: () => 7,
      intercept: (call, next) => next(call),
    });
    expect(createRunner({ use: [telling] }).stats().interceptors).toEqual({ telling: 7 });
  });

  it.each([
    ['50 ms unless set', undefined, 50],
    ['what was set', '2s', 2_000],
    ['nothing at all, if that was set', 0, 0],
  ])('leave stopped work time to unwind: %s', async (_, grace, ms) => {
    const clock = virtualClock();
    const runner = createRunner({ clock, grace: grace as '2s' | undefined });
    const stop = new AbortController();
    const answered = runner.call(hang, undefined, { signal: stop.signal }).then(
      () => Number.NaN,
      () => clock.now(),
    );
    stop.abort();
    expect(await clock.until(answered)).toBe(ms);
    expect(runner.stats().orphans).toBe(1);
  });

  it.each<[string, RunnerOptions['timeouts'], string, boolean]>([
    ['run out as they should', undefined, '', true],
    ["are off by timeouts: 'off'", 'off', '', false],
    ['are off by SLUICE_TIMEOUTS=off', undefined, 'off', false],
    ['are on, whatever SLUICE_TIMEOUTS says, where the runner says so', 'on', 'off', true],
  ])('tell of deadlines that %s', async (_, timeouts, variable, runsOut) => {
    vi.stubEnv('SLUICE_TIMEOUTS', variable);
    const clock = virtualClock();
    const runner = createRunner({ clock, timeouts });
    const outcome = vi.fn();
    runner.call(hang, undefined, { deadline: '1s' }).catch(outcome);
    await clock.advance(5_000);
    expect(outcome.mock.calls).toEqual(runsOut ? [[expect.objectContaining({ code: 'TIMEOUT' })]] : []);
    expect(runner.stats().running).toBe(runsOut ? 0 : 1);
  });
});

describe('events$', () => {
  it('tells of every call, in order, to whoever listens', async () => {
    const runner = createRunner();
    const events: SluiceEvent[] = [];
    const subscription = runner.events$.subscribe((event) => events.push(event));
    await runner.call(numbers, 2, { runId: 'r' });
    subscription.unsubscribe();
    await runner.call(numbers, 2);
    expect(events.map(({ type }) => type)).toEqual([
      'tool.start',
      'attempt.start',
      'tool.item',
      'tool.item',
      'attempt.end',
      'verdict',
      'tool.end',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(events.at(-1)).toMatchObject({ runId: 'r', target: 'tool', name: 'numbers', attempt: 1, status: 'ok' });
  });

  it('reports a listener that throws, once, and harms no call', async () => {
    const warn = vi.fn();
    const runner = createRunner({ logger: { ...logger, warn } });
    const boom = new Error('boom');
    runner.events$.subscribe(() => {
      throw boom;
    });
    expect(await runner.call(numbers, 2)).toEqual([1, 2]);
    expect(warn.mock.calls).toEqual([
      [
        { sluice: { type: 'warning' }, err: { name: 'Error', message: 'boom', stack: expect.any(String) } },
        'A listener threw boom',
      ],
    ]);
  });

  it('has what works put on the record themselves', async () => {
    const runner = createRunner();
    const saved = firstValueFrom(runner.events$.pipe(take(3), toArray()));
    await runner.call(tool('a', {}, (_: undefined, { emit }) => emit('saved', { rows: 2 })));
    expect((await saved)[2]).toMatchObject({ type: 'user.saved', data: { rows: 2 }, name: 'a' });
  });
});

it('a runner wraps functions in its stack', async () => {
  const seen: string[] = [];
  const spy = defineInterceptor({
    name: 'spy',
    priority: 0,
    intercept(call, next) {
      seen.push(`${call.target}:${call.name}`);
      return next(call);
    },
  });
  for (const use of [[spy], stack([spy])]) {
    const runner = createRunner({ use });
    expect(await runner.wrap((a: number, b: number) => a + b, { name: 'add' })(1, 2)).toBe(3);
  }
  expect(seen).toEqual(['function:add', 'function:add']);
});
