import { type Call, createRunner, pipeline, tool, withContext } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { ending, idempotencyBench } from './idempotency-bench.test-kit.ts';
import { idempotency, memoryIdempotencyStore } from './index.ts';
import { nothingIsLeft } from './retry-bench.test-kit.ts';

nothingIsLeft();

type Options = Parameters<typeof idempotencyBench>[0];

/** A tool that takes 100 ms, and answers how often it was run. */
function counter(options: Options = {}) {
  const stand = idempotencyBench(options);
  const counts = { runs: 0 };
  const charge = tool('charge', {}, async (_: unknown) => {
    const run = ++counts.runs;
    await stand.sleep(100);
    return run;
  });
  const call = (input: unknown = 1, idempotencyKey: string | undefined = 'k') =>
    stand.runner.call(charge, input, idempotencyKey === undefined ? {} : { idempotencyKey });
  return { ...stand, charge, counts, call };
}

describe('calls with one key', () => {
  it.each([1, 10, 50])('are one execution, be it %d at once', async (count) => {
    const { clock, counts, call, plugin, of } = counter();
    const all = Array.from({ length: count }, () => call());
    expect(await clock.until(Promise.all(all))).toEqual(all.map(() => 1));
    expect([counts.runs, clock.now()]).toEqual([1, 100]);
    expect(plugin.stats()).toEqual({ run: 1, joined: count - 1, replayed: 0, mismatched: 0, underWay: 0 });
    expect(of('idempotency.hit')).toHaveLength(count - 1);
  });

  it('that come later are given the same result at once, and it is said of them', async () => {
    const { clock, counts, call, plugin, of } = counter();
    await clock.until(call());
    const from = clock.now();
    expect(await clock.until(call())).toBe(1);
    expect([counts.runs, clock.now() - from]).toEqual([1, 0]);
    expect(of('idempotency.hit')).toMatchObject([{ key: 'k', how: 'replayed', name: 'charge' }]);
    expect(plugin.stats()).toMatchObject({ run: 1, replayed: 1 });
  });

  it('that have failed are not kept: the next one tries anew', async () => {
    const { clock, runner, plugin } = idempotencyBench();
    let runs = 0;
    const flaky = tool('flaky', {}, async () => {
      runs++;
      if (runs === 1) throw new Error('down');
      return runs;
    });
    const call = () => runner.call(flaky, undefined, { idempotencyKey: 'k' });
    expect(await clock.until(Promise.all([ending(call()), ending(call())]))).toEqual(['down', 'down']);
    expect(await clock.until(call())).toBe(2);
    expect(await clock.until(call())).toBe(2);
    expect(plugin.stats()).toMatchObject({ run: 2, joined: 1, replayed: 1 });
  });

  it.each([undefined, null, 0, '', false, Number.NaN])('are given %s again as it was', async (value) => {
    const { clock, runner } = idempotencyBench();
    let runs = 0;
    const work = tool('work', {}, async () => {
      runs++;
      return value;
    });
    const call = () => runner.call(work, undefined, { idempotencyKey: 'k' });
    expect(await clock.until(Promise.all([call(), call()]))).toEqual([value, value]);
    expect([await clock.until(call()), runs]).toEqual([value, 1]);
  });

  it('without a key are on their own', async () => {
    const { clock, runner, charge, counts } = counter();
    await clock.until(Promise.all([runner.call(charge, 1), runner.call(charge, 1)]));
    expect(counts.runs).toBe(2);
  });
});

describe('the same key with other input', () => {
  it('is an error that names target and key, be the other one going on or over', async () => {
    const { clock, call, counts, plugin } = counter();
    const first = call(1);
    const wrong = {
      code: 'IDEMPOTENCY_MISMATCH',
      retryable: false,
      message: 'Tool "charge" was called under the idempotency key "k" with other input than before',
      call: { name: 'charge' },
      details: { key: 'k' },
    };
    await expect(clock.until(call(2))).rejects.toMatchObject(wrong);
    expect(await clock.until(first)).toBe(1);
    await expect(clock.until(call(2))).rejects.toMatchObject(wrong);
    expect(counts.runs).toBe(1);
    expect(plugin.stats()).toMatchObject({ mismatched: 2 });
  });

  it("is run on its own with onMismatch: 'run', and takes nobody's place", async () => {
    const { clock, call, counts } = counter({ onMismatch: 'run' });
    const first = call(1);
    expect(await clock.until(call(2))).toBe(2);
    expect(await clock.until(first)).toBe(1);
    expect(await clock.until(call(2))).toBe(3);
    expect(await clock.until(call(1))).toBe(1);
    expect(counts.runs).toBe(3);
  });

  it('may be anything once the first has failed', async () => {
    const { clock, runner } = idempotencyBench();
    const work = tool('work', {}, async (input: number) => {
      if (input === 1) throw new Error('down');
      return input;
    });
    expect(await clock.until(ending(runner.call(work, 1, { idempotencyKey: 'k' })))).toBe('down');
    expect(await clock.until(runner.call(work, 2, { idempotencyKey: 'k' }))).toBe(2);
  });
});

describe('keys are of their target:', () => {
  it('a tool, a function and a stage of one name know nothing of each other', async () => {
    const { clock, runner } = idempotencyBench({ key: () => 'k' });
    const save = tool('save', {}, async () => 'tool');
    const wrapped = runner.wrap(async () => 'function', { name: 'save' });
    const shape = pipeline('p').stage('save', async () => 'stage');
    expect(await clock.until(runner.call(save))).toBe('tool');
    expect(await clock.until(wrapped())).toBe('function');
    expect(await clock.until(runner.run(shape))).toEqual({ save: 'stage' });
  });

  it('nor do two whose names and keys read alike in one', async () => {
    const { clock, runner } = idempotencyBench();
    const tools = ['a', 'a:b'].map((name) => tool(name, {}, async () => name));
    const [short, long] = tools as [(typeof tools)[0], (typeof tools)[0]];
    expect(await clock.until(runner.call(short, undefined, { idempotencyKey: 'b:c' }))).toBe('a');
    expect(await clock.until(runner.call(long, undefined, { idempotencyKey: 'c' }))).toBe('a:b');
  });
});

