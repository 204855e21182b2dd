import { type Context, pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, expectAtRest, Gauge, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

interface Job {
  readonly who: string;
  readonly priority?: number;
  readonly ms?: number;
}

const byInput: ConcurrencyOptions['priority'] = ({ input }) => (input as Job).priority ?? 0;

function setUp(options: ConcurrencyOptions) {
  const plugin = concurrency(options);
  const { clock, runner, of } = bench({ use: [plugin] });
  const gauge = new Gauge(clock);
  const work = tool('work', {}, ({ who, ms = 10 }: Job) => gauge.busy(ms, who));
  return { plugin, clock, runner, of, gauge, call: (job: Job) => runner.call(work, job) };
}

describe('priority', () => {
  it('of 5 low and 3 high that wait the high ones go first, each class in order', async () => {
    const { clock, gauge, call } = setUp({ limit: 1, priority: byInput });
    const first = call({ who: 'first' });
    const low = times(5, (n) => call({ who: `low ${n}`, priority: 10 }));
    const high = times(3, (n) => call({ who: `high ${n}`, priority: 1 }));
    await clock.until(Promise.all([first, ...low, ...high]));
    expect(gauge.order).toEqual(['first', ...times(3, (n) => `high ${n}`), ...times(5, (n) => `low ${n}`)]);
  });

  it.each([-999, -3, 0, 7, 999])('is the smaller number, and %i stands between its neighbours', async (middle) => {
    const { clock, gauge, call } = setUp({ limit: 1, priority: byInput, ageing: 'none' });
    const jobs = [middle + 0.5, middle + 1, middle, middle - 1].map((priority) =>
      call({ who: String(priority), priority }),
    );
    await clock.until(Promise.all([...jobs]));
    const numbers = gauge.order.slice(1).map(Number);
    expect(numbers).toEqual([middle - 1, middle, middle + 1]);
  });

  it('is that of the run where nothing else is said', async () => {
    const { clock, runner, gauge } = setUp({ limit: 1 });
    const shape = pipeline<string>('p').stage('s', ({ input }) => gauge.busy(10, input));
    const runs = [5, 0, -5].map((priority) => runner.run(shape, String(priority), { priority }));
    const tools = pipeline('q').stage('s', { concurrency: 'none' }, (_, { call }) =>
      call(tool('t', {}, () => gauge.busy(1, 'tool'))),
    );
    const busy = runner.run(tools, undefined, { priority: -9 });
    await clock.until(Promise.all([...runs, busy]));
    expect(gauge.order).toEqual(['5', 'tool', '-5', '0']);
  });

  it('may be said of a tool, as a number, without a limit of its own', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 1, tools: { late: { priority: 5 } } });
    const make = (name: string, priority?: number) =>
      tool(name, priority === undefined ? {} : { concurrency: { priority } }, () => gauge.busy(10, name));
    const all = [make('one'), make('late'), make('two'), make('soon', -5)].map((each) => runner.call(each));
    await clock.until(Promise.all(all));
    expect(gauge.order).toEqual(['one', 'soon', 'two', 'late']);
    expect(Object.keys(plugin.stats().pools)).toEqual(['all']);
  });
});

describe('ageing', () => {
  it('lets each of 5 low waiters run within its bound, though 3 producers of high ones never stop', async () => {
    const [ageing, difference, ms] = [1_000, 4, 50];
    const { clock, gauge, call, of } = setUp({ limit: 1, priority: byInput, ageing });
    let stop = false;
    const producer = async (n: number): Promise<void> => {
      while (!stop) await call({ who: `high ${n}`, priority: 0, ms });
    };
    const producers = times(3, producer);
    await clock.advance(10);
    const low = times(5, (n) => call({ who: `low ${n}`, priority: difference, ms }));
    await clock.until(Promise.all(low));
    stop = true;
    await clock.until(Promise.all(producers));
    const waits = of('queue.leave').flatMap(({ waitedMs, name }) => (name === 'work' ? [waitedMs] : []));
    const lowAt = gauge.begun.filter(({ who }) => String(who).startsWith('low')).map(({ at }) => at - 10);
    expect(lowAt).toHaveLength(5);
    // Four classes, and then what was there before it: the one that runs, three high ones, four low ones.
    for (const waited of lowAt) expect(waited).toBeLessThanOrEqual(difference * ageing + 8 * ms);
    expect(Math.min(...lowAt)).toBeGreaterThanOrEqual(difference * ageing - ms);
    expect(Math.max(...waits)).toBeLessThanOrEqual(difference * ageing + 8 * ms);
  });

  it("'none' lets them wait for as long as others are preferred", async () => {
    const { clock, gauge, call } = setUp({ limit: 1, priority: byInput, ageing: 'none' });
    const producer = async (): Promise<void> => {
      while (clock.now() < 60_000) await call({ who: 'high', priority: 0, ms: 50 });
    };
    const producers = times(2, producer);
    await clock.advance(10);
    const low = call({ who: 'low', priority: 1 });
    await clock.until(Promise.all([...producers, low]));
    expect(gauge.order.indexOf('low')).toBeGreaterThanOrEqual(60_000 / 50);
  });

  it('is 5 s for each class unless set', async () => {
    const { clock, gauge, call } = setUp({ limit: 1, priority: byInput });
    const first = call({ who: 'first', ms: 5_001 });
    const old = call({ who: 'old', priority: 1 });
    await clock.advance(4_999);
    const young = call({ who: 'young', priority: 0 });
    await clock.until(Promise.all([first, old, young]));
    expect(gauge.order).toEqual(['first', 'old', 'young']);
  });
});

