import { type Call, createRunner, explain, Place, pipeline, stack, tool, wrap } from '@sluice/core';
import { testInterceptor } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { adaptive, type ConcurrencyOptions, type ConcurrencyPolicy, concurrency } from './index.ts';

nothingIsLeft();

function setUp(options: ConcurrencyPolicy | ConcurrencyOptions) {
  const plugin = concurrency(options);
  const { clock, runner, of } = bench({ use: [plugin] });
  const gauges: Record<string, Gauge> = {};
  const gaugeOf = (name: string): Gauge => {
    gauges[name] ??= new Gauge(clock);
    return gauges[name];
  };
  const make = (name: string, policy: Parameters<typeof tool>[1] = {}) =>
    tool(name, policy, async (_: unknown) => {
      await Promise.all([gaugeOf(name).busy(10), gaugeOf('all').busy(10)]);
    });
  return { plugin, clock, runner, of, gaugeOf, make };
}

const keys = (plugin: ReturnType<typeof concurrency>): string[] => Object.keys(plugin.stats().pools);

describe('what is said of', () => {
  it('one tool opens a limit of its own inside the shared one', async () => {
    const { plugin, clock, runner, gaugeOf, make } = setUp(5);
    const [few, many] = [make('few', { concurrency: 2 }), make('many')];
    await clock.until(Promise.all(times(20, (n) => runner.call(n % 2 === 0 ? few : many))));
    expect([gaugeOf('few').peak, gaugeOf('all').peak]).toEqual([2, 5]);
    expect(keys(plugin)).toEqual(['all', 'own/tool:few']);
    expectAtRest(plugin);
  });

  it('one stage opens one for that stage, in all runs', async () => {
    const { plugin, clock, runner } = setUp(10);
    const gauge = new Gauge(clock);
    const shape = pipeline('p').stage('s', { concurrency: { limit: 2 } }, () => gauge.busy(10));
    await clock.until(Promise.all(times(8, () => runner.run(shape))));
    expect(gauge.peak).toBe(2);
    expect(keys(plugin)).toEqual(['all', 'own/stage:s']);
  });

  it('a kind opens one for all of that kind together', async () => {
    const { plugin, clock, runner, gaugeOf, make } = setUp({ limit: 10, kinds: { agent: 3 } });
    const agents = [make('a', { kind: 'agent' }), make('b', { kind: 'agent' }), make('c')];
    await clock.until(Promise.all(times(30, (n) => runner.call(agents[n % 3] as (typeof agents)[number]))));
    expect(gaugeOf('a').peak + gaugeOf('b').peak).toBeGreaterThanOrEqual(3);
    expect(keys(plugin)).toEqual(['all', 'own/kind:agent']);
    expectAtRest(plugin);
  });

  it('a run opens one for that run alone', async () => {
    const { plugin, clock, runner } = setUp(10);
    const gauges: Record<string, Gauge> = { x: new Gauge(clock), y: new Gauge(clock), none: new Gauge(clock) };
    const leaf = tool('leaf', {}, (who: string) => gauges[who]?.busy(10));
    const shape = pipeline<string>('p').stage('s', { concurrency: 'none' }, ({ input }, { call }) =>
      Promise.all(times(6, () => call(leaf, input))),
    );
    await clock.until(
      Promise.all([
        runner.run(shape, 'x', { runId: 'x', tools: { leaf: { concurrency: 1 } } }),
        runner.run(shape, 'y', { runId: 'y', tools: { leaf: { concurrency: 2 } } }),
        runner.run(shape, 'none'),
      ]),
    );
    expect(Object.values(gauges).map(({ peak }) => peak)).toEqual([1, 2, expect.any(Number)]);
    expect(gauges['none']?.peak).toBeGreaterThan(2);
    expect(keys(plugin).sort()).toEqual(['all', 'own/run:x', 'own/run:y']);
  });

  it('a pipeline opens one for each of its runs', async () => {
    const { plugin, clock, runner } = setUp(100);
    const gauge = new Gauge(clock);
    const shape = pipeline('p', { concurrency: 1 })
      .stage('a', () => gauge.busy(10, 'a'))
      .stage('b', () => gauge.busy(10, 'b'))
      .stage('c', () => gauge.busy(10, 'c'));
    await clock.until(Promise.all(times(2, (n) => runner.run(shape, undefined, { runId: `r${n}` }))));
    expect(gauge.peak).toBe(2);
    expect(gauge.times).toEqual([0, 0, 10, 10, 20, 20]);
    expect(keys(plugin).sort()).toEqual(['all', 'own/run:r0', 'own/run:r1']);
  });

  it("a tool by name in the plugin's own options is said of it as well, and the tool's own word is stronger", async () => {
    const { clock, runner, gaugeOf, make } = setUp({ limit: 10, tools: { a: 2, b: 2 } });
    const [a, b] = [make('a'), make('b', { concurrency: 4 })];
    await clock.until(Promise.all(times(20, (n) => runner.call(n % 2 === 0 ? a : b))));
    expect([gaugeOf('a').peak, gaugeOf('b').peak]).toEqual([2, 4]);
  });

  it("'none' leaves a call out of all of them", async () => {
    const { plugin, clock, runner, gaugeOf, make } = setUp({ limit: 1, tools: { free: 'none' } });
    const [free, other] = [make('free'), make('other', { concurrency: 'none' })];
    await clock.until(Promise.all(times(20, (n) => runner.call(n % 2 === 0 ? free : other))));
    expect(gaugeOf('all').peak).toBe(20);
    expect(keys(plugin)).toEqual([]);
  });

  it("nothing, with concurrency('none') or without a limit, holds nobody, but for what is said of one", async () => {
    for (const options of ['none', {}] as const) {
      const { clock, runner, gaugeOf, make } = setUp(options);
      const [one, many] = [make('one', { concurrency: 1 }), make('many')];
      await clock.until(Promise.all(times(20, (n) => runner.call(n % 2 === 0 ? one : many))));
      expect([gaugeOf('one').peak, gaugeOf('many').peak]).toEqual([1, 10]);
    }
  });
});

