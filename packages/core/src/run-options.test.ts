import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigIssue } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { pipeline, pipelineFacts } from './pipeline.ts';
import { Place } from './place.ts';
import { RESERVED } from './policies.ts';
import { readRunOptions } from './run-options.ts';
import { createRunner } from './runner.ts';
import { stage } from './stage.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { tool } from './tool.ts';

const two = pipeline<string>('two', { deadline: '1m' })
  .stage('fetch', ({ input }) => input.length)
  .stage('parse', ['fetch'], ({ fetch }) => fetch * 2);
const facts = pipelineFacts(two);
const read = (options?: unknown) => readRunOptions(options, facts);
const runner = createRunner();
const quiet = createRunner({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
const work = (): number => 1;
/** Two stages of the same names that take whatever comes. */
const easy = pipeline('two').stage('fetch', work).stage('parse', ['fetch'], work);

/** Everything that was said to be wrong, in one ConfigError; nothing if nothing was. */
function issuesOf(options: unknown): readonly ConfigIssue[] {
  try {
    read(options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).issues;
  }
  return [];
}
const saidOf = (options: unknown): string[] => issuesOf(options).map(({ message }) => message);

/** The options of core for a run. */
const OWN = 'deadline signal runId correlationId data priority stages tools replace completed'.split(' ');

describe('the options of a run', () => {
  it('are checked and sorted', () => {
    const { signal } = new AbortController();
    const reused = stage({}, work);
    const request = read({
      deadline: '2s',
      signal,
      runId: 'r',
      correlationId: 'c',
      priority: -1.5,
      data: { a: 1 },
      stages: { fetch: { retry: 2 } },
      tools: { search: { retry: 3 } },
      replace: { fetch: work, parse: reused },
      completed: { parse: 4 },
      timeout: '1s',
      off: undefined,
    });
    expect(request).toEqual({
      settings: {
        deadlineMs: 2_000,
        signal,
        runId: 'r',
        correlationId: 'c',
        priority: -1.5,
        data: new Map([['a', 1]]),
        tools: new Map([['search', { retry: 3 }]]),
      },
      policies: { timeout: '1s' },
      stages: new Map([['fetch', { retry: 2 }]]),
      replace: new Map([
        ['fetch', work],
        ['parse', work],
      ]),
      completed: new Map([['parse', 4]]),
    });
  });

  it.each([
    [undefined],
    [{}],
    [Object.freeze({})],
    [Object.create(null)],
    [Object.fromEntries(OWN.map((key) => [key, undefined]))],
  ])('of %j are none, and the deadline is that of the pipeline', (options) => {
    const { settings, policies, stages, replace, completed } = read(options);
    expect(settings.deadlineMs).toBe(60_000);
    const { deadlineMs: _, tools, ...rest } = settings;
    expect(Object.values(rest).every((value) => value === undefined)).toBe(true);
    expect([policies, tools.size, stages.size, replace.size, completed.size]).toEqual([undefined, 0, 0, 0, 0]);
  });

  it.each<[unknown, number]>([
    [0, 0],
    ['none', Number.POSITIVE_INFINITY],
    ['1.5s', 1_500],
    [0.25, 0.25],
  ])('may set the deadline %j', (deadline, ms) => {
    expect(read({ deadline }).settings.deadlineMs).toBe(ms);
  });

  it.each<[unknown, string]>([
    [null, 'options: expected a plain object of options, got null'],
    ['5s', 'options: expected a plain object of options, got "5s"'],
    [5, 'options: expected a plain object of options, got 5'],
    [[], 'options: expected a plain object of options, got an array of 0'],
    [work, 'options: expected a plain object of options, got a function'],
    [
      { deadline: 'soon' },
      "deadline: expected a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none', got \"soon\"",
    ],
    [
      { deadline: -1 },
      "deadline: expected a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none', got -1",
    ],
    [
      { deadline: Number.POSITIVE_INFINITY },
      "deadline: expected a finite duration; write 'none' for no limit, got Infinity",
    ],
    [{ signal: new AbortController() }, 'signal: expected an AbortSignal, got an object'],
    [{ signal: null }, 'signal: expected an AbortSignal, got null'],
    [{ runId: '' }, 'runId: expected a text that is not empty, got ""'],
    [{ runId: 7 }, 'runId: expected a text that is not empty, got 7'],
    [{ correlationId: null }, 'correlationId: expected a text that is not empty, got null'],
    [{ priority: Number.NaN }, 'priority: expected a finite number, got NaN'],
    [{ priority: Number.POSITIVE_INFINITY }, 'priority: expected a finite number, got Infinity'],
    [{ priority: 'high' }, 'priority: expected a finite number, got "high"'],
    [{ priority: 1n }, 'priority: expected a finite number, got 1n'],
    [{ data: 5 }, 'data: expected a plain object, or a Map, got 5'],
    [{ data: null }, 'data: expected a plain object, or a Map, got null'],
    [{ data: ['a'] }, 'data: expected a plain object, or a Map, got an array of 1'],
    [{ data: new Map([[5, 1]]) }, 'data: expected keys that are texts, got 5'],
    [{ stages: [] }, 'stages: expected a plain object, got an array of 0'],
    [{ tools: 'search' }, 'tools: expected a plain object, got "search"'],
    [{ replace: null }, 'replace: expected a plain object, got null'],
    [{ completed: work }, 'completed: expected a plain object, got a function'],
    [{ stages: { fetch: '5s' } }, 'stages.fetch: expected a plain object of policies, got "5s"'],
    [{ stages: { fetch: null } }, 'stages.fetch: expected a plain object of policies, got null'],
    [{ tools: { search: [] } }, 'tools.search: expected a plain object of policies, got an array of 0'],
    [
      { stages: { fetch: { kind: 'agent' } } },
      'stages.fetch.kind: is no policy; only policies of plugins can be set for a run',
    ],
    [
      { tools: { a: { deadline: 1 } } },
      'tools.a.deadline: is no policy; only policies of plugins can be set for a run',
    ],
    [{ replace: { fetch: 5 } }, 'replace.fetch: expected a function (deps, context) => result, or a stage, got 5'],
    [
      { replace: { fetch: null } },
      'replace.fetch: expected a function (deps, context) => result, or a stage, got null',
    ],
    [
      { replace: { fetch: Promise.resolve(1) } },
      'replace.fetch: expected a function (deps, context) => result, or a stage, got a Promise',
    ],
    [
      { replace: { fetch: tool('t', {}, work) } },
      'replace.fetch: expected a function (deps, context) => result, or a stage, got an object',
    ],
  ])('are refused where they cannot be: %o', async (options, message) => {
    expect(saidOf(options)).toEqual([message]);
    await expect(runner.run(two, 'in', options as object)).rejects.toThrow(message);
  });

  it('are told with a hint at the stage that was meant twenty times, and after that with what there is', () => {
    const stages = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`fetch${index}`, {}]));
    const said = saidOf({ stages });
    expect(said.map((one) => one.endsWith('; did you mean "fetch"?'))).toEqual(said.map((_, index) => index < 20));
    expect(said[24]).toBe('stages.fetch24: pipeline "two" has no stage "fetch24"; there are "fetch", "parse"');
  });

  it('are told with names short enough to be read', () => {
    for (const key of ['stages', 'tools', 'replace', 'completed']) {
      const said = saidOf({ [key]: { ['n'.repeat(100_000)]: key === 'tools' ? 5 : {} } });
      expect(said.length).toBeGreaterThan(0);
      for (const one of said) expect(one.length, key).toBeLessThan(1_000);
    }
  });

  it('are told with the name of the pipeline short enough to be read, on one line', () => {
    const odd = pipelineFacts(pipeline(`two\n${'n'.repeat(100_000)}`));
    let error: unknown;
    try {
      readRunOptions({ stages: { fetch: {} } }, odd);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/^stages\.fetch: pipeline "two\.\.\." has no stage "fetch"; .*$/);
  });

  it('are refused where a promise stands for what is completed: it is the output that is due', async () => {
    for (const promise of [Promise.resolve(1), (async () => 1)()]) {
      expect(saidOf({ completed: { fetch: promise } })).toEqual([
        'completed.fetch: expected the output itself; await it first, got a Promise',
      ]);
    }
    // It is awaited only when somebody asks: a stage may well put out an object that has such a method.
    const thenable = { then: work };
    expect(read({ completed: { fetch: thenable } }).completed.get('fetch')).toBe(thenable);
  });

  it('may be completed with anything else, and none of it is touched', () => {
    const no = (): never => {
      throw new Error('touched');
    };
    const hostile = new Proxy({}, { get: no, getPrototypeOf: no, ownKeys: no, has: no });
    expect(read({ completed: { fetch: hostile } }).completed.get('fetch') === hostile).toBe(true);
  });

  it('are each read once: what was checked is what holds', () => {
    const reads: string[] = [];
    const counting = (value: object, path: string): object =>
      new Proxy(value, {
        get(target, key, receiver) {
          reads.push(`${path}${String(key)}`);
          return Reflect.get(target, key, receiver) as unknown;
        },
      });
    const options = {
      deadline: '1s',
      runId: 'r',
      timeout: 1,
      data: counting({ a: 1 }, 'data.'),
      stages: counting({ fetch: counting({ retry: 1 }, 'fetch.') }, 'stages.'),
      completed: counting({ parse: 1 }, 'completed.'),
    };
    read(counting(options, ''));
    const inner = ['data.a', 'stages.fetch', 'fetch.retry', 'completed.parse'];
    expect([...reads].sort()).toEqual([...Object.keys(options), ...inner].sort());
  });

  it.each(['stages', 'replace', 'completed'])('are refused where %s names a stage that there is not', (key) => {
    expect(saidOf({ [key]: { fetsh: work, weather: work } })).toEqual(
      expect.arrayContaining([
        `${key}.fetsh: pipeline "two" has no stage "fetsh"; did you mean "fetch"?`,
        `${key}.weather: pipeline "two" has no stage "weather"; there are "fetch", "parse"`,
      ]),
    );
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const given: unknown = JSON.parse(`{"${key}":{"${name}":{}}}`);
      expect(saidOf(given)).toContain(
        `${key}.${name}: pipeline "two" has no stage "${name}"; there are "fetch", "parse"`,
      );
    }
  });

  it('of core elsewhere are refused by name', () => {
    for (const key of RESERVED) {
      if (!OWN.includes(key)) expect(saidOf({ [key]: 1 })).toEqual([`${key}: is no option of a run`]);
    }
  });

  it('are refused with all that is wrong at once', () => {
    const said = saidOf({
      deadline: 'soon',
      signal: 1,
      runId: '',
      correlationId: 2,
      idempotencyKey: 'k',
      priority: 'high',
      data: 3,
      tools: { search: 4 },
      stages: { fetsh: 5, parse: { when: 6 } },
      replace: { fetch: 7 },
      completed: 8,
    });
    expect(said.map((one) => one.split(': ')[0]).sort()).toEqual(
      [
        ...['completed', 'correlationId', 'data', 'deadline', 'idempotencyKey', 'priority', 'replace.fetch', 'runId'],
        ...['signal', 'stages.fetsh', 'stages.fetsh', 'stages.parse.when', 'tools.search'],
      ].sort(),
    );
  });

  it('hold undefined for what is not said, except for what is completed with undefined', () => {
    const request = read({
      stages: { fetch: undefined },
      tools: { search: undefined },
      replace: { fetch: undefined },
      completed: { fetch: undefined },
    });
    expect([request.stages.size, request.settings.tools.size, request.replace.size]).toEqual([0, 0, 0]);
    expect([...request.completed]).toEqual([['fetch', undefined]]);
  });

  it.each<[string, unknown]>([
    ['an object', { a: 1, b: undefined }],
    [
      'a Map',
      new Map([
        ['a', 1],
        ['b', undefined],
      ]),
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1, b: undefined })],
  ])('may give data as %s, of which a copy is kept', (_, data) => {
    const kept = read({ data }).settings.data;
    expect(kept).not.toBe(data);
    expect([...(kept ?? [])]).toEqual([
      ['a', 1],
      ['b', undefined],
    ]);
  });

  it('may give data under keys that mean something to JavaScript', () => {
    const { data } = read({ data: JSON.parse('{"__proto__":1,"constructor":2}') }).settings;
    expect([...(data ?? [])]).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ]);
  });

  it.each<[string, unknown]>([
    ['a Map', new Map([['zzz', {}]])],
    ['a Set', new Set(['zzz'])],
    ['a date', new Date(0)],
    ['a promise', Promise.resolve({})],
  ])(
    'are refused where %s stands for stages, tools, replace or completed: it says nothing that could be meant',
    (_, value) => {
      for (const key of ['stages', 'tools', 'replace', 'completed']) expect(issuesOf({ [key]: value })).toHaveLength(1);
      expect(issuesOf(value)).toHaveLength(1);
    },
  );

  it.each<[string, unknown]>([
    ['a Set', new Set(['a'])],
    ['a date', new Date(0)],
    ['a promise', Promise.resolve({})],
    [
      'an instance of a class',
      new (class {
        readonly a = 1;
      })(),
    ],
  ])('are refused where data is %s', (_, data) => {
    expect(issuesOf({ data })).toHaveLength(1);
  });

  const trap = (): never => {
    throw new Error('trap');
  };
  const getter = (key: string): object => Object.defineProperty({}, key, { get: trap, enumerable: true });
  it.each<[string, () => object]>([
    ...OWN.map((key): [string, () => object] => [`a getter that throws for ${key}`, () => getter(key)]),
    ['a getter that throws for a policy', () => getter('timeout')],
    ['a getter that throws for a stage', () => ({ stages: getter('fetch') })],
    ['a getter that throws for a policy of a stage', () => ({ stages: { fetch: getter('timeout') } })],
    ['a getter that throws for what is completed', () => ({ completed: getter('fetch') })],
    ['a getter that throws for data', () => ({ data: getter('a') })],
    ['a Proxy that throws', () => new Proxy({}, { ownKeys: trap, get: trap })],
    ['a Proxy that throws for data', () => ({ data: new Proxy({}, { getPrototypeOf: trap, ownKeys: trap }) })],
    ['a Proxy of a Map, which no longer is one, for data', () => ({ data: new Proxy(new Map(), {}) })],
    ['a Proxy that throws for a signal', () => ({ signal: new Proxy({}, { get: trap }) })],
  ])('that hold %s are told, and the run rejects with that', async (_, options) => {
    expect(issuesOf(options()).length).toBeGreaterThan(0);
    const run = runner.run(two, 'in', options());
    await expect(run).rejects.toThrow(ConfigError);
    expect((await run.report).status).toBe('failed');
  });

  it('that name __proto__ change nothing but themselves', async () => {
    const options: unknown = JSON.parse(
      '{"__proto__":{"deadline":"soon","polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    expect(issuesOf(options)).toEqual([]);
    expect(read(options).settings.deadlineMs).toBe(60_000);
    expect(read(JSON.parse('{"tools":{"__proto__":{"polluted":1}}}')).settings.tools.get('__proto__')).toEqual({
      polluted: 1,
    });
    expect('polluted' in {}).toBe(false);
  });
});

