import { createRunner, pipeline, tool } from '@sluice/core';
import { timeout } from '@sluice/timeout';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bench, ending, hang, nothingIsLeft, silent, sleep, times } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

const ONE = { window: { type: 'consecutive', size: 1 }, openFor: '1s', probes: 1 } satisfies CircuitBreakerOptions;

/** A tool whose calls end when they are told to. */
function setUp(options: CircuitBreakerOptions = {}) {
  const breaker = circuitBreaker({ ...ONE, ...options });
  const made = bench({ use: [breaker] });
  const pending: { succeed(): void; fail(): void }[] = [];
  const target = tool(
    'target',
    {},
    () =>
      new Promise<string>((resolve, reject) =>
        pending.push({ succeed: () => resolve('fine'), fail: () => reject(new Error('down')) }),
      ),
  );
  const call = (): Promise<string> => ending(made.runner.call(target));
  const state = () => breaker.state('tool:target');
  return { ...made, breaker, pending, target, call, state };
}

describe('results that started before a transition do not touch the new state', () => {
  it('failures from before it opened do not open it anew once it is half-open, or has closed', async () => {
    const { clock, pending, call, state } = setUp();
    const old = times(4, call);
    pending[0]?.fail();
    await old[0];
    expect(state()).toBe('open');
    await clock.advance(1_000);
    const probe = call();
    pending[1]?.fail();
    await old[1];
    expect(state()).toBe('half-open');
    pending[4]?.succeed();
    await probe;
    expect(state()).toBe('closed');
    pending[2]?.fail();
    await old[2];
    expect(state()).toBe('closed');
    pending[3]?.succeed();
    await old[3];
  });

  it('a success from before it opened does not close it', async () => {
    const { clock, pending, call, state } = setUp();
    const old = times(2, call);
    pending[0]?.fail();
    await old[0];
    await clock.advance(1_000);
    expect(state()).toBe('half-open');
    pending[1]?.succeed();
    await old[1];
    expect(state()).toBe('half-open');
  });

  it('nor does anything from before a reset', async () => {
    const { pending, call, state, breaker } = setUp({ window: { type: 'consecutive', size: 2 } });
    const old = times(2, call);
    pending[0]?.fail();
    await old[0];
    breaker.reset('tool:target');
    pending[1]?.fail();
    await old[1];
    expect([state(), breaker.stats().circuits['tool:target']?.window.failures]).toEqual(['closed', 0]);
  });
});

describe('slow calls', () => {
  it('open it while they still run, and count no other time', async () => {
    const slowCall = { duration: '2s', rate: 0.5 } as const;
    const { clock, runner, breaker, of, pending, call, state } = setUp({
      window: { type: 'count', size: 10, minimum: 4 },
      slowCall,
    });
    const all = times(4, call);
    await clock.advance(1_999);
    expect(state()).toBe('closed');
    await clock.advance(1);
    expect(state()).toBe('open');
    expect(of('circuit.open')[0]).toMatchObject({ because: '4 of 4 calls took longer than 2 s' });
    for (const { succeed } of pending) succeed();
    expect(await Promise.all(all)).toEqual(times(4, () => 'fine'));
    expect(breaker.stats().circuits['tool:target']?.totals).toMatchObject({ slow: 4, failures: 0 });
    expect(runner.stats().running).toBe(0);
  });

  it('are slow once, however long they take, and also when they end in the very moment', async () => {
    const { clock, runner, breaker } = judged({ slowCall: { duration: 100, rate: 1 } });
    const exactly = tool('exactly', {}, () => sleep(clock, 100));
    const almost = tool('almost', {}, () => sleep(clock, 99));
    const long = tool('long', {}, () => sleep(clock, 150));
    await clock.until(Promise.all([runner.call(exactly), runner.call(almost), runner.call(long)]));
    for (const key of ['tool:exactly', 'tool:long'])
      expect(breaker.stats().circuits[key]?.window).toEqual({ calls: 1, failures: 0, paced: 1, slow: 1 });
    expect(breaker.stats().circuits['tool:exactly']?.totals.slow).toBe(1);
    expect(breaker.stats().circuits['tool:almost']?.totals.slow).toBe(0);
  });

  function judged(options: CircuitBreakerOptions) {
    const breaker = circuitBreaker({ window: { type: 'count', size: 10, minimum: 10 }, ...options });
    return { breaker, ...bench({ use: [breaker] }) };
  }
});

