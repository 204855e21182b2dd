import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineStack, type JsonSchema, type PluginFactory, stackSchema } from './define-stack.ts';
import { readDuration } from './duration.ts';
import { ConfigError, type ConfigIssue } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor, type Plugin } from './interceptor.ts';
import { Place } from './place.ts';
import { Problems } from './problems.ts';
import { createRunner } from './runner.ts';
import { Stack } from './stack.ts';
import { virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import type { Traits } from './traits.ts';

type Fields = Partial<Record<string, unknown>>;

/** What each factory was given, in order: its name, and the options as they arrived. */
let given: [string, unknown][] = [];
let warned: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  given = [];
  warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
});
afterEach(() => vi.restoreAllMocks());

const at = (name: string, priority: number, traits?: Traits): Interceptor =>
  defineInterceptor({ name, priority, ...(traits && { traits }), intercept: (call, next) => next(call) });

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As a real retry reads its options: a number of attempts, or an object. */
function retry(options?: unknown): Plugin {
  given.push(['retry', options]);
  const problems = new Problems();
  const fields = (typeof options === 'object' && options !== null ? options : { attempts: options }) as Fields;
  problems.unknownKeys(fields, ['attempts', 'backoff'], 'retry');
  const { attempts = 3, backoff = {} } = fields;
  if (!(Number.isInteger(attempts) && (attempts as number) >= 1))
    problems.add('retry.attempts', 'an integer ≥ 1', attempts);
  if (!isObject(backoff)) problems.add('retry.backoff', 'an object { base, max }', backoff);
  else {
    problems.unknownKeys(backoff, ['base', 'max'], 'retry.backoff');
    const { base = 100, max = '30s' } = backoff as Fields;
    readDuration(base, 'retry.backoff.base', problems);
    readDuration(max, 'retry.backoff.max', problems);
  }
  problems.throwIfAny();
  return at(`retry:${String(attempts)}`, Place.retry);
}
retry.schema = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'object', properties: { attempts: { type: 'integer', minimum: 1 } } },
  ],
} as const satisfies JsonSchema;

/** As a real timeout: a duration, or an object of them. */
function timeout(options?: unknown): Plugin {
  given.push(['timeout', options]);
  const problems = new Problems();
  const fields = (isObject(options) ? options : { total: options }) as Fields;
  problems.unknownKeys(fields, ['total', 'attempt'], 'timeout');
  const { total = '30s', attempt = 'none' } = fields;
  const ms = readDuration(total, 'timeout.total', problems);
  readDuration(attempt, 'timeout.attempt', problems);
  problems.throwIfAny();
  return at(`timeout:${ms}`, Place.total);
}

/** Two that belong together; it checks nothing. */
function pair(options?: unknown): Plugin {
  given.push(['pair', options]);
  return [at('inner', Place.attempt), at('outer', Place.observe)];
}

const plugins = { retry, timeout, pair };
const names = (made: Stack): string[] => made.interceptors.map(({ name }) => name);
const define = (data: unknown, using: Readonly<Record<string, PluginFactory>> = plugins): Stack =>
  defineStack(using, data as never);
const of = (interceptors: unknown, more: object = {}): Stack => define({ interceptors, ...more });

/** Everything that was said to be wrong, in one ConfigError; nothing if nothing was. */
function issuesOf(make: () => unknown): readonly ConfigIssue[] {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).issues;
  }
  return [];
}
const said = (data: unknown): string[] => issuesOf(() => define(data)).map(({ message }) => message);
const saidOf = (interceptors: unknown): string[] => said({ interceptors });

const DURATION = "a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";

