import { from, map, of, retry, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { z } from 'zod';
import type { Context } from './context.ts';
import { defineStack } from './define-stack.ts';
import { readDuration } from './duration.ts';
import { ConfigError, type ConfigIssue } from './errors/config-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { toResponse } from './errors/to-response.ts';
import { defineInterceptor, type Interceptor, type Plugin } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { Place } from './place.ts';
import { Problems } from './problems.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { stage } from './stage.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { wrap } from './wrap.ts';

// The table "Bad input" of the design, line by line, over what users call.

let ledger = leakLedger();
let warned: Mock<(text: string | Error) => void>;
beforeEach(() => {
  ledger = leakLedger();
  warned = vi.spyOn(process, 'emitWarning').mockReturnValue() as typeof warned;
});
afterEach(() => {
  ledger.assertEmpty();
  vi.restoreAllMocks();
});

const work = (): number => 1;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const refuse = (): never => {
  throw new Error('trap');
};
const settled = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    (value) => ({ value }),
    (error: unknown) => error,
  );

/** Everything that `make` says is wrong, whether it throws or rejects; nothing if nothing is. Anything but a ConfigError fails. */
async function issuesOf(make: () => unknown): Promise<readonly ConfigIssue[]> {
  try {
    await make();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'CONFIG', retryable: false });
    return (error as ConfigError).issues;
  }
  return [];
}
const said = async (make: () => unknown): Promise<string[]> => (await issuesOf(make)).map(({ message }) => message);

const DURATION = "a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";

/** A plugin with options per call, as timeout has them. */
const limited: Interceptor = defineInterceptor({
  name: 'limited',
  priority: Place.total,
  intercept: (call, next) => next(call),
  policy: {
    key: 'limited',
    parse(value, path) {
      const problems = new Problems();
      const fields = (typeof value === 'object' && value !== null ? value : { total: value }) as Record<
        string,
        unknown
      >;
      problems.unknownKeys(fields, ['total', 'attempt'], path);
      const total = readDuration(fields['total'] ?? 'none', `${path}.total`, problems);
      const attempt = readDuration(fields['attempt'] ?? 'none', `${path}.attempt`, problems);
      problems.throwIfAny();
      return { total, attempt };
    },
  },
});

describe('a pipeline that cannot be is refused when it is built, with its name, the stage, and what was meant', () => {
  const flow = pipeline('flow').stage('fetch', work);
  const add = flow.stage as (...args: unknown[]) => unknown;
  const built = (...args: unknown[]): Promise<string[]> => said(() => add.apply(flow, args));
  const data = (stages: unknown): Promise<string[]> =>
    said(() => pipelineFrom({ name: 'flow', stages } as never, { stages: { work } }));
  const at = (name: string): string => `pipeline "flow", stage "${name}"`;

  it('for an unknown need', async () => {
    const message = `${at('parse')}: needs[0]: there is no stage "fecth" to wait for; did you mean "fetch"?`;
    expect(await built('parse', ['fecth'], work)).toEqual([message]);
    expect(await built('parse', { needs: ['fecth'] }, work)).toEqual([message]);
    expect(
      await data([
        { name: 'fetch', use: 'work' },
        { name: 'parse', use: 'work', needs: ['fecth'] },
      ]),
    ).toEqual([message]);
  });

  it('for a name that is taken', async () => {
    const message = `${at('fetch')}: there is a stage of that name already; choose another`;
    expect(await built('fetch', work)).toEqual([message]);
    expect(
      await data([
        { name: 'fetch', use: 'work' },
        { name: 'fetch', use: 'work' },
      ]),
    ).toEqual([message]);
  });

  it.each(['', ' ', '\n'])('for the empty name %j', async (name) => {
    const message = `pipeline "flow", stage ${JSON.stringify(name)}: name: expected a name, got ${JSON.stringify(name)}`;
    expect(await built(name, work)).toEqual([message]);
    expect(await data([{ name, use: 'work' }])).toEqual([message]);
  });

  it.each([[undefined], [null], [5], [{}], [['a']], [Symbol('s')], [work]])(
    'for a name that is none: %s',
    async (name) => {
      expect((await built(name, work)).join()).toContain('name: expected a name, got ');
      expect((await data([{ name, use: 'work' }])).join()).toContain('name: expected a name, got ');
      expect((await said(() => pipeline(name as never))).join()).toContain('pipeline.name: expected a name, got ');
      expect((await said(() => tool(name as never, {}, work))).join()).toContain('tool.name: expected a name, got ');
    },
  );

  it.each(['input', 'then', '__proto__'])('for the reserved name %s', async (name) => {
    expect((await built(name, work))[0]).toMatch(`${at(name)}: the name "${name}" `);
    expect((await data([{ name, use: 'work' }]))[0]).toMatch(`${at(name)}: the name "${name}" `);
  });

  it('for a circle in data', async () => {
    expect(
      await data([
        { name: 'a', use: 'work', needs: ['b'] },
        { name: 'b', use: 'work', needs: ['a'] },
      ]),
    ).toEqual(['pipeline "flow": stages wait for one another in a circle: "a" → "b" → "a"']);
  });

  it('for a work that data names and nobody has', async () => {
    expect(await data([{ name: 'a', use: 'wrok' }])).toEqual([
      `${at('a')}: use: there is no work "wrok"; did you mean "work"?`,
    ]);
  });

  it('with all that is wrong at once', async () => {
    const options = { needs: ['x'], optional: 5, kind: 'wrok', collect: 'first', idempotent: 1, when: true };
    expect((await built('input', options, 5)).length).toBe(8);
  });
});

