import { isSluiceError, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, failure, nothingIsLeft } from './acceptance.test-kit.ts';
import { circuitBreaker } from './index.ts';

nothingIsLeft();

function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(isSluiceError(error, 'CONFIG')).toBe(true);
    return (error as Error).message;
  }
  return expect.unreachable('it should have been refused');
}

const DURATION = "expected a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";

describe('options that are none are refused, by their path and with what was given', () => {
  it.each<[unknown, string]>([
    [5, ": expected a plain object of options, or 'none', got 5"],
    ['off', `: expected a plain object of options, or 'none', got "off"`],
    [null, ": expected a plain object of options, or 'none', got null"],
    [[], ": expected a plain object of options, or 'none', got an array of 0"],
    [{ failurerate: 0.5 }, '.failurerate: unknown option; did you mean "failureRate"?'],
    [{ failureRate: 0 }, '.failureRate: expected a part of all calls: a number above 0, up to 1, got 0'],
    [{ failureRate: 50 }, '.failureRate: expected a part of all calls: a number above 0, up to 1, got 50'],
    [{ failureRate: Number.NaN }, '.failureRate: expected a part of all calls: a number above 0, up to 1, got NaN'],
    [{ window: 10 }, '.window: expected { type, size, minimum }, got 10'],
    [{ window: { size: 10 } }, ".window.type: expected 'time', 'count' or 'consecutive', got undefined"],
    [
      { window: { type: 'rolling', size: 1 } },
      `.window.type: expected 'time', 'count' or 'consecutive', got "rolling"`,
    ],
    [{ window: { type: 'time', size: 'soon' } }, `.window.size: ${DURATION}, got "soon"`],
    [{ window: { type: 'time', size: 0 } }, '.window.size: expected a duration above 0 ms that ends, got 0'],
    [{ window: { type: 'time', size: 'none' } }, '.window.size: expected a duration above 0 ms that ends, got "none"'],
    [{ window: { type: 'time', size: 1, minimum: 0 } }, '.window.minimum: expected an integer ≥ 1, got 0'],
    [{ window: { type: 'count', size: 0 } }, '.window.size: expected an integer from 1 to 1000000, got 0'],
    [{ window: { type: 'count', size: 1e7 } }, '.window.size: expected an integer from 1 to 1000000, got 10000000'],
    [
      { window: { type: 'count', size: 5, minimum: 6 } },
      '.window.minimum: expected an integer from 1 to size, 5, got 6',
    ],
    [{ window: { type: 'consecutive', size: 1.5 } }, '.window.size: expected an integer from 1 to 1000000, got 1.5'],
    [
      { window: { type: 'consecutive', size: 5, minimum: 2 } },
      '.window.minimum: means nothing here: size is how many in a row',
    ],
    [{ window: { type: 'count', size: 5, minimun: 2 } }, '.window.minimun: unknown option; did you mean "minimum"?'],
    [{ slowCall: '2s' }, `.slowCall: expected { duration, rate }, or 'none', got "2s"`],
    [
      { slowCall: { duration: 0 } },
      ".slowCall.duration: expected a duration above 0 ms; circuitBreaker.slowCall: 'none' if no call is slow, got 0",
    ],
    [
      { slowCall: { duration: '2s', rate: 2 } },
      '.slowCall.rate: expected a part of all calls: a number above 0, up to 1, got 2',
    ],
    [{ slowCall: { durration: '2s' } }, '.slowCall.durration: unknown option; did you mean "duration"?'],
    [{ openFor: -1 }, `.openFor: ${DURATION}, got -1`],
    [{ openFor: 'none' }, '.openFor: expected a time that ends; isolate() keeps it open, got "none"'],
    [{ probes: 0 }, '.probes: expected an integer from 1 to 10000, got 0'],
    [{ probes: Number.POSITIVE_INFINITY }, '.probes: expected an integer from 1 to 10000, got Infinity'],
    [
      { probeTimeout: 'none' },
      '.probeTimeout: expected a duration above 0 ms that ends: a probe that hangs must not keep its place, got "none"',
    ],
    [{ ramp: -5 }, `.ramp: ${DURATION}, got -5`],
    [
      { counts: 'errors' },
      `.counts: expected a function (outcome) => true, false or 'neutral', or a classifier of errors, got "errors"`,
    ],
    [{ mode: 'watch' }, `.mode: expected 'enforce' or 'shadow', got "watch"`],
    [{ per: 'host' }, `.per: expected 'all', 'name', 'kind', or a function (call) => key, got "host"`],
    [{ store: {} }, '.store: expected a store of circuits, got an object'],
    [{ tools: { a: { per: 'all' } } }, '.tools.a.per: can be said of circuitBreaker as a whole only'],
    [{ kinds: { agnet: {} } }, '.kinds.agnet: unknown option; did you mean "agent"?'],
    [{ stages: { a: { probes: 'many' } } }, '.stages.a.probes: expected an integer from 1 to 10000, got "many"'],
  ])('%j', (given, message) => {
    expect(messageOf(() => circuitBreaker(given as never)).split('\n')).toContain(`circuitBreaker${message}`);
  });

  it('all that is wrong at once', () => {
    const wrong = {
      failureRate: 2,
      probes: 0,
      openFor: 'soon',
      mode: '',
      window: { type: 'count', size: -1 },
      ramp: '',
    };
    const message = messageOf(() => circuitBreaker(wrong as never));
    for (const name of Object.keys(wrong)) expect(message).toContain(`circuitBreaker.${name}`);
  });

  it('also when they are said of a tool, or of one call: by its name', async () => {
    const { runner } = bench({ use: [circuitBreaker()] });
    const rated = await failure(runner.call(tool('x', { circuitBreaker: { failureRate: 3 } }, () => 1)));
    expect(rated.message).toContain('tool "x": circuitBreaker.failureRate: expected a part');
    const called = runner.call(
      tool('y', {}, () => 1),
      undefined,
      { circuitBreaker: { probs: 1 } as never },
    );
    expect((await failure(called)).message).toContain('did you mean "probes"?');
  });

  it('options with every edge value are taken', () => {
    circuitBreaker({ window: { type: 'count', size: 1 }, failureRate: 1, openFor: 0, probes: 1, ramp: 0 });
    circuitBreaker({ window: { type: 'count', size: 1_000_000, minimum: 1_000_000 }, ramp: 'none', slowCall: 'none' });
    circuitBreaker({ window: { type: 'time', size: 0.5 }, failureRate: Number.MIN_VALUE, probeTimeout: 0.1 });
    circuitBreaker(undefined);
  });
});

