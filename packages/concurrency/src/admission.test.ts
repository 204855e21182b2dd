import { ConfigError, type Context, createRunner, Place, pipeline, tool } from '@sluice/core';
import { testInterceptor } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, Gauge, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type AdmissionOptions, adaptive, admission, concurrency } from './index.ts';

nothingIsLeft();

function setUp(options: AdmissionOptions, limit = 1) {
  const plugin = admission({ applies: 'stage', ...options });
  const { clock, runner, of } = bench({ use: [plugin, concurrency(limit)] });
  const gauge = new Gauge(clock);
  const shape = pipeline<string>('p').stage('s', async ({ input }) => {
    await gauge.busy(10, input);
    return input;
  });
  const run = (who: string, priority = 0): Promise<string> =>
    ending(runner.run(shape, who, { priority }).then(({ s }) => s));
  return { plugin, clock, runner, of, gauge, shape, run };
}

describe('admission', () => {
  it('turns away with QUEUE_FULL, at once, whoever comes when so many are under way, those that wait included', async () => {
    const { plugin, clock, runner, gauge, shape, run, of } = setUp({ max: 3 });
    const inside = times(3, (n) => run(`in ${n}`));
    const error = await failure(runner.run(shape, 'out'));
    expect(clock.now()).toBe(0);
    expect(error).toMatchObject({ code: 'QUEUE_FULL', retryable: false, details: { inside: 3 } });
    expect(error.message).toContain('3 calls are under way already, the most that may be');
    expect(error.remediation).toContain('admission.max');
    expect(plugin.stats()).toEqual({ max: 3, inside: 3, shed: 1 });
    expect(of('queue.full').map(({ pool, depth }) => ({ pool, depth }))).toEqual([{ pool: 'admission', depth: 3 }]);
    expect(await clock.until(Promise.all(inside))).toEqual(times(3, (n) => `in ${n}`));
    expect(gauge.order).toEqual(times(3, (n) => `in ${n}`));
    expect(plugin.stats()).toEqual({ max: 3, inside: 0, shed: 1 });
  });

  it('has room again for each that ends, fails, or is stopped', async () => {
    const plugin = admission({ max: 2 });
    const { clock, runner } = bench({ use: [plugin] });
    const work = tool('work', {}, async (how: string, { signal }: Context) => {
      if (how === 'fails') throw new Error('fails');
      if (how === 'hangs')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return how;
    });
    for (const how of ['ends', 'fails', 'hangs', 'fails', 'hangs', 'ends', 'hangs']) {
      await clock.until(ending(runner.call(work, how, { deadline: 50 })));
      expect(plugin.stats().inside).toBe(0);
    }
    expect(plugin.stats().shed).toBe(0);
  });

  it("with shed: 'lowest-priority' sends out for one that is preferred the least preferred of which nothing has begun", async () => {
    const { plugin, clock, gauge, run } = setUp({ max: 4, shed: 'lowest-priority' });
    const ends = Promise.all([
      run('runs', 9),
      run('waits 5', 5),
      run('waits 7', 7),
      run('waits 7 too', 7),
      run('new 1', 1),
      run('new 8', 8),
    ]);
    expect(await clock.until(ends)).toEqual(['runs', 'waits 5', 'waits 7', 'QUEUE_FULL', 'new 1', 'QUEUE_FULL']);
    expect(gauge.order).toEqual(['runs', 'new 1', 'waits 5', 'waits 7']);
    expect(plugin.stats()).toEqual({ max: 4, inside: 0, shed: 2 });
  });

  it("with shed: 'lowest-priority' tells whom it sent out for whom", async () => {
    const { clock, runner, shape, run } = setUp({ max: 2, shed: 'lowest-priority' });
    const runs = run('runs');
    const out = failure(runner.run(shape, 'out', { priority: 5 }));
    const preferred = run('preferred', 1);
    const error = await clock.until(out);
    expect(error).toMatchObject({ code: 'QUEUE_FULL', details: { priority: 5, preferred: 1 } });
    expect(error.message).toContain('had to make room for stage "s", which is preferred');
    expect(await clock.until(Promise.all([runs, preferred]))).toEqual(['runs', 'preferred']);
  });

  it('with shed: adaptive() turns away from fewer on when calls take longer than they should', async () => {
    const plugin = admission({ max: 100, shed: adaptive({ min: 1, max: 50, initial: 20 }), applies: 'tool' });
    expect(plugin.stats()).toMatchObject({ max: 20, inside: 0, shed: 0 });
    const { clock, runner } = bench({ use: [plugin] });
    const work = tool('work', {}, () => new Promise((resolve) => clock.schedule(1_000, () => resolve('done'))));
    const ends = await clock.until(
      Promise.all(
        times(400, async (n) => {
          await new Promise<void>((resolve) => clock.schedule(n * 20, resolve));
          return ending(runner.call(work, undefined, { deadline: 50 }));
        }),
      ),
    );
    await clock.runAll();
    expect(ends).toContain('TIMEOUT');
    expect(plugin.stats().max).toBeLessThan(20);
    expect(plugin.stats().inside).toBe(0);
  });

  it('is changed by runner.update(), at once', async () => {
    const { plugin, clock, runner, run } = setUp({ max: 1 });
    const first = run('a');
    expect(await run('b')).toBe('QUEUE_FULL');
    runner.update({ admission: { max: 2 } });
    const ends = [first, run('c')];
    expect(await run('d')).toBe('QUEUE_FULL');
    expect(await clock.until(Promise.all(ends))).toEqual(['a', 'c']);
    for (const max of [0, 1.5, Number.NaN]) {
      expect(() => runner.update({ admission: { max } })).toThrow(/admission.max: expected an integer ≥ 1/);
    }
    expect(plugin.stats().max).toBe(2);
  });

  it('stands at Place.admission, and is called what it is called', () => {
    expect(admission({ max: 1 })).toMatchObject({ name: 'admission', priority: Place.admission });
    expect(admission({ max: 1, name: 'door', priority: 5 })).toMatchObject({ name: 'door', priority: 5 });
  });

  it.each([
    [{ max: 0 }, 'admission.max'],
    [{ max: 1.5 }, 'admission.max'],
    [{}, 'admission.max'],
    [{ max: 1, shed: 'oldest' }, 'admission.shed'],
    [{ max: 1, sched: 'newest' }, 'did you mean "shed"?'],
    [null, 'admission'],
    [5, 'admission'],
  ])('%j is a ConfigError that says what is allowed', (options, said) => {
    expect(() => admission(options as never)).toThrow(ConfigError);
    expect(() => admission(options as never)).toThrow(said);
  });

  it.each([
    ['newest', () => admission({ max: 1_000 })],
    ['lowest-priority', () => admission({ max: 1_000, shed: 'lowest-priority' })],
    ['adaptive', () => admission({ max: 1_000, shed: adaptive({ initial: 500 }) })],
  ] as const)('keeps the rules that all interceptors keep (%s)', async (_, factory) => {
    expect((await testInterceptor(factory)).results.length).toBeGreaterThan(20);
  });

  it('is one door for all that has it', async () => {
    const plugin = admission({ max: 1 });
    const { clock, runner } = bench({ use: [plugin] });
    const other = createRunner({ use: [plugin], clock });
    const work = tool('work', {}, () => new Promise((resolve) => clock.schedule(10, () => resolve('done'))));
    const ends = Promise.all([ending(runner.call(work)), ending(other.call(work))]);
    expect(await clock.until(ends)).toEqual(['done', 'QUEUE_FULL']);
  });
});