describe('per', () => {
  it.each([
    ['all', ['all']],
    ['name', ['tool:a', 'tool:b', 'function:f']],
    ['kind', ['agent', 'work', 'none']],
    [(call: Call) => `${call.target[0]}-${call.name}`, ['t-a', 't-b', 'f-f']],
  ] as const)('%s tells limits apart', async (per, expected) => {
    const { plugin, clock, runner, make } = setUp({ limit: 1, per });
    const calls = [
      runner.call(make('a', { kind: 'agent' })),
      runner.call(make('b', { kind: 'work' })),
      runner.wrap(() => 1, { name: 'f' })(),
    ];
    await clock.until(Promise.all(calls));
    expect(keys(plugin)).toEqual(expected);
    expect(clock.now()).toBe(per === 'all' ? 20 : 10);
  });
});

describe('the plugin', () => {
  it('around one function is enough', async () => {
    const limited = wrap(async (n: number) => n * 2, concurrency(2));
    expect(await Promise.all([1, 2, 3].map((n) => limited(n)))).toEqual([2, 4, 6]);
  });

  it('stands at Place.concurrency, or at `place`, and is called what it is called', () => {
    expect(concurrency(1)).toMatchObject({ name: 'concurrency', priority: Place.concurrency });
    expect(concurrency({ limit: 1, place: 42, name: 'bulkhead' })).toMatchObject({ name: 'bulkhead', priority: 42 });
  });

  it.each(['stage', 'tool', 'function'] as const)('applies: %s leaves all else alone', async (applies) => {
    const { plugin, clock, runner, make } = setUp({ limit: 1, per: 'name', applies });
    const shape = pipeline('p').stage('s', () => 1);
    await clock.until(Promise.all([runner.run(shape), runner.call(make('t')), runner.wrap(() => 1, { name: 'f' })()]));
    expect(keys(plugin)).toEqual([`${applies}:${{ stage: 's', tool: 't', function: 'f' }[applies]}`]);
  });

  it('applies by a function of the call', async () => {
    const { plugin, clock, runner, make } = setUp({ limit: 1, per: 'name', applies: ({ name }) => name === 'b' });
    await clock.until(Promise.all(['a', 'b', 'c'].map((name) => runner.call(make(name)))));
    expect(keys(plugin)).toEqual(['tool:b']);
  });

  it('is explained, with every option and where it came from', () => {
    const runner = createRunner({
      use: [concurrency({ limit: 20, queue: { max: 5 }, tools: { t: { ageing: '1s' } } })],
    });
    const [entry] = runner.explain(tool('t', { concurrency: { limit: 2 } }, () => 1)).entries;
    expect(entry).toMatchObject({ place: 'concurrency', priority: 80, name: 'concurrency' });
    expect(entry?.options).toMatchObject({
      limit: { value: 2, from: 'tool' },
      queueMax: { value: 5, from: 'plugin' },
      ageing: { value: 1_000 },
      release: { value: 'settled', from: 'default' },
      orphanLease: { value: 300_000, from: 'default' },
    });
    expect(explain(stack([concurrency({ limit: adaptive({ max: 9 }) })])).text).toContain('adaptive, 1 to 9');
  });

  it('twice in one stack is an error', () => {
    const plugin = concurrency(1);
    expect(() => createRunner({ use: [plugin, plugin] })).toThrow(/twice/);
  });

  it('outlives its runs: one limit for all pipelines and runners that have it', async () => {
    const plugin = concurrency(2);
    const { clock, runner } = bench({ use: [plugin] });
    const other = bench({ use: [plugin] }, clock);
    const gauge = new Gauge(clock);
    const work = tool('work', {}, () => gauge.busy(10));
    await clock.until(Promise.all(times(10, (n) => (n % 2 === 0 ? runner : other.runner).call(work))));
    expect(gauge.peak).toBe(2);
    expect(runner.stats().interceptors['concurrency']).toMatchObject({ limit: 2, active: 0 });
  });

  it.each([
    ['a limit of 1', () => concurrency(1)],
    [
      'a limit of 5 for each name, with all else',
      () =>
        concurrency({
          limit: 5,
          per: 'name',
          weight: 2,
          queue: { timeout: '1h', order: 'lifo' },
          fair: { by: () => 'a' },
          release: 'verdict',
        }),
    ],
    ['calls that are alone', () => concurrency({ limit: 5, exclusive: true })],
    ['a limit that finds itself', () => concurrency({ limit: adaptive() })],
  ])('keeps the rules that all interceptors keep, with %s', async (_, factory) => {
    expect((await testInterceptor(factory)).results.length).toBeGreaterThan(20);
  });

  it('names the code of who is refused alike around a stage, a tool and a function', async () => {
    const { clock, runner } = setUp({ limit: 1, queue: { max: 0 } });
    const gauge = new Gauge(clock);
    const gate = runner.call(tool('gate', {}, () => gauge.busy(10)));
    const ends = Promise.all([
      ending(runner.run(pipeline('p').stage('s', () => 1))),
      ending(runner.call(tool('t', {}, () => 1))),
      ending(runner.wrap(() => 1, { name: 'f' })()),
    ]);
    expect(await clock.until(ends)).toEqual(['QUEUE_FULL', 'QUEUE_FULL', 'QUEUE_FULL']);
    await clock.until(gate);
  });
});