describe('a duration', () => {
  const flow = pipeline('flow').stage('fetch', work);
  const one = tool('one', {}, work);
  const runner = createRunner({ logger: silent, use: [limited] });
  const plain = stack([limited]);
  /** Each option that takes one: its path, and what is done with it. */
  const options: [string, (value: never) => unknown][] = [
    ['pipeline "flow": deadline', (deadline) => pipeline('flow', { deadline })],
    ['pipeline "flow": deadline', (deadline) => pipelineFrom({ name: 'flow', deadline, stages: [] }, { stages: {} })],
    ['grace', (grace) => createRunner({ grace })],
    ['runs.maxAge', (maxAge) => createRunner({ runs: { maxAge } })],
    ['drain: grace', (grace) => createRunner({ logger: silent }).drain({ grace })],
    ['deadline', (deadline) => runner.run(flow, undefined, { deadline })],
    ['deadline', (deadline) => runner.call(one, undefined, { deadline })],
    [
      'deadline',
      (deadline) =>
        new Promise((complete, error) =>
          runner.stream(one, undefined, { deadline }).subscribe({ error, complete: () => complete(0) }),
        ),
    ],
    ['deadline', (deadline) => plain.execute(work, { deadline })],
    ['deadline', (deadline) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.call(one, 0, { deadline })))],
    ['deadline', (deadline) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.run(flow, undefined, { deadline })))],
    ['deadline', (deadline) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.callAll([[one]], { deadline })))],
    ['limited.total', (value) => runner.call(one, undefined, { limited: value } as never)],
    ['limited.total', (value) => runner.call(one, undefined, { limited: { total: value } } as never)],
    ['tool "t": limited.total', (value) => runner.call(tool('t', { limited: value } as never, work))],
    ['function "work": limited.total', (value) => runner.wrap(work, { limited: value } as never)()],
    [
      'pipeline "flow", stage "fetch": limited.total',
      (value) => runner.run(pipeline('flow').stage('fetch', { limited: value } as never, work)),
    ],
    [
      'stages.fetch.limited.total',
      (value) => runner.run(flow, undefined, { stages: { fetch: { limited: value } } } as never),
    ],
    [
      'interceptors.limited.total',
      (value) =>
        defineStack(
          {
            limited: (total: unknown): Plugin => {
              const problems = new Problems();
              readDuration(total, 'limited.total', problems);
              problems.throwIfAny();
              return limited;
            },
          },
          { interceptors: { limited: value } },
        ),
    ],
  ];
  const bad: unknown[] = [
    'soon',
    '',
    ' ',
    '5',
    '5 s',
    '-5s',
    '1e3ms',
    '+5s',
    '5S',
    '5min',
    '1w',
    's',
    'Infinity',
    'NaN',
    '٣s',
    '5s\n',
    '0x5s',
    '.5s',
    '5.s',
    -1,
    -0.001,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    5n,
    Symbol('s'),
    {},
    [],
    [5],
    new Date(0),
    work,
    () => 5,
    Object(5),
    new Proxy({}, {}),
  ];

  it.each(options)('is refused for %s with the path, the value and what is allowed', async (path, use) => {
    for (const value of bad) {
      // An object, true and false may mean something else to what takes a duration or more.
      if (/limited/.test(path) && (typeof value === 'object' || typeof value === 'boolean')) continue;
      // What is no data at all is told as such.
      if (/interceptors/.test(path) && typeof value !== 'string' && typeof value !== 'number') continue;
      const all = await said(() => use(value as never));
      expect(all, `${path} ${String(typeof value)}`).toHaveLength(1);
      expect(all[0]).toMatch(`${path}: expected ${DURATION}, got `);
    }
  });

  it.each(options)('that is Infinity is refused for %s, and none is named', async (path, use) => {
    expect(await said(() => use(Number.POSITIVE_INFINITY as never))).toEqual([
      `${path}: expected a finite duration; write 'none' for no limit, got Infinity`,
    ]);
  });

  it.each(options)('that is null, true or false is refused for %s', async (path, use) => {
    if (/interceptors/.test(path)) return;
    for (const value of path.startsWith('interceptors') || path.includes('limited') ? [] : [null, true, false]) {
      expect(await said(() => use(value as never))).toEqual([`${path}: expected ${DURATION}, got ${value}`]);
    }
  });

  it.each(options)('is taken for %s in every form there is', async (_, use) => {
    for (const value of ['1s', '1.5s', '250ms', '2m', '1h', '1d', 1_000, 99.5, 'none', 2 ** 31, 1e12]) {
      expect(await said(() => use(value as never))).toEqual([]);
    }
  });

  it.each(options)('of 0 is no mistake for %s', async (_, use) => {
    for (const value of [0, -0, '0s']) {
      const end = await settled((async () => use(value as never))());
      expect(isSluiceError(end, 'CONFIG')).toBe(false);
    }
  });

  it('in options with a key that is misspelt names the nearest', async () => {
    expect(await said(() => runner.call(one, undefined, { limited: { atempt: 5 } } as never))).toEqual([
      'limited.atempt: unknown option; did you mean "attempt"?',
    ]);
    expect(await said(() => createRunner({ grcae: 5 } as never))).toEqual([
      'grcae: unknown option; did you mean "grace"?',
    ]);
    expect(await said(() => createRunner({ runs: { maxage: 5 } } as never))).toEqual([
      'runs.maxage: unknown option; did you mean "maxAge"?',
    ]);
    expect(await said(() => stack([], { clokc: 5 } as never))).toEqual([
      'stack.clokc: unknown option; did you mean "clock"?',
    ]);
    expect(await said(() => createRunner({ logger: silent }).drain({ grcae: 5 } as never))).toHaveLength(1);
    expect(await said(() => runner.run(flow, undefined, { stages: { fecth: {} } } as never))).toEqual([
      'stages.fecth: pipeline "flow" has no stage "fecth"; did you mean "fetch"?',
    ]);
  });
});

