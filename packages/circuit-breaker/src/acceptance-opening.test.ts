import { concurrency } from '@sluice/concurrency';
import { type Plugin, tool } from '@sluice/core';
import { retry } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, hang, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

const FIVE = { window: { type: 'consecutive', size: 5 } } satisfies CircuitBreakerOptions;
const down = tool('down', {}, () => Promise.reject(new Error('down')));
const stuck = tool('stuck', {}, (_: undefined, { signal }): Promise<string> => hang(signal));

describe('five failures', () => {
  it('open it, and no call reaches its target after that', async () => {
    const breaker = circuitBreaker(FIVE);
    const { runner } = bench({ use: [breaker] });
    let calls = 0;
    const counted = tool('counted', {}, () => {
      calls++;
      throw new Error('down');
    });
    const ends: string[] = [];
    for (let call = 0; call < 8; call++) ends.push(await ending(runner.call(counted)));
    expect(ends).toEqual([...times(5, () => 'down'), ...times(3, () => 'CIRCUIT_OPEN')]);
    expect([calls, breaker.state('tool:counted')]).toEqual([5, 'open']);
  });

  it('of a tool that throws at once, rejects, emits an error, or ends in the middle of a stream, count alike', async () => {
    const breaker = circuitBreaker({ ...FIVE, per: 'all' });
    const { runner } = bench({ use: [breaker] });
    const works: (() => unknown)[] = [
      () => {
        throw new Error('down');
      },
      async () => {
        throw 'no error at all';
      },
      async function* () {
        yield 1;
        throw new Error('broken off');
      },
      () => Promise.reject(Object.assign(new Error('overloaded'), { status: 529 })),
      () => Promise.reject(Object.assign(new Error('unavailable'), { response: { status: 503 } })),
    ];
    for (const [index, work] of works.entries()) {
      expect(breaker.state('all')).toBe('closed');
      await ending(runner.call(tool(`work ${index}`, {}, work as () => Promise<unknown>)));
    }
    expect(breaker.state('all')).toBe('open');
  });

  it('are not five when one call in between succeeds', async () => {
    const breaker = circuitBreaker({ ...FIVE, per: 'all' });
    const { runner } = bench({ use: [breaker] });
    const well = tool('well', {}, () => 'fine');
    for (let round = 0; round < 2; round++) {
      for (let call = 0; call < 4; call++) await ending(runner.call(down));
      await runner.call(well);
    }
    expect(breaker.state('all')).toBe('closed');
  });
});

describe('a hung tool opens it as well as a throwing one', () => {
  it.each([
    ['its attempt limit', [timeout({ attempt: 100 })]],
    ['only the total', [timeout({ total: 100 })]],
    ['a heartbeat that is missing', [heartbeat(100)]],
    ['only the total, with all of its attempts', [timeout({ total: 100 }), retry({ attempts: 3, backoff: 10 })]],
    ['the total, while it holds a permit', [timeout({ total: 100 }), concurrency(100)]],
  ])('when %s ends it', async (_, around) => {
    const breaker = circuitBreaker(FIVE);
    const { clock, runner } = bench({ use: [...around, breaker], acknowledge: ['retry-without-deadline'] });
    for (let call = 0; call < 5; call++) {
      expect(breaker.state('tool:stuck')).toBe('closed');
      await clock.until(ending(runner.call(stuck)));
    }
    expect(breaker.state('tool:stuck')).toBe('open');
    expect(breaker.stats().circuits['tool:stuck']?.because).toBe('5 calls in a row failed');
  });

  it('when the deadline of its call, of its stage or of its run ends it', async () => {
    const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 } });
    const { clock, runner } = bench({ use: [breaker] });
    const ended = runner.call(stuck, undefined, { deadline: 50 });
    expect((await clock.until(failure(ended))).code).toBe('TIMEOUT');
    expect(breaker.state('tool:stuck')).toBe('open');
  });
});

describe('what says nothing about a target does not open it', () => {
  const setUp = (...inside: readonly Plugin[]) => {
    const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 } });
    return { breaker, ...bench({ use: [breaker, ...inside] }) };
  };

  it('a cancellation, of a call that goes on or that waits', async () => {
    const { breaker, clock, runner } = setUp(concurrency(1));
    const stop = new AbortController();
    const all = times(3, () => ending(runner.call(stuck, undefined, { signal: stop.signal })));
    clock.schedule(10, () => stop.abort());
    expect(await clock.until(Promise.all(all))).toEqual(times(3, () => 'CANCELLED'));
    expect(breaker.stats().circuits['tool:stuck']).toMatchObject({ state: 'closed', totals: { calls: 0 } });
  });

  it('QUEUE_FULL and QUEUE_TIMEOUT inside of it, and a total that passes while a call still queues', async () => {
    const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 } });
    const limit = concurrency({ limit: 1, queue: { max: 2, timeout: 20 } });
    const { clock, runner } = bench({ use: [timeout({ total: 100 }), breaker, limit] });
    const busy = tool('busy', {}, () => sleep(clock, 60));
    const all = times(4, () => ending(runner.call(busy)));
    expect(await clock.until(Promise.all(all))).toEqual(['undefined', 'QUEUE_TIMEOUT', 'QUEUE_TIMEOUT', 'QUEUE_FULL']);
    const first = ending(runner.call(busy));
    const late = ending(runner.call(busy, undefined, { timeout: { total: 10 } }));
    expect(await clock.until(Promise.all([first, late]))).toEqual(['undefined', 'TIMEOUT']);
    expect(breaker.stats().circuits['tool:busy']).toMatchObject({ state: 'closed', totals: { calls: 2, failures: 0 } });
  });

  it('its own CIRCUIT_OPEN, and that of a tool that a stage calls, however deep it is wrapped', async () => {
    const { breaker, runner } = setUp();
    breaker.trip('tool:search');
    const search = tool('search', {}, () => 'found');
    const outer = tool('outer', {}, async (_: undefined, ctx) => {
      try {
        return await ctx.call(search);
      } catch (cause) {
        throw new Error('could not search', { cause: new Error('because', { cause }) });
      }
    });
    for (let call = 0; call < 3; call++) expect(await ending(runner.call(outer))).toBe('could not search');
    expect(breaker.stats().circuits['tool:search']?.totals).toMatchObject({ failures: 0, refused: 3, opened: 1 });
    expect(breaker.state('tool:outer')).toBe('closed');
  });

  it.each([
    ['a 429', { status: 429 }],
    ['a 429 with a time to come back', { statusCode: 429, headers: { 'retry-after': '5' } }],
    ['a 404', { status: 404 }],
    ['an input that does not fit', { status: 422 }],
    ['a client that was stopped', { name: 'AbortError' }],
  ])('%s', async (_, fields) => {
    const { breaker, runner } = setUp();
    const answered = tool('answered', {}, () => Promise.reject(Object.assign(new Error('no'), fields)));
    await ending(runner.call(answered));
    expect(breaker.state('tool:answered')).toBe('closed');
  });
});
