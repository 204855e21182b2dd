import { ConfigError, defineStack, pipeline, type SluiceError, tool, toResponse } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { adaptiveLimit, heartbeat, timeout, timeoutScope } from './index.ts';
import { nothingIsLeft } from './timeout-bench.test-kit.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

/** What a user of plain JavaScript may hand over. */
const said = (make: () => unknown): ConfigError => {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return expect.unreachable('it should have been refused');
};
const paths = (error: ConfigError): string[] => [...new Set(error.issues.map(({ path }) => path))].sort();
const any = (value: unknown): never => value as never;

const throwing = (trap: string): object =>
  new Proxy(
    {},
    {
      [trap]: () => {
        throw new Error(`${trap} is forbidden`);
      },
    },
  );
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('a duration', () => {
  const wrong: [string, unknown][] = [
    ['NaN', Number.NaN],
    ['-1', -1],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 10n],
    ['true', true],
    ['a symbol', Symbol('5s')],
    ['a function', () => 5],
    ['a boxed number', Object(5)],
    ['a boxed text', Object('5s')],
    ['a date', new Date(5)],
    ['null', null],
    ['text without a unit', '5'],
    ['an unknown unit', '5 parsecs'],
    ['a space in it', '5 s'],
    ['a space before it', ' 5s'],
    ['a sign', '+5s'],
    ['a capital unit', '5S'],
    ['an exponent', '1e3ms'],
    ['digits of another script', '٣s'],
    ['no text at all', ''],
    ['more than a number can hold', `${'9'.repeat(400)}ms`],
    ['a revoked proxy', revoked()],
  ];

  it.each(wrong)('that is %s is refused wherever one may stand, with its path', (_, value) => {
    for (const field of ['total', 'queue', 'soft', 'grace', 'cleanup']) {
      expect(paths(said(() => timeout(any({ [field]: value }))))).toEqual([`timeout.${field}`]);
    }
    expect(paths(said(() => heartbeat(any({ timeout: value }))))).toEqual(['heartbeat.timeout']);
    expect(paths(said(() => adaptiveLimit(any({ min: value }))))).toEqual(['adaptiveLimit.min']);
    expect(paths(said(() => timeoutScope('scope', any({ timeout: value }))))).toEqual(['timeoutScope.timeout']);
    expect(paths(said(() => timeout({ stages: { fetch: any({ queue: value }) } })))).toEqual([
      'timeout.stages.fetch.queue',
    ]);
  });

  it.each([0, -0, 5e-324, '0ms', '0.5ms'] as const)(
    'of %s is one, and over before a second has passed',
    async (limit) => {
      const { clock, runner } = workbench({ use: [timeout({ attempt: limit })] });
      const slow = tool('slow', {}, (_: undefined, { signal }) => hang(signal));
      expect((await clock.until(failure(runner.call(slow)))).scope).toBe('attempt');
      expect(clock.now()).toBeLessThan(1);
    },
  );

  it.each([1e308, Number.MAX_VALUE, '99999999999999999999d'] as const)(
    'of %s is one, and as good as none',
    async (limit) => {
      const { clock, runner, sleep } = workbench({
        use: [timeout({ total: limit, soft: limit }), heartbeat({ timeout: any(limit) })],
      });
      const long = tool('long', {}, () => sleep(30 * 86_400_000).then(() => 'done'));
      expect(await clock.until(runner.call(long))).toBe('done');
    },
  );
});

describe('the limit of an attempt', () => {
  it.each<[string, unknown]>([
    ['the options of an adaptive limit', { percentile: 99, max: '5s' }],
    ['its factory', adaptiveLimit],
    ['a list', ['5s']],
    ['null', null],
    ['what merely looks like one', { fields: { max: 5 }, of: () => ({ limit: 5 }) }],
  ])('may be adaptive, but not %s', (_, attempt) => {
    expect(paths(said(() => timeout(any({ attempt }))))).toEqual(['timeout.attempt']);
    expect(paths(said(() => timeout({ tools: { search: any({ attempt }) } })))).toEqual([
      'timeout.tools.search.attempt',
    ]);
  });
});