/** What is no options object, whatever it is for. */
function noOptions(): [string, unknown][] {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return [
    ['null', null],
    ['a number', 5],
    ['a text', 'soon'],
    ['true', true],
    ['a list', []],
    ['a Map', new Map([['deadline', 5]])],
    ['a Date', new Date(0)],
    ['a promise', Promise.resolve({})],
    ['an instance of a class', new (class Options {})()],
    ['a function', work],
    ['a revoked Proxy', proxy],
    ['a Proxy with throwing traps', new Proxy({}, { ownKeys: refuse, get: refuse, getPrototypeOf: refuse })],
    ['an object whose field throws', Object.defineProperty({}, 'kind', { get: refuse, enumerable: true })],
  ];
}

describe.each(noOptions().map(([name]) => name))('options that are %s are refused with a ConfigError', (name) => {
  const options = new Map(noOptions()).get(name);
  const flow = pipeline('flow').stage('fetch', work);
  const one = tool('one', {}, work);
  const runner = createRunner({ logger: silent });
  const given = options as never;
  it.each<[string, () => unknown]>([
    ['pipeline', () => pipeline('flow', given)],
    ['pipelineFrom', () => pipelineFrom(given, { stages: {} })],
    ['pipelineFrom (works)', () => pipelineFrom({ name: 'a', stages: [] }, given)],
    ['tool', () => tool('a', given, work)],
    ['createRunner', () => createRunner(given)],
    ['stack', () => stack([], given)],
    ['defineStack (data)', () => defineStack({}, given)],
    ['defineStack (options)', () => defineStack({}, { interceptors: {} }, given)],
    ['defineInterceptor', () => defineInterceptor(given)],
    ['execute', () => stack([]).execute(work, given)],
    ['runner.call', () => runner.call(one, undefined, given)],
    ['runner.run', () => runner.run(flow, undefined, given)],
    ['runner.wrap', () => runner.wrap(work, given)],
    ['runner.update', () => runner.update(given)],
    ['runner.drain', () => createRunner({ logger: silent }).drain(given)],
    ['ctx.call', () => runner.call(tool('t', {}, (__: unknown, ctx) => ctx.call(one, 0, given)))],
    ['ctx.callAll', () => runner.call(tool('t', {}, (__: unknown, ctx) => ctx.callAll([[one]], given)))],
    ['ctx.run', () => runner.call(tool('t', {}, (__: unknown, ctx) => ctx.run(flow, undefined, given)))],
  ])('by %s', async (__, use) => {
    expect((await issuesOf(use)).length).toBeGreaterThan(0);
  });
  it('by stage', async () => {
    // A function, and a list, in the place of its options.
    expect((await issuesOf(() => stage(given, work))).length).toBeGreaterThan(0);
  });
});

