import { type Call, pipeline, tool, wrap } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft } from './acceptance.test-kit.ts';
import {
  type CircuitBreakerOptions,
  type CircuitBreakerPlugin,
  type CircuitStore,
  circuitBreaker,
  memoryCircuits,
} from './index.ts';

nothingIsLeft();

const ONE = { window: { type: 'consecutive', size: 1 }, openFor: '1s' } satisfies CircuitBreakerOptions;
let crowded = 0;

/** So many circuits of which each is as good as new. */
function crowd(breaker: CircuitBreakerPlugin, count: number): void {
  for (let key = 0; key < count; key++) breaker.reset(`tool:crowd ${crowded++}`);
}

const fail = () => Promise.reject(new Error('down'));

describe('circuits are told apart', () => {
  it.each([
    ['all', { per: 'all' }, ['all']],
    ['name', {}, ['function:load', 'stage:fetch', 'tool:fetch']],
    ['kind', { per: 'kind' }, ['agent', 'none', 'route']],
    ['a key of your own', { per: (call: Call) => call.name }, ['fetch', 'load']],
  ] as const)('by %s', async (_, options, keys) => {
    const breaker = circuitBreaker({
      ...ONE,
      ...(options as CircuitBreakerOptions),
      window: { type: 'consecutive', size: 9 },
    });
    const { runner } = bench({ use: [breaker] });
    await ending(runner.call(tool('fetch', { kind: 'route' }, fail)));
    await ending(runner.run(pipeline('p').stage('fetch', { kind: 'agent' }, fail)).report);
    await ending(runner.wrap(fail, { name: 'load' })());
    expect(breaker.keys().sort()).toEqual(keys);
  });

  it('a target that says something of its own has one of its own where others share', async () => {
    const breaker = circuitBreaker({
      ...ONE,
      per: 'all',
      tools: { named: { probes: 1 } },
      kinds: { agent: { openFor: 1 } },
    });
    const { runner } = bench({ use: [breaker] });
    const patient = tool('patient', { circuitBreaker: { window: { type: 'consecutive', size: 2 } } }, fail);
    for (const one of [
      patient,
      tool('named', {}, fail),
      tool('thinks', { kind: 'agent' }, fail),
      tool('other', {}, fail),
    ]) {
      await ending(runner.call(one));
    }
    expect(breaker.keys().sort()).toEqual(['all', 'own/kind:agent', 'own/tool:named', 'own/tool:patient']);
    expect(breaker.state('own/tool:patient')).toBe('closed');
    await ending(runner.call(patient));
    expect(breaker.state('own/tool:patient')).toBe('open');
  });

  it('what it says of counting, or of shadows, needs none', async () => {
    const breaker = circuitBreaker({ ...ONE, per: 'all' });
    const { runner } = bench({ use: [breaker] });
    const watched = tool('watched', { circuitBreaker: { mode: 'shadow' } }, fail);
    const lenient = tool('lenient', { circuitBreaker: { counts: () => false } }, fail);
    expect(await ending(runner.call(lenient))).toBe('down');
    expect(await ending(runner.call(watched))).toBe('down');
    expect(breaker.state('all')).toBe('open');
    expect(await ending(runner.call(watched))).toBe('down');
    expect(await ending(runner.call(lenient))).toBe('CIRCUIT_OPEN');
    expect(breaker.keys()).toEqual(['all']);
  });

  it('within one of its own by a key of your own as well', async () => {
    const breaker = circuitBreaker({ ...ONE, per: ({ input }) => String(input) });
    const { runner } = bench({ use: [breaker] });
    const ask = tool('ask', { circuitBreaker: { probes: 1 } }, (_: string) => fail());
    await ending(runner.call(ask, 'eu'));
    await ending(runner.call(ask, 'us'));
    expect(breaker.keys().sort()).toEqual(['own/tool:ask/eu', 'own/tool:ask/us']);
  });

  it("a target, or a run, that says 'none' has none", async () => {
    const breaker = circuitBreaker({ ...ONE, tools: { free: 'none' } });
    const { runner } = bench({ use: [breaker] });
    for (let call = 0; call < 3; call++) {
      expect(await ending(runner.call(tool('free', {}, fail)))).toBe('down');
      expect(await ending(runner.call(tool('other', {}, fail), undefined, { circuitBreaker: 'none' }))).toBe('down');
    }
    expect(breaker.keys()).toEqual([]);
  });

  it('a circuit goes by what holds for the call that came last, and remembers what it knew', async () => {
    const breaker = circuitBreaker({ window: { type: 'count', size: 10, minimum: 10 } });
    const { runner } = bench({ use: [breaker] });
    const service = tool('service', {}, fail);
    for (let call = 0; call < 4; call++) await ending(runner.call(service));
    const strict = { circuitBreaker: { window: { type: 'count', size: 10, minimum: 5 } } } as const;
    await ending(runner.call(service, undefined, strict));
    expect(breaker.stats().circuits['tool:service']).toMatchObject({ state: 'open', because: '5 of 5 calls failed' });
  });
});

