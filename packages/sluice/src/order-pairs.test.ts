import { circuitBreaker } from '@sluice/circuit-breaker';
import { concurrency, rateLimit } from '@sluice/concurrency';
import { ConfigError, explain, type FindingCode, Place, type Plugin, stack, type Tool, tool } from '@sluice/core';
import { constant, fallback, idempotency, retry, retryOn } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

beforeEach(() => {
  vi.spyOn(process, 'emitWarning').mockReturnValue();
});
afterEach(() => vi.restoreAllMocks());

/** A stack in which something is to be found, or not, and the tool for which. */
interface Case {
  readonly use: () => readonly Plugin[];
  readonly on?: Tool<never, unknown>;
}

/** What is wrong, and the nearest thing that is not. */
interface Pair {
  readonly wrong: Case;
  readonly right: Case;
}

const plain = tool('plain', {}, () => 'done');
const bounds = (): Plugin => timeout({ total: '30s', attempt: '10s' });

/** Two stacks that differ in one thing. */
const pair = (wrong: Case['use'], right: Case['use']): Pair => ({ wrong: { use: wrong }, right: { use: right } });

/** One stack, and two tools that differ in one thing. */
const tools = (use: Case['use'], wrong: object, right: object): Pair => ({
  wrong: { use, on: tool('odd', wrong, () => 'done') },
  right: { use, on: tool('even', right, () => 'done') },
});

/** Each code that the order check has: a new one is to have its pairs here. */
const PAIRS: Readonly<Record<FindingCode, readonly Pair[]>> = {
  'duplicate-stateful': [
    circuitBreaker,
    () => concurrency(5),
    () => rateLimit('60/m'),
    () => retry(),
    () => heartbeat('1s'),
  ].map((make) =>
    pair(
      () => [bounds(), ...twice(make())],
      () => [bounds(), make(), make()],
    ),
  ),
  'attempt-over-total-in-one': [
    pair(
      () => [timeout({ total: '1s', attempt: '1001ms' })],
      () => [timeout({ total: '1s', attempt: '999ms' })],
    ),
  ],
  'attempt-not-under-total': [
    pair(
      () => [timeout({ total: '1s', attempt: '1s' })],
      () => [timeout({ total: '1s', attempt: '999ms' })],
    ),
    tools(() => [bounds()], { timeout: { attempt: '30s' } }, { timeout: { attempt: '29s' } }),
    tools(() => [bounds()], { timeout: '10s' }, { timeout: '11s' }),
  ],
  'backoff-over-total': [
    pair(
      () => [bounds(), retry({ attempts: 4, backoff: constant('10001ms') })],
      () => [bounds(), retry({ attempts: 4, backoff: constant('10s') })],
    ),
    tools(
      () => [bounds(), retry({ backoff: constant('10s') })],
      { retry: { attempts: 5 } },
      { retry: { attempts: 4 } },
    ),
  ],
  'idle-not-under-attempt': [
    pair(
      () => [bounds(), heartbeat('10s')],
      () => [bounds(), heartbeat('9s')],
    ),
    pair(
      () => [bounds(), heartbeat('11s')],
      () => [timeout({ total: '30s' }), heartbeat('11s')],
    ),
  ],
  'soft-not-under-hard': [
    pair(
      () => [timeout({ total: '30s', attempt: '10s', soft: '10s' })],
      () => [timeout({ total: '30s', attempt: '10s', soft: '9s' })],
    ),
    pair(
      () => [timeout({ total: '30s', soft: '30s' })],
      () => [timeout({ total: '30s', soft: '29s' })],
    ),
  ],
  'retry-inside-breaker': [
    pair(
      () => [bounds(), circuitBreaker(), retry({ priority: Place.breaker + 1 })],
      () => [bounds(), circuitBreaker(), retry({ priority: Place.breaker - 1 })],
    ),
    pair(
      () => [bounds(), circuitBreaker({ priority: Place.retry - 1 }), retry()],
      () => [bounds(), circuitBreaker(), retry()],
    ),
    // Of equal places, the order of the list counts.
    pair(
      () => [bounds(), circuitBreaker({ priority: Place.retry }), retry()],
      () => [bounds(), retry(), circuitBreaker({ priority: Place.retry })],
    ),
  ],
  'limit-outside-retry': [
    pair(
      () => [bounds(), concurrency({ limit: 5, place: Place.admission }), retry()],
      () => [bounds(), concurrency({ limit: 5, place: Place.rate }), retry()],
    ),
    pair(
      () => [bounds(), rateLimit({ requests: '60/m', priority: Place.admission }), retry()],
      () => [bounds(), rateLimit({ requests: '60/m' }), retry()],
    ),
    pair(
      () => [bounds(), concurrency({ limit: 5, place: Place.admission }), retry()],
      () => [bounds(), concurrency({ limit: 5, place: Place.admission })],
    ),
  ],
  'queue-inside-attempt': [
    pair(
      () => [bounds(), concurrency({ limit: 5, place: Place.chaos })],
      () => [bounds(), concurrency({ limit: 5 })],
    ),
    pair(
      () => [bounds(), concurrency({ limit: 5, place: Place.chaos })],
      () => [bounds(), concurrency({ limit: 5, place: Place.chaos, queue: { timeout: '1s' } })],
    ),
    pair(
      () => [bounds(), concurrency({ limit: 5, place: Place.chaos })],
      () => [bounds(), concurrency({ limit: 5, place: Place.chaos, queue: { max: 0 } })],
    ),
    pair(
      () => [bounds(), rateLimit({ requests: '60/m', priority: Place.chaos })],
      () => [bounds(), rateLimit({ requests: '60/m', priority: Place.chaos, mode: 'reject' })],
    ),
  ],
  'retry-without-deadline': [
    pair(
      () => [retry()],
      () => [timeout('30s'), retry()],
    ),
    pair(
      () => [timeout({ attempt: '10s' }), retry()],
      () => [timeout({ total: '30s', attempt: '10s' }), retry()],
    ),
    pair(
      () => [timeout('30s'), retry({ priority: Place.total - 1 })],
      () => [timeout('30s'), retry({ priority: Place.total + 1 })],
    ),
    tools(() => [bounds(), retry()], { timeout: { total: 'none' } }, { timeout: { total: '1h' } }),
  ],
  'retry-without-limit': [
    pair(
      () => [bounds(), retry(Number.POSITIVE_INFINITY)],
      () => [bounds(), retry(100)],
    ),
  ],
  'unclaimed-policy': [
    tools(() => [bounds()], { retry: 2 }, { timeout: '20s' }),
    pair(
      () => [bounds()],
      () => [bounds(), circuitBreaker()],
    ),
  ].map((one) =>
    one.wrong.on === undefined
      ? on(
          one,
          tool('guarded', { circuitBreaker: { failureRate: 0.2 } }, () => 'done'),
        )
      : one,
  ),
  'fallback-inside': [
    pair(
      () => [bounds(), retry(), fallback('spare', { priority: Place.retry + 1 })],
      () => [bounds(), retry(), fallback('spare')],
    ),
    pair(
      () => [circuitBreaker(), fallback('spare', { priority: Place.breaker + 1 })],
      () => [circuitBreaker(), fallback('spare', { priority: Place.breaker - 1 })],
    ),
  ],
  'breaker-window-short': [
    pair(
      () => [bounds(), circuitBreaker({ window: { type: 'time', size: '19s' } })],
      () => [bounds(), circuitBreaker({ window: { type: 'time', size: '20s' } })],
    ),
    pair(
      () => [bounds(), circuitBreaker({ window: { type: 'time', size: '19s' } })],
      () => [bounds(), circuitBreaker({ window: { type: 'count', size: 20 } })],
    ),
  ],
  'local-rejections-counted': [
    pair(
      () => [bounds(), retry({ retryOn: [retryOn.defaults, retryOn.code('QUEUE_FULL')] })],
      () => [bounds(), retry({ retryOn: [retryOn.defaults, retryOn.code('ECONNRESET')] })],
    ),
    pair(
      () => [circuitBreaker({ counts: retryOn.any(retryOn.defaults, retryOn.code('RATE_LIMITED')) })],
      () => [circuitBreaker({ counts: retryOn.defaults })],
    ),
  ],
  'retry-not-idempotent': [
    tools(() => [bounds(), retry()], { idempotent: false }, { idempotent: true }),
    tools(() => [bounds(), retry()], { idempotent: false }, { idempotent: false, retry: 'none' }),
    tools(() => [bounds(), retry()], { idempotent: false }, { idempotent: false, retry: 1 }),
    on(
      pair(
        () => [bounds(), retry()],
        () => [bounds(), retry({ idempotent: true })],
      ),
      tool('pay', { idempotent: false }, () => 'done'),
    ),
  ],
  'retries-multiply': [
    pair(
      () => [bounds(), retry({ attempts: 3, retryOn: [retryOn.defaults, retryOn.code('RETRY_EXHAUSTED')] })],
      () => [bounds(), retry({ attempts: 2, retryOn: [retryOn.defaults, retryOn.code('RETRY_EXHAUSTED')] })],
    ),
    pair(
      () => [bounds(), retry({ attempts: 3, retryOn: [retryOn.defaults, retryOn.code('RETRY_EXHAUSTED')] })],
      () => [bounds(), retry({ attempts: 3 })],
    ),
  ],
};

