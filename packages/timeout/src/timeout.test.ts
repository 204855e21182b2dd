import { createRunner, isSluiceError, Place, pipeline, type Runner, stack, tool, wrap } from '@sluice/core';
import { scripted, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft } from './timeout-bench.test-kit.ts';
import { failure, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

/** The options of one half of the plugin as they are explained: `value (where from)`. */
function explained(runner: Runner, ...of: Parameters<Runner['explain']>): Record<string, string> {
  const entry = runner.explain(...of).entries.find(({ priority }) => priority === Place.total);
  return Object.fromEntries(
    Object.entries(entry?.options ?? {}).map(([key, { value, from }]) => [key, `${value} (${from})`]),
  );
}

describe('what is said nearer', () => {
  const plugin = timeout({
    total: 10_000,
    attempt: 1_000,
    queue: 900,
    soft: 800,
    grace: 10,
    kinds: { agent: { total: 20_000, attempt: 2_000, queue: 1_900, soft: 1_800 } },
    stages: { s: { attempt: 3_000, queue: 2_900, soft: 2_800 } },
    tools: { t: { attempt: 3_500, queue: 3_400 } },
  });

  it('wins, field by field: plugin, kind, pipeline, stage; and explain() says which won', () => {
    const { runner } = workbench({ use: [plugin] });
    const work = async (): Promise<number> => 1;
    const plain = pipeline('p').stage('plain', work);
    expect(explained(runner, plain, 'plain')).toEqual({
      total: '10000 (plugin)',
      attempt: '1000 (plugin)',
      queue: '900 (plugin)',
      soft: '800 (plugin)',
      grace: '10 (plugin)',
      partial: 'reject (default)',
    });
    const shape = pipeline('p', { timeout: { queue: 4_000, soft: 3_900 } })
      .stage('other', { kind: 'agent' }, work)
      .stage('s', { kind: 'agent', timeout: { soft: 5_000, partial: 'resolve' } }, work);
    expect(explained(runner, shape, 'other')).toEqual({
      total: '20000 (kind)',
      attempt: '2000 (kind)',
      queue: '4000 (pipeline)',
      soft: '3900 (pipeline)',
      grace: '10 (plugin)',
      partial: 'reject (default)',
    });
    expect(explained(runner, shape, 's')).toEqual({
      total: '20000 (kind)',
      attempt: '3000 (stage)',
      queue: '4000 (pipeline)',
      soft: '5000 (stage)',
      grace: '10 (plugin)',
      partial: 'resolve (stage)',
    });
    expect(explained(runner, tool('t', { kind: 'agent', timeout: { queue: 6_000 } }, work))).toMatchObject({
      total: '20000 (kind)',
      attempt: '3500 (tool)',
      queue: '6000 (tool)',
      soft: '1800 (kind)',
    });
    const { text } = runner.explain(shape, 's');
    for (const one of ['total=20000 (kind)', 'attempt=3000 (stage)', 'queue=4000 (pipeline)', 'grace=10 (plugin)']) {
      expect(text).toContain(one);
    }
  });

  it.each([
    { said: {}, limitMs: 100, who: 'the plugin' },
    { said: { kind: true }, limitMs: 200, who: 'the kind' },
    { said: { kind: true, pipeline: true }, limitMs: 300, who: 'the pipeline' },
    { said: { kind: true, pipeline: true, stage: true }, limitMs: 400, who: 'the stage' },
    { said: { kind: true, pipeline: true, stage: true, run: true }, limitMs: 500, who: 'the run' },
    { said: { kind: true, pipeline: true, stage: true, run: true, single: true }, limitMs: 600, who: 'the run for it' },
    { said: { pipeline: true, run: true }, limitMs: 500, who: 'the run' },
    { said: { kind: true, stage: true }, limitMs: 400, who: 'the stage' },
  ])('holds: that of $who is $limitMs ms', async ({ said, limitMs }) => {
    const is: { [K in 'kind' | 'pipeline' | 'stage' | 'run' | 'single']?: boolean } = said;
    const { clock, runner } = workbench({ use: [timeout({ total: 100, kinds: { agent: 200 } })] });
    const hang = scripted([{ do: 'hang' }], { clock });
    const shape = pipeline('p', is.pipeline ? { timeout: 300 } : {}).stage(
      's',
      { kind: is.kind ? 'agent' : 'work', timeout: is.stage ? 400 : undefined },
      hang,
    );
    const run = runner.run(shape, undefined, {
      ...(is.run ? { timeout: 500 } : {}),
      ...(is.single ? { stages: { s: { timeout: 600 } } } : {}),
    });
    const error = await clock.until(failure(run));
    expect(error.details).toMatchObject({ limit: 'total', limitMs });
    expect(clock.now()).toBe(limitMs);
  });

  it('holds for tools too: plugin, kind, name, the tool itself, the run for it, the call', async () => {
    const { clock, runner } = workbench({
      use: [timeout({ total: 100, kinds: { agent: 200 }, tools: { named: 300 } })],
    });
    const hang = scripted([{ do: 'hang' }], { clock });
    const limitOf = async (call: PromiseLike<unknown>): Promise<unknown> =>
      (await clock.until(failure(call))).details['limitMs'];
    expect(await limitOf(runner.call(tool('plain', {}, hang)))).toBe(100);
    expect(await limitOf(runner.call(tool('kind', { kind: 'agent' }, hang)))).toBe(200);
    expect(await limitOf(runner.call(tool('named', { kind: 'agent' }, hang)))).toBe(300);
    const own = tool('named', { kind: 'agent', timeout: 400 }, hang);
    expect(await limitOf(runner.call(own))).toBe(400);
    expect(await limitOf(runner.call(own, undefined, { timeout: 600 }))).toBe(600);

    const inStage = async (run: object, call: object): Promise<unknown> => {
      let error: unknown;
      const shape = pipeline('p').stage('s', { timeout: 'none' }, (_, context) =>
        context.call(own, undefined, call).catch((thrown: unknown) => {
          error = thrown;
        }),
      );
      await clock.until(runner.run(shape, undefined, { stages: { s: { timeout: 'none' } }, ...run }));
      return isSluiceError(error, 'TIMEOUT') && error.details['limitMs'];
    };
    // What a run says is for its stages; for tools it has to name them.
    expect(await inStage({ timeout: 50 }, {})).toBe(400);
    expect(await inStage({ tools: { named: { timeout: 500 } } }, {})).toBe(500);
    expect(await inStage({ tools: { named: { timeout: 500 } } }, { timeout: 600 })).toBe(600);
  });

  it('replaces only the fields that it says: undefined is not said', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 1_000, attempt: 100 })] });
    const hang = scripted([{ do: 'hang' }], { clock });
    const shape = pipeline('p').stage('s', { timeout: { total: undefined, attempt: 200 } }, hang);
    const error = await clock.until(
      failure(runner.run(shape, undefined, { timeout: { total: 150, attempt: undefined } })),
    );
    expect(error.details).toMatchObject({ limit: 'total', limitMs: 150 });
    expect(explained(runner, shape, 's')).toMatchObject({ total: '1000 (plugin)', attempt: '200 (stage)' });
  });

  it("may switch all of it off with 'none', and what is nearer still may switch it on again", async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, kinds: { agent: 'none' } })] });
    const slow = scripted([{ do: 'succeed', value: 'done', after: 500 }], { clock });
    const off = pipeline('p').stage('s', { kind: 'agent' }, slow);
    expect(runner.explain(off, 's').entries.every(({ off }) => off)).toBe(true);
    expect(runner.explain(off, 's').text).toContain('switched off');
    await expect(clock.until(runner.run(off))).resolves.toEqual({ s: 'done' });
    const on = await clock.until(failure(runner.run(off, undefined, { timeout: { attempt: 50 } })));
    expect(on.details).toMatchObject({ limit: 'attempt', limitMs: 50 });
    const limited = pipeline('p').stage('s', { timeout: 200 }, slow);
    await expect(clock.until(runner.run(limited, undefined, { timeout: 'none' }))).resolves.toEqual({ s: 'done' });
    await expect(clock.until(runner.call(tool('t', { timeout: 'none' }, slow)))).resolves.toBe('done');
  });
});