describe('however many keys there are', () => {
  it('not many more are kept than 10,000; those that are open, or in use, or listened to, are', async () => {
    const breaker = circuitBreaker({
      ...ONE,
      openFor: '10d',
      per: ({ input }) => String((input as readonly unknown[])[0]),
    });
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const load = wrap(async (key: string) => {
      if (key === 'open') throw new Error('down');
      if (key === 'busy') await gate;
      return key;
    }, breaker);
    await load('open').catch(() => {});
    const busy = load('busy');
    const listening = breaker.state$('heard').subscribe();
    breaker.isolate('isolated');
    for (let key = 0; key < 15_000; key++) await load(`key ${key}`);
    crowd(breaker, 100_000);
    await load('last');
    const keys = breaker.keys();
    expect(keys.length).toBeLessThan(10_100);
    for (const key of ['open', 'busy', 'heard', 'isolated', 'last']) expect(keys).toContain(key);
    expect(breaker.stats().calls).toBe(15_002);
    listening.unsubscribe();
    release();
    await busy;
  }, 60_000);

  it('one that is forgotten here and in use elsewhere is still shared', () => {
    const store = memoryCircuits();
    const [here, there] = [circuitBreaker({ ...ONE, store }), circuitBreaker({ ...ONE, store })];
    for (const breaker of [here, there]) breaker.reset('tool:shared');
    crowd(here, 30_000);
    expect([here.keys().includes('tool:shared'), there.keys().includes('tool:shared')]).toEqual([false, true]);
    here.trip('tool:shared');
    expect(there.state('tool:shared')).toBe('open');
  }, 60_000);

  it('nothing listens any more to one that was forgotten', () => {
    let listening = 0;
    const inner = memoryCircuits();
    const store: CircuitStore = {
      circuit(...args) {
        const made = inner.circuit(...args);
        const changes = made.changes.bind(made);
        made.changes = (listener) => {
          listening++;
          const stop = changes(listener);
          return () => {
            listening--;
            stop();
          };
        };
        return made;
      },
    };
    const breaker = circuitBreaker({ ...ONE, store });
    crowd(breaker, 30_000);
    expect(listening).toBe(breaker.keys().length);
  }, 60_000);

  it('one that was forgotten is there again when it is called again', async () => {
    const breaker = circuitBreaker(ONE);
    let works = true;
    const load = wrap(async function load() {
      if (!works) throw new Error('down');
    }, breaker);
    await load();
    crowd(breaker, 30_000);
    expect(breaker.keys()).not.toContain('function:load');
    works = false;
    await load().catch(() => {});
    expect(breaker.state('function:load')).toBe('open');
    expect(await ending(load())).toBe('CIRCUIT_OPEN');
  }, 60_000);

  it('those that were open, and to which nobody came back for an hour, are not kept', async () => {
    const breaker = circuitBreaker(ONE);
    const { clock, runner } = bench({ use: [breaker] });
    await runner.call(tool('first', {}, () => 'fine'));
    for (let key = 0; key < 12_000; key++) breaker.trip(`tool:dead ${key}`);
    const dead = () => breaker.keys().filter((key) => key.startsWith('tool:dead')).length;
    await clock.advance(3_600_999);
    crowd(breaker, 30_000);
    expect(dead()).toBe(12_000);
    await clock.advance(1);
    crowd(breaker, 30_000);
    expect(dead()).toBeLessThan(10_000);
    expect(breaker.keys().length).toBeLessThan(10_100);
    expect(breaker.stats().opened).toBe(12_000);
  }, 60_000);
});