describe('a stack from data', () => {
  it('has the interceptors that the data names, from the outside inwards', () => {
    const made = of({ pair: true, retry: { attempts: 5, backoff: { base: '1s' } }, timeout: '2s' });
    expect(made).toBeInstanceOf(Stack);
    expect(names(made)).toEqual(['outer', 'timeout:2000', 'retry:5', 'inner']);
  });

  it('hands each factory its options, as they stand in the data', () => {
    of({ retry: { attempts: 5, backoff: { base: '1s' } }, timeout: '2s' });
    expect(given).toEqual([
      ['retry', { attempts: 5, backoff: { base: '1s' } }],
      ['timeout', '2s'],
    ]);
  });

  it('takes `true` for the defaults of a plugin', () => {
    expect(names(of({ retry: true, timeout: true }))).toEqual(['timeout:30000', 'retry:3']);
    expect(given).toEqual([
      ['retry', undefined],
      ['timeout', undefined],
    ]);
  });

  it.each([[false], ['none']])('leaves out what is %j, and does not make it', (off) => {
    expect(names(of({ retry: off, timeout: '1s' }))).toEqual(['timeout:1000']);
    expect(given).toEqual([['timeout', '1s']]);
  });

  it('makes one of each member of a list, in its order, also with `true`, `false` and none', () => {
    expect(names(of({ retry: [2, { attempts: 4 }, true, false, 'none'] }))).toEqual(['retry:2', 'retry:4', 'retry:3']);
    expect(names(of({ retry: [] }))).toEqual([]);
  });

  it('may be empty', () => {
    expect(names(of({}))).toEqual([]);
    expect(names(define({ interceptors: {}, acknowledge: undefined }, {}))).toEqual([]);
  });

  it('may come from JSON, be frozen, and have no prototypes', () => {
    expect(names(define(JSON.parse('{ "interceptors": { "retry": { "attempts": 7 } } }')))).toEqual(['retry:7']);
    const bare = Object.freeze(Object.assign(Object.create(null), { attempts: 8 }));
    expect(names(define(Object.freeze({ interceptors: Object.freeze({ retry: bare }) })))).toEqual(['retry:8']);
  });

  it('takes a plugin under another name than its factory has', () => {
    expect(names(define({ interceptors: { again: 2 } }, { again: retry }))).toEqual(['retry:2']);
  });

  it('copies the data: what becomes of it later changes nothing', () => {
    const backoff = { base: '1s' };
    const data = { interceptors: { retry: { attempts: 2, backoff } } };
    define(data);
    const [, options] = given[0] as [string, { attempts: number; backoff: object }];
    backoff.base = 'soon';
    data.interceptors.retry.attempts = -1;
    expect(options).toEqual({ attempts: 2, backoff: { base: '1s' } });
    options.attempts = 99;
    expect(data.interceptors.retry.attempts).toBe(-1);
  });

  it('is what a runner takes', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: defineStack(plugins, { interceptors: { retry: 2, pair: true } }) });
    expect(
      await clock.until(
        runner.call(
          tool('double', {}, (n: number) => n * 2),
          21,
        ),
      ),
    ).toBe(42);
    expect(Object.keys(runner.explain().entries)).toHaveLength(3);
  });

  it('runs by the clock that it is given', async () => {
    const clock = virtualClock();
    const made = defineStack(plugins, { interceptors: { retry: 2 } }, { clock });
    const late = made.execute(() => new Promise(() => {}), { deadline: 100 }).catch((error: unknown) => error);
    expect(await clock.until(late)).toMatchObject({ code: 'TIMEOUT' });
    expect(() => defineStack(plugins, { interceptors: {} }, { clock: {} as never })).toThrow(
      'stack.clock: expected a clock with now, schedule and random, got an object',
    );
  });
});

