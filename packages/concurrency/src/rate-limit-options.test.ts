import { ConfigError, pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, failure, nothingIsLeft } from './acceptance.test-kit.ts';
import { rateLimit } from './index.ts';

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
  expect(error.issues).toEqual([expect.objectContaining({ path, value })]);
  expect(error.issues[0]?.message).toContain(`${path}: expected ${wanted}`);
};

const RATE = "a rate: text such as '60/m'";

const bad: [option: string, value: unknown, wanted: string][] = [
  ...[5, Number.NaN, true, '60', '60/x', '0/s', '-1/s', '10/0s', 'soon', ''].map((value): [string, unknown, string] => [
    'requests',
    value,
    RATE,
  ]),
  ['tokens', '1/parsec', RATE],
  ['limits.day', 1_000, RATE],
  ['requests.limit', 0, 'a finite number above 0'],
  ['burst', 0, 'an integer ≥ 1'],
  ['burst', 1.5, 'an integer ≥ 1'],
  ['cost', -1, 'a finite number ≥ 0'],
  ['cost', Number.POSITIVE_INFINITY, 'a finite number ≥ 0'],
  ['cost.tokens', Number.NaN, 'a finite number ≥ 0'],
  ['mode', 'drop', "'wait' or 'reject'"],
  ['queue.max', -1, 'an integer ≥ 0, or Infinity'],
  ['queue.timeout', 'soon', 'a duration'],
];

/** `{ a: { b: value } }` of `a.b`, and all else that belongs to it. */
function written(option: string, value: unknown): Record<string, unknown> {
  if (option === 'requests.limit') return { requests: { limit: value, per: '1s' } };
  return option.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
}

describe('an option that is none', () => {
  it.each(bad)('%s: %j is a ConfigError with path, value and what is allowed', (option, value, wanted) => {
    says(
      thrown(() => rateLimit(written(option, value) as never)),
      `rateLimit.${option}`,
      value,
      wanted,
    );
    const layered = { requests: '1/s', tools: { t: written(option, value) } };
    says(
      thrown(() => rateLimit(layered as never)),
      `rateLimit.tools.t.${option}`,
      value,
      wanted,
    );
  });

  it.each(bad)('%s: %j is one on a stage, a tool and a run, before anything runs', async (option, value, wanted) => {
    const { clock, runner } = bench({ use: [rateLimit('5/s')] });
    let ran = 0;
    const work = (): number => ++ran;
    const policy = { rateLimit: written(option, value) } as never;
    const fails = (call: PromiseLike<unknown>) => clock.until(failure(call));
    const path = `rateLimit.${option}`;
    says(
      await fails(runner.run(pipeline('p').stage('s', policy, work))),
      `pipeline "p", stage "s": ${path}`,
      value,
      wanted,
    );
    says(await fails(runner.run(pipeline('p').stage('s', work), undefined, policy)), path, value, wanted);
    says(await fails(runner.call(tool('t', policy, work))), `tool "t": ${path}`, value, wanted);
    expect(ran).toBe(0);
  });

  it.each([5, Number.NaN, true, '60', 'soon'])('%s in place of the options is one', (value) => {
    says(
      thrown(() => rateLimit(value as never)),
      'rateLimit',
      value,
      RATE,
    );
  });

  it('of the plugin as a whole is refused, and by tool means nothing', () => {
    for (const [option, value] of [
      ['per', 'tenant'],
      ['algorithm', 'leaky'],
      ['coolDown', -1],
      ['store', {}],
      ['name', 5],
      ['priority', 'first'],
      ['applies', 'everything'],
    ] as const) {
      const error = thrown(() => rateLimit({ requests: '1/s', [option]: value } as never));
      expect(error.issues[0]).toMatchObject({ path: `rateLimit.${option}`, value });
    }
    for (const option of [{ per: 'name' }, { algorithm: 'gcra' }, { coolDown: 5 }]) {
      const path = `rateLimit.tools.t.${Object.keys(option)[0]}`;
      expect(thrown(() => rateLimit({ requests: '1/s', tools: { t: option as never } })).message).toContain(path);
    }
  });

  it('that is unknown names the nearest that there is', () => {
    expect(thrown(() => rateLimit({ request: '1/s' } as never)).message).toContain('did you mean "requests"?');
  });

  it('is a limit that is there twice, or an order of waiting', () => {
    const twice = thrown(() => rateLimit({ requests: '1/s', limits: { requests: '2/s' } }));
    expect(twice.message).toContain('rateLimit.limits.requests: is said by "requests" already');
    const order = thrown(() => rateLimit({ requests: '1/s', queue: { order: 'lifo' } } as never));
    expect(order.message).toContain('first come, first served');
  });

  it('is told together with all others', () => {
    const error = thrown(() => rateLimit({ requests: 'x' as never, burst: 0, mode: 'y' as never }));
    expect(error.issues.map(({ path }) => path).sort()).toEqual([
      ...['rateLimit.burst', 'rateLimit.mode', 'rateLimit.requests'],
    ]);
  });
});

describe('every way to write a rate', () => {
  it.each([
    ['60/m', 60, 60_000],
    ['10/s', 10, 1_000],
    ['5/500ms', 5, 500],
    ['0.5/h', 0.5, 3_600_000],
    ['1000/d', 1_000, 86_400_000],
    [{ limit: 10, per: '1s' }, 10, 1_000],
    [{ limit: 2.5, per: 250 }, 2.5, 250],
  ] as const)('%j is taken as requests, as tokens and as a limit of its own', async (rate, limit, perMs) => {
    const plugin = rateLimit({ requests: rate, tokens: rate, limits: { own: rate } });
    const { clock, runner } = bench({ use: [plugin] });
    await clock.until(runner.call(tool('t', {}, () => 1)));
    const { dimensions } = plugin.stats()['all'] ?? {};
    expect(Object.keys(dimensions ?? {})).toEqual(['requests', 'tokens', 'own']);
    for (const each of Object.values(dimensions ?? {})) expect(each).toMatchObject({ limit, perMs });
  });
});

describe('a function of its user that throws, or answers nonsense', () => {
  const oops = (): never => {
    throw new Error('oops');
  };
  const hostile: [option: string, options: object][] = [
    ['cost', { cost: oops }],
    ['cost', { cost: () => -1 }],
    ['cost', { cost: () => ({ tokens: Number.NaN }) }],
    ['per', { per: oops }],
  ];

  it.each(hostile)('%s fails that call, and nothing is taken', async (_, options) => {
    const plugin = rateLimit({ requests: '10/s', tokens: '10/s', ...options });
    const { clock, runner } = bench({ use: [plugin] });
    let ran = 0;
    const error = await clock.until(failure(runner.call(tool('t', {}, () => ++ran))));
    expect(error).toMatchObject({ code: 'INTERCEPTOR' });
    expect(error.message).toContain('rateLimit');
    expect(ran).toBe(0);
    for (const { dimensions } of Object.values(plugin.stats())) expect(dimensions['requests']?.remaining).toBe(1);
  });
});