describe('where nothing is said', () => {
  it('of total or attempt, the total is 30 s; where attempt is said, by whomever, there is no total', async () => {
    const { runner, clock } = workbench({ use: [timeout()] });
    const hang = scripted([{ do: 'hang' }], { clock });
    const nothing = tool('nothing', {}, hang);
    expect(explained(runner, nothing)).toEqual({
      total: '30000 (default)',
      attempt: 'Infinity (default)',
      queue: 'Infinity (default)',
      soft: 'Infinity (default)',
      partial: 'reject (default)',
    });
    await clock.until(failure(runner.call(nothing)));
    expect(clock.now()).toBe(30_000);
    expect(explained(runner, tool('attempt', { timeout: { attempt: '1h' } }, hang))).toMatchObject({
      total: 'Infinity (default)',
      attempt: '3600000 (tool)',
    });
    const error = await clock.until(failure(runner.call(nothing, undefined, { timeout: { attempt: '1h' } })));
    expect(error.details).toMatchObject({ limit: 'attempt', limitMs: 3_600_000 });
    expect(clock.now()).toBe(3_630_000);
  });
});

describe('the plugin', () => {
  it('stands at Place.total and Place.attempt, under one name, unless it is told otherwise', () => {
    const places = (plugin: ReturnType<typeof timeout>) => plugin.map(({ name, priority }) => [name, priority]);
    expect(places(timeout())).toEqual([
      ['timeout', Place.total],
      ['timeout', Place.attempt],
    ]);
    expect(places(timeout({ name: 'limits', priority: 55 }))).toEqual([
      ['limits', 55],
      ['limits', 55],
    ]);
  });

  it.each([
    ['tool', ['tool']],
    ['stage', ['stage']],
    ['function', ['function']],
    [undefined, ['stage', 'tool', 'function']],
  ] as const)('that applies to %s limits %j', async (applies, limited) => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, applies })] });
    const slow = scripted([{ do: 'succeed', after: 200 }], { clock });
    const ways = {
      stage: () => Promise.resolve(runner.run(pipeline('p').stage('s', slow))),
      tool: () => runner.call(tool('t', {}, slow)),
      function: () => runner.wrap(async () => slow())(),
    };
    for (const [target, way] of Object.entries(ways)) {
      const ended = await clock.until(
        way().then(
          () => 'ok',
          ({ code }: { readonly code: string }) => code,
        ),
      );
      expect([target, ended]).toEqual([target, limited.includes(target as never) ? 'TIMEOUT' : 'ok']);
      await clock.runAll();
    }
  });

  it('that applies where a function says so limits just these calls', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, applies: ({ name }) => name === 'b' })] });
    const slow = scripted([{ do: 'succeed', value: 'done', after: 200 }], { clock });
    await expect(clock.until(runner.call(tool('a', {}, slow)))).resolves.toBe('done');
    expect(await clock.until(failure(runner.call(tool('b', {}, slow))))).toMatchObject({ code: 'TIMEOUT' });
  });

  it('takes new options while it runs, for the calls that come after; wrong ones change nothing', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100 })] });
    const hang = tool('hang', {}, scripted([{ do: 'hang' }], { clock }));
    const before = failure(runner.call(hang));
    await clock.advance(10);
    runner.update({ timeout: { total: 300 } });
    expect(() => runner.update({ timeout: { total: 'soon' } })).toThrow('timeout.total');
    const after = failure(runner.call(hang));
    expect((await clock.until(before)).details['limitMs']).toBe(100);
    expect((await clock.until(after)).details['limitMs']).toBe(300);
    expect(clock.now()).toBe(310);
    expect(explained(runner, hang)).toMatchObject({ total: '300 (plugin)' });
  });

  it('stands around a wrapped function and an inline call as around a tool', async () => {
    const clock = virtualClock();
    const layers = stack([timeout(100)], { clock });
    const inline = await clock.until(
      failure(layers.execute(({ signal }) => scripted([{ do: 'hang' }], { clock })(1, { signal } as never))),
    );
    expect(inline).toMatchObject({ code: 'TIMEOUT', scope: 'function:execute' });
    const runner = createRunner({ clock, use: layers });
    const load = runner.wrap(async function load() {
      await new Promise((resolve) => clock.schedule(500, () => resolve(1)));
    });
    expect(await clock.until(failure(load()))).toMatchObject({ scope: 'function:load' });
    await clock.runAll();
    expect(() => wrap(async () => 1, timeout({ total: -1 }))).toThrow('timeout.total');
  });

  it('does nothing while timeouts are switched off for debugging', async () => {
    const { clock, runner, of } = workbench({
      timeouts: 'off',
      use: [timeout({ total: 0, attempt: 0, queue: 0, soft: 1 })],
    });
    const slow = tool('slow', {}, scripted([{ do: 'succeed', value: 'done', after: 10_000 }], { clock }));
    await expect(clock.until(runner.call(slow))).resolves.toBe('done');
    expect(of('timeout')).toEqual([]);
    expect(of('timeout.soft')).toEqual([]);
  });
});

describe('stats()', () => {
  it('counts for each target how its calls ended, how long they took, and the limits that hold', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 100, attempt: 80 })] });
    const work = scripted(
      [
        { do: 'succeed', after: 10 },
        { do: 'succeed', after: 50 },
        { do: 'fail', after: 5 },
        { do: 'hang' },
        { do: 'succeed', after: 300, ignoreSignal: true },
      ],
      { clock },
    );
    const each = tool('each', {}, work);
    for (let n = 0; n < 5; n++) await clock.until(runner.call(each).catch(() => {}));
    const controller = new AbortController();
    const cancelled = failure(runner.call(each, undefined, { signal: controller.signal }));
    controller.abort();
    await clock.until(cancelled);
    await clock.runAll();
    const stats = runner.stats().interceptors['timeout'] as Record<string, object>;
    expect(Object.keys(stats)).toEqual(['tool:each']);
    expect(stats['tool:each']).toMatchObject({
      ok: 2,
      failed: 1,
      timeout: 2,
      cancelled: 1,
      skipped: 0,
      attemptTimeouts: 2,
      late: 1,
      orphans: 0,
      durationMs: { max: 50 },
      limits: { total: 100, attempt: 80 },
    });
  });
});