describe('options of core that cannot be are refused', () => {
  const runner = createRunner({ logger: silent });
  it.each<[string, () => unknown]>([
    ['wrap: kind', () => runner.wrap(work, { kind: 'wrok' as never })],
    ['wrap: idempotent', () => runner.wrap(work, { idempotent: 'no' as never })],
    ['wrap: name', () => runner.wrap(work, { name: 5 as never })],
    ['wrap: name', () => runner.wrap(work, { name: '' })],
    ['wrap: deadline', () => runner.wrap(work, { deadline: 'soon' } as never)],
    ['wrap', () => runner.wrap(5 as never)],
    ['wrap', () => wrap(null as never)],
    ['use[0]', () => wrap(work, 5 as never)],
    ['execute: kind', () => stack([]).execute(work, { kind: 'wrok' as never })],
    ['execute: name', () => stack([]).execute(work, { name: 5 as never })],
    ['execute', () => stack([]).execute(5 as never)],
    ['tool "a": deadline', () => tool('a', { deadline: 5 } as never, work)],
    ['stage: deadline', () => stage({ deadline: 5 } as never, work)],
    ['acknowledge', () => createRunner({ acknowledge: [5 as never] })],
    ['acknowledge', () => createRunner({ acknowledge: 'x' as never })],
    ['stack.acknowledge', () => stack([], { acknowledge: [5 as never] })],
    ['maxDepth', () => createRunner({ maxDepth: -1 })],
    ['maxDepth', () => createRunner({ maxDepth: Number.NaN })],
    ['name', () => createRunner({ name: '' })],
    ['timeouts', () => createRunner({ timeouts: 'no' as never })],
    ['runs.max', () => createRunner({ runs: { max: 1.5 } })],
    ['runs', () => createRunner({ runs: [] as never })],
    ['redact', () => createRunner({ redact: [] as never })],
    ['redact.keys', () => createRunner({ redact: { keys: [''] } })],
    ['handleSignals', () => createRunner({ handleSignals: 1 as never })],
    ['logger', () => createRunner({ logger: {} as never })],
    ['logger', () => createRunner({ logger: null as never })],
    ['clock', () => createRunner({ clock: { now: 1 } as never })],
    ['use', () => createRunner({ use: {} as never })],
    ['use', () => createRunner({ use: null as never })],
    ['use[1]', () => createRunner({ use: [limited, null as never] })],
  ])('with the path %s', async (path, use) => {
    const [issue, ...more] = await issuesOf(use);
    expect(more).toEqual([]);
    expect(`${issue?.path}: ${issue?.message}`).toContain(path);
  });
});