describe('options', () => {
  const strange: [string, unknown][] = [
    ['null', null],
    ['an array', ['5s']],
    ['a Map', new Map([['total', 5]])],
    ['a promise', Promise.resolve({})],
    ['an instance of a class', new (class Options {})()],
    ['a revoked proxy', revoked()],
    ['a proxy without a prototype to ask for', throwing('getPrototypeOf')],
    ['a proxy that hides its keys', throwing('ownKeys')],
  ];

  it.each(strange)('that are %s are refused, as a whole and in each place', (_, value) => {
    for (const plugin of [timeout, heartbeat]) {
      const { name } = plugin;
      expect(paths(said(() => plugin(any(value))))).toEqual([name]);
      for (const layer of ['kinds', 'stages', 'tools']) {
        expect(paths(said(() => plugin(any({ [layer]: value }))))).toEqual([`${name}.${layer}`]);
        expect(paths(said(() => plugin(any({ [layer]: { agent: value } }))))).toEqual([`${name}.${layer}.agent`]);
      }
    }
    expect(paths(said(() => adaptiveLimit(any(value))))).toEqual(['adaptiveLimit']);
    expect(paths(said(() => timeoutScope('scope', any(value))))).toContain('timeoutScope: options');
  });

  it('with a getter that throws are refused by the name of that field, and read no further than needed', () => {
    const get = vi.fn(() => {
      throw new Error('not today');
    });
    const error = said(() => timeout(any(Object.defineProperty({ totl: 1 }, 'total', { get, enumerable: true }))));
    expect(paths(error)).toEqual(['timeout.total', 'timeout.totl']);
    expect(error.message).toContain('not today');
    expect(get).toHaveBeenCalledTimes(1);
  });

  it('called __proto__, from JSON, are unknown options and touch no prototype', () => {
    const polluting = JSON.parse(
      '{ "__proto__": { "total": 1 }, "tools": { "__proto__": "5s", "constructor": "6s" } }',
    );
    expect(paths(said(() => timeout(polluting)))).toEqual(['timeout.__proto__']);
    const { runner } = workbench({ use: [timeout({ tools: polluting.tools })] });
    const limitOf = (name: string): unknown => runner.explain(tool(name, {}, () => 1)).entries[0]?.options['total'];
    expect(limitOf('constructor')).toEqual({ value: 6_000, from: 'tool' });
    expect(limitOf('__proto__')).toEqual({ value: 5_000, from: 'tool' });
    expect(limitOf('toString')).toEqual({ value: 30_000, from: 'default' });
    expect({}).not.toHaveProperty('total');
  });

  it('that are wrong in several places are told all at once', () => {
    const error = said(() =>
      timeout(
        any({ totl: 1, soft: -1, partial: 'perhaps', name: ' ', priority: '9', applies: 'stages', kinds: { agnt: 1 } }),
      ),
    );
    expect(paths(error)).toEqual([
      'timeout.applies',
      'timeout.kinds.agnt',
      'timeout.name',
      'timeout.partial',
      'timeout.priority',
      'timeout.soft',
      'timeout.totl',
    ]);
    expect(error.message).toContain('did you mean "agent"?');
  });

  it('of an adaptive limit that contradict one another, or are no numbers of their kind, are refused', () => {
    const options = { percentile: 101, factor: 0.9, min: '5s', max: '1s', warmup: 1.5, windw: 5 };
    const fields = ['factor', 'min', 'percentile', 'warmup', 'windw'];
    expect(paths(said(() => adaptiveLimit(options)))).toEqual(fields.map((field) => `adaptiveLimit.${field}`));
    for (const min of [0, 'none'] as const)
      expect(paths(said(() => adaptiveLimit({ min })))).toEqual(['adaptiveLimit.min']);
  });

  it('that come as data are checked alike, by the paths of the data', () => {
    const data = { interceptors: { timeout: { stages: { a: { total: -1 } }, tools: 5 }, heartbeat: { refreshOn: 1 } } };
    expect(paths(said(() => defineStack({ timeout, heartbeat }, data)))).toEqual([
      'interceptors.heartbeat.refreshOn',
      'interceptors.timeout.stages.a.total',
      'interceptors.timeout.tools',
    ]);
  });
});

