import { type Context, pipeline, tool, withContext } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { heartbeat, timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { ending, idempotencyBench } from './idempotency-bench.test-kit.ts';
import { retry } from './index.ts';
import { busy, nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

const KEY = { idempotencyKey: 'k' };

describe('a stage', () => {
  it('says that its value is not from its own work, be it replayed or waited for', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, async () => {
      await sleep(10);
      return 'saved';
    });
    const both = [runner.run(shape), runner.run(shape)];
    const [first, second] = await clock.until(Promise.all(both.map(({ report }) => report)));
    expect(first?.stages.save).toMatchObject({ status: 'ok', value: 'saved', attempts: 1 });
    expect(first?.stages.save).not.toHaveProperty('origin');
    expect(second?.stages.save).toMatchObject({ status: 'ok', value: 'saved', attempts: 0, origin: 'cache' });
    const third = await clock.until(runner.run(shape).report);
    expect(third.stages.save).toMatchObject({ status: 'ok', value: 'saved', attempts: 0, origin: 'cache' });
    expect(third.stages.save).not.toHaveProperty('insteadOf');
  });

  it('fails as a stage with what the work threw, whoever began it', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, async () => {
      await sleep(10);
      throw new Error('disk full');
    });
    const reports = await clock.until(Promise.all([runner.run(shape).report, runner.run(shape).report]));
    for (const { stages, error } of reports) {
      expect(stages.save).toMatchObject({ status: 'failed', error: { code: 'STAGE_FAILED' } });
      expect(error).toMatchObject({ message: 'Stage "save" failed: disk full' });
    }
  });

  it('knows what was said with the last beat, whoever began it', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, async (_, context: Context) => {
      await sleep(10);
      context.heartbeat({ rows: 7 });
      await sleep(10);
    });
    const reports = await clock.until(Promise.all([runner.run(shape).report, runner.run(shape).report]));
    for (const { stages } of reports) expect(stages.save).toMatchObject({ heartbeat: { rows: 7 } });
  });

  it('of a run that is cancelled leaves it to the others', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const pay = tool('pay', {}, async () => {
      await sleep(100);
      return 'paid';
    });
    const shape = pipeline('p').stage('checkout', (_, { call }) => call(pay, undefined, KEY));
    const [first, second] = [runner.run(shape), runner.run(shape)];
    await clock.advance(50);
    first.cancel('gone');
    expect((await clock.until(first.report)).status).toBe('cancelled');
    expect(await clock.until(second)).toEqual({ checkout: 'paid' });
    expect(clock.now()).toBe(100);
  });

  it('fails, and does not time out, where what its work called did', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const inner = tool('inner', {}, async () => sleep(100));
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, (_, { call }) =>
      call(inner, undefined, { deadline: 10 }),
    );
    const reports = await clock.until(Promise.all([runner.run(shape).report, runner.run(shape).report]));
    for (const { stages } of reports) {
      expect(stages.save).toMatchObject({
        status: 'failed',
        error: { code: 'STAGE_FAILED', cause: { code: 'TIMEOUT' } },
      });
    }
    await clock.runAll();
  });

  it('that is skipped by its work is skipped for all that wait', async () => {
    const { clock, runner } = idempotencyBench();
    const shape = pipeline('p').stage('save', { idempotency: 'k' }, async (_, { skip }: Context) =>
      skip('nothing new'),
    );
    const reports = await clock.until(Promise.all([runner.run(shape).report, runner.run(shape).report]));
    for (const { stages } of reports) expect(stages.save).toMatchObject({ status: 'skipped', because: 'nothing new' });
  });
});