describe('what is no tool and no pipeline is refused', () => {
  const runner = createRunner({ logger: silent });
  const strange: unknown[] = [null, undefined, 5, 'search', {}, work, new Proxy({}, { get: refuse })];
  it.each<[string, (given: never) => unknown]>([
    ['runner.call', (given) => runner.call(given, given)],
    ['runner.run', (given) => runner.run(given, given)],
    ['runner.stream', (given) => new Promise((_, error) => runner.stream(given, given).subscribe({ error }))],
    ['ctx.call', (given) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.call(given, given)))],
    ['ctx.callAll', (given) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.callAll([[given, given]])))],
    ['ctx.run', (given) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.run(given, given)))],
  ])('by %s', async (_, use) => {
    for (const given of strange) expect((await issuesOf(() => use(given as never))).length).toBe(1);
  });
});

describe('an input that its schema refuses', () => {
  const input = z.object({ q: z.string(), page: z.object({ size: z.number().max(10) }) });
  const wrong = { q: 5, page: { size: 99 } } as never;

  it.each(['call', 'stream', 'ctx.call', 'ctx.callAll'])(
    'is INVALID_INPUT by %s, not retryable; the tool never runs',
    async (how) => {
      let ran = 0;
      let attempts = 0;
      const again = defineInterceptor({
        name: 'again',
        priority: Place.retry,
        intercept: (call, next) => {
          attempts++;
          return next(call).pipe(retry(3));
        },
      });
      const search = tool('search', { input }, () => ++ran);
      const runner = createRunner({ logger: silent, use: [{ ...again, applies: ({ name }) => name === 'search' }] });
      const outer = (inner: (ctx: Context) => unknown): Promise<unknown> =>
        runner.call(tool('outer', {}, (_: unknown, ctx) => inner(ctx)));
      const error = await settled(
        how === 'call'
          ? runner.call(search, wrong)
          : how === 'stream'
            ? new Promise((_, reject) => runner.stream(search, wrong).subscribe({ error: reject }))
            : how === 'ctx.call'
              ? outer((ctx) => ctx.call(search, wrong))
              : outer((ctx) => ctx.callAll([[search, wrong]])),
      );
      expect(error).toMatchObject({ code: 'INVALID_INPUT', retryable: false, verdict: 'failed' });
      expect(error).toMatchObject({ details: { issues: [{ path: 'q' }, { path: 'page.size' }] } });
      expect(String(error)).toContain('Tool "search" was given an invalid input: q: ');
      expect([ran, attempts]).toEqual([0, 0]);
    },
  );

  it('is INVALID_INPUT also when it is nothing, or cannot be read', async () => {
    const strange: unknown[] = [
      undefined,
      null,
      new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse }),
      Object.defineProperty({}, 'q', { get: refuse, enumerable: true }),
    ];
    for (const value of strange) {
      let ran = 0;
      const search = tool('search', { input }, () => ++ran);
      const error = await settled(createRunner({ logger: silent }).call(search, value as never));
      expect(error).toMatchObject({ code: 'INVALID_INPUT', retryable: false });
      expect(ran).toBe(0);
    }
  });

  it('is INVALID_INPUT whatever a strange schema answers', async () => {
    for (const answer of [
      null,
      undefined,
      5,
      'x',
      { issues: null },
      { issues: 5 },
      { issues: [null] },
      { issues: [{}] },
    ]) {
      let ran = 0;
      const schema = { '~standard': { version: 1, vendor: 'x', validate: () => answer } } as never;
      const error = await settled(
        createRunner({ logger: silent }).call(
          tool('a', { input: schema }, () => ++ran),
          1 as never,
        ),
      );
      expect(error, JSON.stringify(answer)).toMatchObject({ code: 'INVALID_INPUT' });
      expect(ran).toBe(0);
    }
  });
});

