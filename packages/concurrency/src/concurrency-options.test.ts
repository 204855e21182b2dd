import { ConfigError, createRunner, pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, failure, nothingIsLeft, silent } from './acceptance.test-kit.ts';
import { adaptive, concurrency } from './index.ts';

nothingIsLeft();

const thrown = (make: () => unknown): ConfigError => {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  return expect.unreachable('it should have been refused');
};

const says = (error: unknown, path: string, value: unknown, wanted: string): void => {
  if (!(error instanceof ConfigError)) expect.unreachable(`it should have been refused: ${String(error)}`);
  expect(error.code).toBe('CONFIG');
  expect(error.issues).toEqual([expect.objectContaining({ path, value })]);
  expect(error.issues[0]?.message).toContain(`${path}: expected ${wanted}, got `);
};

const LIMIT = 'an integer ≥ 1, Infinity, or adaptive()';
const DURATION = "a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";

const bad: [option: string, value: unknown, wanted: string][] = [
  ...[0, -1, 1.5, Number.NaN, '5', null, true, {}, []].map((value): [string, unknown, string] => [
    'limit',
    value,
    LIMIT,
  ]),
  ...[-1, 1.5, Number.NaN, '5', null].map((value): [string, unknown, string] => [
    'queue.max',
    value,
    'an integer ≥ 0, or Infinity',
  ]),
  ...[-1, Number.NaN, 'soon', null, true].map((value): [string, unknown, string] => ['queue.timeout', value, DURATION]),
  ['queue.order', 'random', "'fifo' or 'lifo'"],
  ['priority', Number.NaN, 'a finite number, or a function (call) => number'],
  ['priority', 'high', 'a finite number, or a function (call) => number'],
  ['ageing', 0, "a duration above 0 ms, or 'none'"],
  ['ageing', -5, DURATION],
  ['ageing', '10 parsecs', DURATION],
  ['weight', 0, 'an integer ≥ 1, or a function (call) => integer'],
  ['weight', 1.5, 'an integer ≥ 1, or a function (call) => integer'],
  ['exclusive', 'yes', 'true, false, or a function (call) => boolean'],
  ['fair.by', 'tenant', 'a function (call) => tenant'],
  ['release', 'late', "'settled' or 'verdict'"],
  ['orphanLease', -1, DURATION],
  ['orphanLease', null, DURATION],
];

/** `{ a: { b: value } }` of `a.b`. */
const written = (option: string, value: unknown): Record<string, unknown> =>
  option.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;

