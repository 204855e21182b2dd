import { defineInterceptor, Place, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { concat, defer, Subject, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, hang, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { type Asked, AsyncCircuits } from './async-circuits.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

const ONE = { window: { type: 'consecutive', size: 1 }, openFor: '1s', probes: 1 } satisfies CircuitBreakerOptions;

/** Two processes with a breaker each, and a store that is 10 ms away from both. */
function setUp(options: CircuitBreakerOptions = {}) {
  const clock = virtualClock();
  const store = new AsyncCircuits(() => sleep(clock, 10));
  const [here, there] = [0, 1].map(() => {
    const breaker = circuitBreaker({ ...ONE, store, ...options });
    return { breaker, ...bench({ use: [timeout({ total: '1m' }), breaker] }, clock) };
  }) as [Side, Side];
  return { clock, store, here, there };
}
type Side = ReturnType<typeof bench> & { readonly breaker: ReturnType<typeof circuitBreaker> };

const down = tool('service', {}, () => Promise.reject(new Error('down')));
const well = tool('service', {}, () => 'fine');

describe('with a store that answers later', () => {
  it('what one opens is open for all, until the probe of one closes it for all', async () => {
    const { clock, here, there } = setUp();
    expect(await clock.until(ending(here.runner.call(down)))).toBe('down');
    await clock.advance(20);
    expect(await clock.until(ending(there.runner.call(well)))).toBe('CIRCUIT_OPEN');
    await clock.advance(1_000);
    const both = await clock.until(Promise.all([here, there].map(({ runner }) => ending(runner.call(well)))));
    expect(both.sort()).toEqual(['CIRCUIT_OPEN', 'fine']);
    await clock.advance(50);
    expect([here.breaker.state('tool:service'), there.breaker.state('tool:service')]).toEqual(['closed', 'closed']);
  });

  it('1,000 callers of all processes at the moment of half-opening admit exactly so many probes', async () => {
    const { clock, here, there } = setUp({ probes: 3 });
    await clock.until(ending(here.runner.call(down)));
    await clock.advance(1_500);
    let begun = 0;
    const slow = tool('service', {}, () => {
      begun++;
      return sleep(clock, 100);
    });
    await clock.until(Promise.all(times(1_000, (n) => ending((n % 2 === 0 ? here : there).runner.call(slow)))));
    expect(begun).toBe(3);
    await clock.advance(50);
  });

  it('a call that is stopped while it asks never begins, and its permit goes back', async () => {
    const { clock, here } = setUp();
    await clock.until(ending(here.runner.call(down)));
    await clock.advance(1_000);
    let begun = 0;
    const counted = tool('service', {}, () => ++begun);
    const stop = new AbortController();
    const stopped = ending(here.runner.call(counted, undefined, { signal: stop.signal }));
    clock.schedule(5, () => stop.abort());
    expect(await clock.until(stopped)).toBe('CANCELLED');
    await clock.advance(50);
    expect([begun, here.breaker.stats().circuits['tool:service']?.probing]).toEqual([0, 0]);
    expect(await clock.until(ending(here.runner.call(counted)))).toBe('1');
    await clock.advance(50);
  });

  it.each([
    ['while it asks', 5, 1],
    ['while it works', 50, 2],
  ])(
    'an attempt that an interceptor around gives up %s is stopped, and another one may follow',
    async (_, at, attempts) => {
      const clock = virtualClock();
      const given = new Subject<void>();
      const impatient = defineInterceptor({
        name: 'impatient',
        priority: Place.retry,
        intercept: (call, next) =>
          concat(
            next(call).pipe(takeUntil(given)),
            defer(() => next(call.again({ error: new Error('too slow') }))),
          ),
      });
      const breaker = circuitBreaker({ ...ONE, store: new AsyncCircuits(() => sleep(clock, 10)) });
      const { runner } = bench({ use: [impatient, breaker] }, clock);
      const aborted: boolean[] = [];
      const signals: AbortSignal[] = [];
      const slow = tool('service', {}, async (_: undefined, { signal }) => {
        signals.push(signal);
        await Promise.race([sleep(clock, 100), hang(signal)]);
        aborted.push(...signals.map((one) => one.aborted));
        return 'fine';
      });
      clock.schedule(at, () => given.next());
      expect(await clock.until(ending(runner.call(slow)))).toBe('fine');
      expect(aborted).toEqual(attempts === 1 ? [false] : [true, false]);
      await clock.advance(200);
    },
  );

  it('a deadline holds while it asks', async () => {
    const { clock, here } = setUp();
    const ended = ending(here.runner.call(well, undefined, { deadline: 5 }));
    expect(await clock.until(ended)).toBe('TIMEOUT');
    expect(clock.now()).toBe(5);
    await clock.advance(100);
  });

  it('slow calls open it while they still run', async () => {
    const { clock, here } = setUp({ slowCall: { duration: 100, rate: 1 }, window: { type: 'count', size: 2 } });
    const stop = new AbortController();
    const stuck = tool('service', {}, (_: undefined, { signal }): Promise<string> => hang(signal));
    const all = times(2, () => ending(here.runner.call(stuck, undefined, { signal: stop.signal })));
    await clock.advance(150);
    expect(here.breaker.state('tool:service')).toBe('open');
    stop.abort();
    await clock.until(Promise.all(all));
    await clock.advance(50);
  });

  it('what is done by hand is done once it has answered, and is told by all', async () => {
    const { clock, here, there } = setUp();
    await clock.until(there.runner.call(well));
    const done = here.breaker.isolate('tool:service');
    expect(there.breaker.state('tool:service')).toBe('closed');
    await clock.until(done as Promise<void>);
    await clock.advance(20);
    expect(await clock.until(ending(there.runner.call(well)))).toBe('CIRCUIT_OPEN');
    expect(there.of('circuit.open')).toMatchObject([{ state: 'isolated', because: 'isolated by hand' }]);
    await clock.until(there.breaker.reset('tool:service') as Promise<void>);
    expect(await clock.until(here.runner.call(well))).toBe('fine');
    await clock.until(here.breaker.restore(there.breaker.snapshot()) as Promise<void>);
  });
});

describe('with a store that fails', () => {
  it.each<[Asked]>([['permit'], ['report']])('at %s calls go on, and it is told once', async (what) => {
    const { clock, store, here } = setUp();
    store.fails = (asked) => asked === what;
    for (let call = 0; call < 5; call++) expect(await clock.until(here.runner.call(well))).toBe('fine');
    expect((await clock.until(failure(here.runner.call(down)))).message).toBe('down');
    await clock.advance(50);
    expect(here.of('warning')).toHaveLength(1);
    expect(JSON.stringify(here.of('warning'))).toContain(
      what === 'permit' ? 'could not be asked' : 'could not be told',
    );
    expect(here.breaker.state('tool:service')).toBe('closed');
  });

  it('at a slow call, it is told at the next call', async () => {
    const { clock, store, here } = setUp({ slowCall: { duration: 100, rate: 1 } });
    store.fails = (asked) => asked === 'report';
    const slow = tool('service', {}, () => sleep(clock, 105));
    await clock.until(here.runner.call(slow));
    await clock.advance(50);
    await clock.until(here.runner.call(slow));
    await clock.advance(50);
    expect(here.of('warning').length).toBeGreaterThanOrEqual(2);
  });

  it('at what is done by hand, whoever does it hears of it', async () => {
    const { clock, store, here } = setUp();
    store.fails = () => true;
    await clock.until(expect(here.breaker.isolate('tool:a')).rejects.toThrow('the store failed at isolate'));
    await clock.until(expect(here.breaker.trip('tool:a')).rejects.toThrow('the store failed at trip'));
    await clock.until(expect(here.breaker.reset('tool:a')).rejects.toThrow('the store failed at reset'));
  });

  it('by throwing at once, from the first call on or later, calls go on as well', async () => {
    const store = new AsyncCircuits();
    const breaker = circuitBreaker({ ...ONE, store });
    const { runner, of } = bench({ use: [breaker] });
    store.gone = true;
    for (let call = 0; call < 3; call++) expect(await ending(runner.call(well))).toBe('fine');
    expect(of('warning')).toHaveLength(1);
    store.gone = false;
    const late = tool('service', {}, () => {
      store.gone = true;
      return 'fine';
    });
    expect(await ending(runner.call(late))).toBe('fine');
    expect(await ending(runner.call(well))).toBe('fine');
    expect(of('warning')).toHaveLength(2);
  });
});