describe('an output that its schema refuses', () => {
  it('is INVALID_OUTPUT with the issues’ paths, and keeps the output', async () => {
    const output = z.object({ total: z.number(), rows: z.array(z.string()) });
    const made = { total: 'x', rows: [1] };
    const runner = createRunner({ logger: silent });
    const error = await settled(runner.call(tool('count', { output }, () => made as never)));
    expect(error).toMatchObject({ code: 'INVALID_OUTPUT', retryable: false });
    expect(error).toMatchObject({ details: { issues: [{ path: 'total' }, { path: 'rows.0' }] } });
    expect((error as { details: { output: unknown } }).details.output).toBe(made);
  });

  it('is INVALID_OUTPUT in the items of a stream', async () => {
    const items = tool('items', { output: z.number() }, () => of(1, 'x' as never));
    const error = await settled(createRunner({ logger: silent }).call(items));
    expect(error).toMatchObject({ code: 'INVALID_OUTPUT', details: { output: 'x' } });
  });

  it('is sent to clients safely', async () => {
    const circle: { self?: unknown; toJSON: () => never } = { toJSON: refuse };
    circle.self = circle;
    const strict = tool('strict', { output: z.string() }, () => circle as never);
    const error = await settled(createRunner({ logger: silent }).call(strict));
    expect(JSON.stringify(toResponse(error))).toContain('[circular]');
  });
});

describe('work that throws what is no ordinary error', () => {
  const { proxy: gone, revoke } = Proxy.revocable({}, {});
  revoke();
  const getters = Object.defineProperties(
    new Error('x'),
    Object.fromEntries(
      // The stack first: to replace it, V8 writes it, and reads the others.
      ['stack', 'message', 'name', 'code', 'retryable', 'cause', 'then', 'toJSON', 'status', 'verdict'].map((key) => [
        key,
        { get: refuse },
      ]),
    ),
  );
  const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]));
  /** Whether it is an Error, and so passes unchanged. */
  const thrown: [string, unknown, boolean][] = [
    ['a text', 'x', false],
    ['undefined', undefined, false],
    ['null', null, false],
    ['0', 0, false],
    ['a symbol', Symbol('s'), false],
    ['a bigint', 1n, false],
    ['a function', work, false],
    ['a frozen object', Object.freeze({ code: 5 }), false],
    ['an object without a prototype', Object.create(null), false],
    ['what says that it is a SluiceError', { code: 'TIMEOUT', message: 'no' }, false],
    ['a Proxy', new Proxy({}, {}), false],
    ['a Proxy of an Error', new Proxy(new Error('x'), {}), false],
    ['a Proxy with throwing traps', new Proxy({}, traps), false],
    ['a revoked Proxy', gone, false],
    ['a frozen Error', Object.freeze(new Error('x')), true],
    ['an Error with hostile getters', getters, true],
    ['an Error that is its own cause', circular(), true],
  ];
  const operator = defineInterceptor({
    name: 'operator',
    priority: Place.retry,
    intercept: (call, next) => next(call).pipe(map((value) => value)),
  });
  const catcher = defineInterceptor({
    name: 'catcher',
    priority: Place.attempt,
    intercept(call, next) {
      call.onEnd(() => {});
      return next(call);
    },
  });
  const forms: [string, (error: unknown) => () => unknown][] = [
    [
      'at once',
      (error) => () => {
        throw error;
      },
    ],
    ['by a promise', (error) => async () => Promise.reject(error)],
    [
      'in a generator',
      (error) =>
        async function* () {
          yield 1;
          throw error;
        },
    ],
    ['in an Observable', (error) => () => throwError(() => error)],
    ['in an Observable, later', (error) => () => from(Promise.reject(error))],
  ];

  /** In a box, for what is thrown may look like a promise. */
  const thrownBy = (call: PromiseLike<unknown>): Promise<{ readonly error?: unknown }> =>
    Promise.resolve(call).then(
      () => ({}),
      (error: unknown) => ({ error }),
    );

  describe.each(thrown.map(([name]) => name))('such as %s', (name) => {
    const [, error, isError] = thrown.find(([one]) => one === name) as (typeof thrown)[number];
    /** It arrives: unchanged if it is an Error, or else in the cause of one that says so. */
    function check({ error: end }: { readonly error?: unknown }): void {
      if (isError) expect(Object.is(end, error)).toBe(true);
      else {
        expect(isSluiceError(end, 'NON_ERROR')).toBe(true);
        expect(Object.is((end as Error).cause, error)).toBe(true);
      }
      expect(JSON.stringify(toResponse(end))).toContain('"status":"error"');
    }

    it.each(forms)('%s: it is wrapped, with the original in its cause, and nothing trips', async (__, form) => {
      for (const use of [[], [operator], [catcher], [operator, catcher]]) {
        const runner = createRunner({ logger: silent, use });
        const events: unknown[] = [];
        runner.events$.subscribe((event) => events.push(event));
        const fail = form(error);
        check(await thrownBy(runner.call(tool('t', {}, fail))));
        check(await thrownBy(runner.wrap(fail)()));
        check(await thrownBy(stack(use).execute(fail)));
        check(
          await thrownBy(new Promise((___, reject) => runner.stream(tool('t', {}, fail)).subscribe({ error: reject }))),
        );
        check(await thrownBy(runner.call(tool('o', {}, (___: unknown, ctx) => ctx.call(tool('t', {}, fail))))));
        const run = runner.run(pipeline('p').stage('s', fail));
        const report = await run.report;
        expect(report.status).toBe('failed');
        const failed = report.stages.s as unknown as { error: Error };
        expect(isSluiceError(failed.error)).toBe(true);
        expect((await thrownBy(run)).error).toBe(report.error);
        expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
        expect(JSON.stringify(runner.runs.get(run.id))).toContain('failed');
        expect(events.length).toBeGreaterThan(0);
      }
      expect(warned).not.toHaveBeenCalled();
    });
  });

  function circular(): Error {
    const error = new Error('x');
    error.cause = error;
    return error;
  }
});