function twice(plugin: Plugin): readonly Plugin[] {
  return [plugin, plugin];
}

/** Both for one tool. */
function on({ wrong, right }: Pair, subject: Tool<never, unknown>): Pair {
  return { wrong: { ...wrong, on: subject }, right: { ...right, on: subject } };
}

/** What is found in a stack for a tool: each code once, those that keep it from being built included. */
function found({ use, on: subject = plain }: Case): FindingCode[] {
  try {
    const codes = explain(stack([...use()]), subject).findings.map(({ code }) => code);
    return [...new Set(codes)];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ path }) => path as FindingCode);
  }
}

const CASES = Object.entries(PAIRS).flatMap(([code, pairs]) =>
  pairs.map((one, index) => [code as FindingCode, index + 1, one] as const),
);

describe.each(CASES)('%s, pair %i', (code, _index, { wrong, right }) => {
  it('is found where it is so, and nothing else is', () => {
    expect(found(wrong)).toEqual([code]);
  });

  it('is not found in the nearest thing in which it is not so', () => {
    expect(found(right)).not.toContain(code);
  });
});

it('every code of the order check has a pair', () => {
  expect(Object.values(PAIRS).filter((pairs) => pairs.length === 0)).toEqual([]);
});

describe('the recommended order', () => {
  const all = (): Plugin[] => [
    fallback('spare'),
    idempotency({ key: () => 'one' }),
    bounds(),
    heartbeat('5s'),
    retry(),
    circuitBreaker(),
    rateLimit('60/m'),
    concurrency(20),
  ];

  it('has nothing that is found, however its members are listed', () => {
    expect(found({ use: all })).toEqual([]);
    expect(found({ use: () => all().reverse() })).toEqual([]);
  });

  it('stands as the table of places says', () => {
    const names = stack(all().reverse()).interceptors.map(({ name }) => name);
    expect(names).toEqual([
      'fallback',
      'idempotency',
      'timeout',
      'retry',
      'circuitBreaker',
      'rateLimit',
      'concurrency',
      'heartbeat',
      'timeout',
    ]);
  });
});
