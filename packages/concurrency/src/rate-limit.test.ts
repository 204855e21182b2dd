import { createRunner, Place, pipeline, tool, wrap } from '@sluice/core';
import { testInterceptor } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type RateLimitOptions, type RatePolicy, rateLimit } from './index.ts';

nothingIsLeft();

function setUp(rate: RatePolicy | RateLimitOptions) {
  const plugin = rateLimit(rate);
  const { clock, runner, of } = bench({ use: [plugin] });
  const at: string[] = [];
  const make = (name: string, policy: Parameters<typeof tool>[1] = {}) =>
    tool(name, policy, (_: unknown) => {
      at.push(`${name} ${clock.now()}`);
    });
  return { plugin, clock, runner, of, at, make };
}

describe('what is said of', () => {
  it('one tool opens a rate of its own inside the shared one', async () => {
    const { plugin, clock, runner, at, make } = setUp({ requests: '10/s', burst: 10 });
    const [slow, quick] = [make('slow', { rateLimit: { requests: '1/s', burst: 1 } }), make('quick')];
    await clock.until(Promise.all(times(6, (n) => runner.call(n % 2 === 0 ? slow : quick))));
    expect(at).toEqual(['slow 0', 'quick 0', 'quick 0', 'quick 0', 'slow 1000', 'slow 2000']);
    expect(Object.keys(plugin.stats())).toEqual(['all', 'own/tool:slow']);
    expect(plugin.stats()['all']?.rejected).toBe(0);
  });

  it('a kind opens one for all of that kind', async () => {
    const { plugin, clock, runner, at, make } = setUp({
      requests: '100/s',
      burst: 100,
      kinds: { agent: { requests: '1/s', burst: 1 } },
    });
    const agents = [make('a', { kind: 'agent' }), make('b', { kind: 'agent' }), make('c')];
    await clock.until(Promise.all(agents.map((each) => runner.call(each))));
    expect(at).toEqual(['a 0', 'c 0', 'b 1000']);
    expect(Object.keys(plugin.stats())).toEqual(['all', 'own/kind:agent']);
  });

  it('a run opens one for all of that run', async () => {
    const { plugin, clock, runner, at, make } = setUp({ requests: '100/s', burst: 100 });
    const leaf = make('leaf');
    const shape = pipeline('p').stage('s', (_, { call }) => Promise.all(times(3, () => call(leaf))));
    await clock.until(
      runner.run(shape, undefined, { runId: 'r', tools: { leaf: { rateLimit: { requests: '2/s', burst: 1 } } } }),
    );
    await clock.until(runner.run(shape));
    expect(at).toEqual(['leaf 0', 'leaf 500', 'leaf 1000', 'leaf 1000', 'leaf 1000', 'leaf 1000']);
    expect(Object.keys(plugin.stats())).toEqual(['all', 'own/run:r']);
  });

  it("'none' leaves a tool out, and without a rate of the whole only what is said of one counts", async () => {
    const { clock, runner, at, make } = setUp({ requests: '1/s', tools: { free: 'none' } });
    await clock.until(Promise.all(times(3, () => runner.call(make('free')))));
    expect(at).toEqual(times(3, () => 'free 0'));
    const bare = setUp('none');
    const [one, other] = [bare.make('one', { rateLimit: '1/s' }), bare.make('other')];
    await bare.clock.until(Promise.all(times(4, (n) => bare.runner.call(n % 2 === 0 ? one : other))));
    expect(bare.at).toEqual(['one 0', 'other 0', 'other 0', 'one 1000']);
  });

  it('the cost of one tool counts against the shared rate', async () => {
    const { clock, runner, at, make } = setUp({ tokens: '100/s', tools: { big: { cost: 60 } } });
    const [big, small] = [make('big'), make('small', { rateLimit: { cost: { tokens: 30 } } })];
    await clock.until(Promise.all([big, small, big, small].map((each) => runner.call(each))));
    expect(at).toEqual(['big 0', 'small 0', 'big 1000', 'small 1000']);
  });

  it('the way of waiting of one tool is its own in its own rate', async () => {
    const { clock, runner, make } = setUp({ requests: '100/s', burst: 100 });
    const strict = make('strict', { rateLimit: { requests: '1/s', burst: 1, mode: 'reject' } });
    const ends = await clock.until(Promise.all(times(3, () => ending(runner.call(strict)))));
    expect(ends).toEqual(['undefined', 'RATE_LIMITED', 'RATE_LIMITED']);
  });
});

describe('the plugin', () => {
  it('around one function is enough', async () => {
    const limited = wrap(async (n: number) => n * 2, rateLimit({ requests: '1000/s', burst: 10 }));
    expect(await Promise.all([1, 2, 3].map((n) => limited(n)))).toEqual([2, 4, 6]);
  });

  it('stands at Place.rate, or at `priority`, and is called what it is called', () => {
    expect(rateLimit('1/s')).toMatchObject({ name: 'rateLimit', priority: Place.rate });
    expect(rateLimit({ requests: '1/s', priority: 85, name: 'quota' })).toMatchObject({ name: 'quota', priority: 85 });
  });

  it('is changed by runner.update(): rates that are changed begin anew, all else goes on as it stands', async () => {
    const { plugin, clock, runner, at, make } = setUp('1/s');
    await clock.until(runner.call(make('a')));
    runner.update({ rateLimit: { mode: 'reject' } });
    expect(await clock.until(ending(runner.call(make('b'))))).toBe('RATE_LIMITED');
    runner.update({ rateLimit: { requests: '2/s', mode: 'wait' } });
    await clock.until(Promise.all([runner.call(make('c')), runner.call(make('d'))]));
    expect(at).toEqual(['a 0', 'c 0', 'd 500']);
    expect(() => runner.update({ rateLimit: { requests: '0/s' } })).toThrow(/rateLimit.requests: expected a rate/);
    expect(plugin.stats()['all']?.dimensions['requests']).toMatchObject({ limit: 2 });
  });

  it('is explained, with every option and where it came from', () => {
    const runner = createRunner({ use: [rateLimit({ requests: '60/m', burst: 5 })] });
    const [entry] = runner.explain(tool('t', { rateLimit: { mode: 'reject' } }, () => 1)).entries;
    expect(entry).toMatchObject({ place: 'rate', priority: 70, name: 'rateLimit' });
    expect(entry?.options).toMatchObject({
      burst: { value: 5, from: 'plugin' },
      mode: { value: 'reject', from: 'tool' },
      queueMax: { value: 10_000, from: 'default' },
      coolDown: { value: 1_000, from: 'default' },
    });
  });

  it('applies to what it is told to', async () => {
    const { plugin, clock, runner, make } = setUp({ requests: '1/s', per: 'name', applies: 'tool' });
    await clock.until(Promise.all([runner.call(make('t')), runner.wrap(() => 1, { name: 'f' })()]));
    expect(Object.keys(plugin.stats())).toEqual(['tool:t']);
  });

  it.each([
    ['a rate that lets all go', () => rateLimit({ requests: '100000/s', burst: 1_000 })],
    ['an even pace', () => rateLimit('10/s')],
    [
      'several dimensions in a sliding window',
      () =>
        rateLimit({
          requests: '1000/s',
          tokens: '1000/s',
          limits: { day: '9999/d' },
          algorithm: 'sliding-window',
          per: 'name',
        }),
    ],
  ])('keeps the rules that all interceptors keep, with %s', async (_, factory) => {
    expect((await testInterceptor(factory)).results.length).toBeGreaterThan(20);
  });
});