describe('what throws beside the work is reported once, and harms nothing', () => {
  const flow = pipeline<number>('flow')
    .stage('a', async ({ input }) => input + 1)
    .stage('b', ['a'], ({ a }, ctx) => {
      ctx.progress(0.5);
      ctx.log.info({ a }, 'said');
      return a * 2;
    });
  const reports = (about: RegExp): number => warned.mock.calls.filter(([text]) => about.test(String(text))).length;

  it('a logger', async () => {
    const logger = { debug: refuse, info: refuse, warn: refuse, error: refuse };
    const runner = createRunner({ logger });
    for (let n = 0; n < 3; n++) expect(await runner.run(flow, 1)).toEqual({ a: 2, b: 4 });
    expect(reports(/logger threw: trap/)).toBe(1);
    expect(warned).toHaveBeenCalledTimes(1);
  });

  it('a logger whose methods, child or level cannot be read', async () => {
    const { proxy, revoke } = Proxy.revocable({ ...silent }, {});
    const runner = createRunner({ logger: proxy });
    revoke();
    const run = runner.run(flow, 1);
    const turn = new Promise((resolve) => setImmediate(resolve, 'it does not end'));
    expect(await Promise.race([run, turn])).toEqual({ a: 2, b: 4 });
    const strange = { ...silent, child: refuse, isLevelEnabled: refuse };
    Object.defineProperty(strange, 'levelVal', { get: refuse });
    expect(await createRunner({ logger: strange }).run(flow, 1)).toEqual({ a: 2, b: 4 });
  });

  it('a listener to events, also behind an operator', async () => {
    for (const listen of [
      (runner: ReturnType<typeof createRunner>) => runner.events$.subscribe(refuse),
      (runner: ReturnType<typeof createRunner>) => runner.events$.pipe(map(refuse)).subscribe(),
      (runner: ReturnType<typeof createRunner>) => runner.events$.subscribe({ next: async () => refuse() }),
    ]) {
      warned.mockClear();
      const runner = createRunner();
      const heard: string[] = [];
      listen(runner);
      runner.events$.subscribe(({ type }) => heard.push(type));
      const run = runner.run(flow, 1);
      run.events$.subscribe(refuse);
      expect(await run).toEqual({ a: 2, b: 4 });
      expect(await runner.run(flow, 1)).toEqual({ a: 2, b: 4 });
      expect(heard.filter((type) => type === 'run.end')).toHaveLength(2);
      await new Promise((resolve) => setImmediate(resolve));
      expect(reports(/trap/)).toBe(1);
    }
  });

  it('a hook of an interceptor', async () => {
    const hooked = defineInterceptor({
      name: 'hooked',
      priority: Place.observe,
      intercept(call, next) {
        call.onEnd(refuse);
        call.onSettled(refuse);
        return next(call);
      },
    });
    const runner = createRunner({ use: [hooked] });
    for (let n = 0; n < 3; n++) expect(await runner.run(flow, 1)).toEqual({ a: 2, b: 4 });
    expect(reports(/hooked/)).toBeGreaterThan(0);
    expect(new Set(warned.mock.calls.map(([text]) => String(text))).size).toBe(warned.mock.calls.length);
  });

  it('a cleanup', async () => {
    const messy = pipeline('messy').stage('a', (_, ctx) => {
      ctx.onCleanup(refuse);
      return 1;
    });
    const run = createRunner({ logger: silent }).run(messy);
    expect(await run).toEqual({ a: 1 });
    expect((await run.report).suppressed).toHaveLength(1);
  });

  it('the stats of an interceptor', () => {
    const telling = defineInterceptor({ ...limited, name: 'telling', stats: refuse });
    expect(() => createRunner({ logger: silent, use: [telling] }).stats()).not.toThrow();
  });
});

