import { type ConfigError, createRunner, defineStack, type Interceptor, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { type Classifier, retry, retryBudget, retryOn } from './index.ts';
import { bench, busy, failure, nothingIsLeft, silent } from './retry-bench.test-kit.ts';

nothingIsLeft();

/** What a user of plain JavaScript may hand over. */
const any = (value: unknown): never => value as never;
const said = (make: () => unknown): ConfigError => {
  try {
    make();
  } catch (error) {
    if ((error as Partial<ConfigError>).code === 'CONFIG') return error as ConfigError;
    throw error;
  }
  return expect.unreachable('it should have been refused');
};
const paths = (error: ConfigError): string[] => [...new Set(error.issues.map(({ path }) => path))].sort();
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

/** Wrong values of each option, and the path of each where it is not that of the option. */
const wrong: Record<string, readonly unknown[]> = {
  attempts: [
    0,
    -1,
    1.5,
    Number.NaN,
    -0,
    '3',
    3n,
    true,
    null,
    [],
    {},
    Symbol('3'),
    () => 3,
    2 ** 53,
    -Infinity,
    revoked(),
  ],
  backoff: ['soon', -1, Number.NaN, Infinity, '5', null, true, {}, [100], Symbol('x'), { delay: 5 }, revoked()],
  retryOn: ['503', 503, true, null, {}, [], /busy/, Symbol('x'), async () => true, revoked()],
  respectRetryAfter: ['long', -1, Number.NaN, Infinity, null, {}, [], Symbol('x'), revoked()],
  budget: [5, true, null, {}, 'nobody', () => ({}), Symbol('x'), retryBudget],
  timeoutFactor: [0, 0.5, -1, Number.NaN, Infinity, '2', 2n, null, true, {}, revoked()],
  overlap: ['yes', 'Wait', 0, 1, null, {}, [], Symbol('x'), revoked()],
  restartable: ['yes', 0, 1, null, {}, [], revoked()],
  idempotent: ['yes', 0, 1, null, {}, [], revoked()],
  onRetry: ['log', 1, true, null, {}, [], revoked()],
};
const each = Object.entries(wrong).flatMap(([option, values]) => values.map((value) => ({ option, value })));

describe('a wrong value', () => {
  it.each(each)('of $option is refused, with its path (%#)', ({ option, value }) => {
    expect(paths(said(() => retry(any({ [option]: value }))))).toEqual([`retry.${option}`]);
  });

  it.each(each)('of $option is refused by kind, stage and tool, with its path (%#)', ({ option, value }) => {
    const layers = {
      kinds: { agent: { [option]: value } },
      stages: { a: { [option]: value } },
      tools: { b: { [option]: value } },
    };
    expect(paths(said(() => retry(any(layers))))).toEqual([
      `retry.kinds.agent.${option}`,
      `retry.stages.a.${option}`,
      `retry.tools.b.${option}`,
    ]);
  });

  it('in a list is told by its place', () => {
    expect(paths(said(() => retry(any({ retryOn: [retryOn.defaults, 503] }))))).toEqual(['retry.retryOn[1]']);
    expect(paths(said(() => retry(any({ retryOn: [[retryOn.defaults]] }))))).toEqual(['retry.retryOn[0]']);
    expect(paths(said(() => retry(any({ budget: [retryBudget(), 'none'] }))))).toEqual(['retry.budget[1]']);
  });

  it.each([0, -1, 1.5, Number.NaN, 'three', '3', true, 3n, Symbol('3'), () => 3])(
    'in place of a number of attempts is refused (%#)',
    (value) => {
      expect(paths(said(() => retry(any(value))))).toEqual(['retry']);
      expect(paths(said(() => retry(any({ tools: { a: value } }))))).toEqual(['retry.tools.a']);
    },
  );

  it.each([
    ['null', null],
    ['a list', [3]],
    ['a Map', new Map([['attempts', 5]])],
    ['a promise', Promise.resolve({})],
    ['an instance of a class', new (class Options {})()],
    ['a backoff', retryBudget()],
    ['a revoked proxy', revoked()],
    ['a proxy that hides its keys', throwing('ownKeys')],
  ])('in place of the options is refused: %s', (_, value) => {
    expect(paths(said(() => retry(any(value))))).toEqual(['retry']);
    for (const layer of ['kinds', 'stages', 'tools']) {
      expect(paths(said(() => retry(any({ [layer]: value }))))).toEqual([`retry.${layer}`]);
      expect(paths(said(() => retry(any({ [layer]: { agent: value } }))))).toEqual([`retry.${layer}.agent`]);
    }
  });
});

describe('a name that is none', () => {
  it.each([
    ['atempts', 'attempts'],
    ['attempt', 'attempts'],
    ['backOff', 'backoff'],
    ['retryon', 'retryOn'],
    ['respectRetryafter', 'respectRetryAfter'],
    ['overlaps', 'overlap'],
    ['onretry', 'onRetry'],
    ['stage', 'stages'],
    ['timeoutfactor', 'timeoutFactor'],
  ])('%s is refused, and %s is proposed', (written, meant) => {
    const error = said(() => retry(any({ [written]: 5 })));
    expect(paths(error)).toEqual([`retry.${written}`]);
    expect(error.message).toContain(`did you mean "${meant}"?`);
  });

  it('of a kind is refused, and the nearest is proposed', () => {
    expect(said(() => retry(any({ kinds: { agnt: 3 } }))).message).toContain('did you mean "agent"?');
  });

  it('__proto__, from JSON, is one, and touches no prototype', () => {
    expect(paths(said(() => retry(JSON.parse('{ "__proto__": { "attempts": 5 } }'))))).toEqual(['retry.__proto__']);
    const plugin = retry({ tools: JSON.parse('{ "__proto__": 5, "constructor": 6 }') });
    const runner = createRunner({ use: [plugin], logger: silent });
    const attemptsOf = (name: string) => runner.explain(tool(name, {}, () => 1)).entries[0]?.options['attempts']?.value;
    expect(['constructor', '__proto__', 'toString'].map(attemptsOf)).toEqual([6, 5, 3]);
    expect({}).not.toHaveProperty('attempts');
  });
});

it('all that is wrong is told at once', () => {
  const error = said(() =>
    retry(
      any({
        atempts: 3,
        attempts: 0,
        backoff: 'soon',
        retryOn: 503,
        respectRetryAfter: -1,
        budget: 5,
        timeoutFactor: 0,
        overlap: 'yes',
        restartable: 1,
        idempotent: 1,
        onRetry: 1,
        name: ' ',
        priority: '50',
        applies: 'tools',
        kinds: { agnt: 1 },
        stages: { a: 0 },
        tools: { b: { overlap: 1 } },
      }),
    ),
  );
  const top = ['applies', 'atempts', 'attempts', 'backoff', 'budget', 'idempotent', 'kinds.agnt', 'name', 'onRetry'];
  const rest = ['overlap', 'priority', 'respectRetryAfter', 'restartable', 'retryOn', 'stages.a', 'timeoutFactor'];
  expect(paths(error)).toEqual([...top, ...rest, 'tools.b.overlap'].map((path) => `retry.${path}`));
});

it('a message names the value and what is allowed', () => {
  const { message } = said(() => retry(any({ attempts: 0, overlap: 'yes', timeoutFactor: 0.5 })));
  expect(message).toContain(
    'retry.attempts: expected an integer ≥ 1 (attempts in all, the first included), or Infinity, got 0',
  );
  expect(message).toContain(`retry.overlap: expected true, false or 'wait', got "yes"`);
  expect(message).toContain('retry.timeoutFactor: expected a finite number ≥ 1, got 0.5');
});

it('what is not said, or undefined, is as by default', () => {
  const options = (plugin: Interceptor) =>
    Object.entries(
      createRunner({ use: [plugin], logger: silent }).explain(tool('t', {}, () => 1)).entries[0]?.options ?? {},
    )
      .filter(([name]) => name !== 'budget' && name !== 'backoff')
      .map(([name, { value }]) => [name, (value as Partial<Classifier>).describe?.() ?? value]);
  const undefineds = Object.fromEntries(Object.keys(wrong).map((name) => [name, undefined]));
  expect(options(retry(undefineds))).toEqual(options(retry()));
  expect(options(retry({}))).toEqual(options(retry()));
});

describe('a policy', () => {
  const layers: [string, (policy: unknown, runner: ReturnType<typeof bench>['runner']) => unknown][] = [
    ['of a tool', (policy, runner) => runner.explain(tool('t', any({ retry: policy }), () => 1))],
    [
      'of a stage',
      (policy, runner) =>
        runner.explain(
          pipeline('p').stage('s', any({ retry: policy }), () => 1),
          's',
        ),
    ],
    [
      'of a pipeline',
      (policy, runner) => runner.explain(any(pipeline('p', any({ retry: policy })).stage('s', () => 1)), 's'),
    ],
  ];

  it.each(layers)('%s is refused where it meets the stack, with its path', (_, explain) => {
    const { runner } = bench();
    for (const policy of [0, 'often', { atempts: 3 }, { attempts: 0 }, { budget: 5 }, null, [], { name: 'x' }]) {
      const error = said(() => explain(policy, runner));
      expect(paths(error).every((path) => path.includes('retry'))).toBe(true);
    }
    expect(said(() => explain({ atempts: 3 }, runner)).message).toContain('did you mean "attempts"?');
  });

  it('of a single call, or run, rejects that one, and starts nothing', async () => {
    const { clock, runner } = bench();
    const work = vi.fn();
    const call = runner.call(tool('t', {}, work), undefined, any({ retry: { attempts: 0 } }));
    expect((await clock.until(failure(call))).code).toBe('CONFIG');
    const run = async () => runner.run(pipeline('p').stage('s', work), undefined, any({ retry: 'often' }));
    expect((await clock.until(failure(run()))).code).toBe('CONFIG');
    expect(work).not.toHaveBeenCalled();
  });

  it.each<[string, object, object, number]>([
    ['tool', { retry: 'none' }, {}, 1],
    ['tool, against the plugin', { retry: 2 }, { tools: { dead: 'none' } }, 2],
    ['plugin, for a tool', {}, { tools: { dead: 'none' } }, 1],
    ['plugin, for all', {}, { attempts: 1 }, 1],
    ['nobody', {}, {}, 3],
  ])("'none' switches it off: said by the %s", async (_, own, options, calls) => {
    const { clock, runner } = bench(options);
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    await clock.until(failure(runner.call(tool('dead', own, work))));
    expect(work.calls).toBe(calls);
  });

  it("'none' for one call switches it off for that call only", async () => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const dead = tool('dead', {}, work);
    await clock.until(failure(runner.call(dead, undefined, { retry: 'none' })));
    expect(work.calls).toBe(1);
    await clock.until(failure(runner.call(dead, undefined, { retry: 2 })));
    expect(work.calls).toBe(3);
  });
});