describe('what people do by hand is looked at', () => {
  const breaker = circuitBreaker();
  it.each<[string, () => unknown, string]>([
    ['a key that is none', () => breaker.trip(undefined as never), 'key: expected the key of a circuit'],
    ['another', () => breaker.state(5 as never), 'key: expected the key of a circuit'],
    ['a third', () => breaker.state$({} as never), 'key: expected the key of a circuit'],
    ['a time that is none', () => breaker.trip('a', 'soon' as never), `trip: ${DURATION}, got "soon"`],
    ['no snapshot', () => breaker.restore(undefined), 'snapshot: expected what snapshot() answered, got undefined'],
    ['one of another version', () => breaker.restore({ version: 2, circuits: {} }), 'snapshot.version: expected 1'],
    ['one without circuits', () => breaker.restore({ version: 1 }), 'snapshot.circuits: expected snapshots by key'],
  ])('%s', (_, act, message) => {
    expect(messageOf(act)).toContain(message);
    expect(breaker.keys()).toEqual([]);
  });

  it('a snapshot of which a part is wrong changes nothing, and all that is wrong with it is said', () => {
    breaker.isolate('tool:good');
    const { circuits } = JSON.parse(JSON.stringify(breaker.snapshot())) as { circuits: Record<string, object> };
    const wrong = {
      version: 1,
      circuits: {
        'tool:good': { ...circuits['tool:good'], phase: { state: 'closed', rampMs: 0 } },
        'a "b"': 5,
        c: { version: 1 },
      },
    };
    const message = messageOf(() => breaker.restore(wrong));
    expect(message).toContain('snapshot.circuits["a \\"b\\""]: expected the snapshot of a circuit, got 5');
    expect(message).toContain('snapshot.circuits["c"].phase');
    expect([breaker.state('tool:good'), breaker.keys()]).toEqual(['isolated', ['tool:good']]);
  });

  it('a snapshot of more circuits than anybody has', () => {
    const circuits = Object.fromEntries(Array.from({ length: 100_001 }, (_, key) => [key, null]));
    const message = messageOf(() => breaker.restore({ version: 1, circuits }));
    expect(message).toContain('snapshot.circuits: holds 100001, and 100000 at most are taken');
  });

  it('a snapshot with names that every object has is only data', () => {
    const one = circuitBreaker({ per: () => 'any' });
    one.isolate('toString');
    const json = JSON.stringify(one.snapshot()).replace('"toString"', '"__proto__"');
    const other = circuitBreaker({ per: () => 'any' });
    other.restore(JSON.parse(json));
    expect(other.state('__proto__')).toBe('isolated');
    expect(Object.keys(other.stats().circuits)).toEqual(['__proto__']);
    expect(Object.prototype).not.toHaveProperty('phase');
  });
});