describe('a hostile partial result is serialised safely, and bounded', () => {
  const circle: Record<string, unknown> = { a: 1 };
  circle['self'] = circle;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { deep: deep(levels - 1) });
  const partials: [string, unknown][] = [
    ['a toJSON that throws', { toJSON: refuse }],
    ['a toJSON that answers itself', { toJSON: () => circle }],
    ['a getter that throws', Object.defineProperty({}, 'a', { get: refuse, enumerable: true })],
    ['a circle', circle],
    ['a bigint', { n: 10n }],
    ['a function', { work }],
    ['a revoked Proxy', proxy],
    ['a Proxy with throwing traps', { inner: new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse }) }],
    ['100 levels', deep(100)],
    ['a million values', Array.from({ length: 1_000_000 }, (_, index) => index)],
    ['a huge list', new Array(4e9)],
    ['ten million characters', 'x'.repeat(1e7)],
    ['a key of a million characters', { ['k'.repeat(1e6)]: 1 }],
    ['many long texts', Array.from({ length: 2_000 }, () => 'x'.repeat(50_000))],
    ['__proto__', JSON.parse('{ "__proto__": { "polluted": true } }')],
    ['an array whose iteration throws', Object.assign([1], { [Symbol.iterator]: refuse })],
    ['a Map of itself', mapOfItself()],
    ['an invalid Date', new Date(Number.NaN)],
  ];

  /** A run that reports a partial result and then comes to its deadline. */
  async function timedOut(partial: unknown) {
    const clock = virtualClock();
    const runner = createRunner({ clock, logger: silent });
    const slow = pipeline('slow').stage('s', (_, ctx) => {
      ctx.partial(partial);
      return new Promise<never>((__, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)));
    });
    const run = runner.run(slow, undefined, { deadline: 100 });
    const { error, status } = await clock.until(run.report);
    await clock.runAll();
    expect(status).toBe('timeout');
    return { error, record: runner.runs.get(run.id) };
  }

  it.each(partials.map(([name]) => name))('with %s, in a response', async (name) => {
    const { error } = await timedOut(new Map(partials).get(name));
    for (const whole of [toResponse(error), error]) {
      const text = JSON.stringify(whole);
      expect(text).toContain('TIMEOUT');
      expect(text.length).toBeLessThan(4_000_000);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it.each(partials.map(([name]) => name))('with %s, on record', async (name) => {
    const text = JSON.stringify((await timedOut(new Map(partials).get(name))).record);
    expect(text).toContain('TIMEOUT');
    expect(text.length).toBeLessThan(4_000_000);
  });

  it.each(partials.map(([name]) => name))('with %s, in an error of your own', (name) => {
    const partial = new Map(partials).get(name);
    const error = new TimeoutError('x', { partial, details: { partial } });
    const text = JSON.stringify(toResponse(error));
    expect(text.length).toBeLessThan(4_000_000);
    expect(JSON.parse(text)).toMatchObject({ status: 'error', error: { code: 'TIMEOUT' } });
  });

  function mapOfItself(): Map<unknown, unknown> {
    const made = new Map<unknown, unknown>();
    return made.set('self', made);
  }
});