describe('an option that is none', () => {
  it.each(bad)('%s: %j is a ConfigError with path, value and what is allowed', (option, value, wanted) => {
    const options = written(option, value);
    says(
      thrown(() => concurrency(options as never)),
      `concurrency.${option}`,
      value,
      wanted,
    );
  });

  it.each(bad)('%s: %j is one by kind, by stage and by tool as well', (option, value, wanted) => {
    const options = written(option, value);
    for (const [layer, name] of [
      ['kinds', 'agent'],
      ['stages', 's'],
      ['tools', 't'],
    ] as const) {
      const error = thrown(() => concurrency({ [layer]: { [name]: options } }));
      says(error, `concurrency.${layer}.${name}.${option}`, value, wanted);
    }
  });

  it.each(bad)(
    '%s: %j is one on a stage, a tool, a pipeline and a run, before anything runs',
    async (option, value, wanted) => {
      const { clock, runner } = bench({ use: [concurrency(5)] });
      let ran = 0;
      const work = (): number => ++ran;
      const policy = { concurrency: written(option, value) } as never;
      const fails = (call: PromiseLike<unknown>) => clock.until(failure(call));
      const plain = pipeline('p').stage('s', work);
      const path = `concurrency.${option}`;
      says(
        await fails(runner.run(pipeline('p').stage('s', policy, work))),
        `pipeline "p", stage "s": ${path}`,
        value,
        wanted,
      );
      says(await fails(runner.run(pipeline('p', policy).stage('s', work))), `pipeline "p": ${path}`, value, wanted);
      says(await fails(runner.run(plain, undefined, policy)), path, value, wanted);
      says(await fails(runner.run(plain, undefined, { stages: { s: policy } })), `stages.s.${path}`, value, wanted);
      says(await fails(runner.call(tool('t', policy, work))), `tool "t": ${path}`, value, wanted);
      says(await fails(runner.call(tool('t', {}, work), undefined, policy)), path, value, wanted);
      expect(ran).toBe(0);
    },
  );

  it.each([0, -1, 1.5, Number.NaN, '5', true])('%s in place of the options is one', (value) => {
    says(
      thrown(() => concurrency(value as never)),
      'concurrency',
      value,
      LIMIT,
    );
  });

  it.each([[null], [[]], [new Map()]])('%s in place of the options is one too', (value) => {
    expect(thrown(() => concurrency(value as never)).issues[0]).toMatchObject({ path: 'concurrency', value });
  });

  it('that is unknown names the nearest that there is', () => {
    expect(thrown(() => concurrency({ limt: 5 } as never)).message).toContain('did you mean "limit"?');
    expect(thrown(() => concurrency({ limit: 5, queue: { tiemout: 5 } } as never)).message).toContain(
      'did you mean "timeout"?',
    );
    expect(thrown(() => concurrency({ fair: { by: () => 'a', shares: {} } } as never)).message).toContain('"share"');
  });

  it('of the plugin as a whole means nothing by kind, stage or tool', () => {
    for (const option of [{ per: 'name' }, { store: undefined, per: 'all' }]) {
      expect(thrown(() => concurrency({ tools: { t: option as never } })).message).toContain('concurrency.tools.t.per');
    }
  });

  it('of the place, the name, the keys or the store is refused', () => {
    for (const [option, value] of [
      ['place', 'first'],
      ['place', Number.NaN],
      ['name', 5],
      ['name', ''],
      ['applies', 'everything'],
      ['per', 'tenant'],
      ['store', {}],
    ] as const) {
      const error = thrown(() => concurrency({ limit: 1, [option]: value } as never));
      expect(error.issues[0]).toMatchObject({ path: `concurrency.${option}`, value });
    }
  });

  it('is told together with all others', () => {
    const error = thrown(() => concurrency({ limit: 0, weight: -1, queue: { max: -1 } }));
    expect(error.issues.map(({ path }) => path).sort()).toEqual([
      'concurrency.limit',
      'concurrency.queue.max',
      'concurrency.weight',
    ]);
  });
});

describe('a function of its user', () => {
  const { clock, runner } = bench();
  const hostile: [string, object][] = [
    [
      'per',
      {
        per: () => {
          throw new Error('oops');
        },
      },
    ],
    [
      'priority',
      {
        priority: () => {
          throw new Error('oops');
        },
      },
    ],
    ['priority', { priority: () => Number.NaN }],
    ['weight', { weight: () => -1 }],
    ['weight', { weight: () => Number.NaN }],
    [
      'exclusive',
      {
        exclusive: () => {
          throw new Error('oops');
        },
      },
    ],
    [
      'fair.by',
      {
        fair: {
          by: () => {
            throw new Error('oops');
          },
        },
      },
    ],
  ];

  it.each(hostile)(
    '%s that throws, or answers nonsense, fails that call with an error that names the plugin: nothing is held',
    async (_, options) => {
      const plugin = concurrency({ limit: 2, ...options });
      const own = createRunner({ use: [plugin], clock, logger: silent });
      let ran = 0;
      const error = await clock.until(failure(own.call(tool('t', {}, () => ++ran))));
      expect(error).toMatchObject({ code: 'INTERCEPTOR' });
      expect(error.message).toContain('concurrency');
      expect(ran).toBe(0);
      expect(plugin.stats()).toMatchObject({ active: 0, queued: 0 });
      expect(runner.stats().running).toBe(0);
    },
  );
});

describe('every option', () => {
  it('is taken together, at its edges', () => {
    expect(() =>
      concurrency({
        limit: Number.POSITIVE_INFINITY,
        per: 'kind',
        queue: { max: 0, timeout: 'none', order: 'lifo' },
        priority: -1_000,
        ageing: 'none',
        weight: 1,
        exclusive: false,
        fair: { by: () => 'a' },
        release: 'verdict',
        orphanLease: 'none',
        kinds: { agent: 1 },
        stages: { s: 'none' },
        tools: { t: { limit: adaptive() } },
        name: 'bulkhead',
        applies: 'tool',
        place: 85,
      }),
    ).not.toThrow();
    expect(() => concurrency('none')).not.toThrow();
    expect(() => concurrency({ limit: adaptive() })).not.toThrow();
    expect(() => concurrency({})).not.toThrow();
  });
});