describe('a run', () => {
  it('does the work that stands in place of that of its stages, with all else about them as it is', async () => {
    const seen: unknown[] = [];
    const made = two.stage('mail', { needs: ['parse'], kind: 'agent' }, () => 'mailed');
    const out = await runner.run(made, 'abc', {
      replace: {
        fetch: stage({ kind: 'guard' }, () => 100),
        mail: (deps, { name, kind }) => {
          seen.push(deps, name, kind);
          return 'faked';
        },
      },
    });
    expect(out).toEqual({ fetch: 100, parse: 200, mail: 'faked' });
    expect(seen).toEqual([{ input: 'abc', parse: 200 }, 'mail', 'agent']);
    expect((await runner.run(made, 'abc')).mail).toBe('mailed');
  });

  it('takes over what is completed, undefined included, and does not run those stages', async () => {
    let ran = 0;
    const made = pipeline('resumed')
      .stage('a', (): number | undefined => ++ran)
      .stage('b', ['a'], ({ a }) => ({ a }));
    const { status, output, stages } = await runner.run(made, undefined, { completed: { a: undefined } }).report;
    expect([status, ran]).toEqual(['ok', 0]);
    expect(output).toEqual({ a: undefined, b: { a: undefined } });
    expect(stages.a).toMatchObject({ status: 'ok', origin: 'cache', attempts: 0, value: undefined });
    expect(await runner.run(made, undefined, { completed: output })).toEqual(output);
    expect(ran).toBe(0);
  });

  it('has the ids, the data and the priority that it was given', async () => {
    const made = pipeline('told').stage('a', (_, { runId, correlationId, data }) => [
      runId,
      correlationId,
      data.entries(),
    ]);
    const told = await runner.run(made, undefined, { runId: 'r', correlationId: 'c', data: { k: 1 }, priority: 3 });
    expect(told.a).toEqual(['r', 'c', [['k', 1]]]);
    const alone = await runner.run(made).report;
    expect(alone.output.a?.slice(0, 2)).toEqual([alone.id, alone.id]);
  });

  it('hands policies to all stages, to single stages over them, and to single tools wherever they are called', async () => {
    const seen: Record<string, unknown> = {};
    const asks: Interceptor = defineInterceptor({
      name: 'asks',
      priority: Place.observe,
      policy: { key: 'limit', parse: (value) => ({ ...(value as object) }) },
      intercept(call, next) {
        seen[call.name] = call.policy('limit');
        return next(call);
      },
    });
    const search = tool('search', { limit: { a: 'tool' } } as object, work);
    const other = tool('other', { limit: { a: 'tool' } } as object, work);
    const made = pipeline('p', { limit: { a: 'pipeline' } } as object)
      .stage('one', (_, ctx) => ctx.callAll([[search], [other]]))
      .stage('two', work);
    const options = {
      limit: { a: 'run', b: 'run' },
      stages: { two: { limit: { b: 'single' } } },
      tools: { search: { limit: { b: 'named' } }, absent: { limit: {} } },
    };
    await createRunner({ use: [asks] }).run(made, undefined, options as object);
    expect(seen).toEqual({
      one: { a: 'run', b: 'run' },
      two: { a: 'run', b: 'single' },
      search: { a: 'tool', b: 'named' },
      other: { a: 'tool' },
    });
  });
});