describe('state', () => {
  it('outlives runs, is one for each key, and is shared by every pipeline of the runner', async () => {
    const breaker = circuitBreaker(ONE);
    const { runner } = bench({ use: [breaker] });
    const search = tool('search', {}, () => Promise.reject(new Error('down')));
    const first = pipeline('first').stage('look', (_, ctx) => ctx.call(search));
    const second = pipeline('second').stage('ask', (_, ctx) => ctx.call(search));
    const one = await runner.run(first).report;
    expect(one.stages.look.status).toBe('failed');
    const two = await runner.run(second).report;
    expect(two.stages.ask).toMatchObject({ status: 'failed', error: { cause: { code: 'CIRCUIT_OPEN' } } });
    expect(breaker.keys().sort()).toEqual(['stage:ask', 'stage:look', 'tool:search']);
    expect(breaker.state('stage:ask')).toBe('closed');
    expect(await ending(runner.call(tool('other', {}, () => 'fine')))).toBe('fine');
  });

  it('survives snapshot and restore, from one process to the next', async () => {
    const before = circuitBreaker(ONE);
    const there = bench({ use: [before] });
    const down = tool('down', {}, () => Promise.reject(new Error('down')));
    const well = tool('well', {}, () => 'fine');
    await there.clock.advance(123_456);
    await ending(there.runner.call(down));
    await ending(there.runner.call(well));
    await there.clock.advance(400);
    const json = JSON.stringify(before.snapshot());

    const after = circuitBreaker(ONE);
    after.restore(JSON.parse(json));
    const here = bench({ use: [after] });
    expect([after.state('tool:down'), after.state('tool:well')]).toEqual(['open', 'closed']);
    expect(await ending(here.runner.call(down))).toBe('CIRCUIT_OPEN');
    await here.clock.advance(599);
    expect(after.state('tool:down')).toBe('open');
    await here.clock.advance(1);
    expect(after.state('tool:down')).toBe('half-open');
    expect(JSON.stringify(after.snapshot().circuits['tool:well'])).toBe(
      JSON.stringify(before.snapshot().circuits['tool:well']),
    );
  });
});

describe('the wall clock', () => {
  afterEach(() => vi.useRealTimers());

  it.each([3_600_000, -3_600_000])('moved by %i ms changes nothing', async (moved) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const breaker = circuitBreaker({ ...ONE, window: { type: 'time', size: '1m', minimum: 2 } });
    const runner = createRunner({ use: [timeout({ attempt: '1h' }), breaker], logger: silent });
    const down = tool('down', {}, () => Promise.reject(new Error('down')));
    await ending(runner.call(down));
    vi.setSystemTime(Date.now() + moved);
    expect(breaker.stats().circuits['tool:down']?.window.failures).toBe(1);
    await ending(runner.call(down));
    expect(breaker.state('tool:down')).toBe('open');
    vi.setSystemTime(Date.now() + moved);
    expect(breaker.state('tool:down')).toBe('open');
    expect(await ending(runner.call(down))).toBe('CIRCUIT_OPEN');
  });
});

it('A hung tool whose signal is ignored counts once, at its verdict', async () => {
  const breaker = circuitBreaker({ window: { type: 'consecutive', size: 2 } });
  const { clock, runner } = bench({ use: [timeout({ attempt: 100 }), breaker] });
  const deaf = tool('deaf', {}, () => sleep(clock, 10_000));
  await clock.until(ending(runner.call(deaf)));
  expect(breaker.stats().failures).toBe(1);
  await clock.advance(20_000);
  expect(breaker.stats()).toMatchObject({ calls: 1, failures: 1, opened: 0 });
  const listening = tool('listening', {}, (_: undefined, { signal }) => hang(signal));
  await clock.until(ending(runner.call(listening)));
  expect(breaker.state('tool:listening')).toBe('closed');
});