describe('order', () => {
  it.each([
    ['fifo', [0, 1, 2, 3, 4, 5]],
    ['lifo', [0, 5, 4, 3, 2, 1]],
  ] as const)("'%s' serves those that wait in that order", async (order, expected) => {
    const { clock, gauge, call } = setUp({ limit: 1, queue: { order } });
    await clock.until(Promise.all(times(6, (n) => call({ who: String(n) }))));
    expect(gauge.order.map(Number)).toEqual(expected);
  });

  it("'lifo' holds within a class of priority, and not across", async () => {
    const { clock, gauge, call } = setUp({ limit: 1, queue: { order: 'lifo' }, priority: byInput });
    const jobs = ['x', 'low 1', 'high 1', 'low 2', 'high 2'].map((who) =>
      call({ who, priority: who.startsWith('low') ? 1 : 0 }),
    );
    await clock.until(Promise.all(jobs));
    expect(gauge.order).toEqual(['x', 'high 2', 'high 1', 'low 2', 'low 1']);
  });
});

describe('fair shares', () => {
  const shares: Readonly<Record<string, number>> = { a: 1, b: 1, c: 1, d: 1, e: 4 };
  const fair: ConcurrencyOptions['fair'] = {
    by: ({ input }) => (input as Job).who,
    share: (tenant) => shares[tenant] as number,
  };

  it.each([1, 4, 8])(
    '100 tools of 20 ms over 5 tenants with weights 1:1:1:1:4 get them within 5 %% (limit %i)',
    async (limit) => {
      const { clock, gauge, call } = setUp({ limit, fair });
      // Each has 20, so that the largest tenant has a backlog for as long as is looked at.
      const jobs = times(100, (n) => call({ who: 'abcde'[n % 5] as string, ms: 20 }));
      await clock.until(Promise.all(jobs));
      const contended = gauge.order.slice(limit, limit + 32);
      for (const [tenant, weight] of Object.entries(shares)) {
        const share = contended.filter((who) => who === tenant).length / contended.length;
        expect(Math.abs(share - weight / 8)).toBeLessThanOrEqual(0.05);
      }
    },
  );

  it('hold over a long time, whoever comes first, within 5 %', async () => {
    const { clock, gauge, call } = setUp({ limit: 3, fair });
    const producer = async (who: string): Promise<void> => {
      while (clock.now() < 20_000) await Promise.all(times(12, () => call({ who, ms: 20 })));
    };
    await clock.until(Promise.all(['a', 'b', 'c', 'd', ...times(6, () => 'e')].map(producer)));
    const contended = gauge.begun.filter(({ at }) => at > 500 && at < 19_000).map(({ who }) => who as string);
    for (const [tenant, weight] of Object.entries(shares)) {
      const share = contended.filter((who) => who === tenant).length / contended.length;
      expect(Math.abs(share - weight / 8)).toBeLessThanOrEqual(0.05);
    }
  });

  it('are equal unless said, and whoever was away has saved nothing up', async () => {
    const { clock, gauge, call } = setUp({ limit: 1, fair: { by: ({ input }) => (input as Job).who } });
    const busy = times(60, () => call({ who: 'a' }));
    await clock.advance(305);
    const late = times(10, () => call({ who: 'b' }));
    await clock.until(Promise.all([...busy, ...late]));
    const since = gauge.order.slice(31, 51);
    expect(since.filter((who) => who === 'b')).toHaveLength(10);
    expect(since.slice(0, 10).filter((who) => who === 'b').length).toBeLessThanOrEqual(6);
  });
});