describe('random hostile options', () => {
  it('20,000 times: a run that works, or a ConfigError that says why not', async () => {
    const random = seededRandom(4_711);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
    const bad: readonly (() => unknown)[] = [
      () => null,
      () => undefined,
      () => '',
      () => 'soon',
      () => 5,
      () => -1,
      () => Number.NaN,
      () => 7n,
      () => Symbol('s'),
      () => true,
      () => [],
      () => [{}],
      () => ({}),
      () => work,
      () => Object.create(null),
      () => new Proxy({}, {}),
      () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
      () => ({ kind: 'agent' }),
      () => ({ fetch: null, parse: 5 }),
      () => ({ fetsh: 1 }),
      () => 'n'.repeat(5_000),
      () => ({ ['n'.repeat(100)]: {} }),
      () => ({ aborted: 'no', addEventListener: 5 }),
    ];
    const wrong = (): unknown => pick(bad)();
    const or = (right: () => unknown): unknown => (random() < 0.15 ? wrong() : right());
    const some = (value: () => unknown): unknown => {
      const made: Record<string, unknown> = {};
      for (const name of ['fetch', 'parse']) if (random() < 0.4) made[name] = or(value);
      return made;
    };
    const right: Readonly<Record<string, () => unknown>> = {
      deadline: () => pick(['1m', 'none', 1e9, undefined]),
      signal: () => new AbortController().signal,
      runId: () => 'r',
      correlationId: () => 'c',
      priority: () => random() * 10 - 5,
      data: () => pick([{ a: 1 }, new Map([['a', 1]])]),
      stages: () => some(() => ({ retry: 1 })),
      tools: () => some(() => ({ retry: 1 })),
      replace: () => some(() => () => 3),
      completed: () => some(() => 4),
      retry: wrong,
      idempotencyKey: () => undefined,
      ['__proto__']: wrong,
    };
    const before = Reflect.ownKeys(Object.prototype);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 20_000; round++) {
      const given = {};
      for (const [key, value] of Object.entries(right)) {
        const share = key === 'idempotencyKey' ? 0.01 : 0.2;
        const field = { value: or(value), enumerable: true, writable: true, configurable: true };
        if (random() < share) Object.defineProperty(given, key, field);
      }
      const options = random() < 0.02 ? wrong() : given;
      const issues = issuesOf(options);
      outcomes[issues.length === 0 ? 'read' : 'refused']++;
      for (const { path, message } of issues)
        expect(message.startsWith(path) && message.length > path.length).toBe(true);
      if (round % 10 > 0) continue;
      const report = await quiet.run(easy, undefined, options as object).report;
      const { deadline } = (options ?? {}) as { deadline?: unknown };
      if (issues.length > 0) expect(report.error).toBeInstanceOf(ConfigError);
      else if (deadline !== 5) expect([report.status, report.error]).toEqual(['ok', undefined]);
    }
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(4_000);
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  }, 60_000);
});