describe('data that is wrong', () => {
  it('is told by path, value and what is allowed', () => {
    expect(saidOf({ retry: { attempts: 'three' } })).toEqual([
      'interceptors.retry.attempts: expected an integer ≥ 1, got "three"',
    ]);
    expect(issuesOf(() => of({ retry: { attempts: 'three' } }))).toEqual([
      {
        path: 'interceptors.retry.attempts',
        message: 'interceptors.retry.attempts: expected an integer ≥ 1, got "three"',
        expected: 'an integer ≥ 1',
        value: 'three',
      },
    ]);
  });

  it('is told whole: all errors of all plugins at once, in the order of the data', () => {
    const data = {
      interceptors: {
        retry: { attempts: 0, backoff: { base: 'soon', mx: 1 } },
        timeout: { total: -1, atempt: 5 },
        retyr: true,
      },
      acknowledge: [5],
      acknowlegde: [],
    };
    expect(said(data)).toEqual([
      'acknowlegde: unknown option; did you mean "acknowledge"?',
      'acknowledge: expected a list of codes, got an array of 1',
      'interceptors.retyr: unknown option; did you mean "retry"?',
      'interceptors.retry.attempts: expected an integer ≥ 1, got 0',
      'interceptors.retry.backoff.mx: unknown option; did you mean "max"?',
      `interceptors.retry.backoff.base: expected ${DURATION}, got "soon"`,
      'interceptors.timeout.atempt: unknown option; did you mean "attempt"?',
      `interceptors.timeout.total: expected ${DURATION}, got -1`,
    ]);
    expect(() => define(data)).toThrow('interceptors.retry.attempts: expected an integer ≥ 1, got 0\n');
  });

  it('is told at the index of a list, and each member is checked', () => {
    expect(saidOf({ retry: [2, { attempts: 'x' }, 0.5] })).toEqual([
      'interceptors.retry[1].attempts: expected an integer ≥ 1, got "x"',
      'interceptors.retry[2].attempts: expected an integer ≥ 1, got 0.5',
    ]);
  });

  it('is told by the name that the data uses, whatever the factory is called', () => {
    const say = (key: string, factory: PluginFactory): string[] =>
      issuesOf(() => define({ interceptors: { [key]: { attempts: 'x' } } }, { [key]: factory })).map(
        ({ message }) => message,
      );
    expect(say('again', retry)).toEqual(['interceptors.again.attempts: expected an integer ≥ 1, got "x"']);
    expect(say('retry', (options: unknown) => retry(options))).toEqual([
      'interceptors.retry.attempts: expected an integer ≥ 1, got "x"',
    ]);
    expect(say('ret', (options: unknown) => retry(options))).toEqual([
      'interceptors.ret.retry.attempts: expected an integer ≥ 1, got "x"',
    ]);
  });

  it('with a shorthand that is wrong names the option that it is short for', () => {
    expect(saidOf({ retry: 0, timeout: 'soon' })).toEqual([
      'interceptors.retry.attempts: expected an integer ≥ 1, got 0',
      `interceptors.timeout.total: expected ${DURATION}, got "soon"`,
    ]);
  });

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], [-0.5], [-1]])('with the number %d is left to the plugin', (n) => {
    expect(saidOf({ retry: { attempts: n } })).toEqual([
      `interceptors.retry.attempts: expected an integer ≥ 1, got ${n}`,
    ]);
  });

  it('names the plugins that there are where none is near', () => {
    expect(saidOf({ zzzzzzzz: true })).toEqual(['interceptors.zzzzzzzz: unknown option; known: retry, timeout, pair']);
  });

  it.each([['toString'], ['hasOwnProperty'], ['valueOf'], ['__defineGetter__']])(
    'that names a plugin %s finds nothing that every object has',
    (name) => {
      expect(saidOf({ [name]: true })).toHaveLength(1);
      expect(said({ interceptors: {}, [name]: true })).toHaveLength(1);
    },
  );

  it.each<[unknown, string]>([
    [null, 'configuration: expected an object { interceptors }, got null'],
    [undefined, 'configuration: expected an object { interceptors }, got undefined'],
    [5, 'configuration: expected an object { interceptors }, got 5'],
    ['{}', 'configuration: expected an object { interceptors }, got "{}"'],
    [[], 'configuration: expected an object { interceptors }, got an array of 0'],
    [{}, 'interceptors: expected an object with the options of each plugin, got undefined'],
    [{ interceptors: null }, 'interceptors: expected an object with the options of each plugin, got null'],
    [{ interceptors: [] }, 'interceptors: expected an object with the options of each plugin, got an array of 0'],
    [{ interceptors: 'retry' }, 'interceptors: expected an object with the options of each plugin, got "retry"'],
    [{ interceptors: {}, acknowledge: 'x' }, 'acknowledge: expected a list of codes, got "x"'],
    [{ interceptors: {}, acknowledge: null }, 'acknowledge: expected a list of codes, got null'],
    [{ interceptors: {}, acknowledge: ['x', 5] }, 'acknowledge: expected a list of codes, got an array of 2'],
  ])('such as %j is refused', (data, message) => {
    expect(said(data)).toEqual([message]);
  });

  it('of no kind of data at all is told to be the configuration', () => {
    for (const data of [new Date(), new Map(), () => 1, Symbol('s'), 1n, new Proxy({}, {})]) {
      const [issue, ...more] = issuesOf(() => define(data));
      expect(more).toEqual([]);
      expect(issue?.message).toMatch(/^configuration: expected /);
    }
  });

  it('with null in place of options is refused, as its JSON Schema does', () => {
    expect(saidOf({ retry: null })).toHaveLength(1);
    expect(saidOf({ retry: [null] })).toHaveLength(1);
  });
});