describe('inversion', () => {
  it('through an exclusive holder is resolved: what it waits for goes before all that is less urgent than who waits for it', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 100, priority: byInput, ageing: 'none' });
    const db = tool('db', { concurrency: 1 }, ({ who, ms = 10 }: Job) => gauge.busy(ms, who));
    const ledger = tool('ledger', { concurrency: { exclusive: true } }, async (job: Job, { call }: Context) => {
      gauge.begun.push({ who: `${job.who} has the ledger`, at: clock.now() });
      await call(db, { who: `${job.who} in db`, priority: job.priority ?? 0 });
    });
    const all = times(5, (n) => runner.call(db, { who: `medium ${n}`, priority: 5 }));
    all.push(runner.call(ledger, { who: 'low', priority: 9 }));
    await clock.advance(1);
    all.push(...times(5, (n) => runner.call(db, { who: `late ${n}`, priority: 5 })));
    all.push(runner.call(ledger, { who: 'high', priority: 1 }));
    await clock.until(Promise.all(all));
    const at = (who: string): number => gauge.order.indexOf(who);
    expect(at('low in db')).toBeLessThan(at('medium 1'));
    expect(at('high has the ledger')).toBe(at('low in db') + 2);
    expect(at('high in db')).toBeLessThan(at('medium 3'));
    expectAtRest(plugin);
  });

  it('is not there without anybody urgent: then it waits like the others', async () => {
    const { clock, runner, gauge } = setUp({ limit: 100, priority: byInput, ageing: 'none' });
    const db = tool('db', { concurrency: 1 }, ({ who }: Job) => gauge.busy(10, who));
    const ledger = tool('ledger', { concurrency: { exclusive: true } }, (_: Job, { call }: Context) =>
      call(db, { who: 'low in db', priority: 9 }),
    );
    const all = times(5, (n) => runner.call(db, { who: `medium ${n}`, priority: 5 }));
    all.push(runner.call(ledger, { who: 'low', priority: 9 }));
    await clock.until(Promise.all(all));
    expect(gauge.order.at(-1)).toBe('low in db');
  });

  it('ends when the urgent one is stopped: what was lent is taken back', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 100, priority: byInput, ageing: 'none' });
    const stop = new AbortController();
    const db = tool('db', { concurrency: 1 }, ({ who }: Job) => gauge.busy(10, who));
    const ledger = tool('ledger', { concurrency: { exclusive: true } }, (_: Job, { call }: Context) =>
      call(db, { who: 'low in db', priority: 9 }),
    );
    const all = times(5, (n) => runner.call(db, { who: `medium ${n}`, priority: 5 }));
    all.push(runner.call(ledger, { who: 'low', priority: 9 }));
    await clock.advance(1);
    const urgent = runner.call(ledger, { who: 'high', priority: 1 }, { signal: stop.signal }).catch(() => 'stopped');
    await clock.advance(1);
    stop.abort(new Error('never mind'));
    await clock.until(Promise.all([...all, urgent]));
    expect(gauge.order.at(-1)).toBe('low in db');
    expectAtRest(plugin);
  });
});

describe('exclusive calls', () => {
  it('are alone in their pool, in order, while the others go on in parallel', async () => {
    const { plugin, clock, runner, gauge } = setUp({ limit: 10, exclusive: ({ name }) => name === 'write' });
    const read = tool('read', {}, () => gauge.busy(10, 'read'));
    const write = tool('write', {}, async () => {
      expect(gauge.running).toBe(0);
      await gauge.busy(10, 'write');
      expect(gauge.running).toBe(0);
    });
    const all = [read, read, read, write, read, read, write, write, read].map((each) => runner.call(each));
    await clock.until(Promise.all(all));
    expect(gauge.begun.map(({ who, at }) => `${who} ${at}`)).toEqual([
      ...['read 0', 'read 0', 'read 0', 'write 10', 'read 20', 'read 20', 'write 30', 'write 40', 'read 50'],
    ]);
    expectAtRest(plugin);
  });

  it('of one key do not wait for those of another', async () => {
    const { clock, runner, gauge } = setUp({ limit: 10, exclusive: true, per: ({ input }) => String(input) });
    const write = tool('write', {}, (key: string) => gauge.busy(10, key));
    await clock.until(Promise.all(['a', 'b', 'a', 'c', 'b'].map((key) => runner.call(write, key))));
    expect(gauge.begun.map(({ who, at }) => `${who} ${at}`)).toEqual(['a 0', 'b 0', 'c 0', 'a 10', 'b 10']);
  });
});