describe('a result is given again for its ttl, from its end', () => {
  it.each<[Options, number]>([
    [{}, 3_600_000],
    [{ ttl: '10s' }, 10_000],
    [{ tools: { charge: { ttl: 50 } } }, 50],
  ])('%o', async (options, ttl) => {
    const { clock, call } = counter(options);
    await clock.until(call());
    await clock.advance(ttl - 1);
    expect(await clock.until(call())).toBe(1);
    await clock.advance(1);
    expect(await clock.until(call())).toBe(2);
  });

  it('which may be 0: then only those that come meanwhile share it', async () => {
    const { clock, call } = counter({ ttl: 0 });
    expect(await clock.until(Promise.all([call(), call()]))).toEqual([1, 1]);
    expect(await clock.until(call())).toBe(2);
  });

  it("or 'none', for as long as there is room", async () => {
    const { clock, call } = counter({ ttl: 'none', store: memoryIdempotencyStore({ max: 2 }) });
    await clock.until(call(1, 'a'));
    await clock.advance(10 ** 12);
    expect(await clock.until(call(1, 'a'))).toBe(1);
    await clock.until(call(1, 'b'));
    await clock.until(call(1, 'c'));
    expect(await clock.until(call(1, 'a'))).toBe(4);
  });
});

describe('the key is said', () => {
  it.each<[string, Options]>([
    ['by the plugin', { key: (call: Call) => `of ${String(call.input)}` }],
    ['for a tool', { tools: { charge: 'always' } }],
    ['for a kind', { kinds: { work: { key: () => 'always' } } }],
  ])('%s', async (_, options) => {
    const { clock, runner } = idempotencyBench(options);
    let runs = 0;
    const charge = tool('charge', { kind: 'work' }, async (_input: number) => ++runs);
    const all = [runner.call(charge, 7), runner.call(charge, 7)];
    expect(await clock.until(Promise.all(all))).toEqual([1, 1]);
  });

  it('by the tool, by the call, and by the run for its stages', async () => {
    const { clock, runner } = idempotencyBench();
    let runs = 0;
    const own = tool('own', { idempotency: 'of the tool' }, async () => ++runs);
    expect(await clock.until(Promise.all([runner.call(own), runner.call(own)]))).toEqual([1, 1]);
    const plain = tool('plain', {}, async () => ++runs);
    const said = () => runner.call(plain, undefined, { idempotency: 'of the call' });
    expect(await clock.until(Promise.all([said(), said()]))).toEqual([2, 2]);
    const shape = pipeline('p').stage('save', async () => ++runs);
    const run = () => runner.run(shape, undefined, { stages: { save: { idempotency: 'of the run' } } });
    expect(await clock.until(Promise.all([run(), run()]))).toEqual([{ save: 3 }, { save: 3 }]);
  });

  it("by nobody with 'none'", async () => {
    const { clock, runner, charge, counts } = counter({ key: () => 'k', tools: { charge: 'none' } });
    await clock.until(Promise.all([runner.call(charge, 1), runner.call(charge, 1)]));
    expect(counts.runs).toBe(2);
  });

  it('and is what the work is given, whoever began it', async () => {
    const { clock, runner } = idempotencyBench({ key: () => 'order-7' });
    const told: string[] = [];
    const pay = runner.wrap(
      withContext(async (context) => {
        told.push(context.idempotencyKey);
      }),
      { name: 'pay' },
    );
    await clock.until(Promise.all([pay(), pay()]));
    expect(told).toEqual(['order-7']);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no order');
      },
    ],
    ['answers a number', () => 7],
    ['answers nothing to tell it by', () => ''],
    ['answers a promise', async () => 'k'],
    ['answers a promise that is rejected', () => Promise.reject(new Error('later'))],
  ])('by a function that %s, and so is an error, and nothing is run', async (_, key) => {
    const { clock, runner, charge, counts } = counter({ key: key as never });
    await expect(clock.until(runner.call(charge, 1))).rejects.toMatchObject({
      code: 'INTERCEPTOR',
      interceptor: 'idempotency',
      message: expect.stringContaining('could not tell which call it is'),
    });
    expect(counts.runs).toBe(0);
  });
});

it('input that cannot be read is an error, and nothing is run', async () => {
  const { clock, call, counts } = counter();
  const hostile = {
    get order(): string {
      throw new Error('no');
    },
  };
  await expect(clock.until(call(hostile))).rejects.toMatchObject({ code: 'INTERCEPTOR', cause: { message: 'no' } });
  expect(counts.runs).toBe(0);
});

it('two plugins of one store share what they know', async () => {
  const store = memoryIdempotencyStore();
  const { clock, call, charge, counts } = counter({ store });
  await clock.until(call());
  const other = createRunner({ clock, use: [idempotency({ store })] });
  expect(await clock.until(other.call(charge, 1, { idempotencyKey: 'k' }))).toBe(1);
  expect(counts.runs).toBe(1);
});

it('new options hold for the calls that come after', async () => {
  const { clock, runner, call } = counter();
  runner.update({ idempotency: { ttl: 10 } });
  await clock.until(call());
  await clock.advance(10);
  expect(await clock.until(call())).toBe(2);
});