describe('plugins that are wrong', () => {
  it('are told: no factory', () => {
    for (const factory of [at('a', 1), 'retry', null, 5]) {
      const [issue] = issuesOf(() => define({ interceptors: { bad: true } }, { bad: factory as never }));
      expect(issue).toMatchObject({ path: 'plugins.bad', expected: 'a factory of a plugin' });
    }
    expect(issuesOf(() => define({ interceptors: { bad: true } }, { bad: undefined as never }))).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    ['a text', 'retry'],
  ])('are told: %s instead of a table of factories', (_, table) => {
    expect(issuesOf(() => defineStack(table as never, { interceptors: {} }))).toHaveLength(1);
    expect(issuesOf(() => stackSchema(table as never))).toHaveLength(1);
  });

  it.each<[string, () => never, string]>([
    [
      'an Error',
      () => {
        throw new TypeError('boom');
      },
      'interceptors.bad: the plugin threw: boom',
    ],
    [
      'a text',
      () => {
        throw 'boom';
      },
      'interceptors.bad: the plugin threw: "boom"',
    ],
    [
      'undefined',
      () => {
        throw undefined;
      },
      'interceptors.bad: the plugin threw: undefined',
    ],
    [
      'a revoked Proxy',
      () => {
        throw revoked();
      },
      'interceptors.bad: the plugin threw: a Proxy',
    ],
  ])('are told with their path when they throw %s, beside what else is wrong', (_, bad, message) => {
    const using = { ...plugins, bad };
    const all = issuesOf(() => define({ interceptors: { bad: true, retry: 0 } }, using)).map((issue) => issue.message);
    expect(all).toEqual([message, 'interceptors.retry.attempts: expected an integer ≥ 1, got 0']);
  });

  it('are told what their error says', () => {
    const bad = (): never => {
      throw new Error('no certificate');
    };
    expect(() => define({ interceptors: { bad: true } }, { bad })).toThrow('no certificate');
  });

  it('are told as a ConfigError without a path: at the place of the data', () => {
    const bad = (): never => {
      throw new ConfigError('cannot be, here');
    };
    expect(() => define({ interceptors: { bad: [true] } }, { bad })).toThrow('interceptors.bad[0]: cannot be, here');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 5],
    ['no interceptor', { name: 'x' }],
    ['a revoked Proxy', revoked()],
    ['a promise', Promise.resolve()],
  ])('are told when they make %s, by the name in the data', (_, made) => {
    const all = issuesOf(() => define({ interceptors: { bad: true } }, { bad: () => made as never }));
    expect(all.length).toBeGreaterThan(0);
    expect(all[0]?.path).toMatch(/^interceptors\.bad/);
  });
});