describe('an update that is refused', () => {
  const quick = tool('quick', { kind: 'agent' }, () => 1);
  const refused: [string, unknown, string][] = [
    ['a limit that is none', { timeout: { total: 'soon' } }, 'timeout.total'],
    ['a name that nobody has', { timeout: '1s', timeouts: '1s' }, 'timeouts'],
    ['what cannot be changed', { timeout: { total: '1s', priority: 5 } }, 'timeout.priority'],
    ['null', { timeout: null }, 'timeout'],
    ['__proto__', JSON.parse('{ "timeout": { "total": "1s", "__proto__": {} } }'), 'timeout.__proto__'],
    ['an unknown kind', { timeout: { total: '1s', kinds: { nobody: '1s' } } }, 'timeout.kinds.nobody'],
    [
      'one wrong layer of many',
      { timeout: { tools: { quick: '1s' }, stages: { a: { totl: 1 } } } },
      'timeout.stages.a.totl',
    ],
    ['a field that cannot be read', { timeout: throwing('ownKeys') }, 'timeout'],
    ['another plugin that refuses', { timeout: '1s', heartbeat: { refreshOn: 'never' } }, 'heartbeat.refreshOn'],
    ['the first of two that refuses', { heartbeat: 'soon', timeout: '1s' }, 'heartbeat'],
  ];

  it.each(refused)('because of %s changes nothing', async (_, patch, path) => {
    const { clock, runner } = workbench({
      use: [timeout({ total: '5s', tools: { quick: { soft: '1s' } } }), heartbeat('2s')],
    });
    const before = runner.explain(quick).text;
    expect(paths(said(() => runner.update(any(patch))))).toEqual([path]);
    expect(runner.explain(quick).text).toBe(before);
    expect(await clock.until(runner.call(quick))).toBe(1);
  });
});

describe('a policy that is wrong', () => {
  it('is said where pipeline and stack meet, by its place', () => {
    const { runner } = workbench({ use: [timeout(), heartbeat()] });
    const wrong = pipeline('wrong').stage('a', any({ timeout: { totl: 1 }, heartbeat: 'soon' }), () => 1);
    const error = said(() => runner.explain(wrong, 'a'));
    expect(error.message).toContain('did you mean "total"?');
    expect(error.issues.every(({ path }) => path.includes('"a"'))).toBe(true);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['an array', []],
    ['a revoked proxy', revoked()],
    ['a symbol', Symbol('x')],
    ['a field that cannot be read', { total: revoked() }],
  ])('of a single call, because of %s, rejects that call', async (_, policy) => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const work = vi.fn();
    const error = await clock.until(failure(runner.call(tool('quick', {}, work), undefined, { timeout: any(policy) })));
    expect(error.code).toBe('CONFIG');
    expect(work).not.toHaveBeenCalled();
  });
});

describe('what work reports', () => {
  const circular: Record<string, unknown> = { a: 1 };
  circular['self'] = circular;
  const reported: [string, unknown][] = [
    ['a circle', circular],
    ['a getter that throws', Object.defineProperty({}, 'a', { get: () => expect.unreachable(), enumerable: true })],
    ['a bigint', 10n],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
    ['an invalid date', new Date(Number.NaN)],
    ['a field called __proto__', JSON.parse('{ "__proto__": { "polluted": true } }')],
    ['a toJSON that throws', { toJSON: () => expect.unreachable() }],
    ['a revoked proxy', revoked()],
    ['an array of a thousand million holes', new Array(1e9)],
    ['no prototype', Object.create(null)],
    ['5 MB', 'x'.repeat(5_000_000)],
  ];

  it.each(reported)(
    'may be %s: as partial result and as heartbeat it is told, bounded, or why it is not',
    async (_, value) => {
      const { clock, runner } = workbench({ use: [timeout('none'), heartbeat(100)] });
      const reporting = tool('reporting', {}, (_: undefined, context) => {
        context.partial(value);
        context.heartbeat(value);
        return hang(context.signal);
      });
      const error: SluiceError = await clock.until(failure(runner.call(reporting)));
      expect(error.code).toBe('HEARTBEAT_LOST');
      expect(error.message.length).toBeLessThan(300);
      expect(JSON.stringify(error).length).toBeLessThan(1_200_000);
      const { details, remediation } = toResponse(error).error;
      expect(JSON.parse(JSON.stringify(details))).toHaveProperty('partial_result');
      expect(details).not.toHaveProperty('heartbeat');
      expect(remediation).not.toBe('');
      expect({}).not.toHaveProperty('polluted');
    },
  );

  it.each([undefined, null, 5, {}])(
    'as the reason of a pause must be text: %o is refused, and nothing stands still',
    async (reason) => {
      const { clock, runner, of } = workbench({ use: [timeout({ attempt: 100 })] });
      const pausing = tool('pausing', {}, (_: undefined, context) => context.pause(any(reason)));
      expect((await clock.until(failure(runner.call(pausing)))).code).toBe('CONFIG');
      expect(of('pause')).toEqual([]);
    },
  );
});