describe('an update', () => {
  it.each<[string, unknown, string]>([
    ['a number of attempts that is none', { retry: 0 }, 'retry'],
    ['an option that is none', { retry: { atempts: 5 } }, 'retry.atempts'],
    ['a wrong value among right ones', { retry: { attempts: 5, overlap: 'yes' } }, 'retry.overlap'],
    ['what cannot be changed', { retry: { attempts: 5, priority: 5 } }, 'retry.priority'],
    ['null', { retry: null }, 'retry'],
    ['one wrong layer of many', { retry: { tools: { dead: 5 }, stages: { a: 0 } } }, 'retry.stages.a'],
    ['a name that nobody has', { retry: 5, retries: 5 }, 'retries'],
  ])('is refused because of %s, and changes nothing', async (_, patch, path) => {
    const { clock, runner } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    expect(paths(said(() => runner.update(any(patch))))).toEqual([path]);
    await clock.until(failure(runner.call(tool('dead', {}, work))));
    expect([work.calls, clock.now()]).toEqual([3, 200]);
  });

  it('holds for the calls that come after it, and not for those that are under way', async () => {
    const { clock, runner, plugin } = bench();
    const work = scripted([{ do: 'fail', error: busy() }], { clock });
    const dead = tool('dead', {}, work);
    const under = failure(runner.call(dead));
    await clock.advance(50);
    runner.update({ retry: { attempts: 5, backoff: 10 } });
    await clock.until(under);
    expect([work.calls, clock.now()]).toEqual([3, 200]);
    await clock.until(failure(runner.call(dead)));
    expect([work.calls, clock.now()]).toEqual([8, 240]);
    runner.update({ retry: 'none' });
    await clock.until(failure(runner.call(dead)));
    expect([work.calls, plugin.stats().calls]).toEqual([9, 2]);
  });
});