describe('the order check of a stack from data', () => {
  const origin = {};
  const total = (): Plugin => at('total', Place.total, { role: 'total', limit: 5 });
  const attempt = (): Plugin => at('attempt', Place.attempt, { role: 'attempt', limit: 5 });
  const both = (): Plugin => [
    at('total', Place.total, { role: 'total', limit: 5, origin }),
    at('attempt', Place.attempt, { role: 'attempt', limit: 6, origin }),
  ];
  const one = at('one', Place.breaker, { role: 'breaker', window: 1, stateful: true });

  it('refuses what cannot work, by the code of the finding', () => {
    expect(issuesOf(() => define({ interceptors: { both: true } }, { both })).map(({ path }) => path)).toEqual([
      'attempt-over-total-in-one',
    ]);
    expect(
      issuesOf(() => define({ interceptors: { one: [true, true] } }, { one: () => one })).map(({ path }) => path),
    ).toEqual(['duplicate-stateful']);
  });

  it('warns once of what merely looks wrong, unless the data acknowledges it', () => {
    const interceptors = { total: true, attempt: true };
    const made = define({ interceptors }, { total, attempt });
    expect(made.findings.map(({ code }) => code)).toEqual(['attempt-not-under-total']);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockClear();
    const quiet = define({ interceptors, acknowledge: ['attempt-not-under-total'] }, { total, attempt });
    expect(quiet.findings).toEqual([]);
    expect(warned).not.toHaveBeenCalled();
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('hostile data', () => {
  const refuse = (): never => {
    throw new Error('trap');
  };
  const traps = Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]),
  ) as ProxyHandler<object>;

  it.each([['__proto__'], ['constructor'], ['prototype']])('with the key %s is refused at any depth', (key) => {
    const json = (text: string): string[] => issuesOf(() => define(JSON.parse(text))).map(({ path }) => path);
    expect(json(`{ "interceptors": {}, "${key}": { "x": 1 } }`)).toContain(key);
    expect(json(`{ "interceptors": { "${key}": { "x": 1 } } }`)).toContain(`interceptors.${key}`);
    expect(json(`{ "interceptors": { "retry": { "${key}": 1 } } }`)).toContain(`interceptors.retry.${key}`);
    expect(json(`{ "interceptors": { "retry": [{ "backoff": { "${key}": 1 } }] } }`)).toContain(
      `interceptors.retry[0].backoff.${key}`,
    );
    const own = Object.defineProperty({}, key, { value: { polluted: true }, enumerable: true });
    expect(saidOf({ retry: own })[0]).toBe(`interceptors.retry.${key}: is no key that a configuration may have`);
    expect(({} as Fields)['polluted']).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  it.each<[string, unknown, string]>([
    ['a function', () => 1, 'got a function'],
    ['a symbol', Symbol('s'), 'got Symbol(s)'],
    ['a bigint', 5n, 'got 5n'],
    ['a Date', new Date(0), 'got a Date'],
    ['a Map', new Map([['attempts', 5]]), 'got a Map'],
    ['a Set', new Set(), 'got a Set'],
    ['a RegExp', /x/, 'got an object'],
    ['a promise', Promise.resolve(), 'got a Promise'],
    ['an Error', new Error('x'), 'got an Error'],
    ['an instance of a class', new (class Retry {})(), 'got an object'],
    ['an object of another object', Object.create({ attempts: 5 }), 'got an object'],
    ['a Proxy', new Proxy({}, {}), 'got a Proxy'],
    ['a Proxy of an array', new Proxy([], {}), 'got a Proxy'],
    ['a Proxy with throwing traps', new Proxy({}, traps), 'got a Proxy'],
    ['a revoked Proxy', revoked(), 'got a Proxy'],
    ['a boxed number', Object(5), 'got an object'],
    ['bytes', new Uint8Array(4), 'got an object'],
  ])('such as %s is refused where it stands', (_, value, got) => {
    const message = (path: string): string => `${path}: expected plain data, as JSON has it, ${got}`;
    expect(saidOf({ retry: value })).toContain(message('interceptors.retry'));
    expect(saidOf({ retry: { attempts: value } })).toContain(message('interceptors.retry.attempts'));
    expect(saidOf({ pair: [1, { deep: [value] }] })).toContain(message('interceptors.pair[1].deep[0]'));
    expect(saidOf(value)).toContain(message('interceptors'));
  });

  it('is told once where it stands: nothing is said of what is missing instead', () => {
    expect(saidOf({ retry: 5n })).toHaveLength(1);
    expect(saidOf({ timeout: () => 1 })).toHaveLength(1);
    expect(saidOf(new Date(0))).toHaveLength(1);
    expect(given.filter(([, options]) => options === undefined)).toEqual([]);
  });

  it('with a getter is refused, and the getter does not run', () => {
    let ran = 0;
    const attempts = { enumerable: true, get: () => ++ran };
    expect(saidOf({ retry: Object.defineProperty({}, 'attempts', attempts) })).toEqual([
      'interceptors.retry.attempts: is computed; a configuration is plain data',
    ]);
    expect(ran).toBe(0);
  });

  it('never reaches a plugin in any part that is hostile', () => {
    issuesOf(() => of({ pair: { run: () => 1, ok: 1, list: [() => 1] } }));
    for (const [, options] of given) expect(JSON.stringify(options)).not.toContain('function');
  });

  it('with a key that is a symbol is refused', () => {
    expect(saidOf({ retry: { [Symbol('hidden')]: 1 } })).toHaveLength(1);
  });

  it('in a circle is refused', () => {
    const circle: Fields = { attempts: 2 };
    circle['backoff'] = circle;
    expect(saidOf({ retry: circle }).length).toBeGreaterThan(0);
    const list: unknown[] = [];
    list.push(list, list);
    expect(saidOf({ retry: list }).length).toBeGreaterThan(0);
  });

  it('leaves Object.prototype, Array.prototype and Function.prototype as they are', () => {
    const before = [Object, Array, Function].map((type) => Reflect.ownKeys(type.prototype).length);
    issuesOf(() => define(JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{"b":1}},"interceptors":{}}')));
    expect([Object, Array, Function].map((type) => Reflect.ownKeys(type.prototype).length)).toEqual(before);
  });
});

describe('a schema of a stack', () => {
  const schema = stackSchema(plugins);
  const validate = (value: unknown) => schema['~standard'].validate(value) as { value?: Stack; issues?: unknown };

  it('is a Standard Schema whose value is the stack', () => {
    expect(schema['~standard']).toMatchObject({ version: 1, vendor: 'sluice' });
    const { value, issues } = validate({ interceptors: { retry: 2 } });
    expect(issues).toBeUndefined();
    expect(value).toBeInstanceOf(Stack);
    expect(names(value as Stack)).toEqual(['retry:2']);
  });

  it('tells each issue with its path, key by key', () => {
    expect(validate({ interceptors: { retry: [1, { attempts: 'x' }], timeout: { totl: 1 } }, more: 1 }).issues).toEqual(
      [
        { message: expect.stringContaining('more: unknown option'), path: ['more'] },
        {
          message: 'interceptors.retry[1].attempts: expected an integer ≥ 1, got "x"',
          path: ['interceptors', 'retry', 1, 'attempts'],
        },
        { message: expect.stringContaining('did you mean "total"?'), path: ['interceptors', 'timeout', 'totl'] },
      ],
    );
  });

  it('tells what is wrong with the whole at no path at all', () => {
    for (const value of [null, 5, [], new Date()]) {
      expect(validate(value).issues).toEqual([{ message: expect.any(String), path: [] }]);
    }
  });

  it('works where a validation library takes it', () => {
    const outer = z.custom((value) => validate(value).issues === undefined);
    expect(outer.safeParse({ interceptors: { retry: 1 } }).success).toBe(true);
    expect(outer.safeParse({ interceptors: { retry: 0 } }).success).toBe(false);
  });

  it('has a JSON Schema that is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(schema.jsonSchema))).toEqual(schema.jsonSchema);
    expect(schema.jsonSchema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      required: ['interceptors'],
      additionalProperties: false,
    });
  });

  it.each<[unknown, boolean]>([
    [{ interceptors: {} }, true],
    [{ interceptors: { retry: 2 } }, true],
    [{ interceptors: { retry: { attempts: 2 } } }, true],
    [{ interceptors: { retry: true, timeout: false, pair: 'none' } }, true],
    [{ interceptors: { retry: [2, { attempts: 3 }] } }, true],
    [{ interceptors: { retry: [true, 'none', false] } }, true],
    [{ interceptors: {}, acknowledge: ['a'] }, true],
    [{ interceptors: {}, acknowledge: [5] }, false],
    [{ interceptors: {}, acknowledge: 'a' }, false],
    [{ interceptors: { retry: 0 } }, false],
    [{ interceptors: { retry: { attempts: 'three' } } }, false],
    [{ interceptors: { retry: null } }, false],
    [{ interceptors: { retyr: true } }, false],
    [{ interceptors: [] }, false],
    [{ interceptors: {}, more: 1 }, false],
    [{}, false],
    [[], false],
    [5, false],
  ])('has a JSON Schema that says of %j what defineStack says', (data, good) => {
    expect(fits(schema.jsonSchema, data)).toBe(good);
    expect(validate(data).issues === undefined).toBe(good);
  });
});

/** As much of JSON Schema as these need. */
function fits(schema: JsonSchema, value: unknown): boolean {
  const { type, anyOf, properties = {}, required = [], additionalProperties, items, minimum } = schema as Fields;
  if ('const' in schema && schema['const'] !== value) return false;
  if (anyOf !== undefined && !(anyOf as JsonSchema[]).some((one) => fits(one, value))) return false;
  if (type !== undefined && !isOf(type as string, value)) return false;
  if (minimum !== undefined && typeof value === 'number' && value < (minimum as number)) return false;
  if (Array.isArray(value)) return items === undefined || value.every((one) => fits(items as JsonSchema, one));
  if (!isObject(value)) return true;
  const known = properties as Record<string, JsonSchema>;
  return (
    (required as string[]).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, field]) => {
      const of = Object.hasOwn(known, key) ? known[key] : undefined;
      return of === undefined ? additionalProperties !== false : fits(of, field);
    })
  );
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