describe('with others in the stack', () => {
  it('the attempts are made once, under one key', async () => {
    const keys: string[] = [];
    const { clock, runner, of } = idempotencyBench(
      { key: () => 'order-7' },
      { beside: [retry({ backoff: 10 }), ...timeout({ total: '1s', attempt: 100 })] },
    );
    const work = scripted([{ do: 'hang' }, { do: 'fail', error: busy() }, { do: 'succeed', value: 'paid' }], { clock });
    const pay = runner.wrap(
      withContext((context) => {
        keys.push(context.idempotencyKey);
        return work(undefined, context);
      }),
      { name: 'pay' },
    );
    expect(await clock.until(Promise.all([pay(), pay(), pay()]))).toEqual(['paid', 'paid', 'paid']);
    expect(keys).toEqual(['order-7', 'order-7', 'order-7']);
    expect(of('attempt.start').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    await clock.runAll();
  });

  it.each<[string, (sleep: (ms: number) => Promise<void>) => (input: unknown, context: Context) => unknown]>([
    [
      'a beat',
      (sleep) => async (_, context) => {
        for (let beat = 0; beat < 5; beat++) {
          await sleep(30);
          context.heartbeat();
        }
        return ['alive'];
      },
    ],
    [
      'an item',
      (sleep) =>
        async function* () {
          for (let beat = 0; beat < 5; beat++) {
            await sleep(30);
            yield 'alive';
          }
        },
    ],
  ])('%s of the work is a sign of life for every stage that waits for it', async (_, work) => {
    const { clock, runner, sleep } = idempotencyBench({}, { beside: [heartbeat({ timeout: 50, applies: 'stage' })] });
    const beating = tool('beating', {}, work(sleep));
    const shape = pipeline('p').stage('outer', (_deps, { call }) => call(beating, undefined, KEY));
    const runs = [runner.run(shape), runner.run(shape)];
    const outputs = await clock.until(Promise.all(runs));
    for (const { outer } of outputs) expect(outer).toContain('alive');
  });

  it('work that calls itself under its own key is told so, instead of waiting for itself', async () => {
    const { clock, runner } = idempotencyBench();
    const inner = tool('inner', {}, (_: undefined, { call }: Context): Promise<unknown> => call(outer, undefined, KEY));
    const outer = tool('outer', {}, (_: undefined, { call }: Context): Promise<unknown> => call(inner));
    await expect(clock.until(runner.call(outer, undefined, KEY))).rejects.toMatchObject({
      code: 'INTERCEPTOR',
      message: expect.stringContaining('would let Tool "outer" wait for the work that it is called in'),
    });
  });

  it('what is counted are the calls, and not what they share', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const slow = tool('slow', {}, async () => sleep(100));
    const calls = [runner.call(slow, undefined, KEY), runner.call(slow, undefined, KEY)].map(ending);
    expect(runner.stats().running).toBe(2);
    await clock.advance(10);
    const drained = runner.drain({ grace: 20 });
    expect(await clock.until(drained)).toMatchObject({ finished: 0, cancelled: 2, orphans: [{ name: 'slow' }] });
    expect(await clock.until(Promise.all(calls))).toEqual(['CANCELLED', 'CANCELLED']);
    await clock.runAll();
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  });

  it('a call that was taken in before a drain began is run, however long its input is looked at', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const validate = (value: unknown) => sleep(10).then(() => ({ value: value as number }));
    const slow = { '~standard': { version: 1 as const, vendor: 'test', validate } };
    const work = tool('work', { input: slow }, async () => 'done');
    const call = ending(runner.call(work, 1, KEY));
    await clock.advance(5);
    const drained = runner.drain({ grace: '1s' });
    expect(await clock.until(call)).toBe('done');
    expect(await clock.until(drained)).toMatchObject({ finished: 1, cancelled: 0 });
  });

  it('a drain waits for what goes on', async () => {
    const { clock, runner, sleep } = idempotencyBench();
    const slow = tool('slow', {}, async () => sleep(100).then(() => 'done'));
    const shape = pipeline('p').stage('only', (_, { call }) => call(slow, undefined, KEY));
    const [call, run] = [runner.call(slow, undefined, KEY), runner.run(shape)];
    await clock.advance(1);
    const drained = runner.drain({ grace: '1s' });
    expect(await clock.until(call)).toBe('done');
    expect(await clock.until(run)).toEqual({ only: 'done' });
    expect(await clock.until(drained)).toMatchObject({ finished: 2, cancelled: 0, orphans: [] });
  });
});

it('a retry inside goes by the latest deadline of those that wait, not by that of the call that began', async () => {
  const { clock, runner } = idempotencyBench(
    {},
    { beside: [retry({ backoff: 200, tools: { pay: 3 }, stages: { outer: 'none' } })] },
  );
  const pay = tool(
    'pay',
    {},
    scripted(
      [
        { do: 'fail', error: busy(), after: 10 },
        { do: 'succeed', value: 'paid' },
      ],
      { clock },
    ),
  );
  const shape = pipeline('p').stage('outer', (_, { call }) => call(pay, undefined, KEY));
  const first = runner.run(shape, undefined, { deadline: 100 }).report;
  await clock.advance(1);
  expect(await clock.until(ending(runner.call(pay, undefined, KEY)))).toBe('paid');
  expect((await first).status).toBe('timeout');
});