it('options that come as data are checked alike, by the paths of the data', () => {
  const data = { interceptors: { retry: { attempts: 0, stages: { a: { overlap: 1 } }, tools: 5 } } };
  expect(paths(said(() => defineStack({ retry }, data)))).toEqual([
    'interceptors.retry.attempts',
    'interceptors.retry.stages.a.overlap',
    'interceptors.retry.tools',
  ]);
});

describe('a function of the user that throws or answers nonsense', () => {
  const thrown = (): never => {
    throw new Error('fault');
  };
  it.each<[string, object, string]>([
    ['retryOn throws', { retryOn: thrown }, 'retryOn threw'],
    ['the backoff throws', { backoff: thrown }, 'the backoff threw'],
    ['the backoff answers NaN', { backoff: () => Number.NaN }, 'the backoff threw'],
    ['the backoff answers -1', { backoff: () => -1 }, 'the backoff threw'],
    ['the backoff answers Infinity', { backoff: () => Infinity }, 'the backoff threw'],
    ['the backoff answers text', { backoff: () => any('100') }, 'the backoff threw'],
    ['the backoff answers a promise', { backoff: () => any(Promise.resolve(5)) }, 'the backoff threw'],
  ])('ends the call with its own error, and is reported by name: %s', async (_, options, reason) => {
    const { clock, runner, of } = bench(options);
    const error = busy();
    const work = scripted([{ do: 'fail', error }], { clock });
    expect(await clock.until(failure(runner.call(tool('t', {}, work))))).toBe(error);
    expect([work.calls, of('retry.giveup')]).toMatchObject([1, [{ because: 'fault', reason }]]);
    expect(of('warning')).toMatchObject([{ message: expect.stringContaining(`"retry" ${reason}`) }]);
  });
});