describe('a scope', () => {
  it.each<[string, () => unknown, string]>([
    ['no name', () => timeoutScope(any(undefined), { timeout: 1 }), 'timeoutScope: name'],
    ['a name of spaces', () => timeoutScope('  ', { timeout: 1 }), 'timeoutScope: name'],
    ['a symbol for a name', () => timeoutScope(any(Symbol('s')), { timeout: 1 }), 'timeoutScope: name'],
    ['no options', () => timeoutScope('s', any(undefined)), 'timeoutScope: options'],
    ['a duration for options', () => timeoutScope('s', any('5s')), 'timeoutScope: options'],
    ['no limit', () => timeoutScope('s', {}), 'timeoutScope.timeout'],
    [
      'a parent that is no scope',
      () => timeoutScope('s', { parent: any({ name: 'p' }), timeout: 1 }),
      'timeoutScope.parent',
    ],
    ['a clock that is none', () => timeoutScope('s', { timeout: 1, clock: any({ now: 5 }) }), 'timeoutScope.clock'],
    ['a logger that is none', () => timeoutScope('s', { timeout: 1, logger: any(() => {}) }), 'timeoutScope.logger'],
    ['a switch that is none', () => timeoutScope('s', { timeout: 1, timeouts: any(false) }), 'timeoutScope.timeouts'],
    ['a slip', () => timeoutScope('s', any({ timeout: 1, gracee: 1 })), 'timeoutScope.gracee'],
  ])('with %s is refused', (_, make, path) => {
    expect(paths(said(make))).toEqual([path]);
  });

  it('refuses children with more than a limit and a grace, and handlers that are none, and goes on', async () => {
    const clock = virtualClock();
    using scope = timeoutScope('scope', { timeout: 100, clock });
    expect(paths(said(() => scope.child('child', any({ clock }))))).toEqual(['child.clock']);
    expect(paths(said(() => scope.child('child', any(null))))).toEqual(['child: options']);
    expect(() => scope.onTimeout(any('handler'))).toThrow(TypeError);
    await expect(scope.run(any('work'))).rejects.toThrow(TypeError);
    expect(scope.get('child')).toBeUndefined();
    expect(scope.remaining(any(Symbol('s')))).toBe(0);
    expect(scope.status).toBe('active');
  });

  it('finds children by any name that a text can be', () => {
    using scope = timeoutScope('__proto__', { timeout: 'none' });
    const names = ['constructor', 'toString', 'a/b', '🌊'];
    for (const name of names) scope.child(name);
    expect(names.map((name) => scope.get(name)?.path)).toEqual(names.map((name) => `__proto__/${name}`));
    expect(scope.get('hasOwnProperty')).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['an error', new Error('why')],
    ['text', 'why'],
    ['0', 0],
    ['null', null],
    ['a symbol', Symbol('why')],
  ])('may be cancelled with any reason, also %s, which is the cause', (_, reason) => {
    const scope = timeoutScope('scope', { timeout: 'none' });
    scope.cancel(reason);
    expect(scope.error?.cause).toBe(reason);
    expect(scope.signal.reason).toBe(scope.error);
  });
});
